/*
 * Numbers with units: sizes take k m g, durations ms s m h d, as swanctl.conf has them; short times
 * us, ms and s.
 */
#include "config/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum number_result with_unit(
    uint64_t *out, const char *text, const struct number_unit *units)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	char *end = NULL;

	if (digits[0] < '0' || digits[0] > '9') {
		return NUMBER_NONE;
	}
	errno = 0;
	unsigned long long v = strtoull(digits, &end, hex ? 16 : 10);
	bool over = errno == ERANGE;
	for (; strcmp(units->text, end) != 0; units++) {
		if (units->factor == 0) {
			return NUMBER_NONE;
		}
	}
	if (units->factor == 0) {
		return NUMBER_NONE;
	}
	if (over || (digits != text && v != 0) || v > UINT64_MAX / units->factor) {
		return NUMBER_RANGE;
	}
	*out = v * units->factor;
	return NUMBER_OK;
}

enum number_result number_parse(uint64_t *out, const char *text)
{
	static const struct number_unit units[] = {{"", 1}, {"?", 0}};

	return with_unit(out, text, units);
}

enum number_result size_parse(uint64_t *out, const char *text)
{
	static const struct number_unit units[] = {
	    {"", 1},
	    {"k", 1 << 10},
	    {"m", 1 << 20},
	    {"g", 1 << 30},
	    {"?", 0},
	};

	return with_unit(out, text, units);
}

enum number_result duration_parse(uint64_t *out, const char *text)
{
	static const struct number_unit units[] = {
	    {"", 1000},
	    {"ms", 1},
	    {"s", 1000},
	    {"m", 60 * 1000},
	    {"h", 60 * 60 * 1000},
	    {"d", 24 * 60 * 60 * 1000},
	    {"?", 0},
	};

	return with_unit(out, text, units);
}

enum number_result micros_parse(uint64_t *out, const char *text)
{
	static const struct number_unit units[] = {
	    {"us", 1},
	    {"ms", 1000},
	    {"s", 1000 * 1000},
	    {"?", 0},
	};

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return NUMBER_OK;
	}
	return with_unit(out, text, units);
}
