/*
 * Numbers, sizes and durations as text. Private to config/.
 */
#ifndef CONFIG_NUMBER_H
#define CONFIG_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

enum number_result { NUMBER_OK, NUMBER_NONE, NUMBER_RANGE };

struct number_unit {
	const char *text;
	uint64_t factor;
};

/* Decimal or 0x digits; a minus sign is NUMBER_RANGE. */
enum number_result number_parse(uint64_t *out, const char *text);
enum number_result size_parse(uint64_t *out, const char *text);     /* k m g: 1024 and its powers */
enum number_result duration_parse(uint64_t *out, const char *text); /* ms; without a unit seconds */
enum number_result micros_parse(uint64_t *out, const char *text);   /* µs; us ms s, or 0 */

#endif
