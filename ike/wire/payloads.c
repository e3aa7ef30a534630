/*
 * The payload table as data: RFC 7296 section 3.2 and appendix C.
 */
#include "ike/wire/payloads.h"
#include "ike/wire/pld.h"

#include <string.h>

static const struct ike_payload_info rows[IKE_ROWS] = {
#define IKE_PAYLOAD_INFO(id, symbol, name, codec, min, ...) \
	[IKE_ROW_##symbol] = {id, min, name, ike_pld_##codec, {__VA_ARGS__}},
    IKE_PAYLOAD_LIST(IKE_PAYLOAD_INFO)
#undef IKE_PAYLOAD_INFO
};

const struct ike_payload_info *ike_payload_info(enum ike_payload_row row)
{
	return &rows[row];
}

bool ike_payload_single(enum ike_payload_row row)
{
	return memchr(rows[row].rules, '*', sizeof rows[row].rules) == NULL;
}

int ike_payload_row(uint8_t type)
{
	for (int i = 0; i < IKE_ROWS; i++) {
		if (rows[i].type == type) {
			return i;
		}
	}
	return -1;
}

const char *ike_payload_name(uint8_t type)
{
	int row = ike_payload_row(type);

	return row >= 0 ? rows[row].name : "unknown";
}
