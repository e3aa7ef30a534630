/*
 * tunike version, algorithms and check: what needs no daemon.
 */
#include "daemon/cli/cli.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>

#include "base/transform.h"
#include "config/config.h"
#include "daemon/version.h"
#include "esp/esp.h"
#include "ike/ike.h"

int cli_version(const struct cli_args *a)
{
	(void)a;
	printf("tunike %s\n", TUNIKE_VERSION);
	printf("build: %s, %s%s%s\n", TUNIKE_BUILD_TYPE, TUNIKE_COMPILER,
	    *TUNIKE_SANITIZERS ? ", sanitizers " : "", TUNIKE_SANITIZERS);
	printf("OpenSSL: %s\n", ike_library());
	printf("ipsec-mb: %s\n", esp_ipsec_mb() ? esp_ipsec_mb() : "not built in");
	printf("libevent: %s (built with %s)\n", event_get_version(), LIBEVENT_VERSION);
	printf("libconfig: %s\n", config_library());
	printf("jansson: %s (built with %s)\n", jansson_version_str(), JANSSON_VERSION);
	return CLI_OK;
}

static const char *type_text(uint8_t type)
{
	switch ((enum transform_type)type) {
	case TRANSFORM_ENCR: return "encryption";
	case TRANSFORM_PRF: return "prf";
	case TRANSFORM_INTEG: return "integrity";
	case TRANSFORM_KE: return "key exchange";
	case TRANSFORM_SN: return "sequence numbers";
	}
	return "?";
}

/* What the table allows, and whether it can be done here. */
static const char *can_text(const struct transform_info *t, enum transform_flags use, bool can)
{
	return !(t->flags & use) ? "-" : can ? "yes" : "no";
}

/* Who does it in ESP; a cipher with the commonest MAC, a MAC with the commonest cipher. */
static const char *engine_text(struct esp *e, const struct transform_info *t, bool can)
{
	static const struct transform cbc = {TRANSFORM_ENCR, ENCR_AES_CBC, 128};
	static const struct transform hmac = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0};
	bool mac = t->t.type == TRANSFORM_INTEG && t->t.id != INTEG_NONE;

	if (!e || !can || !(t->flags & TRANSFORM_ESP) || (t->t.type != TRANSFORM_ENCR && !mac))
		return "";
	if (mac)
		return esp_engine_of(e, cbc, t->t);
	return esp_engine_of(e, t->t, t->flags & TRANSFORM_AEAD ? (struct transform){0} : hmac);
}

int cli_algorithms(const struct cli_args *a)
{
	const struct esp_params params = {.slots = 1, .workers = 1};
	struct esp *e = esp_new(&params);
	const struct transform_info *t;
	bool lacking = false;

	(void)a;
	printf("%-17s %-24s %-20s %-4s %-4s %s\n", "TYPE", "NAME", "KEYWORD", "IKE", "ESP",
	    "ESP ENGINE");
	for (size_t i = 0; (t = transform_row(i)) != NULL; i++) {
		bool key_exchange = t->t.type == TRANSFORM_KE || t->t.type == TRANSFORM_PRF;
		bool ike = ike_can(NULL, t->t);
		/* Groups for Child SAs are the IKE engine's work. */
		bool esp = key_exchange ? ike : esp_can(NULL, t->t);
		lacking |=
		    ((t->flags & TRANSFORM_IKE) && !ike) || ((t->flags & TRANSFORM_ESP) && !esp);
		const char *engine = engine_text(e, t, esp);
		const char *weak = t->flags & TRANSFORM_WEAK ? "weak: only when named" : "";
		printf("%-17s %-24s %-20s %-4s %-4s%s%s%s%s\n", type_text(t->t.type), t->name,
		    t->keyword, can_text(t, TRANSFORM_IKE, ike), can_text(t, TRANSFORM_ESP, esp),
		    *engine ? " " : "", engine, *weak ? " " : "", weak);
	}
	esp_free(e);
	printf("\nyes: can be used, no: this build or this OpenSSL (%s) lacks it, -: not made for "
	       "this\n",
	    ike_library());
	if (lacking)
		printf(
		    "Where it says no: an OpenSSL with its default provider has all of them, DES "
		    "in its legacy provider; FIPS mode and crippled builds do not.\n");
	return CLI_OK;
}

int cli_check(const struct cli_args *a)
{
	const char *path = a->config ? a->config : a->name ? a->name : TUNIKE_CONFIG_DEFAULT;
	struct config_notes notes;
	struct config *c = config_load(path, &notes);
	size_t errors = 0;

	for (size_t i = 0; i < notes.n; i++) {
		bool error = notes.v[i].severity == CONFIG_ERROR;
		errors += error;
		fprintf(stderr, "%s%s\n", error ? "" : "warning: ", notes.v[i].text);
	}
	if (c)
		printf("%s: ok, %zu connection%s%s\n", path, c->conns_n, c->conns_n == 1 ? "" : "s",
		    notes.n ? ", with warnings" : "");
	else
		fprintf(stderr, "%s: %zu error%s\n", path, errors, errors == 1 ? "" : "s");
	config_notes_free(&notes);
	config_free(c);
	return c ? CLI_OK : CLI_FAILED;
}
