/*
 * Secrets of our own making that survive restarts: small files of mode 0600 in the state folder.
 */
#ifndef DAEMON_SIGNER_KEEP_H
#define DAEMON_SIGNER_KEEP_H

#include "base/secret.h"

enum { KEEP_WHY = 512 };

/*
 * The secret FOLDER/NAME of n bytes; made, folder and all, when there is none yet. *out is
 * initialised here, freed by the caller. False, an empty secret and a sentence in `why`: it cannot
 * be read or made, is open to others, or has another size.
 */
bool keep_secret(
    struct secret *out, const char *folder, const char *name, size_t n, char why[KEEP_WHY]);

#endif
