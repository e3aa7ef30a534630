/*
 * For the simulations of session resumption (RFC 5723): a pair of hosts with tickets, and what they
 * say to each other, read on the wire with their keys.
 */
#ifndef TEST_SIM_TICKETS_H
#define TEST_SIM_TICKETS_H

#include "test/sim/evil.h"
#include "test/sim/scenario.h"

enum {
	A_MINUTE = 60 * 1000,
	AN_HOUR = 60 * A_MINUTE,
	SA_INIT = 34,
	AUTH = 35,
	CREATE_CHILD = 36,
	INFORMATIONAL = 37,
	SESSION_RESUME = 38,
	INTERMEDIATE = 43,
	TICKET_LT_OPAQUE = 16409,
	TICKET_REQUEST = 16410,
	TICKET_ACK = 16411,
	TICKET_NACK = 16412,
	TICKET_OPAQUE = 16413,
	NAT_SOURCE = 16388,
	NAT_DESTINATION = 16389,
	KEPT = 64,
};

/* Resumption with liveness checks, without them; none. */
extern const struct scenario_side tickets_with, tickets_patient, tickets_without;

/* One message. */
struct seen {
	bool left, answer, sealed;
	uint8_t exchange;
	uint64_t spi_i, spi_r;
	uint32_t id;
	bool has_sa, has_ke, has_nonce, has_cert, nat;
	uint8_t method;
	uint16_t ticket_type; /* of the last notification about tickets; 0: none */
	uint8_t proto;
	size_t spi_n;
	uint32_t seconds;
	struct sim_wire w;
	uint8_t raw[SIM_DATAGRAM];
	uint8_t ticket[2048];
	size_t ticket_n;
	uint8_t nonce[64];
};

struct tickets {
	struct scenario *s;
	struct seen v[KEPT];
	size_t n;
	uint8_t lost; /* datagrams of this exchange are */
	struct evil evil;
	uint8_t evil_exchange; /* the first request of it is changed; 0: none */
};
extern struct tickets tickets;

/* A pair that is up, watched. */
void tickets_begin(struct scenario *s, uint64_t seed, const struct scenario_side *left,
    const struct scenario_side *right, const struct ike_limits *limits);
bool tickets_tap(struct sim *s, struct sim_wire *w);
/* The nth message (from 0) of that kind; NULL: there is none. */
const struct seen *tickets_find(bool left, uint8_t exchange, bool answer, unsigned nth);
/* The nth with that notification as its last one about tickets. */
const struct seen *tickets_find_type(uint16_t type, unsigned nth);
unsigned tickets_count(uint8_t exchange);
struct ike_sa_info tickets_info(const struct sim_host *h);
/* The way is cut until left gives up, and is there again; what was seen is forgotten. */
void tickets_lose(struct scenario *s);
void tickets_up_again(struct scenario *s);
/* Both are up, with a ticket or with the whole handshake. */
void tickets_expect(struct scenario *s, bool resumed);

#endif
