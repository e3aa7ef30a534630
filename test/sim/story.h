/*
 * What two hosts say to each other, read on the wire with their keys, as one line of text; and what
 * becomes of single datagrams. For scenarios that are drawn as a time line.
 *
 * Requests by name, answers in parentheses, the direction in front; "; " between them. What is sent
 * again is not told again.
 *
 *     -> child               CREATE_CHILD_SA for a further child
 *     -> rekey child         CREATE_CHILD_SA with REKEY_SA
 *     -> rekey IKE           CREATE_CHILD_SA for an IKE SA
 *     -> D(child)            INFORMATIONAL with a Delete of ESP SAs
 *     -> D(IKE)              INFORMATIONAL with a Delete of the IKE SA
 *     -> alive               INFORMATIONAL, empty
 *     <- (SA)                an answer with a new SA
 *     <- (TEMPORARY_FAILURE) an answer that is an error
 *     <- (D)                 an answer with a Delete
 *     <- ()                  an empty answer
 */
#ifndef TEST_SIM_STORY_H
#define TEST_SIM_STORY_H

#include "test/sim/scenario.h"

enum { STORY_FATES = 4, STORY_SAS = 16, STORY_LOST = -1 };

/* What becomes of one datagram: the nth (from 0) that the host sends from story_begin on. */
struct story_fate {
	char from; /* 'L', 'R'; 0: none */
	unsigned nth;
	int late_ms; /* STORY_LOST, or how much later than usual it arrives */
};

/* A CREATE_CHILD_SA exchange as seen. */
struct story_sa {
	bool left;       /* left asked */
	uint32_t msg_id; /* of the exchange */
	uint64_t spi_i;  /* of the IKE SA that carried it */
	uint32_t spi[2]; /* of the children: the asker's, the answerer's; 0: not known */
	struct bytes nonce[2];
	uint8_t nonce_bytes[2][64];
};

struct story {
	struct scenario *s;
	struct story_fate fates[STORY_FATES];
	unsigned sent[2]; /* by left, by right */
	uint64_t seen[256];
	size_t seen_n;
	struct story_sa sas[STORY_SAS];
	size_t sas_n;
	uint32_t deleted[2][STORY_SAS]; /* inbound SPIs that left, and right, sent Deletes for */
	size_t deleted_n[2];
	char text[2048];
};

/* From now on; `fates` is an array of STORY_FATES, NULL: none. */
void story_begin(struct story *t, struct scenario *s, const struct story_fate *fates);
void story_end(struct story *t);
/* Fails the test unless the story so far is this. */
void story_expect(const struct story *t, const char *text);
/* Fails the test unless it has these words. */
void story_expect_has(const struct story *t, const char *words);
/* Who sent a Delete request for the child with this inbound SPI of its own? */
bool story_deleted(const struct story *t, bool left, uint32_t spi);

#endif
