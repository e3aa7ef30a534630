/*
 * Cookies: what they are bound to, and how long they live.
 */
#include "ike/cookie.h"
#include "test/unit/ike_test.h"

static struct addr here, there;
static struct ike_cookie_in in;
static uint8_t cookie[IKE_COOKIE_LEN];
static const struct ike_cookie_info info = {.bits = 17, .prf = 5};
static struct ike_cookie_info got;

static void make(struct ike_cookies *c, ike_time now)
{
	ck_assert(addr_parse(&here, "192.0.2.1"));
	ck_assert(addr_parse(&there, "192.0.2.2"));
	in = (struct ike_cookie_in){
	    .ni = text_bytes("sixteen byte noise"), .addr = &here, .spi_i = 77};
	ck_assert_int_eq(ike_cookie_make(c, NULL, now, &in, &info, cookie), IKE_OK);
}

static bool check(struct ike_cookies *c, ike_time now, const struct ike_cookie_in *what, size_t n)
{
	return ike_cookie_check(c, NULL, now, what, bytes_of(cookie, n), &got);
}

START_TEST(bound)
{
	struct ike_cookies c = {0};
	struct ike_cookie_in other;

	make(&c, 1000);
	ck_assert(check(&c, 1000, &in, sizeof cookie));
	ck_assert(!check(&c, 1000, &in, sizeof cookie - 1));
	ck_assert(!check(&c, 1000, &in, 0));
	other = in;
	other.addr = &there;
	ck_assert(!check(&c, 1000, &other, sizeof cookie));
	other = in;
	other.spi_i = 78;
	ck_assert(!check(&c, 1000, &other, sizeof cookie));
	other = in;
	other.ni = text_bytes("another nonce there");
	ck_assert(!check(&c, 1000, &other, sizeof cookie));
	for (size_t i = 0; i < sizeof cookie; i++) {
		cookie[i] ^= 1;
		ck_assert(!check(&c, 1000, &in, sizeof cookie));
		cookie[i] ^= 1;
	}
	ike_cookies_fini(&c);
}
END_TEST

/* A cookie outlives one turn of the secrets, not two; and a long pause ends both. */
START_TEST(ages)
{
	struct ike_cookies c = {0};
	uint8_t newer[IKE_COOKIE_LEN];

	make(&c, 1000);
	ck_assert(check(&c, 60999, &in, sizeof cookie));
	ck_assert(check(&c, 61001, &in, sizeof cookie));
	ck_assert_int_eq(ike_cookie_make(&c, NULL, 61002, &in, &info, newer), IKE_OK);
	ck_assert(memcmp(newer, cookie, sizeof newer) != 0);
	ck_assert(check(&c, 121000, &in, sizeof cookie));
	ck_assert(!check(&c, 121002, &in, sizeof cookie));
	make(&c, 200000);
	ck_assert(!check(&c, 200000 + 10 * IKE_COOKIE_SECRET_MS, &in, sizeof cookie));
	ike_cookies_fini(&c);
}
END_TEST

/* What it says of the puzzle comes back, with its age, also across a turn of the secrets; and no
 * cookie comes twice, so that no solution does (RFC 8019 section 10). */
START_TEST(tells)
{
	struct ike_cookies c = {0};
	uint8_t first[IKE_COOKIE_LEN];

	make(&c, 1000);
	memcpy(first, cookie, sizeof first);
	ck_assert(check(&c, 1000, &in, sizeof cookie));
	ck_assert_uint_eq(got.bits, 17);
	ck_assert_uint_eq(got.prf, 5);
	ck_assert_uint_eq(got.age_ms, 0);
	make(&c, 1001);
	ck_assert(memcmp(first, cookie, sizeof first) != 0);
	make(&c, 60990);
	ck_assert(check(&c, 61500, &in, sizeof cookie));
	ck_assert_uint_eq(got.age_ms, 510);
	ck_assert_uint_eq(got.bits, 17);
	ike_cookies_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_cookie");

	add_test(s, "bound", bound);
	add_test(s, "ages", ages);
	add_test(s, "tells", tells);
	return run_suite(s);
}
