/*
 * Which sentences of an RFC a test holds the code to: REQ("7383-2.5-1"); inside the test, or before
 * it. The sentences are listed by number in test/lint/rfc/, and `test/lint/lint.sh req` compares
 * both. A script writes the same in a comment: # REQ("7383-2.5-1")
 */
#ifndef TEST_UNIT_REQ_H
#define TEST_UNIT_REQ_H

#define REQ(...) _Static_assert(1, "read by test/lint/req.awk")

#endif
