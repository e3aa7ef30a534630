/*
 * What a child is besides its selectors and keys: read from notifications, seen through a NAT.
 */
#include <check.h>
#include <stdlib.h>

#include "ike/mode.h"

static struct ts_list list(const char *a, const char *b)
{
	struct ts_list l = {.n = b ? 2 : 1};

	ck_assert(ts_parse(&l.v[0], a));
	ck_assert(!b || ts_parse(&l.v[1], b));
	return l;
}

START_TEST(notifications)
{
	struct ike_msg m = {.notify_n = 0};
	struct ike_mode mode;

	ike_mode_read(&m, &mode);
	ck_assert(!mode.transport && !mode.no_tfc);
	m.notify[m.notify_n++].type = IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED;
	ike_mode_read(&m, &mode);
	ck_assert(!mode.transport && mode.no_tfc);
	m.notify[m.notify_n++].type = IKE_N_USE_TRANSPORT_MODE;
	ike_mode_read(&m, &mode);
	ck_assert(mode.transport && mode.no_tfc);
}
END_TEST

static const struct {
	const char *local[2], *remote[2];
	bool nat_local, nat_remote, ok;
	const char *seen_local, *seen_remote;
} sights[] = {
    {{"10.0.0.1"}, {"192.0.2.2"}, false, false, true, "10.0.0.1/32", "192.0.2.2/32"},
    {{"10.9.9.9"}, {"10.8.8.8"}, true, true, true, "10.0.0.1/32", "192.0.2.2/32"},
    {{"10.9.9.9"}, {"10.8.8.8"}, false, true, true, "10.9.9.9/32", "192.0.2.2/32"},
    {{"10.9.9.9[tcp/80]", "10.9.9.9[udp]"}, {"10.8.8.8[tcp]"}, true, false, true,
	"10.0.0.1/32[tcp/80], 10.0.0.1/32[udp]", "10.8.8.8/32[tcp]"},
    {{"10.9.9.9", "10.9.9.8"}, {"10.8.8.8"}, true, true, false, NULL, NULL},
    {{"10.9.9.9"}, {"10.8.8.0/24"}, true, true, false, NULL, NULL},
};

START_TEST(seen_through_a_nat)
{
	struct ike_sa sa = {.nat_local = sights[_i].nat_local, .nat_remote = sights[_i].nat_remote};
	struct ts_list l = list(sights[_i].local[0], sights[_i].local[1]),
		       r = list(sights[_i].remote[0], sights[_i].remote[1]), asked = l;
	struct ike_mode mode = {.transport = true};
	char text[256];

	ck_assert(addr_parse(&sa.local.addr, "10.0.0.1"));
	ck_assert(addr_parse(&sa.remote.addr, "192.0.2.2"));
	ck_assert_int_eq(ike_mode_see(&sa, &l, &r, &mode), sights[_i].ok);
	if (!sights[_i].ok) {
		ck_assert(ts_list_equal(&l, &asked)); /* as it was: for tunnel mode */
		return;
	}
	ck_assert_str_eq(ts_list_text(&l, text, sizeof text), sights[_i].seen_local);
	ck_assert_str_eq(ts_list_text(&r, text, sizeof text), sights[_i].seen_remote);
	ck_assert(addr_equal(&mode.sent_local, &asked.v[0].lo));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike/mode");
	TCase *t = tcase_create("mode");

	tcase_add_test(t, notifications);
	tcase_add_loop_test(t, seen_through_a_nat, 0, (int)(sizeof sights / sizeof sights[0]));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
