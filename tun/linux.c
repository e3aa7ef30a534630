/*
 * The Linux device: /dev/net/tun, one queue, bare IP packets. It lives as long as its descriptor.
 */
#include "tun/tun.h"
#include "tun/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct tun_linux_device {
	struct tun tun; /* first: the ops cast back */
	int fd;
};

static struct tun_linux_device *device_of(struct tun *t)
{
	return (struct tun_linux_device *)t;
}

static void explain_device(int rc, char why[TUN_WHY])
{
	switch (rc) {
	case -ENOENT:
		snprintf(why, TUN_WHY,
		    "there is no /dev/net/tun: load the driver (modprobe tun) or make the node "
		    "(mkdir -p "
		    "/dev/net; mknod /dev/net/tun c 10 200); a container needs --device "
		    "/dev/net/tun");
		break;
	case -ENODEV:
	case -ENXIO:
		snprintf(why, TUN_WHY,
		    "/dev/net/tun is there, but the kernel has no TUN driver: load it (modprobe "
		    "tun)");
		break;
	case -EACCES:
	case -EPERM:
		snprintf(why, TUN_WHY,
		    "no permission to open /dev/net/tun: run as root, or let the user read and "
		    "write it "
		    "(chmod 0666); a container needs --device /dev/net/tun");
		break;
	default: snprintf(why, TUN_WHY, "cannot open /dev/net/tun: %s", strerror(-rc));
	}
}

static void explain_interface(int rc, const char *name, char why[TUN_WHY])
{
	if (rc == -EPERM || rc == -EACCES) {
		snprintf(why, TUN_WHY,
		    "no permission to make the interface %s: run as root, or give the program "
		    "CAP_NET_ADMIN (setcap cap_net_admin=ep; a container needs --cap-add "
		    "NET_ADMIN)",
		    name);
	} else if (rc == -EBUSY) {
		snprintf(why, TUN_WHY,
		    "the interface %s is in use by another program: stop that one, or set tun.name",
		    name);
	} else if (rc == -EINVAL && host_ifindex(name) != 0) {
		snprintf(why, TUN_WHY,
		    "an interface named %s exists and is no TUN device of one queue: set tun.name",
		    name);
	} else {
		snprintf(why, TUN_WHY, "cannot make the interface %s: %s", name, strerror(-rc));
	}
}

/* The descriptor of a new interface, its final name in `name`; or a negative errno and why. */
static int attach(const char *wanted, char name[IFNAMSIZ], char why[TUN_WHY])
{
	if (!host_dev_valid(wanted)) {
		snprintf(why, TUN_WHY,
		    "\"%.32s\" cannot name an interface: tun.name takes 1 to 15 characters without "
		    "blanks, '/' and ':'",
		    wanted);
		return -EINVAL;
	}
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int rc = -errno;
		explain_device(rc, why);
		return rc;
	}
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", wanted);
	if (ioctl(fd, TUNSETIFF, &r) != 0) {
		int rc = -errno;
		explain_interface(rc, wanted, why);
		close(fd);
		return rc;
	}
	memcpy(name, r.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = 0;
	return fd;
}

static int linux_open(const struct tun_params *p, struct tun **out, char why[TUN_WHY])
{
	*out = NULL;
	why[0] = 0;
	struct tun_linux_device *d = calloc(1, sizeof *d);
	if (!d) {
		snprintf(why, TUN_WHY, "no memory for the interface %s", p->name);
		return -ENOMEM;
	}
	_Static_assert(sizeof d->tun.name == IFNAMSIZ, "the name of an interface");
	d->fd = attach(p->name, d->tun.name, why);
	if (d->fd < 0) {
		int rc = d->fd;
		free(d);
		return rc;
	}
	d->tun.ops = &tun_linux;
	int rc = tun_linux.set_mtu(&d->tun, p->mtu);
	if (rc != 0) {
		snprintf(why, TUN_WHY,
		    "cannot set the MTU of %s to %u: %s (68 to 65535 is possible)", d->tun.name,
		    p->mtu, strerror(-rc));
		tun_linux.close(&d->tun);
		return rc;
	}
	*out = &d->tun;
	return 0;
}

static int linux_read_batch(struct tun *t, struct pkt *pkts, size_t n)
{
	struct tun_linux_device *d = device_of(t);
	size_t got = 0;
	while (got < n) {
		struct pkt *p = &pkts[got];
		if (p->cap <= PKT_HEADROOM + PKT_TAILROOM)
			return got ? (int)got : -EINVAL;
		size_t room = p->cap - PKT_HEADROOM - PKT_TAILROOM;
		ssize_t len = read(d->fd, p->base + PKT_HEADROOM, room);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN && got == 0)
			return -errno;
		if (len < 0)
			break;
		/* The device cuts what does not fit and does not say so. */
		if (len == 0 || (size_t)len == room)
			continue;
		p->off = PKT_HEADROOM;
		p->len = (uint32_t)len;
		p->verdict = 0;
		got++;
	}
	return (int)got;
}

static int linux_write_batch(struct tun *t, struct pkt *pkts, size_t n)
{
	struct tun_linux_device *d = device_of(t);
	int went = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pkt *p = &pkts[i];
		if (p->verdict != 0)
			continue;
		ssize_t rc;
		do {
			rc = write(d->fd, p->base + p->off, p->len);
		} while (rc < 0 && errno == EINTR);
		/* EBADFD: somebody deleted the interface. Other errors are about this packet, or
		 * the interface is down at the moment. */
		if (rc < 0 && errno == EBADFD)
			return -ENODEV;
		if (rc >= 0)
			went++;
	}
	return went;
}

static int linux_poll_fd(const struct tun *t)
{
	return ((const struct tun_linux_device *)t)->fd;
}

static int linux_set_mtu(struct tun *t, uint32_t mtu)
{
	int rc = host_set_mtu(t->name, mtu);
	if (rc == 0)
		t->mtu = mtu;
	return rc;
}

static void linux_close(struct tun *t)
{
	if (!t)
		return;
	close(device_of(t)->fd);
	free(t);
}

const struct tun_ops tun_linux = {
    .name = "kernel",
    .open = linux_open,
    .read_batch = linux_read_batch,
    .write_batch = linux_write_batch,
    .poll_fd = linux_poll_fd,
    .set_mtu = linux_set_mtu,
    .close = linux_close,
};
