"""Both roles, with tunike and with strongSwan at the other end: every suite, family and path carries
ping, TCP and UDP of all sizes up to the MTU, inside over IPv4 and over IPv6."""
from lab import HERE, Lab, Net, Skipped, expect, until
import peers
from peers import Site, StrongSwan, Tunike

# IKE proposal, ESP proposal
SUITES = (
    ("aes256gcm16-prfsha384-ecp384", "aes256gcm16"),
    ("aes128-sha256-modp2048", "aes128-sha256"),
    ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305"),
)
ROLES = {  # who is a, the initiator, and who is b
    "tunike-tunike": (Tunike, Tunike),
    "tunike-strongswan": (Tunike, StrongSwan),
    "strongswan-tunike": (StrongSwan, Tunike),
}
PORT = 7000
TRAFFIC = HERE / "traffic.py"


def sites(net, family, **both):
    """What a and b configure, in agreement."""
    a = Site("a.test", "b.test", net.outer["a"][family], net.outer["b"][family],
             local_ts=selectors(net, "a"), remote_ts=selectors(net, "b"), **both)
    b = Site("b.test", "a.test", net.outer["b"][family], "%any" if net.nat else net.outer["a"][family],
             local_ts=selectors(net, "b"), remote_ts=selectors(net, "a"), **both)
    return a, b


def selectors(net, letter):
    return [net.INNER[letter][4] + "/32", net.INNER[letter][6] + "/128"]


def ping(node, source, target, total, *options):
    """One echo request of `total` bytes with its IP header, never fragmented."""
    payload = total - (48 if ":" in target else 28)
    return node.sh("ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", payload, "-I", source, *options, target,
                   check=False)


def echo_server(net, letter):
    """The node's traffic server, started when it is first wanted."""
    node = net.lab.node(letter)
    if not hasattr(node, "echo"):
        node.echo = node.spawn("echo", "python3", TRAFFIC, "serve", PORT, net.INNER[letter][4], net.INNER[letter][6])
    return node.echo


def carries(net, mtu, tcp_bytes=1 << 20, families=(4, 6), tries=1):
    """Ping of every size class, TCP and UDP both ways."""
    ends = {"a": net.a, "b": net.b}
    servers = [echo_server(net, letter) for letter in ends]
    for family in families:
        here, there = net.INNER["a"][family], net.INNER["b"][family]
        low = 48 if family == 6 else 28
        for total in (low, 84, 576, 1000, 1280, mtu - 1, mtu):
            for _ in range(tries):
                done = ping(net.a, here, there, total)
                if done.returncode == 0:
                    break
            expect(done.returncode == 0, "ping of %d bytes, IPv%d, is not answered: %s" % (
                total, family, (done.stdout + done.stderr).strip()[-300:]))
    for server in servers:
        until(20, lambda: "no traffic server: " + server.output(), lambda: "ready" in server.output())
    for source, target in (("a", "b"), ("b", "a")):
        for family in families:
            here, there = net.INNER[source][family], net.INNER[target][family]
            head = 48 if family == 6 else 28
            sizes = (1, 64, 512, 1000, mtu - head - 1, mtu - head, 3000)
            ends[source].sh("python3", TRAFFIC, "udp", here, there, PORT, *sizes, timeout=60)
            ends[source].sh("python3", TRAFFIC, "tcp", here, there, PORT, tcp_bytes, timeout=90)


def secured(tunike, ike, esp, nat_local, nat_remote, role):
    """What `tunike status --json` must say of a tunnel that carried all that."""
    status = tunike.status()
    expect(len(status["ike_sas"]) == 1, "one IKE SA expected: %r" % status["ike_sas"])
    sa, child = status["ike_sas"][0], tunike.child()
    for key, value in (("state", "established"), ("version", 2), ("role", role), ("remote_auth", "psk"),
                       ("transport", "udp"), ("name", "site")):
        expect(sa[key] == value, "status: %s is %r, not %r" % (key, sa[key], value))
    # encap = true announces a NAT that is not there: only "there is one" can be held against the truth.
    expect(sa["nat_local"] or not nat_local, "status: nat_local is false behind a NAT")
    expect(sa["nat_remote"] or not nat_remote, "status: nat_remote is false before a NAT")
    for key, value in (("state", "installed"), ("mode", "tunnel"), ("encap", True), ("name", "net")):
        expect(child[key] == value, "status: child's %s is %r, not %r" % (key, child[key], value))
    for key in ("bytes_in", "bytes_out", "packets_in", "packets_out"):
        expect(child[key] > 0, "status: %s is %r" % (key, child[key]))
    expect(not any(child["drops"].values()), "status: drops on a clean path: %r" % child["drops"])
    expect(len(sa["spi_i"]) == 16 and len(child["spi_in"]) == 8, "status: SPIs are not of 16 and 8 digits")
    for word, text in ((ike, sa["suite"]), (esp, child["suite"])):
        first = word.split("-")[0]
        name = {"aes256gcm16": "AES_GCM_16_256", "aes128": "AES_CBC_128", "chacha20poly1305": "CHACHA20_POLY1305"}[first]
        expect(name in text, "status: suite %r is not %s" % (text, word))


# REQ("3948-1-2")
def cell(role, suite, family, nat):
    ike, esp = suite
    with Lab() as lab:
        net = Net(lab, nat)
        site_a, site_b = sites(net, family, ike=ike, esp=esp)
        make_a, make_b = ROLES[role]
        a, b = make_a(net.a).configure(site_a), make_b(net.b).configure(site_b)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        mtu = min(a.mtu(), b.mtu())
        expect(1280 <= mtu <= 1500, "an MTU of %d" % mtu)
        carries(net, mtu)
        for peer, who in ((a, "initiator"), (b, "responder")):
            if isinstance(peer, Tunike):
                secured(peer, ike, esp, nat and peer is a, nat and peer is b, who)
        if isinstance(a, Tunike):
            done = ping(net.a, net.INNER["a"][4], net.INNER["b"][4], a.mtu() + 1)
            expect(done.returncode != 0, "a packet of more than the MTU with DF was answered")
        a.down()
        a.wait_down()
        b.wait_down()
        a.stop()
        b.stop()


def cases():
    for role in ROLES:
        for suite in SUITES:
            for family in (4, 6):
                for nat in (False, True):
                    name = "%s %s v%d %s" % (role, suite[0], family, "nat" if nat else "direct")

                    def run(role=role, suite=suite, family=family, nat=nat):
                        if "strongswan" in role and not peers.available():
                            raise Skipped("charon is not installed")
                        cell(role, suite, family, nat)
                    yield name, run
