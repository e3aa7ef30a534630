"""Path MTU over several hops: h - a - r - s = t - b - k, where only the link between s and t is narrow. Its routers tell
the gateways a and b, these tell the hosts h and k behind them, and TCP goes on with segments that fit."""
import re

from lab import Lab, expect, until
from matrix import PORT, TRAFFIC, ping
from peers import Site, Tunike

NARROW = 1300
INNER = {"h": {4: "10.1.0.2", 6: "fd00:a::2"}, "k": {4: "10.2.0.2", 6: "fd00:b::2"}}
OUTER = {"a": {4: "192.0.2.1", 6: "2001:db8:1::1"}, "b": {4: "203.0.113.1", 6: "2001:db8:4::1"}}
# AES-GCM: SPI, number, IV, trailer and ICV; the text is padded to four bytes.
ESP_HEAD, TRAILER, ICV, UDP = 16, 2, 16, 8

# Connects to the echo server, sends and reads, and prints the bytes of a segment: before the end, when it has them all.
TCP = """
import socket, sys, threading
here, there, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
s = socket.create_connection((there, port), timeout=60, source_address=(here, 0))
threading.Thread(target=lambda: (s.sendall(bytes(size)), s.shutdown(socket.SHUT_WR))).start()
got = 0
while chunk := s.recv(65536): got += len(chunk)
assert got == size, got
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
"""

# One datagram of each size without DF; compares the echo.
WITHOUT_DF = """
import os, socket, sys
here, there, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never
s.bind((here, 0))
s.connect((there, port))
for size in map(int, sys.argv[4:]):
    data = os.urandom(size)
    for timeout in (1, 2, 4):
        s.settimeout(timeout)
        s.send(data)
        try:
            if s.recv(1 << 16) == data: break
        except TimeoutError: pass
    else: sys.exit("no good echo of %d bytes" % size)
"""

# Fragments of outer packets: before the kernel puts them together.
FRAGMENTS = """
table inet outer {
  counter fragments { }
  chain in {
    type filter hook prerouting priority -500;
    ip frag-off & 0x3fff != 0 counter name fragments
    exthdr frag exists counter name fragments
  }
}
"""


class Chain:
    # Left and right node, their devices, their addresses; in the order of the path.
    LINKS = (
        ("h", "h0", "10.1.0.2/24", "fd00:a::2/64", "a", "ah", "10.1.0.1/24", "fd00:a::1/64"),
        ("a", "ar", "192.0.2.1/24", "2001:db8:1::1/64", "r", "ra", "192.0.2.254/24", "2001:db8:1::ff/64"),
        ("r", "rs", "198.18.1.1/24", "2001:db8:2::1/64", "s", "sr", "198.18.1.2/24", "2001:db8:2::2/64"),
        ("s", "st", "198.18.2.1/24", "2001:db8:3::1/64", "t", "ts", "198.18.2.2/24", "2001:db8:3::2/64"),
        ("t", "tb", "203.0.113.254/24", "2001:db8:4::ff/64", "b", "bt", "203.0.113.1/24", "2001:db8:4::1/64"),
        ("b", "bk", "10.2.0.1/24", "fd00:b::1/64", "k", "k0", "10.2.0.2/24", "fd00:b::2/64"),
    )
    # Default routes: hosts and gateways; r and t send what they do not know to s, s towards b only what is there.
    ROUTES = (
        ("h", "default", "10.1.0.1", "fd00:a::1"), ("k", "default", "10.2.0.1", "fd00:b::1"),
        ("a", "default", "192.0.2.254", "2001:db8:1::ff"), ("b", "default", "203.0.113.254", "2001:db8:4::ff"),
        ("r", "default", "198.18.1.2", "2001:db8:2::2"), ("t", "default", "198.18.2.1", "2001:db8:3::1"),
        ("s", ("192.0.2.0/24", "2001:db8:1::/64"), "198.18.1.1", "2001:db8:2::1"),
        ("s", ("203.0.113.0/24", "2001:db8:4::/64"), "198.18.2.2", "2001:db8:3::2"),
    )

    def __init__(self, lab):
        self.lab = lab
        for x, xdev, x4, x6, y, ydev, y4, y6 in self.LINKS:
            lab.link(x, xdev, [x4, x6], y, ydev, [y4, y6])
            for end, dev in ((x, xdev), (y, ydev)):
                # Routers ask for their neighbours from a link-local address.
                lab.node(end).ip("addr", "add", "fe80::%s/64" % ("1" if end == x else "2"), "dev", dev, "nodad")
        for node, to, via4, via6 in self.ROUTES:
            four, six = (to, to) if isinstance(to, str) else to
            lab.node(node).ip("route", "add", four, "via", via4)
            lab.node(node).ip("-6", "route", "add", six, "via", via6)
        for node in "arstb":
            lab.node(node).sh("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        lab.node("s").ip("link", "set", "st", "mtu", NARROW)
        lab.node("t").ip("link", "set", "ts", "mtu", NARROW)

    def gateways(self, family, encap):
        out = []
        for me, peer, mine, theirs in (("a", "b", "10.1.0.0/24 fd00:a::/64", "10.2.0.0/24 fd00:b::/64"),
                                       ("b", "a", "10.2.0.0/24 fd00:b::/64", "10.1.0.0/24 fd00:a::/64")):
            site = Site(me + ".test", peer + ".test", OUTER[me][family], OUTER[peer][family], local_ts=mine.split(),
                        remote_ts=theirs.split(), ike="aes256gcm16-prfsha256-x25519", esp="aes256gcm16",
                        conn_keys="encap = %s;" % ("true" if encap else "false"))
            out.append(Tunike(self.lab.node(me)).configure(site))
        return out


def fits(path, family, encap):
    """The largest inner packet: RFC 4303 section 2."""
    room = path - (40 if family == 6 else 20) - (UDP if encap else 0) - ESP_HEAD - ICV
    return (room & ~3) - TRAILER


def serve(node, *addresses):
    server = node.spawn("echo", "python3", TRAFFIC, "serve", PORT, *addresses)
    until(20, lambda: "no traffic server: " + server.output(), lambda: "ready" in server.output())


def told(node, source, target, size):
    """The MTU that a packet which is too large is refused with; None: it was not refused."""
    payload = size - (48 if ":" in target else 28)
    done = node.sh("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", payload, "-I", source, target, check=False)
    found = re.search(r"mtu ?= ?(\d+)", done.stdout + done.stderr)
    expect(done.returncode != 0 or not found, "answered and refused: " + done.stdout)
    return int(found[1]) if found else None


def connection(node, here, there, most, family):
    """A TCP exchange; its segments fill the packets that fit, with up to 20 bytes of options."""
    mss = int(node.sh("python3", "-c", TCP, here, there, PORT, 1 << 20, timeout=90).stdout)
    head = 60 if family == 6 else 40
    expect(most - head - 20 <= mss <= most - head, "segments of %d bytes where packets of %d fit" % (mss, most))


def fragments(node):
    found = re.search(r"packets (\d+)", node.sh("nft", "list", "counter", "inet", "outer", "fragments").stdout)
    return int(found[1])


def without_df(lab, gateway):
    """What may be fragmented is, before it is encrypted: RFC 4301 section 8.1."""
    h, r = lab.node("h"), lab.node("r")
    here, there = INNER["h"][4], INNER["k"][4]
    r.nft(FRAGMENTS)
    for node in (h, lab.node("k")):
        node.ip("route", "flush", "cache")
    before = gateway.worker_sum("cut")
    h.sh("python3", "-c", WITHOUT_DF, here, there, PORT, 1100, 1250, 1372, 2000, 9000, 60000, timeout=90)
    cut = gateway.worker_sum("cut") - before
    expect(cut > 40, "%d packets were cut" % cut)
    expect(fragments(r) == 0, "%d fragments of outer packets" % fragments(r))


def path(family, encap):
    with Lab() as lab:
        chain = Chain(lab)
        h, k = lab.node("h"), lab.node("k")
        a, b = chain.gateways(family, encap)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        for gateway in (a, b):
            expect(gateway.child()["path_mtu"] == 1500, "status: path_mtu is %r" % gateway.child()["path_mtu"])
        serve(h, INNER["h"][4], INNER["h"][6])
        serve(k, INNER["k"][4], INNER["k"][6])
        most = {4: fits(NARROW, family, encap)}
        # IPv6 has no smaller packets than 1280: those that do not fit go in two.
        most[6] = max(most[4], 1280)
        # Nobody knows of the narrow link yet: what the first connection sends is lost, and sent again smaller.
        for inner in (4, 6):
            connection(h, INNER["h"][inner], INNER["k"][inner], most[inner], inner)
            connection(k, INNER["k"][inner], INNER["h"][inner], most[inner], inner)
        for gateway in (a, b):
            expect(gateway.child()["path_mtu"] == NARROW, "status: path_mtu is %r: %s" % (
                gateway.child()["path_mtu"], gateway.log()[-600:]))
            expect("packets of %d bytes" % NARROW in gateway.cli("status").stdout, "status does not show the path's MTU")
        for node, me, other in ((h, "h", "k"), (k, "k", "h")):
            for inner in (4, 6):
                here, there = INNER[me][inner], INNER[other][inner]
                node.ip("-%d" % inner, "route", "flush", "cache")
                refused = told(node, here, there, 1400)
                expect(refused == most[inner], "a sender is told %r, not %d" % (refused, most[inner]))
                node.ip("-%d" % inner, "route", "flush", "cache")
                done = ping(node, here, there, most[inner])
                expect(done.returncode == 0, "a packet of %d bytes is not answered" % most[inner])
                refused = told(node, here, there, most[inner] + 1)
                expect(refused == most[inner], "one byte more: told %r, not %d" % (refused, most[inner]))
                node.sh("python3", TRAFFIC, "udp", here, there, PORT, 1, 1000, 1200, 1400, 3000, timeout=60)
        without_df(lab, a)
        a.down()
        for gateway in (a, b):
            gateway.wait_down()
            gateway.stop()


def cases():
    for family in (4, 6):
        for encap in (True, False):
            yield ("path MTU over hops ipv%d%s" % (family, "" if encap else " plain"),
                   lambda f=family, e=encap: path(f, e))
