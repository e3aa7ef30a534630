/*
 * Pre-shared keys: AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), SignedOctets), RFC 7296
 * section 2.15. Whoever holds the key makes the MAC; for the peer's AUTH value we ask for the one
 * that it should have sent and compare.
 */
#include "ike/auth/auth.h"

enum ike_err ike_auth_psk_ask(struct ike_sa *sa, bool own)
{
	struct secret octets;
	enum ike_err err = ike_auth_octets(sa, own, &octets);

	return err ? err : ike_auth_emit(sa, IKE_OP_PSK_MAC, &octets);
}
