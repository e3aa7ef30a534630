"""Transport mode between two hosts, through a NAT too; TFC padding; policies without a peer; a child for each worker."""
import json
import re
import time

from lab import Lab, Net, Skipped, expect, until
import matrix
from matrix import PORT, TRAFFIC, ping
from peers import Site, StrongSwan, Tunike, available

# What must never be seen outside of ESP, either way.
NO_PLAINTEXT = """
table inet plain {
  chain in {
    type filter hook input priority 0; policy accept;
    iifname != "tunike0" iifname != "lo" meta l4proto { icmp, tcp } counter drop
    iifname != "tunike0" iifname != "lo" icmpv6 type { echo-request, echo-reply } counter drop
  }
}
"""


def hosts(net, family, encap, **both):
    """One child between the hosts themselves."""
    keys = dict(local_ts=["dynamic"], remote_ts=["dynamic"], conn_keys="encap = %s;" % ("true" if encap else "false"))
    keys.update(both)
    keys["child_keys"] = 'mode = "transport"; ' + keys.get("child_keys", "")
    a = Site("a.test", "b.test", net.outer["a"][family], net.outer["b"][family], **keys)
    b = Site("b.test", "a.test", net.outer["b"][family], "%any" if net.nat else net.outer["a"][family], **keys)
    return Tunike(net.a).configure(a), Tunike(net.b).configure(b)


def serve(node, address):
    server = node.spawn("echo", "python3", TRAFFIC, "serve", PORT, address)
    until(20, lambda: "no traffic server: " + server.output(), lambda: "ready" in server.output())


def between_hosts(family, nat, encap):
    with Lab() as lab:
        net = Net(lab, nat)
        a, b = hosts(net, family, encap)
        here, there, seen = net.outer["a"][family], net.outer["b"][family], net.seen[family]
        net.a.nft(NO_PLAINTEXT)
        net.b.nft(NO_PLAINTEXT)
        expect(ping(net.a, here, there, 100).returncode != 0, "plaintext is not stopped: the case proves nothing")
        b.start()
        a.start()
        a.up()
        b.wait_up()
        for tunike, own, peer in ((a, here, there), (b, there, seen)):
            child = tunike.child()
            bits = 128 if family == 6 else 32
            expect(child["mode"] == "transport", "status: mode is %r" % child["mode"])
            expect(child["encap"] == (encap or nat), "status: encap is %r" % child["encap"])
            expect(child["local_ts"] == ["%s/%d" % (own, bits)], "status: local_ts is %r" % child["local_ts"])
            expect(child["remote_ts"] == ["%s/%d" % (peer, bits)], "status: remote_ts is %r" % child["remote_ts"])
        mtu = min(a.mtu(), b.mtu())
        for total in (100, 576, 1000, mtu - 1, mtu):
            done = ping(net.a, here, there, total)
            expect(done.returncode == 0, "ping of %d bytes is not answered: %s\n%s\n%s" % (
                total, done.stdout.strip()[-200:], json.dumps(a.status()["drops"]), json.dumps(b.status()["drops"])))
        serve(net.b, there)
        serve(net.a, here)
        head = 48 if family == 6 else 28
        net.a.sh("python3", TRAFFIC, "udp", here, there, PORT, 1, 64, 512, mtu - head, timeout=60)
        net.a.sh("python3", TRAFFIC, "tcp", here, there, PORT, 1 << 20, timeout=90)
        # From b's side, where a is what the NAT shows, whether or not a port is open there.
        expect(ping(net.b, there, seen, 100).returncode == 0, "ping the other way is not answered")
        net.b.sh("python3", TRAFFIC, "tcp", there, seen, PORT, 1 << 20, timeout=90)
        for tunike in (a, b):
            drops = {k: v for k, v in tunike.child()["drops"].items() if v}
            expect(not drops, "status: drops on a clean path: %r" % drops)
        a.down()
        a.wait_down()
        b.wait_down()
        a.stop()
        b.stop()


# Sends and gets back, waits for the file to appear, does it once more over the same connection.
TWICE = """
import os, socket, sys, time
here, there, port, go = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
s = socket.create_connection((there, port), timeout=30, source_address=(here, 0))
for turn in (1, 2):
    data, got = os.urandom(20000), b""
    s.sendall(data)
    while len(got) < len(data): got += s.recv(1 << 16)
    assert got == data
    print("turn", turn, flush=True)
    while turn == 1 and not os.path.exists(go): time.sleep(0.05)
"""
ECHO = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET)
print("ready", flush=True)
c = s.accept()[0]
while data := c.recv(1 << 16): c.sendall(data)
"""
MOVED = """
table inet nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "rb" ip saddr 192.168.77.2 snat ip to 198.51.100.9
  }
}
"""


def nat_moves():
    """The NAT shows a at another address: the same SAs and the same connection go on, checksums included."""
    with Lab() as lab:
        net = Net(lab, True)
        router = lab.node("r")
        a, b = hosts(net, 4, True)
        here, there = net.outer["a"][4], net.outer["b"][4]
        # The router forgets a mapping that is not used for a second.
        for key in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            router.sh("sysctl", "-qw", "net.netfilter.%s=1" % key)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        before = b.child()
        server = net.b.spawn("echo", "python3", "-c", ECHO, there, PORT)
        until(20, lambda: "no server: " + server.output(), lambda: "ready" in server.output())
        go = lab.dir / "go"
        client = net.a.spawn("twice", "python3", "-c", TWICE, here, there, PORT, go)
        until(30, lambda: "nothing came back: " + client.output(), lambda: "turn 1" in client.output())
        router.ip("addr", "add", "198.51.100.9/24", "dev", "rb")
        router.sh("nft", "delete", "table", "inet", "nat")
        router.nft(MOVED)
        time.sleep(2.5)
        go.touch()
        until(30, lambda: "nothing came back after the move: %s\n%s" % (client.output(), b.log()[-600:]),
              lambda: "turn 2" in client.output())
        until(10, lambda: "b does not see the move: " + b.log()[-600:],
              lambda: b.ike_sas()[0]["remote"].startswith("198.51.100.9:"))
        after = b.child()
        for key in ("spi_in", "spi_out", "remote_ts"):
            expect(after[key] == before[key], "status: %s is %r, was %r" % (key, after[key], before[key]))
        for tunike in (a, b):
            drops = {k: v for k, v in tunike.child()["drops"].items() if v}
            expect(not drops, "status: drops: %r" % drops)
        a.stop()
        b.stop()


def by_packet():
    """The first packet between the hosts brings it up; what it draws to the device includes no IKE."""
    with Lab() as lab:
        net = Net(lab)
        a, b = hosts(net, 4, True, child_keys='start_action = "trap";')
        b.conf.write_text(b.conf.read_text().replace('start_action = "trap";', ""))
        here, there = net.outer["a"][4], net.outer["b"][4]
        before = net.a.host_state()
        b.start()
        a.start()
        expect(not a.ike_sas(), "up before the first packet")
        until(10, lambda: "nothing passes: " + a.log()[-900:], lambda: ping(net.a, here, there, 100).returncode == 0)
        expect(a.child()["mode"] == "transport" and a.child()["packets_out"] > 0, "status: %r" % a.child())
        a.down()
        a.wait_down()
        until(10, "the trap is not set again after down", lambda: ping(net.a, here, there, 100).returncode == 0)
        a.stop()
        b.stop()
        expect(before == net.a.host_state(), "the host is not as it was:\n%s\n%s" % (before, net.a.host_state()))


def modes_differ():
    """One side has transport mode, the other a tunnel: both are told."""
    with Lab() as lab:
        net = Net(lab)
        a, b = hosts(net, 4, True)
        b.conf.write_text(b.conf.read_text().replace('mode = "transport";', ""))
        b.start()
        a.start()
        said = a.up_fails()
        expect("wants tunnel mode" in said and "transport" in said, "tunike up says: " + said[-400:])
        a.stop()
        b.stop()


def for_hosts(strongswan):
    """Lets its userspace ESP have selectors that hold the peer itself, which it else refuses."""
    text = strongswan.conf.read_text()
    strongswan.conf.write_text(text.replace("plugins {", """plugins {
        kernel-libipsec { allow_peer_ts = yes
          fwmark = 0x43 }
        kernel-netlink { fwmark = !0x42 }
        socket-default { fwmark = 0x42 }""", 1))
    return strongswan


def strongswan_declines():
    """It answers a request for transport mode with a tunnel; that is said, and nothing is left."""
    if not available():
        raise Skipped("no strongSwan here")
    with Lab() as lab:
        net = Net(lab)
        a, _ = hosts(net, 4, True)
        site = Site("b.test", "a.test", net.outer["b"][4], net.outer["a"][4], local_ts=["dynamic"], remote_ts=["dynamic"])
        b = for_hosts(StrongSwan(net.b).configure(site))
        b.start()
        a.start()
        said = a.up_fails()
        expect("wants tunnel mode" in said, "tunike up says: " + said[-400:])
        expect(not a.children(), "a child is left: %r" % a.children())
        a.stop()


def strongswan_is_declined():
    """It asks for transport mode, and takes the tunnel that it gets."""
    if not available():
        raise Skipped("no strongSwan here")
    with Lab() as lab:
        net = Net(lab)
        a_site, b_site = matrix.sites(net, 4)
        for site in (a_site, b_site):
            site.local_ts = site.remote_ts = ["dynamic"]
        a_site.child_keys = "mode = transport"
        a, b = for_hosts(StrongSwan(net.a).configure(a_site)), Tunike(net.b).configure(b_site)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        expect(b.child()["mode"] == "tunnel", "status: mode is %r" % b.child()["mode"])
        b.stop()


# ---- TFC padding ----

def sent_bytes(node, dev):
    return json.loads(node.ip("-j", "-s", "link", "show", "dev", dev).stdout)[0]["stats64"]["tx"]["bytes"]


def tfc_padding(value, least, most):
    """A small packet takes as much room as a large one."""
    with Lab() as lab:
        net = Net(lab)
        a_site, b_site = matrix.sites(net, 4, child_keys="tfc_padding = %s;" % value)
        a, b = Tunike(net.a).configure(a_site), Tunike(net.b).configure(b_site)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        before = sent_bytes(net.a, "a0")
        for _ in range(10):
            expect(ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 84).returncode == 0, "a padded packet is lost")
        each = (sent_bytes(net.a, "a0") - before) / 10
        expect(least <= each <= most, "a packet of 84 bytes takes %g, not %d to %d" % (each, least, most))
        drops = {k: v for k, v in b.child()["drops"].items() if v}
        expect(not drops, "status: drops on a clean path: %r" % drops)
        a.stop()
        b.stop()


def dummies(other):
    """An idle tunnel shows as many packets as one with little traffic; who gets them throws them away."""
    if other is StrongSwan and not available():
        raise Skipped("no strongSwan here")
    with Lab() as lab:
        net = Net(lab)
        a_site, b_site = matrix.sites(net, 4)
        a_site.child_keys = "tfc_dummies = 20; tfc_padding = 600;"
        a, b = Tunike(net.a).configure(a_site), other(net.b).configure(b_site)
        here, there = net.INNER["a"][4], net.INNER["b"][4]
        b.start()
        a.start()
        a.up()
        start, before, size = time.monotonic(), a.child()["packets_out"], sent_bytes(net.a, "a0")
        until(20, "no dummies", lambda: a.worker_sum("dummies") >= 40)
        rate = (a.child()["packets_out"] - before) / (time.monotonic() - start)
        expect(5 < rate < 40, "%g packets a second" % rate)
        each = (sent_bytes(net.a, "a0") - size) / (a.child()["packets_out"] - before)
        expect(600 < each < 800, "packets of %d bytes" % each)
        # The tunnel carries what it is for, and then fewer dummies.
        done = net.a.sh("ping", "-n", "-q", "-c", "100", "-i", "0.02", "-W", "2", "-I", here, there)
        expect("100 received" in done.stdout, done.stdout)
        if other is Tunike:
            drops = {k: v for k, v in b.child()["drops"].items() if v}
            expect(list(drops) == ["dummy"] and drops["dummy"] >= 40, "status: drops: %r" % drops)
            b.stop()
        a.stop()


# ---- Policies without a peer ----

def statics():
    """A part of the other network is left alone, another dropped; what is in neither goes through the tunnel."""
    with Lab() as lab:
        net = Net(lab, nat=True)
        outside, dropped = "10.2.9.1", "10.2.8.1"
        net.b.ip("addr", "add", dropped + "/32", "dev", "lo")
        lab.node("r").ip("addr", "add", outside + "/32", "dev", "lo")
        a_site, b_site = matrix.sites(net, 4)
        a_site.local_ts, a_site.remote_ts = ["10.1.0.0/16"], ["10.2.0.0/16"]
        b_site.local_ts, b_site.remote_ts = ["10.2.0.0/16"], ["10.1.0.0/16"]
        a_site.more_children = '''
            leave = { mode = "pass"; remote_ts = ["10.2.9.0/24"]; };
            away = { mode = "drop"; remote_ts = ["10.2.8.0/24"]; start_action = "trap"; }'''
        before = net.a.host_state()
        a, b = Tunike(net.a).configure(a_site), Tunike(net.b).configure(b_site)
        b.start()
        a.start()
        # Both hold without any peer.
        expect(ping(net.a, net.outer["a"][4], outside, 84).returncode == 0, "what is left alone does not pass: " + a.log()[-800:])
        expect(ping(net.a, net.INNER["a"][4], dropped, 84).returncode != 0, "what is dropped is answered")
        a.up()
        b.wait_up()
        expect(ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 84).returncode == 0, "the tunnel does not carry")
        expect(ping(net.a, net.outer["a"][4], outside, 84).returncode == 0, "what is left alone does not pass the tunnel by")
        sent = a.child()["packets_out"]
        expect(ping(net.a, net.INNER["a"][4], dropped, 84).returncode != 0, "what is dropped is answered through the tunnel")
        expect(a.child()["packets_out"] == sent, "what is dropped went into the tunnel")
        expect(a.status()["drops"]["policy-drop"] >= 1, "status: %r" % a.status()["drops"])
        said = a.cli("up", "site/leave")
        expect(said.returncode == 1 and "neither brought up" in said.stdout + said.stderr,
               "tunike up of a policy: %d %s" % (said.returncode, said.stdout + said.stderr))
        a.stop()
        b.stop()
        after = net.a.host_state()
        expect(before == after, "the host is not as it was:\n%s\n%s" % (before, after))


# ---- A child for each worker ----

def per_cpu(workers_a, workers_b):
    with Lab() as lab:
        net = Net(lab)
        a_site, b_site = matrix.sites(net, 4, child_keys="per_cpu_sas = yes;".replace("yes", '"yes"'))
        a_site.top_keys, b_site.top_keys = "workers = %d;" % workers_a, "workers = %d;" % workers_b
        a, b = Tunike(net.a).configure(a_site), Tunike(net.b).configure(b_site)
        b.start()
        a.start()
        a.up()
        n = min(workers_a, workers_b)
        for tunike in (a, b):
            until(10, lambda: "%d children, not %d: %s" % (len(tunike.children()), n, tunike.log()[-900:]),
                  lambda: len(tunike.children()) == n)
        expect(len(a.status()["workers"]) == workers_a, "status: workers: %r" % a.status()["workers"])
        matrix.carries(net, min(a.mtu(), b.mtu()), families=(4,))
        # Flow by flow, until each child has had one.
        until(20, lambda: "of %d children some are never sent by: %r" % (n, a.children()),
              lambda: net.a.sh("python3", TRAFFIC, "udp", net.INNER["a"][4], net.INNER["b"][4], PORT, 64) and
              all(c["packets_out"] for c in a.children()))
        for tunike in (a, b):
            for child in tunike.children():
                drops = {k: v for k, v in child["drops"].items() if v}
                expect(not drops, "status: drops on a clean path: %r" % drops)
        expect(not re.search("child-failed", a.log() + b.log()), "a failure is logged: " + a.log()[-600:])
        a.down()
        a.wait_down()
        b.wait_down()
        a.stop()
        b.stop()


def cases():
    for family in (4, 6):
        for nat in (False, True):
            for encap in (True, False):
                yield ("transport ipv%d%s%s" % (family, " nat" if nat else "", "" if encap else " plain"),
                       lambda f=family, n=nat, e=encap: between_hosts(f, n, e))
    yield "transport: the NAT moves", nat_moves
    yield "transport: started by a packet", by_packet
    yield "transport: the modes differ", modes_differ
    yield "transport: strongswan declines", strongswan_declines
    yield "transport: strongswan is declined", strongswan_is_declined
    for value, least, most in ((0, 100, 250), (1000, 1000, 1200), ('"mtu"', 1400, 1560)):
        yield "tfc_padding = %s" % value, lambda v=value, l=least, m=most: tfc_padding(v, l, m)
    yield "tfc_dummies", lambda: dummies(Tunike)
    yield "tfc_dummies strongswan", lambda: dummies(StrongSwan)
    yield "policies without a peer", statics
    for here, there in ((2, 2), (4, 2), (1, 2)):
        yield "a child for each worker, %d and %d" % (here, there), lambda a=here, b=there: per_cpu(a, b)
