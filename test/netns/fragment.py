"""Long IKE messages in fragments (RFC 7383), on paths that drop IP fragments or large packets; tunike and strongSwan."""
import ipaddress
import struct

from lab import Lab, Net, Skipped, expect, until
import matrix
from peers import StrongSwan, Tunike, available

IKE, ESP = "aes256gcm16-prfsha384-ecp384", "aes256gcm16"
SELECTORS = 28  # a side: IKE_AUTH has some 2500 bytes of them over IPv6

# No IP fragment and no packet above a size passes towards b or a.
WALL = """
table inet wall {
  counter fragments { }
  counter large { }
  chain in {
    type filter hook prerouting priority -450;
    iifname "%(dev)s" ip frag-off & 0x3fff != 0 counter name fragments drop
    iifname "%(dev)s" exthdr frag exists counter name fragments drop
    iifname "%(dev)s" udp dport { 500, 4500 } meta length > %(size)d counter name large drop
  }
}
"""


class Capture:
    """What a node sees of UDP ports 500 and 4500, by tcpdump into a file."""

    def __init__(self, node, dev):
        self.file = node.dir / "wire.pcap"
        self.process = node.spawn("tcpdump", "tcpdump", "-n", "-U", "--immediate-mode", "-i", dev, "-w", self.file, "-s", "0",
                                  "udp port 500 or udp port 4500 or (ip[6:2] & 0x3fff != 0) or ip6[6] == 44")
        until(20, lambda: "tcpdump does not start: " + self.process.output(),
              lambda: "listening on" in self.process.output())

    def until(self, what, enough):
        """What messages() says once it is enough: what was sent may not be in the file yet."""
        until(20, lambda: "%s: %r" % (what, self.messages()), lambda: enough(*self.messages()))
        return self.messages()

    def messages(self):
        """The IKE messages: source, bytes of the IP packet, exchange, (number, total) of SKF or None; IP fragments."""
        data, found, split = self.file.read_bytes(), [], 0
        order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
        at = 24
        while at + 16 <= len(data):
            size = struct.unpack_from(order + "I", data, at + 8)[0]
            packet, at = data[at + 16 + 14:at + 16 + size], at + 16 + size
            if len(packet) < 48:
                continue
            six = packet[0] >> 4 == 6
            if packet[6] == 44 if six else struct.unpack_from(">H", packet, 6)[0] & 0x3fff:
                split += 1
                continue
            head = 40 if six else (packet[0] & 15) * 4
            source = str(ipaddress.ip_address(packet[8:24] if six else packet[12:16]))
            ports, body = struct.unpack_from(">HH", packet, head), packet[head + 8:]
            if 4500 in ports:
                if body[:4] != b"\0\0\0\0":
                    continue  # ESP, keepalive
                body = body[4:]
            if len(body) < 36:
                continue
            skf = struct.unpack_from(">HH", body, 32) if body[16] == 53 else None
            found.append((source, len(packet), body[18], skf))
        return found, split


def selectors(letter):
    """Enough to make IKE_AUTH long, and the addresses that the test's traffic has."""
    side = "a" if letter == "a" else "b"
    return [Net.INNER[letter][4] + "/32", Net.INNER[letter][6] + "/128"] + [
        "fd00:%s:%x::/64" % (side * 2, 2 * i) for i in range(SELECTORS - 2)]


def ends(role, net, top="", conn="", family=4):
    # strongSwan wants an address of its own in each selector.
    for node, side in ((net.a, "aa"), (net.b, "bb")):
        for i in range(SELECTORS - 2):
            node.ip("addr", "add", "fd00:%s:%x::1/128" % (side, 2 * i), "dev", "lo", "nodad")
    a, b = matrix.sites(net, family, ike=IKE, esp=ESP)
    for site, own, other in ((a, "a", "b"), (b, "b", "a")):
        site.local_ts, site.remote_ts = selectors(own), selectors(other)
    makes = matrix.ROLES[role]
    for make, site in zip(makes, (a, b)):
        if make is Tunike:
            site.top_keys, site.conn_keys = top, conn
    made = [make(node).configure(site) for make, node, site in zip(makes, (net.a, net.b), (a, b))]
    for end in made:
        if isinstance(end, StrongSwan):
            size = end.conf.read_text().replace("charon {", "charon {\n              fragment_size = 600", 1)
            end.conf.write_text(size)
            text = end.swanctl_conf.read_text().replace("version = 2", "version = 2\n              fragmentation = force", 1)
            end.swanctl_conf.write_text(text)
    return made


def drops(node):
    text = node.sh("nft", "list", "counters", "table", "inet", "wall").stdout
    return [int(line.split()[1]) for line in text.splitlines() if "packets" in line]


def wall(net, size):
    for node, dev in ((net.a, "a0"), (net.b, "b0")):
        node.nft(WALL % {"dev": dev, "size": size})


def pieces(role, size, family):
    """Both messages of IKE_AUTH go in pieces; the walls let no IP fragment pass, and there is none."""
    if "strongswan" in role and not available():
        raise Skipped("no charon")
    with Lab() as lab:
        net = Net(lab)
        a, b = ends(role, net, top="fragment_size = %d;" % size, family=family)
        wall(net, 1500)
        wire = Capture(net.b, "b0")
        b.start()
        a.start()
        a.up()
        b.wait_up()
        both = (net.outer["a"][family], net.outer["b"][family])
        messages, split = wire.until("not both messages of IKE_AUTH are in SKF", lambda found, _: all(
            any(m[0] == source and m[2] == 35 and m[3] and m[3][0] == m[3][1] for m in found) for source in both))
        expect(split == 0, "%d IP fragments on the wire" % split)
        expect(drops(net.a) == [0, 0] and drops(net.b) == [0, 0], "the walls dropped: %r %r" % (drops(net.a), drops(net.b)))
        for source, name in zip(both, ("request", "response")):
            seen = [m for m in messages if m[0] == source and m[2] == 35]
            totals = {m[3][1] for m in seen if m[3]}
            expect(seen and all(m[3] for m in seen), "IKE_AUTH %s: not all in SKF: %r" % (name, seen))
            total = max(totals)
            expect(total >= 2 and {m[3][0] for m in seen} == set(range(1, total + 1)), "IKE_AUTH %s: %r" % (name, seen))
            expect(max(m[1] for m in seen) <= max(size, 600), "IKE_AUTH %s: larger than asked for: %r" % (name, seen))
        expect(not any(m[3] for m in messages if m[2] == 34), "IKE_SA_INIT in SKF: %r" % messages)
        for end in (a, b):
            if isinstance(end, Tunike):
                sa = end.ike_sas()[0]
                expect("fragmentation" in sa["extensions"], "status: extensions are %r" % sa["extensions"])
                expect("in force:  fragmentation" in end.cli("status").stdout, "status does not name it")
                expect(len(end.child()["local_ts"]) == SELECTORS, "selectors: %r" % end.child()["local_ts"])
                ike = end.status()["ike"]
                expect(ike["fragments_in"] >= 2 and ike["fragments_out"] >= 2, "counters: %r" % ike)
        expect(matrix.ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 100).returncode == 0, "ping is not answered")
        a.down()
        for end in (a, b):
            end.wait_down()
            end.stop()


def small_path(role):
    """Packets above 600 bytes are lost both ways, without a word: smaller fragments get through."""
    with Lab() as lab:
        net = Net(lab)
        a, b = ends(role, net)
        wall(net, 600)
        wire = Capture(net.b, "b0")
        b.start()
        a.start()
        a.up(seconds=60)
        b.wait_up()
        messages, split = wire.until("no small fragments", lambda found, _: any(m[3] and m[1] <= 600 for m in found))
        expect(split == 0, "%d IP fragments on the wire" % split)
        expect(drops(net.b)[1] > 0, "nothing was lost: the case proves nothing")
        sizes = [m[1] for m in messages if m[0] == net.outer["a"][4] and m[3]]
        expect(max(sizes) > 600 >= min(sizes), "sizes of the request's fragments: %r" % sizes)
        expect("fragments for packets of 576 bytes" in a.log(), "no line of it in the log: " + a.log()[-900:])
        expect(matrix.ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 100).returncode == 0, "ping is not answered")
        a.down()
        a.stop()
        b.stop()


def without(role):
    """Told not to, neither end has it in force; the long message goes whole, and IP cuts it."""
    with Lab() as lab:
        net = Net(lab)
        a, b = ends(role, net, conn='fragmentation = "no";')
        wire = Capture(net.b, "b0")
        b.start()
        a.start()
        a.up()
        b.wait_up()
        messages, _ = wire.until("the message is not long enough: no IP fragments", lambda _, split: split > 0)
        expect(not any(m[3] for m in messages), "SKF on the wire: %r" % messages)
        for end in (a, b):
            extensions = end.ike_sas()[0]["extensions"]
            expect("fragmentation" not in extensions, "status: extensions are %r" % extensions)
        a.down()
        a.stop()
        b.stop()


def cases():
    for role in matrix.ROLES:
        for family, size in ((4, 600), (4, 1280), (6, 1280)):
            yield ("fragment %s ipv%d pieces %d" % (role, family, size),
                   lambda role=role, family=family, size=size: pieces(role, size, family))
    yield "fragment tunike-tunike small path", lambda: small_path("tunike-tunike")
    yield "fragment tunike-tunike without", lambda: without("tunike-tunike")
