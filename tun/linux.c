/*
 * The Linux device: /dev/net/tun, a descriptor per queue, IP packets bare or behind a
 * struct virtio_net_hdr, with which super-packets pass. It lives as long as its descriptors.
 */
#include "tun/tun.h"
#include "tun/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct tun_linux_device {
	struct tun tun; /* first: the ops cast back */
	bool vnet;      /* a struct virtio_net_hdr stands in front of every packet */
	int fds[];      /* by queue */
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
		    "an interface named %s exists and is no TUN device of this kind: set tun.name",
		    name);
	} else {
		snprintf(why, TUN_WHY, "cannot make the interface %s: %s", name, strerror(-rc));
	}
}

/* ---- Offloads ---- */

enum {
	VNET_LEN = 10, /* struct virtio_net_hdr, the form without the count of merged buffers */
};
_Static_assert(sizeof(struct virtio_net_hdr) == VNET_LEN, "the header that TUN uses by default");
_Static_assert(VNET_LEN <= (int)PKT_HEADROOM, "it stands in front of the packet");

/* Newer than some headers: in Linux since 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* What is asked for, the most first; a kernel that does not know a bit refuses the whole. */
static const struct {
	unsigned flags;
	struct tun_features gives;
} offloads[] = {
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
	{.tso = true, .uso = true}},
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, {.tso = true}},
    {0, {.tso = false}},
};

static struct tun_features probe_offloads(int fd)
{
	for (size_t i = 0; i < sizeof offloads / sizeof offloads[0]; i++)
		if (ioctl(fd, TUNSETOFFLOAD, offloads[i].flags) == 0)
			return offloads[i].gives;
	return (struct tun_features){.tso = false};
}

/* ---- Opening ---- */

/* One descriptor, which is one queue of the interface `wanted`; its final name in `name`; or a
 * negative errno and why. */
static int attach(const char *wanted, short flags, char name[IFNAMSIZ], char why[TUN_WHY])
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int rc = -errno;
		explain_device(rc, why);
		return rc;
	}
	struct ifreq r = {.ifr_flags = flags};
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

static int attach_all(struct tun_linux_device *d, const struct tun_params *p, char why[TUN_WHY])
{
	short flags = (short)(IFF_TUN | IFF_NO_PI | (p->queues > 1 ? IFF_MULTI_QUEUE : 0) |
			      (p->offload ? IFF_VNET_HDR : 0));
	const char *name = p->name;

	if (!host_dev_valid(name)) {
		snprintf(why, TUN_WHY,
		    "\"%.32s\" cannot name an interface: tun.name takes 1 to 15 characters without "
		    "blanks, '/' and ':'",
		    name);
		return -EINVAL;
	}
	for (; d->tun.queues < p->queues; d->tun.queues++) {
		int fd = attach(name, flags, d->tun.name, why);
		if (fd < 0)
			return fd;
		d->fds[d->tun.queues] = fd;
		name = d->tun.name;
	}
	d->vnet = p->offload;
	if (d->vnet)
		d->tun.features = probe_offloads(d->fds[0]);
	return 0;
}

static int linux_open(const struct tun_params *p, struct tun **out, char why[TUN_WHY])
{
	*out = NULL;
	why[0] = 0;
	unsigned n = p->queues ? p->queues : 1;
	struct tun_params one = *p;
	one.queues = n;
	struct tun_linux_device *d = calloc(1, sizeof *d + n * sizeof d->fds[0]);
	if (!d) {
		snprintf(why, TUN_WHY, "no memory for the interface %s", p->name);
		return -ENOMEM;
	}
	_Static_assert(sizeof d->tun.name == IFNAMSIZ, "the name of an interface");
	d->tun.ops = &tun_linux;
	int rc = attach_all(d, &one, why);
	if (rc == 0) {
		rc = tun_linux.set_mtu(&d->tun, p->mtu);
		if (rc != 0)
			snprintf(why, TUN_WHY,
			    "cannot set the MTU of %s to %u: %s (68 to 65535 is possible)",
			    d->tun.name, p->mtu, strerror(-rc));
	}
	if (rc != 0) {
		tun_linux.close(&d->tun);
		return rc;
	}
	*out = &d->tun;
	return 0;
}

/* ---- Reading ---- */

static bool read_vnet(const struct virtio_net_hdr *h, struct tun_gso *gso)
{
	*gso = (struct tun_gso){.size = h->gso_size, .header = h->hdr_len};
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		gso->csum = TUN_CSUM_PARTIAL;
		gso->csum_start = h->csum_start;
		gso->csum_offset = h->csum_offset;
	}
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: gso->kind = TUN_GSO_NONE; return true;
	case VIRTIO_NET_HDR_GSO_TCPV4: gso->kind = TUN_GSO_TCP4; return true;
	case VIRTIO_NET_HDR_GSO_TCPV6: gso->kind = TUN_GSO_TCP6; return true;
	case VIRTIO_NET_HDR_GSO_UDP_L4: gso->kind = TUN_GSO_UDP; return true;
	default: return false; /* nothing that was asked for */
	}
}

static int linux_read(struct tun *t, unsigned queue, struct pkt *p, struct tun_gso *gso)
{
	struct tun_linux_device *d = device_of(t);
	size_t front = d->vnet ? VNET_LEN : 0;

	*gso = (struct tun_gso){.kind = TUN_GSO_NONE};
	if (p->cap <= PKT_HEADROOM + PKT_TAILROOM)
		return -EINVAL;
	size_t room = p->cap - PKT_HEADROOM - PKT_TAILROOM + front;
	for (;;) {
		ssize_t len = read(d->fds[queue], p->base + PKT_HEADROOM - front, room);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* The device cuts what does not fit and does not say so. */
		if ((size_t)len <= front || (size_t)len == room)
			continue;
		p->off = PKT_HEADROOM;
		p->len = (uint32_t)((size_t)len - front);
		p->verdict = 0;
		p->flags = 0;
		struct virtio_net_hdr h;
		if (!d->vnet)
			return 1;
		memcpy(&h, p->base + PKT_HEADROOM - VNET_LEN, sizeof h);
		if (read_vnet(&h, gso))
			return 1;
	}
}

/* ---- Writing ---- */

static void write_vnet(const struct tun_gso *gso, struct virtio_net_hdr *h)
{
	static const uint8_t types[] = {
	    [TUN_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
	    [TUN_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
	    [TUN_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
	    [TUN_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};
	*h = (struct virtio_net_hdr){
	    .gso_type = types[gso->kind], .gso_size = gso->size, .hdr_len = gso->header};
	switch (gso->csum) {
	case TUN_CSUM_AS_IS: break;
	case TUN_CSUM_VALID: h->flags = VIRTIO_NET_HDR_F_DATA_VALID; break;
	case TUN_CSUM_PARTIAL:
		h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h->csum_start = gso->csum_start;
		h->csum_offset = gso->csum_offset;
		break;
	}
}

static int linux_write(
    struct tun *t, unsigned queue, const struct tun_gso *gso, const struct iovec *parts, size_t n)
{
	struct tun_linux_device *d = device_of(t);
	struct iovec v[1 + TUN_PARTS];
	struct virtio_net_hdr h;
	size_t k = 0;

	if (n > TUN_PARTS || (!d->vnet && gso->csum == TUN_CSUM_PARTIAL))
		return -EINVAL;
	if (d->vnet) {
		write_vnet(gso, &h);
		v[k++] = (struct iovec){&h, sizeof h};
	}
	memcpy(v + k, parts, n * sizeof *parts);
	ssize_t rc;
	do {
		rc = writev(d->fds[queue], v, (int)(k + n));
	} while (rc < 0 && errno == EINTR);
	/* EBADFD: somebody deleted the interface. Other errors are about this packet, or the
	 * interface is down at the moment. */
	if (rc < 0)
		return errno == EBADFD ? -ENODEV : -errno;
	return 0;
}

static int linux_poll_fd(const struct tun *t, unsigned queue)
{
	return ((const struct tun_linux_device *)t)->fds[queue];
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
	struct tun_linux_device *d = device_of(t);
	for (unsigned i = 0; i < t->queues; i++)
		close(d->fds[i]);
	free(d);
}

const struct tun_ops tun_linux = {
    .name = "kernel",
    .open = linux_open,
    .read = linux_read,
    .write = linux_write,
    .poll_fd = linux_poll_fd,
    .set_mtu = linux_set_mtu,
    .close = linux_close,
};
