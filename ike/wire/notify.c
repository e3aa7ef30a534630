/*
 * Names of notification types: RFC 7296 section 3.10.1.
 */
#include "ike/wire/notify.h"

#include <stddef.h>

struct notify_row {
	uint16_t type;
	enum ike_notify_kind kind;
	const char *keyword, *sentence;
};

static const struct notify_row rows[] = {
#define IKE_NOTIFY_ROW(number, symbol, keyword, kind, sentence) \
	{number, IKE_NOTIFY_##kind, keyword, sentence},
    IKE_NOTIFY_LIST(IKE_NOTIFY_ROW)
#undef IKE_NOTIFY_ROW
};

static const struct notify_row *find(uint16_t type)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].type == type) {
			return &rows[i];
		}
	}
	return NULL;
}

bool ike_notify_known(uint16_t type)
{
	return find(type) != NULL;
}

bool ike_notify_is_error(uint16_t type)
{
	return type < IKE_NOTIFY_FIRST_STATUS;
}

bool ike_notify_is_lone(uint16_t type)
{
	const struct notify_row *row = find(type);

	return ike_notify_is_error(type) || (row && row->kind == IKE_NOTIFY_LONE);
}

const char *ike_notify_keyword(uint16_t type)
{
	const struct notify_row *row = find(type);

	if (row) {
		return row->keyword;
	}
	return ike_notify_is_error(type) ? "unknown error notification" : "unknown notification";
}

const char *ike_notify_sentence(uint16_t type)
{
	const struct notify_row *row = find(type);

	return row ? row->sentence : "";
}
