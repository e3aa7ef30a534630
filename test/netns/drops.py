"""Packets that must not pass: replayed, forged, out of selector, garbled. Each is dropped, counted under
its own name, seen in `status`, and changes nothing else."""
import contextlib
import ctypes
import hashlib
import hmac
import os
import socket
import struct

from lab import Lab, Net, expect, until
import matrix
from matrix import ping
from peers import Tunike

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def inside(node):
    """This thread, in the node's network namespace: sockets made here stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + node.ns, os.O_RDONLY)
    try:
        expect(libc.setns(there, CLONE_NEWNET) == 0, "setns: " + os.strerror(ctypes.get_errno()))
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


class Wire:
    """Frames on a device of a node: seen, and sent again."""

    def __init__(self, node, dev):
        with inside(node):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            self.sock.bind((dev, 0))
            self.sock.settimeout(5)

    def esp(self, outgoing=True):
        """The next ESP-in-UDP frame."""
        while True:
            frame, where = self.sock.recvfrom(1 << 16)
            if where[2] == socket.PACKET_OUTGOING and outgoing and len(frame) > 42 + 8 and frame[23] == 17 \
                    and frame[36:38] == b"\x11\x94" and frame[42:46] != bytes(4):
                return frame

    def send(self, frame):
        self.sock.send(frame)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data[: len(data) & ~1]))
    if len(data) & 1:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def in_udp(frame, payload):
    """`frame` with another UDP payload; UDP over IPv4 needs no checksum."""
    ip = bytearray(frame[14:34])
    ip[2:4] = struct.pack("!H", 28 + len(payload))
    ip[10:12] = bytes(2)
    ip[10:12] = struct.pack("!H", checksum(bytes(ip)))
    return frame[:14] + bytes(ip) + frame[34:38] + struct.pack("!HH", 8 + len(payload), 0) + payload


def tunnel(lab, **both):
    net = Net(lab)
    site_a, site_b = matrix.sites(net, 4, **both)
    b = Tunike(net.b).configure(site_b).start()
    a = Tunike(net.a).configure(site_a).start()
    a.up()
    return net, a, b


def one_ping(net):
    done = ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 84)
    expect(done.returncode == 0, "ping is not answered: " + done.stdout + done.stderr)


def counted(tunike, name, at_least, where="child"):
    def value():
        return tunike.child()["drops"][name] if where == "child" else tunike.status()["drops"].get(name, 0)
    until(5, lambda: "drops.%s is %d, not %d" % (name, value(), at_least), lambda: value() >= at_least)


def passed(tunike):
    return tunike.child()["packets_in"]


def replayed():
    with Lab() as lab:
        net, a, b = tunnel(lab)
        wire = Wire(net.a, "a0")
        one_ping(net)
        frame = wire.esp()
        before = passed(b)
        for _ in range(7):
            wire.send(in_udp(frame, frame[42:]))  # the captured checksum was left to the device
        counted(b, "replay", 7)
        expect(passed(b) == before, "a replayed packet passed")
        one_ping(net)


def forged():
    with Lab() as lab:
        net, a, b = tunnel(lab)
        wire = Wire(net.a, "a0")
        one_ping(net)
        frame = wire.esp()
        before = passed(b)
        spi, seq = struct.unpack("!II", frame[42:50])
        for ahead in range(1, 6):
            wire.send(in_udp(frame, struct.pack("!II", spi, seq + 1000 * ahead) + frame[50:]))
        damaged = bytearray(frame)
        damaged[-1] ^= 1
        wire.send(in_udp(frame, struct.pack("!II", spi, seq + 1) + bytes(damaged[50:])))
        counted(b, "auth", 6)
        expect(passed(b) == before, "a forged packet passed")
        one_ping(net)  # a forged sequence number has not moved the window
        expect(b.child()["drops"]["replay"] == 0, "a forged sequence number moved the window")


def unknown_spi_and_runts():
    with Lab() as lab:
        net, a, b = tunnel(lab)
        wire = Wire(net.a, "a0")
        one_ping(net)
        frame = wire.esp()
        spi = struct.unpack("!I", frame[42:46])[0]
        for bit in range(0, 32, 4):
            wire.send(in_udp(frame, struct.pack("!I", spi ^ (1 << bit) or 1) + frame[46:]))
        counted(b, "no-sa", 8, where="daemon")
        for size in (0, 1, 3, 4, 7, 8, 12, 20):
            wire.send(in_udp(frame, frame[42:42 + size]))
        one_ping(net)


# REQ("3948-3.1.1-1")
def out_of_selector():
    """With NULL encryption and the integrity key from the key log, a packet that verifies and lies inside."""
    with Lab() as lab:
        net = Net(lab)
        keys = net.b.dir / "keys"
        keys.mkdir(mode=0o700)
        site_a, site_b = matrix.sites(net, 4, esp="null-sha256-noesn")
        site_b.top_keys = 'keylog = "%s";' % keys
        b = Tunike(net.b).configure(site_b).start()
        a = Tunike(net.a).configure(site_a).start()
        a.up()
        wire = Wire(net.a, "a0")
        one_ping(net)
        frame = wire.esp()
        spi, seq = struct.unpack("!II", frame[42:50])
        row = [line for line in (keys / "esp_sa").read_text().splitlines() if "%08x" % spi in line.lower()]
        expect(row, "the key log has no SA %08x" % spi)
        key = bytes.fromhex([field.strip('"')[2:] for field in row[-1].split(",") if field.startswith('"0x')][-1])
        good = frame[42:-16]
        expect(hmac.new(key, good, hashlib.sha256).digest()[:16] == frame[-16:], "the key log's key does not verify the packet")
        before = passed(b)
        inner = bytearray(good[8:])
        inner[12:16] = socket.inet_aton("10.99.0.1")  # the source
        inner[10:12] = bytes(2)
        inner[10:12] = struct.pack("!H", checksum(bytes(inner[:20])))
        for ahead in (1, 2, 3):
            esp = struct.pack("!II", spi, seq + ahead) + bytes(inner)
            wire.send(in_udp(frame, esp + hmac.new(key, esp, hashlib.sha256).digest()[:16]))
        counted(b, "selector", 3)
        expect(passed(b) == before, "a packet out of the selectors passed")


def garbled_ike():
    """Noise, cut and changed IKE messages on both ports change no SA."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        sa = b.ike_sas()[0]
        header = bytes.fromhex(sa["spi_i"]) + bytes.fromhex(sa["spi_r"])
        with inside(net.a):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port, marker in ((500, b""), (4500, bytes(4))):
            for size in (0, 1, 4, 27, 28, 64, 1400):
                sock.sendto(marker + os.urandom(size), ("192.0.2.2", port))
            for exchange in range(34, 38):  # a header that fits, a body that does not verify
                for number in (0, 1, 2, 100):
                    body = os.urandom(72)
                    sock.sendto(marker + header + struct.pack("!BBBBII", 46, 0x20, exchange, 0x08, number, 28 + 4 + len(body))
                                + struct.pack("!BBH", 0, 0, 4 + len(body)) + body, ("192.0.2.2", port))
        one_ping(net)
        now = b.ike_sas()
        expect(len(now) == 1 and now[0]["id"] == sa["id"] and now[0]["state"] == "established", "the IKE SA changed: %r" % now)
        a.down()
        b.wait_down()


def without_policy():
    """What the routes send into the device and no selector covers."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        net.a.ip("addr", "add", "10.77.0.1/32", "dev", "lo")
        ping(net.a, "10.77.0.1", net.INNER["b"][4], 84)
        counted(a, "no-policy", 1, where="daemon")


def cases():
    yield "replayed packets are dropped and counted", replayed
    yield "forged packets are dropped and counted", forged
    yield "unknown SPIs and runts are dropped and counted", unknown_spi_and_runts
    yield "packets out of the selectors are dropped and counted", out_of_selector
    yield "garbled IKE changes nothing", garbled_ike
    yield "packets without a policy are dropped and counted", without_policy
