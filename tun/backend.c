/*
 * The device backends by the name that `tun.backend` writes.
 */
#include "tun/tun.h"

#include <string.h>

static const struct tun_ops *const backends[] = {&tun_linux, &tun_mem};

const struct tun_ops *tun_backend(const char *name)
{
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}
