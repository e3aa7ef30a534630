/*
 * NAT detection: RFC 7296 section 2.23.
 *
 * Whether WE are behind a NAT is read from the peer's NAT_DETECTION_DESTINATION_IP alone: nobody
 * lies there. `encap = true` sends a NAT_DETECTION_SOURCE_IP that cannot match, so that any peer
 * believes in a NAT before us and takes ESP in UDP; a peer that does the same looks as if it were
 * behind one.
 */
#include "ike/nat.h"

enum ike_err ike_nat_build(const struct ike_sa *sa, struct ike_build *b)
{
	struct endpoint source = sa->local;
	uint8_t hash[IKE_SHA1_LEN];
	enum ike_err err;

	if (sa->announced)
		source = (struct endpoint){.addr.family = sa->local.addr.family};
	err = ike_nat_hash(sa->e->p.libctx, sa->spi_i, sa->spi_r, &source, hash);
	if (err)
		return err;
	ike_build_notify(b, IKE_N_NAT_DETECTION_SOURCE_IP, bytes_of(hash, sizeof hash));
	err = ike_nat_hash(sa->e->p.libctx, sa->spi_i, sa->spi_r, &sa->remote, hash);
	if (err)
		return err;
	ike_build_notify(b, IKE_N_NAT_DETECTION_DESTINATION_IP, bytes_of(hash, sizeof hash));
	return IKE_OK;
}

/* Did the peer send notifications of that type, and does one match? */
static bool any_matches(const struct ike_msg *m, uint16_t type, struct bytes hash, bool *present)
{
	bool match = false;

	for (size_t i = 0; i < m->notify_n; i++) {
		if (m->notify[i].type != type)
			continue;
		*present = true;
		match = match || bytes_equal(m->notify[i].data, hash);
	}
	return match;
}

enum ike_err ike_nat_detect(
    struct ike_sa *sa, const struct ike_msg *m, const struct ike_datagram *d)
{
	uint8_t here[IKE_SHA1_LEN], there[IKE_SHA1_LEN];
	bool has_source = false, has_destination = false, matches_here, matches_there;
	struct ossl_lib_ctx_st *lib = sa->e->p.libctx;
	enum ike_err err = ike_nat_hash(lib, m->hdr.spi_i, m->hdr.spi_r, &d->local, here);

	if (!err)
		err = ike_nat_hash(lib, m->hdr.spi_i, m->hdr.spi_r, &d->remote, there);
	if (err)
		return err;
	matches_there = any_matches(
	    m, IKE_N_NAT_DETECTION_SOURCE_IP, bytes_of(there, sizeof there), &has_source);
	matches_here = any_matches(
	    m, IKE_N_NAT_DETECTION_DESTINATION_IP, bytes_of(here, sizeof here), &has_destination);
	sa->nat_remote = has_source && !matches_there;
	sa->nat_local = has_destination && !matches_here;
	if (has_source && has_destination)
		sa->encap = sa->nat_local || sa->nat_remote || sa->announced;
	else
		sa->encap =
		    d->marker; /* a peer without NAT traversal, unless it speaks on its port */
	return IKE_OK;
}

void ike_nat_float(struct ike_sa *sa)
{
	if (!sa->encap || sa->marker)
		return;
	if (sa->remote.port == 500)
		sa->remote.port = 4500;
	sa->local.port = sa->e->p.natt_port;
	sa->marker = true;
}

const char *ike_nat_story(const struct ike_sa *sa)
{
	if (sa->nat_local && sa->nat_remote)
		return "we and the peer are behind NATs (or the peer wants encapsulation)";
	if (sa->nat_local)
		return "we are behind a NAT";
	if (sa->nat_remote)
		return "the peer is behind a NAT (or wants encapsulation)";
	return sa->encap ? "no NAT, encapsulation is configured" : "no NAT";
}
