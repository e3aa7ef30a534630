/*
 * The codecs of the payload table, private to wire/: one file pld_CODEC.c each.
 *
 * A codec reads one payload's body, which has at least the table's minimum, into the message. It
 * returns NULL, or a static text that says what is wrong.
 */
#ifndef IKE_WIRE_PLD_H
#define IKE_WIRE_PLD_H

#include "base/cursor.h"
#include "ike/wire/msg.h"

struct ike_pld {
	uint8_t type;
	uint8_t next;      /* as in the generic header */
	size_t at;         /* offset of the generic header in what is being walked */
	struct bytes body; /* after the generic header; borrowed */
};

#define IKE_PAYLOAD_CODEC(id, symbol, name, codec, min, ...) \
	const char *ike_pld_##codec(struct ike_msg *m, const struct ike_pld *p);
IKE_PAYLOAD_LIST(IKE_PAYLOAD_CODEC)
#undef IKE_PAYLOAD_CODEC

/* One row of the table, as the walker and the rules read it. */
struct ike_payload_info {
	uint8_t type;
	uint16_t min;
	const char *name;
	const char *(*read)(struct ike_msg *m, const struct ike_pld *p);
	char rules[IKE_RULES]; /* one of - ? 1 * for each enum ike_rules */
};

const struct ike_payload_info *ike_payload_info(enum ike_payload_row row);
/* No message may hold two of them. */
bool ike_payload_single(enum ike_payload_row row);

#endif
