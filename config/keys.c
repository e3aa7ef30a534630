/*
 * The schema for readers: every key with its path.
 */
#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"

struct visit {
	void (*fn)(void *arg, const struct config_key *key);
	void *arg;
	struct text path;
};

static void visit_group(struct visit *v, const struct group *g)
{
	size_t len = v->path.len;

	for (size_t i = 0; i < g->n; i++) {
		const struct row *row = &g->rows[i];
		text_addf(&v->path, "%s%s", len ? "." : "", row->key);
		struct config_key key = {
		    .path = v->path.p,
		    .kind = schema_kind_text(row->kind),
		    .fallback = row->fallback,
		    .help = row->help,
		};
		char words[160];
		if (row->words) {
			key.kind = schema_words_text(row->words, words, sizeof(words));
		}
		v->fn(v->arg, &key);
		if (row->group) {
			text_add(&v->path, row->kind == K_NAMED  ? ".NAME"
					   : row->kind == K_LIST ? "[]"
								 : "");
			visit_group(v, row->group);
		}
		v->path.len = len;
		v->path.p[len] = '\0';
	}
}

void config_keys_each(void (*fn)(void *arg, const struct config_key *key), void *arg)
{
	char path[256];
	struct visit v = {fn, arg, text_of(path, sizeof(path))};

	visit_group(&v, &schema_root);
}
