/*
 * Tickets by value: what is inside, what opens them, and until when. RFC 5723 section 6.
 */
#include "ike/ticket.h"

#include "ike/crypto/crypto.h"
#include "test/unit/ike_test.h"
#include "test/unit/req.h"

static struct ike_tickets tickets;
static uint8_t ticket[IKE_TICKET_MAX];
static size_t ticket_n;
static struct ike_ticket_ref ref;

enum { A_MINUTE = 60000, A_DAY = 86400000 };

static struct ike_resumable sample(void)
{
	struct ike_resumable r = {.suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
				      .prf = {TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0},
				      .ke = {TRANSFORM_KE, KE_CURVE25519, 0}},
	    .auth_i = 3,
	    .auth_r = 4,
	    .spi_i = 0x1122334455667788,
	    .spi_r = 0x99aabbccddeeff00,
	    .authenticated_at = 1000,
	    .expires_at = 5 * A_MINUTE};

	ck_assert(ident_parse(&r.id_i, "client.example.org"));
	ck_assert(ident_parse(&r.id_r, "gateway@example.org"));
	ck_assert(secret_init(&r.sk_d, 48));
	for (size_t i = 0; i < 48; i++)
		r.sk_d.p[i] = (uint8_t)(0xa0 + i);
	return r;
}

static void grant(ike_time now)
{
	struct ike_resumable r = sample();

	ck_assert_int_eq(
	    ike_ticket_grant(&tickets, NULL, now, &r, ticket, &ticket_n, &ref), IKE_OK);
	ike_resumable_fini(&r);
}

static enum ike_err open_it(ike_time now, struct bytes t)
{
	struct ike_resumable r;
	struct ike_ticket_ref whose;
	enum ike_err err = ike_ticket_open(&tickets, NULL, now, t, &r, &whose);

	if (err)
		ck_assert_ptr_null(r.sk_d.p);
	else
		ck_assert_mem_eq(&whose, &ref, sizeof ref);
	ike_resumable_fini(&r);
	return err;
}

static struct bytes whole(void)
{
	return bytes_of(ticket, ticket_n);
}

static bool has(const void *what, size_t n)
{
	for (size_t i = 0; i + n <= ticket_n; i++)
		if (memcmp(ticket + i, what, n) == 0)
			return true;
	return false;
}

/* All of it comes back, and none of it is to be seen. */
START_TEST(there_and_back)
{
	REQ("5723-6.1-1", "5723-6.1-4", "5723-6.1-8", "5723-9.1-1", "5723-9.9-1", "5723-9.10-1");
	struct ike_resumable r, want = sample();
	struct ike_ticket_ref whose;

	grant(2000);
	ck_assert_int_eq(ike_ticket_open(&tickets, NULL, 3000, whole(), &r, &whose), IKE_OK);
	ck_assert(transform_equal(r.suite.encr, want.suite.encr));
	ck_assert(transform_equal(r.suite.prf, want.suite.prf));
	ck_assert(transform_equal(r.suite.integ, want.suite.integ));
	ck_assert(transform_equal(r.suite.ke, want.suite.ke));
	ck_assert(ident_equal(&r.id_i, &want.id_i));
	ck_assert(ident_equal(&r.id_r, &want.id_r));
	ck_assert(secret_equal(secret_bytes(&r.sk_d), secret_bytes(&want.sk_d)));
	ck_assert_uint_eq(r.auth_i, 3);
	ck_assert_uint_eq(r.auth_r, 4);
	ck_assert_uint_eq(r.spi_i, want.spi_i);
	ck_assert_uint_eq(r.spi_r, want.spi_r);
	ck_assert_uint_eq(r.authenticated_at, 1000);
	ck_assert_uint_eq(r.expires_at, 5 * A_MINUTE);
	ck_assert_mem_eq(whose.key_id, ticket + 1, IKE_TICKET_KEY_ID);
	ck_assert(!has(want.sk_d.p, 8));
	ck_assert(!has("client", 6));
	ck_assert(!has("gateway", 7));
	ck_assert(!has("example", 7));
	ike_resumable_fini(&r);
	ike_resumable_fini(&want);
}
END_TEST

START_TEST(every_bit)
{
	grant(0);
	for (size_t bit = 0; bit < ticket_n * 8; bit++) {
		ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(open_it(0, whole()), IKE_EINTEGRITY);
		ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(open_it(0, whole()), IKE_OK);
}
END_TEST

START_TEST(every_length)
{
	uint8_t longer[IKE_TICKET_MAX + 64] = {0};

	grant(0);
	for (size_t n = 0; n < ticket_n; n++)
		ck_assert_int_eq(open_it(0, bytes_of(ticket, n)), IKE_EINTEGRITY);
	memcpy(longer, ticket, ticket_n);
	for (size_t n = ticket_n + 1; n <= sizeof longer; n++)
		ck_assert_int_eq(open_it(0, bytes_of(longer, n)), IKE_EINTEGRITY);
}
END_TEST

START_TEST(expires)
{
	REQ("5723-6.1-6");
	grant(0);
	ck_assert_int_eq(open_it(5 * A_MINUTE - 1, whole()), IKE_OK);
	ck_assert_int_eq(open_it(5 * A_MINUTE, whole()), IKE_ELIFETIME);
	ck_assert_int_eq(open_it(6 * A_MINUTE, whole()), IKE_ELIFETIME);
}
END_TEST

START_TEST(revoked)
{
	struct ike_ticket_ref none = {0}, other;
	uint8_t kept[IKE_TICKET_MAX];
	size_t n;

	ike_ticket_revoke(&tickets, &none);
	grant(0);
	memcpy(kept, ticket, ticket_n);
	n = ticket_n;
	other = ref;
	grant(0);
	ck_assert(memcmp(kept, ticket, n) != 0);
	ike_ticket_revoke(&tickets, &other);
	ck_assert_int_eq(open_it(0, bytes_of(kept, n)), IKE_EREPLACED);
	ck_assert_int_eq(open_it(0, whole()), IKE_OK);
	other.number = 1u << 30; /* never granted */
	ike_ticket_revoke(&tickets, &other);
	ck_assert_int_eq(open_it(0, whole()), IKE_OK);
	ike_ticket_revoke(&tickets, &ref);
	ck_assert_int_eq(open_it(0, whole()), IKE_EREPLACED);
}
END_TEST

/* A restart, or another gateway: other keys. */
START_TEST(another_engine)
{
	grant(0);
	ike_tickets_fini(&tickets);
	ck_assert_int_eq(open_it(0, whole()), IKE_EINTEGRITY);
	struct ike_ticket_ref was = ref;
	uint8_t kept[IKE_TICKET_MAX];
	size_t n = ticket_n;
	memcpy(kept, ticket, n);
	grant(0);
	ck_assert_int_eq(open_it(0, bytes_of(kept, n)), IKE_EINTEGRITY);
	ck_assert_mem_ne(&was.key_id, &ref.key_id, sizeof was.key_id);
}
END_TEST

/* By time: two keys open, the rest are gone, also when nobody asks. */
START_TEST(keys_by_time)
{
	REQ("5723-6.2-6", "5723-9.5-1");
	struct ike_resumable r = sample();
	struct ike_ticket_ref first;
	uint8_t old[IKE_TICKET_MAX];
	size_t n;

	ck_assert_uint_eq(ike_tickets_deadline(&tickets), IKE_NEVER);
	r.expires_at = IKE_NEVER - 1;
	ck_assert_int_eq(ike_ticket_grant(&tickets, NULL, 0, &r, old, &n, &first), IKE_OK);
	grant(A_DAY - 1);
	ck_assert_mem_eq(first.key_id, ref.key_id, sizeof first.key_id);
	grant(A_DAY);
	ck_assert_mem_ne(first.key_id, ref.key_id, sizeof first.key_id);
	ref = first;
	ck_assert_int_eq(open_it(2 * (ike_time)A_DAY - 1, bytes_of(old, n)), IKE_OK);
	ck_assert_uint_eq(ike_tickets_deadline(&tickets), 2 * (ike_time)A_DAY);
	ck_assert_int_eq(open_it(2 * (ike_time)A_DAY, bytes_of(old, n)), IKE_EINTEGRITY);
	ike_tickets_expire(&tickets, 3 * (ike_time)A_DAY);
	ck_assert_ptr_null(tickets.now);
	ck_assert_ptr_null(tickets.before);
	ck_assert_uint_eq(ike_tickets_deadline(&tickets), IKE_NEVER);
	ike_resumable_fini(&r);
}
END_TEST

/* By number: memory is bounded, whatever is asked for. */
START_TEST(keys_by_number)
{
	struct ike_ticket_ref first;

	grant(0);
	first = ref;
	for (uint32_t i = 1; i < IKE_TICKETS_PER_KEY; i++)
		grant(0);
	ck_assert_mem_eq(first.key_id, ref.key_id, sizeof first.key_id);
	ike_ticket_revoke(&tickets, &ref);
	ck_assert_int_eq(open_it(0, whole()), IKE_EREPLACED);
	grant(0);
	ck_assert_mem_ne(first.key_id, ref.key_id, sizeof first.key_id);
	ck_assert_uint_eq(ref.number, 1);
	ck_assert_int_eq(open_it(0, whole()), IKE_OK);
}
END_TEST

/* The content alone: each length but the right one is refused. */
START_TEST(content)
{
	struct ike_resumable r = sample(), back;
	uint8_t b[IKE_TICKET_MAX + 1] = {0};
	size_t n = ike_resumable_write(&r, b, sizeof b);

	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert(!ike_resumable_read(&back, bytes_of(b, i)));
		ck_assert_ptr_null(back.sk_d.p);
		ck_assert_uint_eq(ike_resumable_write(&r, b + 200, i), 0);
		n = ike_resumable_write(&r, b, sizeof b);
	}
	ck_assert(!ike_resumable_read(&back, bytes_of(b, n + 1)));
	ck_assert(ike_resumable_read(&back, bytes_of(b, n)));
	ike_resumable_fini(&back);
	ike_resumable_fini(&r);
}
END_TEST

/* The longest identities fit. */
START_TEST(longest)
{
	struct ike_resumable r = sample();

	r.id_i = (struct ident){.type = IDENT_KEY_ID, .n = IDENT_MAX};
	r.id_r = (struct ident){.type = IDENT_KEY_ID, .n = IDENT_MAX};
	memset(r.id_i.b, 'i', IDENT_MAX);
	memset(r.id_r.b, 'r', IDENT_MAX);
	ck_assert_int_eq(ike_ticket_grant(&tickets, NULL, 0, &r, ticket, &ticket_n, &ref), IKE_OK);
	ck_assert_int_eq(open_it(0, whole()), IKE_OK);
	ike_resumable_fini(&r);
}
END_TEST

/* Section 5.1, by hand:
 *     SKEYSEED = prf(SK_d_old, "Resumption" | Ni | Nr)
 *     {SK_d | …} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
START_TEST(skeyseed)
{
	struct suite suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
	    .prf = {TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0}};
	uint8_t old[48], text[10 + 32 + 20], seed[48], more[32 + 20 + 16], want[48];
	struct ike_keymat_in in = {.spi_i = 0x0102030405060708, .spi_r = 0x1112131415161718};
	struct ike_keymat k;
	struct bytes part;

	memset(old, 0x6f, sizeof old);
	memcpy(text, "Resumption", 10);
	memset(text + 10, 0x11, 32);
	memset(text + 42, 0x22, 20);
	memcpy(more, text + 10, 52);
	be64_store(more + 52, in.spi_i);
	be64_store(more + 60, in.spi_r);
	part = bytes_of(text, sizeof text);
	ck_assert_int_eq(
	    ike_prf(NULL, suite.prf, bytes_of(old, sizeof old), &part, 1, seed), IKE_OK);
	part = bytes_of(more, sizeof more);
	ck_assert_int_eq(
	    ike_prf_plus(NULL, suite.prf, bytes_of(seed, sizeof seed), &part, 1, want, sizeof want),
	    IKE_OK);
	in.resumed_sk_d = bytes_of(old, sizeof old);
	in.ni = bytes_of(text + 10, 32);
	in.nr = bytes_of(text + 42, 20);
	ck_assert_int_eq(ike_keymat_derive(&k, NULL, &suite, &in), IKE_OK);
	ck_assert_bytes(secret_bytes(&k.sk_d), bytes_of(want, sizeof want));
	ike_keymat_fini(&k);
}
END_TEST

static void teardown(void)
{
	ike_tickets_fini(&tickets);
}

int main(void)
{
	Suite *s = suite_create("ike_ticket");
	TCase *t = tcase_create("ticket");
	SRunner *r = srunner_create(s);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, every_bit);
	tcase_add_test(t, every_length);
	tcase_add_test(t, expires);
	tcase_add_test(t, revoked);
	tcase_add_test(t, another_engine);
	tcase_add_test(t, keys_by_time);
	tcase_add_test(t, keys_by_number);
	tcase_add_test(t, content);
	tcase_add_test(t, longest);
	tcase_add_test(t, skeyseed);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
