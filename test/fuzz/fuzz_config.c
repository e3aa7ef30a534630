/*
 * The configuration from arbitrary bytes: no crash, no leak, an error or a result, and what it says
 * about itself holds together. Text from memory cannot include files.
 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* libconfig forgets a string that stands where none may. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check(const struct config *c)
{
	for (size_t i = 0; i < c->conns_n; i++) {
		const struct config_conn *conn = &c->conns[i];
		must(conn->children_n > 0 && conn->proposals.n > 0 && conn->local_addrs_n > 0);
		must(config_conn_find(c, conn->name) == conn);
		for (size_t j = 0; j < conn->children_n; j++) {
			const struct config_child *child = &conn->children[j];
			must(child->esp_proposals.n > 0 && child->replay_window <= 32768);
			must(child->local_ts_n > 0 && child->remote_ts_n > 0);
		}
	}
	for (size_t i = 0; i < c->secrets_n; i++) {
		must(c->secrets[i].secret.n > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct config_notes notes;

	if (text == NULL) {
		return 0;
	}
	if (n > 0) {
		memcpy(text, data, n);
	}
	text[n] = '\0';
	struct config *c = config_load_text(text, "/nonexistent/fuzz.conf", &notes);
	bool error = false;
	for (size_t i = 0; i < notes.n; i++) {
		error |= notes.v[i].severity == CONFIG_ERROR;
	}
	must(error == (c == NULL));
	if (c) {
		check(c);
	}
	config_free(c);
	config_notes_free(&notes);
	free(text);
	return 0;
}
