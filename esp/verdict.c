/*
 * Names and sentences of verdicts.
 */
#include "esp/verdict.h"

#include <stddef.h>

static const struct {
	const char *name, *sentence;
} verdicts[] = {
#define ROW(symbol, counter, sentence) {counter, sentence},
    ESP_VERDICT_LIST(ROW)
#undef ROW
};

const char *esp_verdict_name(enum esp_verdict v)
{
	return (size_t)v < ESP_VERDICTS ? verdicts[v].name : "unknown";
}

const char *esp_verdict_sentence(enum esp_verdict v)
{
	return (size_t)v < ESP_VERDICTS ? verdicts[v].sentence : "not a verdict";
}
