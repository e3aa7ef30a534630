"""The host behind the scripted peer: it answers echo requests, echoes UDP datagrams and TCP connections, and asks all
three of the other side. Packets are scapy's; every one that comes in is built anew by scapy and compared.
"""
import random

from scapy.compat import raw
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from ike import need

MSS = 1000


def data_of(packet):
    return bytes(packet.payload) if packet.payload else b""


def whole(packet, source, target):
    """Checks the packet's bytes: with its lengths and checksums computed again by scapy, between the addresses that its
    sender computed them for, it is the same."""
    again = packet.copy()
    again.src, again.dst = source, target
    for layer, fields in ((IP, ("len", "chksum")), (IPv6, ("plen",)), (UDP, ("len", "chksum")), (TCP, ("chksum",)),
                          (ICMP, ("chksum",)), (ICMPv6EchoRequest, ("cksum",)), (ICMPv6EchoReply, ("cksum",))):
        if again.haslayer(layer):
            for field in fields:
                again[layer].delfieldval(field)
    head = 40 if packet.version == 6 else 20
    built = raw(again)
    # The header's own checksum belongs to the addresses it arrived with.
    need(built[head:] == raw(packet)[head:], "not as scapy builds it:\n%s\n%s" % (raw(packet)[head:].hex(), built[head:].hex()))
    if (packet.src, packet.dst) == (source, target):
        need(built == raw(packet), "the IP header is not as scapy builds it:\n%s\n%s" % (raw(packet).hex(), built.hex()))


class Connection:
    """A TCP connection that loses nothing but by accident: what is not acknowledged is sent again by tick()."""

    def __init__(self, local, remote, client_data=None):
        self.local, self.remote, self.client_data = local, remote, client_data
        self.next, self.expects = random.getrandbits(32), None
        self.received, self.unacknowledged, self.closed, self.acknowledged = bytearray(), [], False, False

    def _segment(self, flags, data=b"", options=()):
        tcp = TCP(sport=self.local, dport=self.remote, seq=self.next, ack=self.expects or 0, flags=flags, window=65000,
                  options=list(options))
        segment = tcp / Raw(data) if data else tcp
        self.next = (self.next + len(data) + ("S" in flags) + ("F" in flags)) & 0xffffffff
        if data or "S" in flags or "F" in flags:
            self.unacknowledged.append((self.next, segment))
        return segment

    def open(self):
        return [self._segment("S", options=[("MSS", MSS)])]

    def _all(self, data):
        parts = [data[i:i + MSS] for i in range(0, len(data), MSS)]
        return [self._segment("PA", part) for part in parts] + [self._segment("FA")]

    def take(self, tcp):
        if "R" in tcp.flags:
            # What was sent again, and came after the end, is answered so.
            need(self.done(), "the connection is reset")
            return []
        data = data_of(tcp)
        if "A" in tcp.flags:
            self.unacknowledged = [(end, s) for end, s in self.unacknowledged if (end - tcp.ack) & 0xffffffff < 1 << 31
                                   and end != tcp.ack]
        if "S" in tcp.flags:
            if self.expects is not None:
                return self.tick()
            self.expects = (tcp.seq + 1) & 0xffffffff
            return self._all(self.client_data) if "A" in tcp.flags else [self._segment("SA", options=[("MSS", MSS)])]
        out = []
        if tcp.seq == self.expects and not self.closed:
            self.received += data
            self.closed = "F" in tcp.flags
            self.expects = (self.expects + len(data) + self.closed) & 0xffffffff
            if self.closed and self.client_data is None:
                out = self._all(bytes(self.received))
        if data or "F" in tcp.flags:
            out.insert(0, TCP(sport=self.local, dport=self.remote, seq=self.next if not out else out[0].seq,
                              ack=self.expects, flags="A", window=65000))
        return out

    def tick(self):
        return [segment for _, segment in self.unacknowledged]

    def done(self):
        return self.closed and not self.unacknowledged


class Host:
    def __init__(self, local, remote, port):
        self.local, self.remote, self.port = local, remote, port
        self.six = ":" in local
        self.seen = {"icmp": 0, "udp": 0, "tcp": 0}
        self.pongs, self.datagrams, self.connections = {}, [], {}

    def packet(self, inner):
        return (IPv6(src=self.local, dst=self.remote) if self.six else IP(src=self.local, dst=self.remote)) / inner

    # ---- What it asks: each returns the packet, or packets, to send.

    def ping(self, number, size):
        data = bytes(i & 0xff for i in range(size))
        echo = (ICMPv6EchoRequest if self.six else ICMP)(id=77, seq=number)
        if self.six:
            echo.data = data
            return self.packet(echo)
        return self.packet(echo / Raw(data) if data else echo)

    def datagram(self, data):
        return self.packet(UDP(sport=40000, dport=self.port) / Raw(data))

    def connect(self, data):
        connection = Connection(40000 + random.randrange(20000), self.port, data)
        self.connections[connection.local, connection.remote] = connection
        return connection, [self.packet(s) for s in connection.open()]

    def tick(self):
        return [self.packet(s) for c in self.connections.values() for s in c.tick()]

    # ---- What it answers.

    def take(self, packet):
        """A packet to this host; its answers."""
        for layer, answer in ((ICMP, self._icmp), (ICMPv6EchoRequest, self._icmp6_request), (ICMPv6EchoReply, self._icmp6_reply),
                              (UDP, self._udp), (TCP, self._tcp)):
            if packet.haslayer(layer):
                return [self.packet(inner) for inner in answer(packet[layer])]
        need(False, "a packet that nobody sent: %s" % packet.summary())
        return []

    def _icmp(self, icmp):
        self.seen["icmp"] += 1
        need(icmp.type in (0, 8), "ICMP type %d" % icmp.type)
        if icmp.type == 0:
            self.pongs[icmp.seq] = data_of(icmp)
            return []
        reply = ICMP(type=0, id=icmp.id, seq=icmp.seq)
        return [reply / Raw(data_of(icmp)) if data_of(icmp) else reply]

    def _icmp6_request(self, echo):
        self.seen["icmp"] += 1
        return [ICMPv6EchoReply(id=echo.id, seq=echo.seq, data=echo.data)]

    def _icmp6_reply(self, echo):
        self.seen["icmp"] += 1
        self.pongs[echo.seq] = bytes(echo.data)
        return []

    def _udp(self, udp):
        self.seen["udp"] += 1
        if udp.dport == self.port:
            return [UDP(sport=udp.dport, dport=udp.sport) / Raw(data_of(udp))]
        self.datagrams.append(data_of(udp))
        return []

    def _tcp(self, tcp):
        self.seen["tcp"] += 1
        key = (tcp.dport, tcp.sport)
        if key not in self.connections:
            if tcp.dport != self.port or "S" not in tcp.flags:
                return []
            self.connections[key] = Connection(*key)
        return self.connections[key].take(tcp)
