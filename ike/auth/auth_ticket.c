/*
 * Who resumes an IKE SA shows that it has the old one's keys: AUTH = prf(SK_px, SignedOctets), RFC
 * 5723 section 4.3.3. Nobody else's secret is needed: the value is here at once, and is taken up
 * like an operation's when the call at hand is over (ike_auth_settle).
 */
#include "ike/auth/auth.h"

enum ike_err ike_auth_ticket_ask(struct ike_sa *sa, bool own)
{
	bool of_initiator = own == sa->initiator;
	const struct secret *sk_p = of_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;
	struct secret octets, mac;
	struct bytes part;
	enum ike_err err = ike_auth_octets(sa, own, &octets);

	if (err)
		return err;
	part = secret_bytes(&octets);
	if (secret_init(&mac, ike_prf_len(sa->suite.prf)))
		err = ike_prf(sa->e->p.libctx, sa->suite.prf, secret_bytes(sk_p), &part, 1, mac.p);
	else
		err = IKE_ENOMEM;
	secret_fini(&octets);
	if (err)
		secret_fini(&mac);
	else
		secret_move(&sa->setup->computed, &mac);
	return err;
}
