"""What passes between inner and outer headers, seen on the wire: DSCP, ECN (RFC 6040) and DF, over IPv4 and IPv6."""
import json

from lab import Lab, Net, expect
import matrix
from peers import Tunike

EF, ECT0 = 0xb8, 0x02

# Counters of what b gets from outside, and of what comes out of its device; what the network does to packets under way.
WATCH = """
table inet watch {
  %(counters)s
  chain outer {
    %(ip)s dscp ef counter name out_ef
    %(ip)s dscp cs0 counter name out_cs0
    %(ip)s ecn ect0 counter name out_ect0
    %(ip)s ecn not-ect counter name out_notect
    %(df)s
    %(network)s
  }
  chain inner {
    ip dscp af11 counter name in_af11
    ip dscp ef counter name in_ef
    ip ecn ce counter name in_ce
    ip ecn ect0 counter name in_ect0
    ip ecn not-ect counter name in_notect
  }
  chain outside {
    type filter hook prerouting priority -400;
    iifname "b0" udp dport 4500 @th,64,32 != 0 jump outer
    iifname "tunike0" jump inner
  }
}
"""
NAMES = "out_ef out_cs0 out_ect0 out_notect out_df out_nodf in_af11 in_ef in_ce in_ect0 in_notect"
DF = "ip frag-off & 0x4000 == 0x4000 counter name out_df\n    ip frag-off & 0x4000 == 0 counter name out_nodf"
COUNT = 5


class Wire:
    def __init__(self, net, family, network):
        self.net = net
        ip = "ip6" if family == 6 else "ip"
        net.b.nft(WATCH % {"counters": "\n  ".join("counter %s { }" % n for n in NAMES.split()), "ip": ip,
                           "df": DF if family == 4 else "", "network": network % {"ip": ip} if network else ""})

    def counters(self):
        out = json.loads(self.net.b.sh("nft", "-j", "list", "counters", "table", "inet", "watch").stdout)
        return {c["counter"]["name"]: c["counter"]["packets"] for c in out["nftables"] if "counter" in c}

    def ping(self, tos, *options):
        """COUNT echo requests; what they changed in the counters."""
        before = self.counters()
        inner = self.net.INNER
        self.net.a.sh("ping", "-n", "-q", "-c", COUNT, "-i", "0.05", "-W", "2", "-s", "100", "-Q", tos, *options, "-I",
                      inner["a"][4], inner["b"][4], check=False)
        return {k: v - before[k] for k, v in self.counters().items()}


def shows(seen, **wanted):
    for name, packets in wanted.items():
        expect(seen[name] == packets, "%s: %d packets of %d: %r" % (name, seen[name], packets, seen))


def tunnel(lab, family, child_keys, network=""):
    net = Net(lab)
    site_a, site_b = matrix.sites(net, family, ike="aes256gcm16-prfsha384-ecp384", esp="aes256gcm16")
    site_a.child_keys = site_b.child_keys = child_keys
    a, b = Tunike(net.a).configure(site_a), Tunike(net.b).configure(site_b)
    b.start()
    a.start()
    a.up()
    b.wait_up()
    return Wire(net, family, network), a, b


def stop(a, b):
    a.down()
    a.stop()
    b.stop()


def outwards(family):
    """The defaults: DSCP and ECN go out, DF too."""
    with Lab() as lab:
        wire, a, b = tunnel(lab, family, "")
        shows(wire.ping(EF), out_ef=COUNT, out_notect=COUNT, in_ef=COUNT)
        shows(wire.ping(0), out_cs0=COUNT, out_ef=0)
        shows(wire.ping(ECT0), out_ect0=COUNT, in_ect0=COUNT, in_ce=0)
        if family == 4:
            shows(wire.ping(0, "-M", "do"), out_df=COUNT, out_nodf=0)
            shows(wire.ping(0, "-M", "dont"), out_df=0, out_nodf=COUNT)
        stop(a, b)


def nothing(family):
    """Told not to copy: the outer header is bare, and what the network writes to it stays there."""
    with Lab() as lab:
        wire, a, b = tunnel(lab, family, 'copy_dscp = "no"; copy_ecn = false; copy_df = false;',
                            "%(ip)s ecn set ce\n    %(ip)s dscp set af11")
        shows(wire.ping(EF | ECT0, "-M", "do"), out_cs0=COUNT, out_notect=COUNT, in_ef=COUNT, in_ect0=COUNT, in_ce=0,
              in_af11=0, out_df=0)
        stop(a, b)


def inwards(family):
    """What routers mark on the way reaches the inner header: congestion, and with "in" the DSCP."""
    with Lab() as lab:
        wire, a, b = tunnel(lab, family, 'copy_dscp = "in";', "%(ip)s ecn ect0 %(ip)s ecn set ce\n    %(ip)s dscp set af11")
        shows(wire.ping(ECT0), out_ect0=COUNT, in_ce=COUNT, in_ect0=0, in_af11=COUNT)
        shows(wire.ping(0), out_notect=COUNT, in_notect=COUNT, in_ce=0, in_af11=COUNT)
        stop(a, b)


def congestion_unasked(family):
    """Congestion marked on a packet whose sender knows nothing of it: RFC 6040 has it dropped, and we count it."""
    with Lab() as lab:
        wire, a, b = tunnel(lab, family, "", "%(ip)s ecn set ce")
        shows(wire.ping(0), out_notect=COUNT, in_notect=0, in_ce=0)
        drops = b.child()["drops"]
        expect(drops.get("ecn") == COUNT, "drops: %r" % drops)
        shows(wire.ping(ECT0), in_ce=COUNT)
        stop(a, b)


# The flow labels of what b gets from outside.
LABELS = """
table inet labels {
  set seen { typeof ip6 flowlabel; flags dynamic; size 64; }
  chain in {
    type filter hook prerouting priority -400;
    iifname "b0" %s @th,0,64 != 0 add @seen { ip6 flowlabel }
  }
}
"""


def labels(encap):
    """RFC 4301 section 5.1.2.2: the outer flow label is this host's. It is one for an SA, whatever flows are inside."""
    with Lab() as lab:
        net = Net(lab)
        sites = matrix.sites(net, 6, conn_keys="encap = %s;" % ("true" if encap else "false"))
        a, b = (Tunike(node).configure(site) for node, site in zip((net.a, net.b), sites))
        b.start()
        a.start()
        a.up()
        b.wait_up()
        net.b.nft(LABELS % ("udp dport 4500" if encap else "meta l4proto 50"))
        inner = [0x12345, 0xabcde, 0x00001]
        for label in inner:
            net.a.sh("ping", "-6", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "2", "-F", hex(label), "-I",
                     net.INNER["a"][6], net.INNER["b"][6])
        out = json.loads(net.b.sh("nft", "-j", "list", "set", "inet", "labels", "seen").stdout)
        seen = [s["set"].get("elem", []) for s in out["nftables"] if "set" in s][0]
        expect(len(seen) == 1, "outer flow labels: %r" % seen)
        expect(not set(seen) & set(inner), "an inner flow label is seen outside: %r" % seen)
        stop(a, b)


def cases():
    for encap in (True, False):
        yield "headers ipv6 labels%s" % ("" if encap else " plain"), lambda encap=encap: labels(encap)
    for family in (4, 6):
        for run in (outwards, nothing, inwards, congestion_unasked):
            yield "headers ipv%d %s" % (family, run.__name__), lambda run=run, family=family: run(family)
