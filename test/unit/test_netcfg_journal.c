/* The record of changes: what a killed program left is put back by the next one. */
#include "test/netns/netcfg_ns.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static char why[TUN_WHY], dir[64], path[96];
static struct tun *t0, *own; /* `own` goes with the process that has it */

static void set_up(void)
{
	netns_enter();
	t0 = ns_device("under0");
	snprintf(dir, sizeof dir, "/tmp/tunike-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/state", dir);
}

static void tear_down(void)
{
	t0->ops->close(t0);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static bool file_exists(void)
{
	return access(path, F_OK) == 0;
}

static void append_text(const char *text)
{
	FILE *f = fopen(path, "ae");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	fclose(f);
}

static void change_everything(struct netcfg *n)
{
	struct prefix a = ns_prefix("192.0.2.9/32"), b = ns_prefix("2001:db8::9/128");
	struct prefix d = ns_prefix("0.0.0.0/0"), r = ns_prefix("2001:db8:1::/48"),
		      v = ns_prefix("10.9.0.1/32");
	own = ns_device("tunt0");
	ck_assert_int_eq(netcfg_addr_add(n, "tunt0", &v, why), 0);
	ck_assert_int_eq(netcfg_sysctl(n, "net/ipv4/conf/tunt0/rp_filter", "2", why), 0);
	ck_assert_int_eq(netcfg_sysctl(n, "net/ipv4/conf/under0/rp_filter", "1", why), 0);
	ck_assert_int_eq(netcfg_sysctl(n, "net/ipv4/conf/under0/rp_filter", "2", why), 0);
	ck_assert_int_eq(netcfg_sysctl(n, "net/ipv4/tcp_rmem", "4096\t65536\t99999", why), 0);
	ck_assert_int_eq(netcfg_addr_add(n, "under0", &a, why), 0);
	ck_assert_int_eq(netcfg_addr_add(n, "under0", &b, why), 0);
	ck_assert_int_eq(netcfg_route_add(n, "under0", &d, why), 0);
	ck_assert_int_eq(netcfg_route_add(n, "under0", &r, why), 0);
}

/* A program that changes things and then stands still until it is killed. */
static pid_t start_victim(void (*act)(struct netcfg *n))
{
	int ready[2];
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct netcfg *n;
		if (netcfg_open(&n, path, why) != 0)
			_exit(1);
		act(n);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	char c;
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_victim(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static bool all_changed(void)
{
	struct addr a = ns_addr("192.0.2.9"), b = ns_addr("2001:db8::9");
	char v[64], w[64];
	ns_file("/proc/sys/net/ipv4/conf/under0/rp_filter", v, sizeof v);
	ns_file("/proc/sys/net/ipv4/tcp_rmem", w, sizeof w);
	return netcfg_is_local(&a, NULL) && netcfg_is_local(&b, NULL) && !strcmp(v, "2") &&
	       !strcmp(w, "4096\t65536\t99999") &&
	       ns_line("/proc/net/route", "under0", "00000080") &&
	       ns_line("/proc/net/ipv6_route", "20010db8000100000000000000000000 30", "under0");
}

static bool nothing_changed(const char *rmem)
{
	struct addr a = ns_addr("192.0.2.9"), b = ns_addr("2001:db8::9");
	char v[64], w[64];
	ns_file("/proc/sys/net/ipv4/conf/under0/rp_filter", v, sizeof v);
	ns_file("/proc/sys/net/ipv4/tcp_rmem", w, sizeof w);
	return !netcfg_is_local(&a, NULL) && !netcfg_is_local(&b, NULL) && !strcmp(v, "0") &&
	       !strcmp(w, rmem) && !ns_line("/proc/net/route", "under0", "000000") &&
	       !ns_line("/proc/net/ipv6_route", "20010db8000100000000000000000000 30", "under0");
}

START_TEST(after_sigkill)
{
	char rmem[64];
	struct netcfg *n;
	ns_file("/proc/sys/net/ipv4/tcp_rmem", rmem, sizeof rmem);
	ck_assert(nothing_changed(rmem));
	pid_t pid = start_victim(change_everything);
	ck_assert(all_changed());
	kill_victim(pid);
	ck_assert(all_changed());
	ck_assert(!ns_line("/proc/net/dev", "tunt0", ":"));
	ck_assert(file_exists());
	/* Also with lines in it that nobody wrote, and one that was cut by the kill. */
	append_text(
	    "nonsense\n+ 7\n+ 8 addr\n+ 9 addr under0 192.0.2.300/32\n- x\n- 99\n+ 10 sysctl "
	    "kernel/hostname pwned\n+ 11 sysctl net/../kernel/hostname pwned\n+ 12 teapot x\n"
	    "+ 13 route under0 10.0.0.0/99\n+ 14 route toolongtobeaninterface 10.0.0.0/8\n"
	    "\xff\xfe\n+ 15 link under0 extra\n+ 17 sysctl "
	    "net/ipv4/conf/under0/rp_filter 1\n+ 16 route under0 192.0.2.");
	char host[64], after[64];
	ns_file("/proc/sys/kernel/hostname", host, sizeof host);
	ck_assert_msg(netcfg_open(&n, path, why) == 0, "%s", why);
	ck_assert(nothing_changed(rmem));
	ns_file("/proc/sys/kernel/hostname", after, sizeof after);
	ck_assert_str_eq(host, after);
	ck_assert(!ns_line(path, "+", ""));
	netcfg_close(n);
	ck_assert(!file_exists());
}
END_TEST

START_TEST(after_close)
{
	char rmem[64];
	struct netcfg *n;
	ns_file("/proc/sys/net/ipv4/tcp_rmem", rmem, sizeof rmem);
	ck_assert_int_eq(netcfg_open(&n, path, why), 0);
	change_everything(n);
	ck_assert(all_changed());
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	netcfg_close(n);
	own->ops->close(own);
	ck_assert(nothing_changed(rmem));
	ck_assert(!file_exists());
}
END_TEST

static void nothing(struct netcfg *n)
{
	(void)n;
}

/* Whoever is alive keeps what it changed: a second program must not undo it. */
START_TEST(in_use)
{
	char expect[TUN_WHY];
	struct netcfg *n;
	pid_t pid = start_victim(nothing);
	ck_assert_int_eq(netcfg_open(&n, path, why), -EBUSY);
	snprintf(expect, sizeof expect,
	    "%s is in use by another tunike (pid %ld): stop that one first", path, (long)pid);
	ck_assert_str_eq(why, expect);
	kill_victim(pid);
	ck_assert_int_eq(netcfg_open(&n, path, why), 0);
	netcfg_close(n);
}
END_TEST

START_TEST(not_a_record)
{
	struct netcfg *n;
	append_text("root:x:0:0\n");
	ck_assert_int_eq(netcfg_open(&n, path, why), -EEXIST);
	ck_assert_ptr_nonnull(strstr(why, "is no record of tunike's and is left alone"));
	ck_assert(ns_line(path, "root:x:0:0", ""));
	ck_assert_int_lt(netcfg_open(&n, "/nonexistent/dir/state", why), 0);
	ck_assert_ptr_nonnull(strstr(why, "No such file or directory"));
}
END_TEST

static void one_sysctl(struct netcfg *n)
{
	ck_assert_int_eq(netcfg_sysctl(n, "net/ipv4/conf/under0/rp_filter", "2", why), 0);
}

/* Another boot's record says nothing about this one. */
START_TEST(other_boot)
{
	char v[16];
	struct netcfg *n;
	kill_victim(start_victim(one_sysctl));
	FILE *f = fopen(path, "r+e");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, (long)strlen("tunike-netcfg 1 "), SEEK_SET), 0);
	ck_assert_int_ge(fputs("zzzz", f), 0);
	fclose(f);
	ck_assert_int_eq(netcfg_open(&n, path, why), 0);
	ns_file("/proc/sys/net/ipv4/conf/under0/rp_filter", v, sizeof v);
	ck_assert_str_eq(v, "2");
	netcfg_close(n);
	ck_assert(!file_exists());
}
END_TEST

static void many_changes(struct netcfg *n)
{
	struct prefix keep = ns_prefix("10.5.0.0/16"), r = ns_prefix("10.6.0.0/16");
	ck_assert_int_eq(netcfg_route_add(n, "under0", &keep, why), 0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(netcfg_route_add(n, "under0", &r, why), 0);
		ck_assert_int_eq(netcfg_route_del(n, "under0", &r), 0);
	}
	for (int i = 0; i < 600; i++)
		ck_assert_int_eq(
		    netcfg_sysctl(n, "net/ipv4/conf/under0/rp_filter", i % 2 ? "1" : "2", why), 0);
	one_sysctl(n);
}

/* A year of reconnects does not make the record grow, and what is in force stays on it. */
START_TEST(does_not_grow)
{
	char v[16];
	struct stat st;
	struct netcfg *n;
	pid_t pid = start_victim(many_changes);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 20000);
	ck_assert_int_eq(netcfg_open(&n, path, why), -EBUSY);
	kill_victim(pid);
	ck_assert(ns_line("/proc/net/route", "under0", "0000050A"));
	ck_assert_int_eq(netcfg_open(&n, path, why), 0);
	ck_assert(!ns_line("/proc/net/route", "under0", "0000050A"));
	ns_file("/proc/sys/net/ipv4/conf/under0/rp_filter", v, sizeof v);
	ck_assert_str_eq(v, "0");
	netcfg_close(n);
}
END_TEST

/* Killed at any moment: nothing is left behind. */
START_TEST(killed_at_any_moment)
{
	for (int round = 0; round < 30; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct netcfg *n;
			struct prefix d = ns_prefix("0.0.0.0/0"), a = ns_prefix("192.0.2.9/32");
			if (netcfg_open(&n, path, why) != 0)
				_exit(1);
			for (;;) {
				(void)netcfg_addr_add(n, "under0", &a, why);
				(void)netcfg_route_add(n, "under0", &d, why);
				(void)netcfg_sysctl(n, "net/ipv4/conf/under0/rp_filter", "2", why);
				(void)netcfg_route_del(n, "under0", &d);
				(void)netcfg_addr_del(n, "under0", &a);
			}
		}
		struct timespec wait = {.tv_nsec = 3000000L + round * 517123L};
		nanosleep(&wait, NULL);
		kill_victim(pid);
		struct netcfg *n;
		char v[16];
		struct addr a = ns_addr("192.0.2.9");
		ck_assert_msg(netcfg_open(&n, path, why) == 0, "%s", why);
		ns_file("/proc/sys/net/ipv4/conf/under0/rp_filter", v, sizeof v);
		ck_assert_str_eq(v, "0");
		ck_assert(!ns_line("/proc/net/route", "under0", "000000"));
		ck_assert(!netcfg_is_local(&a, NULL));
		netcfg_close(n);
	}
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("netcfg_journal");
	TCase *t = tcase_create("journal");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, after_sigkill);
	tcase_add_test(t, after_close);
	tcase_add_test(t, in_use);
	tcase_add_test(t, not_a_record);
	tcase_add_test(t, other_boot);
	tcase_add_test(t, does_not_grow);
	tcase_add_test(t, killed_at_any_moment);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
