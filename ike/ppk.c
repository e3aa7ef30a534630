/*
 * Post-quantum preshared keys: RFC 8784 sections 3 and 5.1.
 *
 *     SK_d  = prf+ (PPK, SK_d')
 *     SK_pi = prf+ (PPK, SK_pi')
 *     SK_pr = prf+ (PPK, SK_pr')
 */
#include "ike/ppk.h"

#include <string.h>

#include "ike/auth/auth.h"
#include "ike/explain.h"
#include "ike/resume.h"

enum { PPK_ID_FIXED = 2 }; /* the first byte of PPK_ID: the rest is a configured value */

/* ---- IKE_SA_INIT ---- */

/* As initiator with the key that we name; as responder with any that we have. */
static bool have_any(const struct ike_sa *sa)
{
	return sa->initiator ? sa->conn->ppk_id != NULL : config_has_ppk(sa->e->p.config);
}

void ike_ppk_ask(const struct ike_sa *sa, struct ike_build *b)
{
	if (have_any(sa))
		ike_build_notify(b, IKE_N_USE_PPK, bytes_of(NULL, 0));
}

/* RFC 8784 section 6: whoever configured it is to know. */
static void say_unused(const struct ike_sa *sa, const char *ppk_id, const char *reason)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);

	ike_emit_step(sa->e, &ref,
	    "going on without %s%s%s, which is not required: %s; quantum computers may break this "
	    "IKE SA",
	    ppk_id ? "the PPK \"" : "a PPK", ppk_id ? ppk_id : "", ppk_id ? "\"" : "", reason);
}

void ike_ppk_agree(struct ike_sa *sa, const struct ike_msg *m)
{
	/* A resumed IKE SA has the PPK of the one that it resumes in its keys, and takes none
	 * again. */
	if (ike_resume_is(sa))
		return;
	sa->setup->ppk.agreed = have_any(sa) && ike_msg_notify(m, IKE_N_USE_PPK);
	if (sa->initiator && sa->conn->ppk_id && !sa->setup->ppk.agreed)
		say_unused(sa, sa->conn->ppk_id, "the peer does not use PPKs, or has none");
}

void ike_ppk_answer(const struct ike_sa *sa, struct ike_build *b)
{
	if (sa->setup->ppk.agreed)
		ike_build_notify(b, IKE_N_USE_PPK, bytes_of(NULL, 0));
}

enum ike_err ike_ppk_judge_init(
    const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);

	if (!sa->conn->ppk_required || ike_msg_notify(m, IKE_N_USE_PPK))
		return IKE_OK;
	ike_explain_ppk_unsupported(why, &w, sa->conn->ppk_id);
	return IKE_EAUTH;
}

/* ---- Operations ---- */

/* The keys that are used next and the others change places. */
static void swap(struct ike_sa *sa)
{
	struct secret *const now[] = {&sa->keys.sk_d, &sa->keys.sk_pi, &sa->keys.sk_pr};

	for (size_t i = 0; i < IKE_PPK_KEYS; i++) {
		struct secret was = *now[i];

		*now[i] = sa->setup->ppk.others[i];
		sa->setup->ppk.others[i] = was;
	}
	sa->setup->ppk.used = !sa->setup->ppk.used;
}

static enum ike_err ask_own(struct ike_sa *sa)
{
	const struct ike_auth_row *row = ike_auth_of(sa, true);

	return row ? row->ask(sa, true) : IKE_EBUG;
}

static enum ike_err ask_peer(struct ike_sa *sa)
{
	const struct ike_auth_row *row = ike_auth_of(sa, false);

	return row ? row->ask(sa, false) : IKE_EBUG;
}

/* SK_d' | SK_pi' | SK_pr' go out to be mixed. */
static enum ike_err ask_mixed(struct ike_sa *sa)
{
	const struct secret *const plain[] = {&sa->keys.sk_d, &sa->keys.sk_pi, &sa->keys.sk_pr};
	struct secret octets;
	size_t at = 0;

	if (!secret_init(&octets, plain[0]->n + plain[1]->n + plain[2]->n))
		return IKE_ENOMEM;
	for (size_t i = 0; i < IKE_PPK_KEYS; i++) {
		memcpy(octets.p + at, plain[i]->p, plain[i]->n);
		at += plain[i]->n;
	}
	sa->setup->ppk.step = IKE_PPK_MIXING;
	return ike_auth_emit(sa, IKE_OP_PPK, &octets);
}

/* One behind the other, each as long as the one that it was made of. */
static enum ike_err keep_mixed(struct ike_sa *sa, struct bytes mixed)
{
	const size_t n = sa->keys.sk_d.n;

	if (mixed.n != IKE_PPK_KEYS * n)
		return IKE_EBUG;
	for (size_t i = 0; i < IKE_PPK_KEYS; i++) {
		if (!secret_copy(&sa->setup->ppk.others[i], bytes_of(mixed.p + i * n, n)))
			return IKE_ENOMEM;
	}
	return IKE_OK;
}

bool ike_ppk_waits(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->ppk.step != IKE_PPK_IDLE;
}

/* The keys are mixed. A responder uses them at once; an initiator for whom they are optional shows
 * first who it is without them. */
static enum ike_err mixed(struct ike_sa *sa, struct bytes result)
{
	struct ike_ppk *p = &sa->setup->ppk;
	enum ike_err err = keep_mixed(sa, result);

	if (err)
		return err;
	if (sa->initiator && !sa->conn->ppk_required) {
		p->step = IKE_PPK_PLAIN_AUTH;
		return ask_own(sa);
	}
	swap(sa);
	return sa->initiator ? ask_own(sa) : ask_peer(sa);
}

static enum ike_err plain_auth(struct ike_sa *sa, struct bytes result)
{
	if (!secret_copy(&sa->setup->ppk.plain_auth, result))
		return IKE_ENOMEM;
	swap(sa);
	return ask_own(sa);
}

enum ike_err ike_ppk_op_done(
    struct ike_sa *sa, bool found, struct bytes result, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_ppk *p = &sa->setup->ppk;
	enum ike_ppk_step step = p->step;
	enum ike_err err;

	p->step = IKE_PPK_IDLE;
	if (!found && step == IKE_PPK_MIXING) {
		ike_explain_no_ppk(why, &w, p->id);
		return IKE_ENOSECRET;
	}
	if (!found) {
		ike_explain_no_secret(why, &w, &sa->local_id, &sa->conn->remote.id);
		return IKE_ENOSECRET;
	}
	err = step == IKE_PPK_MIXING ? mixed(sa, result) : plain_auth(sa, result);
	ike_reason_set(
	    why, err, "the PPK \"%s\" could not be mixed in: %s", p->id, ike_err_sentence(err));
	return err;
}

/* ---- IKE_AUTH ---- */

enum ike_err ike_ppk_begin(struct ike_sa *sa)
{
	if (!sa->setup->ppk.agreed)
		return ask_own(sa);
	sa->setup->ppk.id = sa->conn->ppk_id;
	return ask_mixed(sa);
}

const char *ike_ppk_used(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->ppk.used ? sa->setup->ppk.id : NULL;
}

void ike_ppk_build(const struct ike_sa *sa, struct ike_build *b)
{
	const struct ike_ppk *p = &sa->setup->ppk;
	uint8_t id[1 + CONFIG_PPK_ID_MAX];
	size_t n;

	if (!p->agreed)
		return;
	n = strlen(p->id);
	id[0] = PPK_ID_FIXED;
	memcpy(id + 1, p->id, n);
	ike_build_notify(b, IKE_N_PPK_IDENTITY, bytes_of(id, 1 + n));
	if (p->plain_auth.n)
		ike_build_notify(b, IKE_N_NO_PPK_AUTH, secret_bytes(&p->plain_auth));
}

/* The name of the one that PPK_IDENTITY means and that the peer may use; NULL: none. */
static const char *known(const struct ike_sa *sa, struct bytes ppk_id)
{
	struct bytes id;
	const struct config_secret *s;

	if (ppk_id.n < 1 || ppk_id.p[0] != PPK_ID_FIXED)
		return NULL;
	id = bytes_of(ppk_id.p + 1, ppk_id.n - 1);
	s = config_ppk_find(sa->e->p.config, id);
	if (!s || (sa->conn->ppk_id && strcmp(sa->conn->ppk_id, s->id) != 0))
		return NULL;
	return s->id;
}

enum ike_err ike_ppk_judge_auth(struct ike_sa *sa, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_ppk *p = &sa->setup->ppk;
	struct ike_msg *m = &sa->setup->held;
	const struct ike_notify *id = ike_msg_notify(m, IKE_N_PPK_IDENTITY),
				*plain = ike_msg_notify(m, IKE_N_NO_PPK_AUTH);

	if (ike_resume_is(sa))
		return ask_peer(sa);
	if (!p->agreed && sa->conn->ppk_required) {
		ike_explain_ppk_unused(why, &w, &sa->remote_id);
		return IKE_EAUTH;
	}
	if (!p->agreed && sa->conn->ppk_id)
		say_unused(sa, sa->conn->ppk_id, "the peer does not use PPKs");
	if (!p->agreed)
		return ask_peer(sa);
	p->id = id ? known(sa, id->data) : NULL;
	if (p->id)
		return ask_mixed(sa);
	if (!id || !plain || sa->conn->ppk_required) {
		ike_explain_ppk_unknown(why, &w, &sa->remote_id, id ? &id->data : NULL);
		return IKE_EAUTH;
	}
	say_unused(sa, sa->conn->ppk_id, "the peer names another one");
	m->auth.data = plain->data; /* the method is still that of AUTH */
	return ask_peer(sa);
}

void ike_ppk_confirm(struct ike_sa *sa, struct ike_build *b)
{
	if (!ike_ppk_used(sa))
		return;
	ike_build_notify(b, IKE_N_PPK_IDENTITY, bytes_of(NULL, 0));
	ike_ext_add(&sa->extensions, IKE_EXT_PPK);
}

enum ike_err ike_ppk_conclude(struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);

	if (!ike_ppk_used(sa))
		return IKE_OK;
	if (ike_msg_notify(m, IKE_N_PPK_IDENTITY)) {
		ike_ext_add(&sa->extensions, IKE_EXT_PPK);
		return IKE_OK;
	}
	if (sa->conn->ppk_required) {
		ike_explain_ppk_declined(why, &w, sa->setup->ppk.id);
		return IKE_EAUTH;
	}
	say_unused(sa, sa->setup->ppk.id, "the peer does not know it");
	swap(sa);
	return IKE_OK;
}
