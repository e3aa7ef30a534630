/*
 * The rows of enum ike_err: sentence, notification, severity.
 */
#include "ike/err.h"

#include <stddef.h>

struct err_row {
	enum ike_err err;
	unsigned notify;
	enum ike_severity severity;
	const char *sentence;
};

static const struct err_row rows[] = {
#define IKE_ERR_ROW(symbol, value, notify, severity, sentence) \
	{IKE_##symbol, notify, IKE_SEV_##severity, sentence},
    IKE_ERR_LIST(IKE_ERR_ROW)
#undef IKE_ERR_ROW
};

static const struct err_row *find(enum ike_err e)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].err == e) {
			return &rows[i];
		}
	}
	return NULL;
}

const char *ike_err_sentence(enum ike_err e)
{
	const struct err_row *row = find(e);

	return row ? row->sentence : "an error without a name";
}

unsigned ike_err_notify(enum ike_err e)
{
	const struct err_row *row = find(e);

	return row ? row->notify : 0;
}

enum ike_severity ike_err_severity(enum ike_err e)
{
	const struct err_row *row = find(e);

	return row ? row->severity : IKE_SEV_BUG;
}
