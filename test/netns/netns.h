/*
 * A network namespace of one's own for each test: anonymous, gone with the process.
 */
#ifndef TEST_NETNS_NETNS_H
#define TEST_NETNS_NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NETNS_SKIP = 77 };

static inline int netns_up(const char *dev)
{
	struct ifreq r = {0};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", dev);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
	if (rc == 0)
		rc = ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return rc;
}

/* Check fixture: the test's process moves to an empty namespace whose loopback is up. */
static inline void netns_enter(void)
{
	if (unshare(CLONE_NEWNET) != 0 || netns_up("lo") != 0) {
		perror("network namespace");
		abort();
	}
}

/* May this process make namespaces and TUN devices? */
static inline int netns_possible(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "probe0"};
		int fd = unshare(CLONE_NEWNET) == 0 ? open("/dev/net/tun", O_RDWR) : -1;
		_exit(fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0 ? 0 : 1);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	if (status != 0)
		fprintf(stderr, "skipped: needs CAP_SYS_ADMIN, CAP_NET_ADMIN and /dev/net/tun\n");
	return status == 0;
}

#endif
