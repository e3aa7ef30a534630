/*
 * Keys for Wireshark, when the configuration asks for them with `keylog`.
 */
#ifndef DAEMON_KEYLOG_H
#define DAEMON_KEYLOG_H

#include "ike/event.h"

struct keylog;

/* Opens ikev2_decryption_table and esp_sa in `folder`, mode 0600, to append. 0 or a negative errno;
 * `why` gets a sentence of at most `cap` bytes. */
int keylog_open(struct keylog **out, const char *folder, char *why, size_t cap);
void keylog_close(struct keylog *k); /* NULL is fine */

void keylog_ike(struct keylog *k, const struct ike_keys *keys);     /* NULL is fine */
void keylog_child(struct keylog *k, const struct ike_child_up *up); /* NULL is fine */

#endif
