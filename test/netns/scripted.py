"""A peer that shares no code with tunike (scripted_peer/, with scapy's ESP): what strongSwan's userspace ESP lacks.
Transport mode, with a NAT and without, in UDP and plain; GMAC, implicit IVs and NULL in tunnels, with extended sequence
numbers and without. Every packet that tunike sends is compared byte for byte with what scapy makes of it."""
import json
import signal
import subprocess

from lab import HERE, Lab, Net, Skipped, expect, until
from matrix import PORT, TRAFFIC, ping
from peers import PSK, Site, Tunike

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
NEEDED = "import cryptography, scapy.layers.ipsec"
IKE = "aes256gcm16-prfsha256-%s"
LARGEST = 1200  # bytes of data in a packet

# The kernel behind the script must answer nothing itself, and nothing may go beside ESP.
SILENT = """
table inet silent {
  chain in {
    type filter hook input priority 0; policy accept;
    iifname "lo" accept
    meta l4proto { icmp, tcp } drop
    icmpv6 type { echo-request, echo-reply } drop
    udp dport { 500, 4500 } accept
    meta l4proto udp drop
  }
}
"""
NO_PLAINTEXT = SILENT.replace('iifname "lo" accept', 'iifname { "lo", "tunike0" } accept')


class Scripted:
    """The peer in a node."""

    def __init__(self, node, **plan):
        self.node, self.plan = node, node.dir / "scripted.json"
        self.plan.write_text(json.dumps(plan))
        node.nft(SILENT)
        self.process = None

    def start(self):
        self.process = self.node.spawn("scripted", PYTHON, "-B", HERE / "scripted_peer", self.plan)
        self.wait("ready")

    def said(self):
        lines = [json.loads(line) for line in self.process.output().splitlines() if line.startswith("{")]
        return {line["is"]: line for line in lines}

    def wait(self, what, seconds=60):
        def there():
            said = self.said()
            expect("wrong" not in said, "the scripted peer says: %s" % said.get("wrong", {}).get("what"))
            expect(what in said or self.process.running(), "the scripted peer ended: " + self.process.output()[-1500:])
            return said.get(what)
        return until(seconds, lambda: "the scripted peer is not %s: %s" % (what, self.process.output()[-900:]), there)

    def end(self, terminate=False):
        """After the other side's Delete, or by its own."""
        if terminate:
            self.process.signal(signal.SIGTERM)
        done = self.wait("done")
        expect(self.process.wait(20) == 0, "the scripted peer's exit code")
        return done


def needs_scapy():
    if subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False, timeout=60).returncode:
        raise Skipped("python3-scapy or python3-cryptography is not installed")


def serve(node, address):
    server = node.spawn("echo", "python3", TRAFFIC, "serve", PORT, address)
    until(20, lambda: "no traffic server: " + server.output(), lambda: "ready" in server.output())


def bring_up(tunike, scripted, role):
    """role: the script's."""
    tunike.start()
    scripted.start()
    if role == "responder":
        tunike.up()
    said = scripted.wait("up")
    tunike.wait_up()
    return said


def both_ways(tunike, scripted, here, there):
    """What the script asks, then what tunike's host does."""
    asked = scripted.wait("asked")
    expect(all(asked[k] for k in ("icmp", "udp", "tcp")), "the script asked for too little: %r" % asked)
    for size in (*range(64, 69), 576, tunike.mtu()):
        done = ping(tunike.node, here, there, size)
        expect(done.returncode == 0, "ping of %d bytes is not answered: %s" % (size, scripted.process.output()[-900:]))
    head = 48 if ":" in here else 28
    tunike.node.sh("python3", TRAFFIC, "udp", here, there, PORT, 1, 2, 3, 4, 512, tunike.mtu() - head, timeout=60)
    tunike.node.sh("python3", TRAFFIC, "tcp", here, there, PORT, 30000, timeout=60)
    drops = {k: v for k, v in tunike.child()["drops"].items() if v}
    expect(not drops, "status: drops on a clean path: %r" % drops)


def transport(family, role, path):
    """path: "plain" (protocol 50), "udp" (no NAT, but announced), "nat" (before the initiator, whoever that is)."""
    needs_scapy()
    with Lab() as lab:
        net = Net(lab, path == "nat")
        initiator, responder = net.outer["a"][family], net.outer["b"][family]
        script_node, node = (net.a, net.b) if role == "initiator" else (net.b, net.a)
        mine, theirs = (responder, initiator) if role == "initiator" else (initiator, responder)
        seen = net.seen[family] if role == "initiator" else theirs  # the script, as tunike sees it
        group = "x25519" if role == "initiator" else "ecp256"
        site = Site("a.test", "b.test", mine, "%any" if role == "initiator" else theirs, local_ts=["dynamic"],
                    remote_ts=["dynamic"], ike=IKE % group, esp="aes256gcm16", top_keys="workers = 1;",
                    conn_keys="encap = %s;" % ("true" if path == "udp" and role == "responder" else "false"),
                    child_keys='mode = "transport";')
        tunike = Tunike(node).configure(site)
        node.nft(NO_PLAINTEXT)
        scripted = Scripted(script_node, role=role, local=theirs, remote=mine, me="b.test", peer="a.test", psk=PSK,
                            group=group, esp="aes256gcm16", esn=False, mode="transport", inner_local=theirs,
                            inner_remote=mine, encap=path == "udp" and role == "initiator", port=PORT, largest=LARGEST,
                            jump=False)
        serve(node, mine)
        said = bring_up(tunike, scripted, role)
        expect(said["encap"] == (path != "plain"), "the script says: %r" % said)
        if path == "nat":
            # The checksums that come are those for the addresses before the NAT (RFC 3948 section 3.1.2).
            view = [mine, seen] if role == "initiator" else [mine, theirs]
            expect(said["their_view"] == view, "the script says: %r, not %r" % (said, view))
        child = tunike.child()
        for key, value in (("mode", "transport"), ("encap", path != "plain")):
            expect(child[key] == value, "status: child's %s is %r, not %r" % (key, child[key], value))
        both_ways(tunike, scripted, mine, seen)
        if role == "initiator":
            scripted.end(terminate=True)
        else:
            tunike.down()
            scripted.end()
        tunike.wait_down()
        tunike.stop()


def tunnel(word, name, esn, role):
    """Extended sequence numbers go over protocol 50, the others in UDP."""
    needs_scapy()
    with Lab() as lab:
        net = Net(lab)
        mine, theirs = net.outer["a"][4], net.outer["b"][4]
        here, there = net.INNER["a"][4], net.INNER["b"][4]
        keyword = "%s-%s" % (word, "esn" if esn else "noesn")
        site = Site("a.test", "b.test", mine, theirs, local_ts=[here + "/32"], remote_ts=[there + "/32"],
                    ike=IKE % "x25519", esp=keyword, top_keys="workers = 1;", conn_keys="encap = %s;" % (
                        "true" if not esn and role == "responder" else "false"))
        tunike = Tunike(net.a).configure(site)
        scripted = Scripted(net.b, role=role, local=theirs, remote=mine, me="b.test", peer="a.test", psk=PSK, group="x25519",
                            esp=word, esn=esn, mode="tunnel", inner_local=there, inner_remote=here,
                            encap=not esn and role == "initiator", port=PORT, largest=LARGEST, jump=True)
        serve(net.a, here)
        said = bring_up(tunike, scripted, role)
        expect(said["encap"] == (not esn), "the script says: %r" % said)
        child = tunike.child()
        expect(name in child["suite"] and ("ESN" in child["suite"]) == esn, "status: suite %r" % child["suite"])
        expect(child["mode"] == "tunnel", "status: mode is %r" % child["mode"])
        both_ways(tunike, scripted, here, there)
        done = scripted.end(terminate=True)
        expect((done["sealed"] > 1 << 32) == esn, "the last sequence number is %d" % done["sealed"])
        tunike.wait_down()
        tunike.stop()


SUITES = {
    "aes128gmac": "AES_GMAC_128",
    "aes192gmac": "AES_GMAC_192",
    "aes256gmac": "AES_GMAC_256",
    "aes128gcm16iiv": "AES_GCM_16_IIV_128",
    "aes256gcm16iiv": "AES_GCM_16_IIV_256",
    "aes128ccm8iiv": "AES_CCM_8_IIV_128",
    "aes256ccm8iiv": "AES_CCM_8_IIV_256",
    "chacha20poly1305iiv": "CHACHA20_POLY1305_IIV",
    "null-sha256": "NULL/HMAC_SHA2_256_128",
    "null-sha512": "NULL/HMAC_SHA2_512_256",
    "aes256gcm16": "AES_GCM_16_256",
    "aes128ccm8": "AES_CCM_8_128",
    "chacha20poly1305": "CHACHA20_POLY1305",
    "aes256-sha384": "AES_CBC_256/HMAC_SHA2_384_192",
}


def cases():
    for family in (4, 6):
        for role in ("initiator", "responder"):
            for path in ("plain", "udp", "nat"):
                yield ("scripted %s transport ipv%d %s" % (role, family, path),
                       lambda f=family, r=role, p=path: transport(f, r, p))
    for i, (word, name) in enumerate(SUITES.items()):
        for esn in (False, True):
            role = ("initiator", "responder")[(i + esn) % 2]
            yield ("scripted %s tunnel %s%s" % (role, word, " esn" if esn else ""),
                   lambda w=word, n=name, e=esn, r=role: tunnel(w, n, e, r))
