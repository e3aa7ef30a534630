/*
 * Looking things up in a configuration, and freeing it.
 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

const struct config_conn *config_conn_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->conns_n; i++) {
		if (strcmp(c->conns[i].name, name) == 0) {
			return &c->conns[i];
		}
	}
	return NULL;
}

const struct config_child *config_child_find(const struct config_conn *c, const char *name)
{
	for (size_t i = 0; i < c->children_n; i++) {
		if (strcmp(c->children[i].name, name) == 0) {
			return &c->children[i];
		}
	}
	return NULL;
}

bool config_is_gateway(const struct ident *id)
{
	return id->type == IDENT_IPV4_ADDR || id->type == IDENT_IPV6_ADDR ||
	       (id->type == IDENT_FQDN && !memchr(id->b, '*', id->n) && id->n <= 255);
}

const struct config_pool *config_pool_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->pools_n; i++) {
		if (strcmp(c->pools[i].name, name) == 0) {
			return &c->pools[i];
		}
	}
	return NULL;
}

/* The best of its ids for `id`: 0, or 1 to 3 as ident_match() has it. */
static int meets(const struct config_secret *s, const struct ident *id)
{
	int best = 0;

	for (size_t i = 0; i < s->ids_n; i++) {
		int match = ident_match(id, &s->ids[i]);
		best = match > best ? match : best;
	}
	return best;
}

const struct config_secret *config_secret_find(
    const struct config *c, const struct ident *own, const struct ident *peer)
{
	const struct config_secret *found = NULL;
	int best = -1;

	for (size_t i = 0; i < c->secrets_n; i++) {
		const struct config_secret *s = &c->secrets[i];
		if (s->type != SECRET_PSK) {
			continue;
		}
		int with_peer = meets(s, peer), with_own = meets(s, own);
		int rank = 4 * with_peer + with_own;
		if (rank > best && (rank > 0 || s->ids_n == 0)) {
			best = rank;
			found = s;
		}
	}
	return found;
}

static void strings_free(char **v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i]);
	}
	free(v);
}

static void conn_fini(struct config_conn *conn)
{
	for (size_t i = 0; i < conn->children_n; i++) {
		free(conn->children[i].name);
		free(conn->children[i].local_ts);
		free(conn->children[i].remote_ts);
	}
	free(conn->children);
	strings_free(conn->local_addrs, conn->local_addrs_n);
	strings_free(conn->remote_addrs, conn->remote_addrs_n);
	strings_free(conn->pools, conn->pools_n);
	free(conn->vips);
	free(conn->name);
	free(conn->ppk_id);
}

static void pool_fini(struct config_pool *pool)
{
	strings_free(pool->domains, pool->domains_n);
	free(pool->addrs);
	free(pool->dns);
	free(pool->subnets);
	free(pool->name);
}

void config_free(struct config *c)
{
	if (c == NULL) {
		return;
	}
	for (size_t i = 0; i < c->secrets_n; i++) {
		secret_fini(&c->secrets[i].secret);
		free(c->secrets[i].ids);
		free(c->secrets[i].id);
	}
	for (size_t i = 0; i < c->conns_n; i++) {
		conn_fini(&c->conns[i]);
	}
	for (size_t i = 0; i < c->pools_n; i++) {
		pool_fini(&c->pools[i]);
	}
	free(c->secrets);
	free(c->pools);
	free(c->conns);
	free(c->path);
	free(c->tun.name);
	free(c->keylog);
	free(c->control);
	free(c->state);
	free(c);
}
