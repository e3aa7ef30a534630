/*
 * Every sentence about a failure that a user may read, in one place, so that they speak alike: the
 * cause, what each side has, and what to change. RFC 7296 says what happened; this says what to do.
 */
#include "ike/explain.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ike/wire/notify.h"

enum { LIST = 300, NAME = 120 };

void ike_reason_set(struct ike_reason *r, enum ike_err err, const char *fmt, ...)
{
	va_list ap;
	int n;

	r->err = err;
	va_start(ap, fmt);
	n = vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof r->text)
		memcpy(r->text + sizeof r->text - 4, "...", 4);
}

static const char *conn_name(const struct ike_parties *w)
{
	return w->conn ? w->conn->name : "?";
}

static const char *child_name(const struct ike_parties *w)
{
	return w->child ? w->child->name : "?";
}

/* The key of the configuration that holds the proposals in question. */
static const char *proposals_key(const struct ike_parties *w, char *dst, size_t cap)
{
	if (w->child)
		snprintf(dst, cap, "connections.%s.children.%s.esp_proposals", conn_name(w),
		    child_name(w));
	else
		snprintf(dst, cap, "connections.%s.proposals", conn_name(w));
	return dst;
}

static const char *kind(const struct ike_parties *w)
{
	return w->child ? "ESP" : "IKE";
}

void ike_explain_no_common_proposal(struct ike_reason *r, const struct ike_parties *w,
    const struct proposal_list *offered, const struct proposal_list *allowed)
{
	char at[ENDPOINT_TEXT], theirs[LIST], ours[LIST], key[NAME];

	ike_reason_set(r, IKE_ENOPROPOSAL,
	    "no %s proposal in common with %s: it offers %s; \"%s\" accepts %s; give both sides "
	    "one that is the same (%s)",
	    kind(w), endpoint_text(w->remote, at),
	    proposal_list_text(offered, theirs, sizeof theirs),
	    w->child ? child_name(w) : conn_name(w), proposal_list_text(allowed, ours, sizeof ours),
	    proposals_key(w, key, sizeof key));
}

void ike_explain_proposal_refused(
    struct ike_reason *r, const struct ike_parties *w, const struct proposal_list *ours)
{
	char at[ENDPOINT_TEXT], mine[LIST], key[NAME];

	ike_reason_set(r, IKE_ENOPROPOSAL,
	    "%s accepts none of our %s proposals (NO_PROPOSAL_CHOSEN): we offered %s; its log says "
	    "what it accepts; "
	    "put one of those into %s%s",
	    endpoint_text(w->remote, at), kind(w), proposal_list_text(ours, mine, sizeof mine),
	    proposals_key(w, key, sizeof key),
	    w->child ? "" : ", and check that it has a connection for our address at all");
}

void ike_explain_bad_choice(struct ike_reason *r, const struct ike_parties *w,
    const struct proposal_list *theirs, const struct proposal_list *ours)
{
	char at[ENDPOINT_TEXT], got[LIST], mine[LIST];

	ike_reason_set(r, IKE_ENOPROPOSAL,
	    "%s chose an %s proposal that we did not offer: it answered %s; we offered %s; the "
	    "peer is at fault",
	    endpoint_text(w->remote, at), kind(w), proposal_list_text(theirs, got, sizeof got),
	    proposal_list_text(ours, mine, sizeof mine));
}

void ike_explain_group_refused(struct ike_reason *r, const struct ike_parties *w, uint16_t group,
    const struct proposal_list *ours)
{
	char at[ENDPOINT_TEXT], want[64], mine[LIST], key[NAME];
	struct transform t = {.type = TRANSFORM_KE, .id = group};

	ike_reason_set(r, IKE_EKE,
	    "%s wants the key exchange group %s (%u), which is not among ours or was tried "
	    "already: we offered %s; "
	    "add the group to %s or change it there",
	    endpoint_text(w->remote, at), transform_text(t, want, sizeof want), group,
	    proposal_list_text(ours, mine, sizeof mine), proposals_key(w, key, sizeof key));
}

static void addr_list_text(char *dst, size_t cap, char **v, size_t n)
{
	size_t at = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < n && at < cap; i++)
		at += (size_t)snprintf(dst + at, cap - at, "%s%s", i ? ", " : "", v[i]);
}

void ike_explain_no_conn_for_address(
    struct ike_reason *r, const struct ike_parties *w, const struct config *cfg)
{
	char here[ENDPOINT_TEXT], there[ENDPOINT_TEXT], first[NAME], all[LIST];
	size_t at = 0;

	all[0] = '\0';
	for (size_t i = 0; i < cfg->conns_n && at < sizeof all; i++) {
		const struct config_conn *c = &cfg->conns[i];

		addr_list_text(first, sizeof first, c->remote_addrs, c->remote_addrs_n);
		at += (size_t)snprintf(all + at, sizeof all - at, "%s\"%s\" has remote_addrs %s",
		    i ? "; " : "", c->name, first);
	}
	ike_reason_set(r, IKE_ENOCONN,
	    "no connection is for peers at %s (arrived at %s): %s; add the address to "
	    "remote_addrs, or \"%%any\"",
	    endpoint_text(w->remote, there), endpoint_text(w->local, here),
	    cfg->conns_n ? all : "there is no connection at all");
}

void ike_explain_notify_in_init(struct ike_reason *r, const struct ike_parties *w, unsigned type)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_EPEERNOTIFY,
	    "%s refused IKE_SA_INIT with %s (%u; not authenticated, so it may be forged): %s",
	    endpoint_text(w->remote, at), ike_notify_keyword((uint16_t)type), type,
	    type == IKE_N_INVALID_MAJOR_VERSION ? "it does not speak IKEv2; enable IKEv2 there"
						: "its log says why");
}

void ike_explain_puzzle_too_hard(
    struct ike_reason *r, const struct ike_parties *w, unsigned bits, unsigned most)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ELIMIT,
	    "%s is under load and asks for a puzzle of %u zero bits first; puzzle_difficulty_max "
	    "lets "
	    "us solve up to %u: raise it, or try again later",
	    endpoint_text(w->remote, at), bits, most);
}

void ike_explain_no_answer(struct ike_reason *r, const struct ike_parties *w, const char *what,
    uint32_t attempts, uint64_t ms, bool answered_before)
{
	char at[ENDPOINT_TEXT];

	if (answered_before)
		ike_reason_set(r, IKE_ETIMEOUT,
		    "no answer from %s to %s after %u attempts in %llu s, though it answered "
		    "IKE_SA_INIT: is UDP %u open on "
		    "the way, do large datagrams pass, does its log refuse us?",
		    endpoint_text(w->remote, at), what, attempts,
		    (unsigned long long)((ms + 500) / 1000), w->remote->port);
	else
		ike_reason_set(r, IKE_ETIMEOUT,
		    "no answer from %s to %s after %u attempts in %llu s: is the address right, is "
		    "UDP %s open on the way, is "
		    "the daemon running there?",
		    endpoint_text(w->remote, at), what, attempts,
		    (unsigned long long)((ms + 500) / 1000),
		    w->remote->port == 500 ? "500 and 4500" : "to that port");
}

void ike_explain_fragments_missing(struct ike_reason *r, const struct ike_parties *w,
    const char *whose, unsigned have, unsigned total)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ETIMEOUT,
	    "only %u of %u fragments of %s came from %s: the path loses datagrams, perhaps all "
	    "above "
	    "some size; a smaller fragment_size at the other end helps then",
	    have, total, whose, endpoint_text(w->remote, at));
}

void ike_explain_dead_peer(struct ike_reason *r, const struct ike_parties *w, const char *what,
    uint32_t attempts, uint64_t ms)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ETIMEOUT,
	    "the peer at %s no longer answers (%s, %u attempts in %llu s): its daemon or the way "
	    "to it is down",
	    endpoint_text(w->remote, at), what, attempts, (unsigned long long)((ms + 500) / 1000));
}

void ike_explain_restarted(struct ike_reason *r, const struct ike_parties *w)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ERESTARTED,
	    "the peer at %s has restarted and lost this IKE SA, as its crash detection token "
	    "proves (qcd): what the children's dpd_action says follows",
	    endpoint_text(w->remote, at));
}

static const char *id_text(const struct ident *id, char *dst, size_t cap)
{
	if (id->type == IDENT_ANY)
		snprintf(dst, cap, "%%any");
	else
		ident_text(id, dst, cap);
	return dst;
}

void ike_explain_no_conn_for_ids(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *idi, const struct ident *idr, const struct config *cfg)
{
	char at[ENDPOINT_TEXT], i_text[NAME], r_text[NAME], l[NAME], m[NAME], all[LIST + LIST];
	size_t n = 0;

	all[0] = '\0';
	for (size_t i = 0; i < cfg->conns_n && n < sizeof all; i++) {
		const struct config_conn *c = &cfg->conns[i];

		n += (size_t)snprintf(all + n, sizeof all - n,
		    "%s\"%s\" expects remote.id %s and has local.id %s", i ? "; " : "", c->name,
		    id_text(&c->remote.id, m, sizeof m),
		    c->local.id.type == IDENT_ANY ? "(its address)"
						  : id_text(&c->local.id, l, sizeof l));
	}
	ike_reason_set(r, IKE_EID,
	    "no connection fits the peer %s, which says that it is \"%s\" and asks for %s%s%s: %s; "
	    "make the identities of both sides "
	    "agree",
	    endpoint_text(w->remote, at), id_text(idi, i_text, sizeof i_text), idr ? "\"" : "",
	    idr ? id_text(idr, r_text, sizeof r_text) : "no identity of ours", idr ? "\"" : "",
	    all);
}

void ike_explain_wrong_remote_id(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *got)
{
	char at[ENDPOINT_TEXT], theirs[NAME], ours[NAME];

	ike_reason_set(r, IKE_EID,
	    "the peer %s says that it is \"%s\", but connections.%s.remote.id is \"%s\": mend "
	    "that, or local.id of the peer",
	    endpoint_text(w->remote, at), id_text(got, theirs, sizeof theirs), conn_name(w),
	    w->conn ? id_text(&w->conn->remote.id, ours, sizeof ours) : "?");
}

void ike_explain_no_secret(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote)
{
	char at[ENDPOINT_TEXT], l[NAME], m[NAME];

	ike_reason_set(r, IKE_ENOSECRET,
	    "there is no pre-shared key for us as \"%s\" and the peer %s as \"%s\": add an entry "
	    "to secrets (type = \"psk\") whose "
	    "ids name them, or one without ids",
	    id_text(local, l, sizeof l), endpoint_text(w->remote, at),
	    id_text(remote, m, sizeof m));
}

void ike_explain_bad_psk(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote)
{
	char at[ENDPOINT_TEXT], l[NAME], m[NAME];

	ike_reason_set(r, IKE_EAUTH,
	    "the pre-shared key of the peer %s is not ours: it says that it is \"%s\", we are "
	    "\"%s\", and the keys of the two sides "
	    "for this pair differ; give both the same secret, byte for byte",
	    endpoint_text(w->remote, at), id_text(remote, m, sizeof m),
	    id_text(local, l, sizeof l));
}

void ike_explain_auth_method(struct ike_reason *r, const struct ike_parties *w, unsigned method)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_EAUTH,
	    "the peer %s authenticates by method %u%s, but connections.%s.remote.auth is psk "
	    "(method 2): make both sides the same",
	    endpoint_text(w->remote, at), method,
	    method == 1 || method == 14 ? " (a certificate or public key)"
	    : method == 0               ? " (EAP)"
					: "",
	    conn_name(w));
}

void ike_explain_not_accepted(
    struct ike_reason *r, const struct ike_parties *w, const char *ours, const char *accepts)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_EAUTH,
	    "%s refused to authenticate us (AUTHENTICATION_FAILED): it announces that it accepts "
	    "%s, "
	    "and connections.%s.local.auth makes us show %s",
	    endpoint_text(w->remote, at), accepts, conn_name(w), ours);
}

void ike_explain_peer_refused_auth(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote)
{
	char at[ENDPOINT_TEXT], l[NAME], m[NAME];

	ike_reason_set(r, IKE_EAUTH,
	    "%s refused to authenticate us (AUTHENTICATION_FAILED, it does not say why). Check, "
	    "most likely first: the pre-shared key (a secret of type psk) is the same on both "
	    "sides, "
	    "byte for byte; it accepts our identity \"%s\" (local.id here, "
	    "remote.id there); it is \"%s\" "
	    "(remote.id here, local.id there); it expects a pre-shared key of us at all. Its log "
	    "says which",
	    endpoint_text(w->remote, at), id_text(local, l, sizeof l),
	    remote->type == IDENT_ANY ? "anything" : id_text(remote, m, sizeof m));
}

void ike_explain_no_common_ts(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *asked_local, const struct ts_list *asked_remote,
    const struct ts_list *allowed_local, const struct ts_list *allowed_remote)
{
	char at[ENDPOINT_TEXT], al[LIST / 2], ar[LIST / 2], bl[LIST / 2], br[LIST / 2];

	ike_reason_set(r, IKE_ETS,
	    "the traffic selectors have nothing in common: the peer %s asks for %s === %s (ours "
	    "=== its); \"%s/%s\" allows %s === %s; "
	    "make local_ts and remote_ts of the two sides meet",
	    endpoint_text(w->remote, at), ts_list_text(asked_local, al, sizeof al),
	    ts_list_text(asked_remote, ar, sizeof ar), conn_name(w), child_name(w),
	    ts_list_text(allowed_local, bl, sizeof bl),
	    ts_list_text(allowed_remote, br, sizeof br));
}

void ike_explain_ts_refused(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *local, const struct ts_list *remote)
{
	char at[ENDPOINT_TEXT], l[LIST], m[LIST];

	ike_reason_set(r, IKE_ETS,
	    "%s refused the traffic selectors of \"%s/%s\" (TS_UNACCEPTABLE): we asked for %s === "
	    "%s (ours === its); its log says what it "
	    "allows; make local_ts and remote_ts of the two sides meet",
	    endpoint_text(w->remote, at), conn_name(w), child_name(w),
	    ts_list_text(local, l, sizeof l), ts_list_text(remote, m, sizeof m));
}

void ike_explain_ts_widened(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *local, const struct ts_list *remote)
{
	char at[ENDPOINT_TEXT], l[LIST], m[LIST];

	ike_reason_set(r, IKE_ETS,
	    "%s answered with traffic selectors for \"%s/%s\" that lie outside what we asked for: "
	    "%s === %s (ours === its); the peer is at "
	    "fault",
	    endpoint_text(w->remote, at), conn_name(w), child_name(w),
	    ts_list_text(local, l, sizeof l), ts_list_text(remote, m, sizeof m));
}

void ike_explain_mode(struct ike_reason *r, const struct ike_parties *w, bool transport)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ETS,
	    "%s wants %s mode for \"%s/%s\", whose mode is %s: give both sides the same mode; "
	    "transport mode takes one address on each side, those of the two hosts",
	    endpoint_text(w->remote, at), transport ? "transport" : "tunnel", conn_name(w),
	    child_name(w), transport ? "tunnel" : "transport");
}

void ike_explain_child_refused(struct ike_reason *r, const struct ike_parties *w, unsigned type)
{
	char at[ENDPOINT_TEXT];

	if (type == IKE_N_SINGLE_PAIR_REQUIRED) {
		ike_reason_set(r, IKE_EPEERNOTIFY,
		    "%s refused the child \"%s/%s\", since it takes one pair of addresses only "
		    "(SINGLE_PAIR_REQUIRED): let a packet ask for it (start_action = \"trap\"), or "
		    "name "
		    "one address each in local_ts and remote_ts",
		    endpoint_text(w->remote, at), conn_name(w), child_name(w));
		return;
	}
	ike_reason_set(r, IKE_EPEERNOTIFY,
	    "%s refused the child \"%s/%s\" with %s (%u): %s; its log says why",
	    endpoint_text(w->remote, at), conn_name(w), child_name(w),
	    ike_notify_keyword((uint16_t)type), type, ike_notify_sentence((uint16_t)type));
}

/* ---- Virtual addresses ---- */

static const char *families_text(bool v4, bool v6)
{
	return v4 && v6 ? "IPv4 and IPv6" : v4 ? "IPv4" : v6 ? "IPv6" : "no";
}

/* What the peer said of it, and what to do. */
static void why_no_address(const struct ike_no_address *n, char *dst, size_t cap)
{
	bool other = (n->v4_allowed || n->v6_allowed) && !(n->v4_allowed && n->v4_wanted) &&
		     !(n->v6_allowed && n->v6_wanted);

	if (other)
		snprintf(dst, cap, "it hands out %s addresses only: put \"%s\" into vips",
		    families_text(n->v4_allowed, n->v6_allowed), n->v4_allowed ? "0.0.0.0" : "::");
	else if (n->notify == IKE_N_INTERNAL_ADDRESS_FAILURE)
		snprintf(dst, cap,
		    "INTERNAL_ADDRESS_FAILURE (36) says that none is left, or that its pools have "
		    "none of that family: its log says which");
	else if (n->notify)
		snprintf(dst, cap, "it refused with %s (%u), %s: its log says why",
		    ike_notify_keyword((uint16_t)n->notify), n->notify,
		    ike_notify_sentence((uint16_t)n->notify));
	else
		snprintf(dst, cap,
		    "its answer has none: give it a pool of addresses, or leave vips out here");
}

void ike_explain_no_address(
    struct ike_reason *r, const struct ike_parties *w, const struct ike_no_address *n)
{
	char at[ENDPOINT_TEXT], what[LIST];

	why_no_address(n, what, sizeof what);
	ike_reason_set(r, IKE_ENOADDRESS,
	    "%s gave no address to us, where connections.%s.vips asks for %s: %s",
	    endpoint_text(w->remote, at), conn_name(w), families_text(n->v4_wanted, n->v6_wanted),
	    what);
}

void ike_explain_no_lease(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *remote, const char *pools, bool v4)
{
	char id[NAME], at[ENDPOINT_TEXT];

	ident_text(remote, id, sizeof id);
	endpoint_text(w->remote, at);
	if (*pools)
		ike_reason_set(r, IKE_EADDRESS,
		    "no address is left for \"%s\" at %s: connections.%s.pools has %s; make one "
		    "of them larger, or add another",
		    id, at, conn_name(w), pools);
	else
		ike_reason_set(r, IKE_EADDRESS,
		    "\"%s\" at %s asks for an %s address, of which connections.%s.pools has none: "
		    "add a pool that has some",
		    id, at, v4 ? "IPv4" : "IPv6", conn_name(w));
}

void ike_explain_cp_required(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *remote)
{
	char id[NAME], at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_ECPREQUIRED,
	    "\"%s\" at %s asks for no address, and connections.%s has pools, for peers that do: "
	    "let it ask for one (vips, here), or give it a connection without pools",
	    ident_text(remote, id, sizeof id), endpoint_text(w->remote, at), conn_name(w));
}

/* ---- Post-quantum preshared keys: RFC 8784 ---- */

void ike_explain_ppk_unsupported(
    struct ike_reason *r, const struct ike_parties *w, const char *ppk_id)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_EAUTH,
	    "connections.%s.ppk_required is true, but the peer %s does not use post-quantum "
	    "preshared keys, or has none: give it a PPK with the id \"%s\" as well, or set "
	    "ppk_required = false here",
	    conn_name(w), endpoint_text(w->remote, at), ppk_id);
}

void ike_explain_ppk_unused(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *peer)
{
	char at[ENDPOINT_TEXT], p[NAME];

	ike_reason_set(r, IKE_EAUTH,
	    "the peer %s as \"%s\" does not use a post-quantum preshared key, and "
	    "connections.%s.ppk_required is true: set ppk_id at the peer, or ppk_required = false "
	    "here",
	    endpoint_text(w->remote, at), id_text(peer, p, sizeof p), conn_name(w));
}

void ike_explain_ppk_unknown(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *peer, const struct bytes *ppk_id)
{
	char at[ENDPOINT_TEXT], p[NAME], named[NAME] = "";
	struct text t = text_of(named, sizeof named);

	if (!ppk_id || ppk_id->n < 2) {
		ike_reason_set(r, IKE_EAUTH,
		    "the peer %s as \"%s\" agreed to use a post-quantum preshared key and names "
		    "none: the peer is at fault",
		    endpoint_text(w->remote, at), id_text(peer, p, sizeof p));
		return;
	}
	text_add_escaped(&t, bytes_of(ppk_id->p + 1, ppk_id->n - 1));
	text_end(&t);
	ike_reason_set(r, IKE_EAUTH,
	    "the peer %s as \"%s\" names the PPK \"%s\", which %s, and cannot go on without: add a "
	    "secret (type = \"ppk\") with this id here, or make ppk_id of both sides the same",
	    endpoint_text(w->remote, at), id_text(peer, p, sizeof p), named,
	    w->conn && w->conn->ppk_id ? "is not the one of ppk_id here" : "no secret here has");
}

void ike_explain_no_ppk(struct ike_reason *r, const struct ike_parties *w, const char *ppk_id)
{
	ike_reason_set(r, IKE_ENOSECRET,
	    "there is no PPK \"%s\" for connections.%s: add an entry to secrets (type = \"ppk\") "
	    "with this id",
	    ppk_id, conn_name(w));
}

void ike_explain_ppk_declined(struct ike_reason *r, const struct ike_parties *w, const char *ppk_id)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(r, IKE_EAUTH,
	    "the peer %s went on without the PPK \"%s\", and connections.%s.ppk_required is true: "
	    "it does not know that PPK; give it one with this id, or set ppk_required = false here",
	    endpoint_text(w->remote, at), ppk_id, conn_name(w));
}

void ike_explain_bad_ppk(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote, const char *ppk_id)
{
	char at[ENDPOINT_TEXT], l[NAME], m[NAME];

	ike_reason_set(r, IKE_EAUTH,
	    "the secrets of the peer %s are not ours: it says that it is \"%s\", we are \"%s\", "
	    "and "
	    "either the PPK \"%s\" or the pre-shared key for this pair differs; give both sides "
	    "the "
	    "same secrets, byte for byte",
	    endpoint_text(w->remote, at), id_text(remote, m, sizeof m), id_text(local, l, sizeof l),
	    ppk_id);
}

void ike_explain_ppk_refused(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const char *ppk_id)
{
	char at[ENDPOINT_TEXT], l[NAME];

	ike_reason_set(r, IKE_EAUTH,
	    "%s refused to authenticate us (AUTHENTICATION_FAILED, it does not say why). Check, "
	    "most likely first: it has the PPK \"%s\" under this id; that PPK is the same on both "
	    "sides, byte for byte; so is the pre-shared key (a secret of type psk); it accepts our "
	    "identity \"%s\" (local.id here, remote.id there). Its log says which",
	    endpoint_text(w->remote, at), ppk_id, id_text(local, l, sizeof l));
}
