"""A tunnel's life: how it starts by itself, survives loss and crashes, ends, and what it leaves behind."""
import os
import pathlib
import re
import signal
import time

from lab import Lab, Net, Skipped, expect, expect_words, sh, until
import matrix
from matrix import carries, ping
from peers import Site, StrongSwan, Tunike, available, strings


def tunnel(lab, nat=False, family=4, change_a=None, change_b=None, **both):
    """Configured, not started."""
    net = Net(lab, nat)
    site_a, site_b = matrix.sites(net, family, **both)
    for site, change in ((site_a, change_a), (site_b, change_b)):
        for key, value in (change or {}).items():
            setattr(site, key, value)
    return net, Tunike(net.a).configure(site_a), Tunike(net.b).configure(site_b)


def passes(net, family=4, size=84):
    return ping(net.a, net.INNER["a"][family], net.INNER["b"][family], size).returncode == 0


def device_down():
    """Somebody takes the device down and up: what the kernel forgot of it is put back, and at the end all is gone."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        before = net.a.host_state()
        b.start()
        a.start()
        a.up()
        routes = net.a.host_state()
        expect(passes(net) and passes(net, 6), "the tunnel does not carry")
        net.a.ip("link", "set", "tunike0", "down")
        until(10, lambda: "not said: " + a.log()[-600:], lambda: "somebody took tunike0 down" in a.log())
        expect(not passes(net), "carries without its device")
        net.a.ip("link", "set", "tunike0", "up")
        until(10, lambda: "not said: " + a.log()[-600:], lambda: "were put back" in a.log())
        until(10, lambda: "does not carry again: " + net.a.host_state(), lambda: passes(net) and passes(net, 6))
        expect(net.a.host_state() == routes, "other routes:\n%s\n%s" % (routes, net.a.host_state()))
        # Down and up again at once.
        net.a.sh("sh", "-c", "ip link set tunike0 down; ip link set tunike0 up")
        until(10, lambda: "does not carry again: " + net.a.host_state(), lambda: passes(net) and passes(net, 6))
        a.down()
        a.stop()
        b.stop()
        expect(before == net.a.host_state(), "the host is not as it was:\n%s\n%s" % (before, net.a.host_state()))


# ---- start_action ----

def trap():
    """The first packet brings the tunnel up, and is not lost."""
    with Lab() as lab:
        net, a, b = tunnel(lab, change_a={"child_keys": 'start_action = "trap";'})
        b.start()
        a.start()
        expect(not a.ike_sas(), "up before the first packet")
        done = net.a.sh("ping", "-n", "-q", "-c", "20", "-i", "0.2", "-W", "2", "-I", net.INNER["a"][4], net.INNER["b"][4],
                        check=False)
        a.wait_up(5)
        received = int(re.search(r"(\d+) received", done.stdout).group(1))
        expect(received >= 15, "of 20 packets %d were answered" % received)
        expect(len(a.ike_sas()) == 1 and len(a.children()) == 1, "20 packets made more than one tunnel: %r" % a.ike_sas())
        a.down()
        a.wait_down()
        until(10, "the trap is not set again after down", lambda: passes(net))
        a.stop()
        b.stop()


def start_both_ends():
    """Both start it at once: one tunnel remains, and it carries."""
    with Lab() as lab:
        net, a, b = tunnel(lab, child_keys='start_action = "start";')
        a.spawn()
        b.spawn()
        until(30, lambda: "nothing passes: " + a.log()[-600:], lambda: passes(net))
        until(20, lambda: "%d IKE SAs" % len(a.ike_sas()), lambda: len(a.ike_sas()) == 1 and len(b.ike_sas()) == 1)
        expect(passes(net), "the tunnel that remained does not carry")
        a.stop()
        b.stop()


def run_up():
    """tunike run --up NAME."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        b.start()
        a.start("--up", "site")
        a.wait_up(15)
        until(5, "nothing passes", lambda: passes(net))
        a.stop()
        b.wait_down()
        b.stop()


def tries_again():
    """After a failure it tries again by itself, later each time, and says so."""
    with Lab() as lab:
        net, a, b = tunnel(lab, change_a={"child_keys": 'start_action = "start";'})
        text = b.conf.read_text()
        b.write(text.replace("correct horse", "wrong horse"))
        b.start()
        a.start()

        def down():
            rows = a.status().get("down", [])
            return rows[0] if rows and rows[0].get("last_error") else None
        row = until(15, "status names no failure", down)
        expect_words(row["last_error"], "b.test", ("psk", "secret", "pre-shared key"))
        expect(row["retry_in_s"] > 0, "retry_in_s is %r" % row["retry_in_s"])
        b.stop()
        b.write(text)
        b.start()
        a.wait_up(60)
        expect(passes(net), "up, and does not carry")
        a.stop()


# ---- The end ----

def clean_stop(number):
    with Lab() as lab:
        net, a, b = tunnel(lab)
        before = net.a.host_state(), net.b.host_state()
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        expect(net.a.host_state() != before[0], "a tunnel without addresses and routes")
        a.daemon.signal(number)
        code = a.daemon.wait(20)
        expect(code == 0, "exit %d: %s" % (code, a.log()[-900:]))
        b.wait_down(5)
        expect_same(before[0], net.a.host_state())
        b.stop()
        expect_same(before[1], net.b.host_state())


def expect_same(before, after):
    lost = sorted(set(before.splitlines()) - set(after.splitlines()))
    more = sorted(set(after.splitlines()) - set(before.splitlines()))
    expect(not lost and not more, "the host is not as before: gone %r, left %r" % (lost, more))


def killed():
    """After SIGKILL the next start puts back what was left, and replaces the old SA at the peer."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        before = net.a.host_state()
        b.start()
        a.start()
        a.up()
        a.daemon.signal(signal.SIGKILL)
        a.daemon.wait(5)
        a.start()
        a.up()
        until(5, "nothing passes", lambda: passes(net))
        until(10, lambda: "the peer has %d IKE SAs" % len(b.ike_sas()), lambda: len(b.ike_sas()) == 1)
        a.daemon.signal(signal.SIGKILL)
        a.daemon.wait(5)
        a.start()
        a.stop()
        expect_same(before, net.a.host_state())
        b.stop()


def children():
    """A further child on the same IKE SA; each taken down alone."""
    more = 'two = { local_ts = %s; remote_ts = %s; esp_proposals = ["aes128-sha256"]; };'
    with Lab() as lab:
        net = Net(lab)
        site_a, site_b = matrix.sites(net, 4)
        for node, inner in ((net.a, "10.1.7.1"), (net.b, "10.2.7.1")):
            node.ip("addr", "add", inner + "/32", "dev", "lo")
        site_a.more_children = more % (strings(["10.1.7.0/24"]), strings(["10.2.7.0/24"]))
        site_b.more_children = more % (strings(["10.2.7.0/24"]), strings(["10.1.7.0/24"]))
        a, b = Tunike(net.a).configure(site_a), Tunike(net.b).configure(site_b)
        b.start()
        a.start()
        a.up("site/net")
        expect(len(a.children()) == 1, "site/net brought %d children" % len(a.children()))
        a.up("site/two")
        expect(len(a.ike_sas()) == 1 and len(a.children()) == 2, "two children on one IKE SA expected: %r" % a.ike_sas())
        expect(passes(net), "the first child does not carry")
        expect(ping(net.a, "10.1.7.1", "10.2.7.1", 1000).returncode == 0, "the second child does not carry")
        a.down("site/two")
        until(10, "both ends still have site/two", lambda: len(a.children()) == 1 and len(b.children()) == 1)
        expect(passes(net), "the first child ended with the second")
        expect(ping(net.a, "10.1.7.1", "10.2.7.1", 1000).returncode != 0, "a child that is down carries")
        a.down()
        b.wait_down()
        a.stop()
        b.stop()


def two_behind_one_nat():
    """Two hosts behind one NAT share a gateway."""
    with Lab() as lab:
        net = Net(lab, nat=True)
        lab.link("r", "rc", ["192.168.78.1/24"], "c", "c0", ["192.168.78.2/24"])
        c = lab.node("c")
        c.ip("route", "add", "default", "via", "192.168.78.1")
        c.ip("addr", "add", "10.3.0.1/32", "dev", "lo")
        site_a, site_b = matrix.sites(net, 4)
        site_c = Site("c.test", "b.test", "192.168.78.2", net.outer["b"][4], local_ts=["10.3.0.1/32"],
                      remote_ts=site_a.remote_ts)
        site_b.peer, site_b.psk_ids = "%any", ["b.test"]
        site_b.remote_ts = ["10.1.0.0/16", "10.3.0.0/16", "fd00::/16"]
        a, b, third = Tunike(net.a).configure(site_a), Tunike(net.b).configure(site_b), Tunike(c).configure(site_c)
        b.start()
        for peer in (a, third):
            peer.start()
            peer.up()
        expect(len(b.ike_sas()) == 2, "the gateway has %d IKE SAs" % len(b.ike_sas()))
        expect(passes(net), "the first host is not answered")
        expect(ping(c, "10.3.0.1", "10.2.0.1", 1000).returncode == 0, "the second host is not answered")
        a.stop()
        until(5, "the gateway keeps the first", lambda: len(b.ike_sas()) == 1)
        expect(ping(c, "10.3.0.1", "10.2.0.1", 1000).returncode == 0, "the second host went with the first")
        third.stop()
        b.stop()


# ---- Trouble on the way ----

LOSS = """
table inet loss {
  chain in {
    type filter hook prerouting priority raw;
    udp dport { 500, 4500 } numgen random mod 100 < 5 drop
  }
}
"""


def loss():
    """One packet in twenty is lost, both ways: it comes up, and TCP arrives whole."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        net.a.nft(LOSS)
        net.b.nft(LOSS)
        b.start()
        a.start()
        a.up(seconds=90)
        carries(net, a.mtu(), tcp_bytes=200_000, families=(4,), tries=6)
        a.down()
        a.wait_down(60)
        a.stop()
        b.stop()


def peer_vanishes():
    """Dead peer detection with the schedule of the defaults, and the way back when the peer is there again."""
    with Lab() as lab:
        net, a, b = tunnel(lab, change_a={"conn_keys": 'dpd_delay = "2s";', "child_keys": 'dpd_action = "restart";'})
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        net.b.ip("link", "set", "b0", "down")
        begun = time.monotonic()

        until(220, lambda: "the dead peer is not noticed: " + a.log()[-600:],
              lambda: not any(sa["state"] == "established" for sa in a.ike_sas()), every=1)
        expect(time.monotonic() - begun > 20, "noticed at once: that was no retransmission")
        expect_words(a.log(), "the peer at 192.0.2.2:4500 no longer answers", "liveness")
        net.b.ip("link", "set", "b0", "up")
        net.b.ip("addr", "add", "2001:db8::2/64", "dev", "b0", "nodad", check=False)
        until(100, lambda: "it did not come back: " + a.log()[-600:], lambda: passes(net), every=1)
        a.stop()
        b.stop()


def peer_restarts():
    """The peer is killed and starts anew, knowing nothing: `up` again replaces the old tunnel."""
    with Lab() as lab:
        net, a, b = tunnel(lab)
        b.start()
        a.start()
        a.up()
        b.daemon.signal(signal.SIGKILL)
        b.daemon.wait(5)
        b.start()
        b.cli("up", "site", "--timeout", "20s")
        until(10, lambda: "nothing passes: " + b.log()[-600:], lambda: passes(net))
        until(10, lambda: "%d IKE SAs at the one that stayed" % len(a.ike_sas()), lambda: len(a.ike_sas()) == 1)
        a.stop()
        b.stop()


def strongswan_begins_anew():
    """charon is killed, starts again and says no INITIAL_CONTACT: the newer IKE SA replaces the older, which has half a
    minute, since a peer that authenticates once more looks the same."""
    if not available():
        raise Skipped("charon is not installed")
    with Lab() as lab:
        net = Net(lab)
        site_a, site_b = matrix.sites(net, 4, ike="aes128-sha256-modp2048", esp="aes128-sha256")
        site_a.conn_keys = "unique = never"
        a, b = StrongSwan(net.a).configure(site_a), Tunike(net.b).configure(site_b)
        b.start()
        a.start()
        a.up()
        a.daemon.signal(signal.SIGKILL)
        a.daemon.wait(5)
        a.vici.unlink()
        (net.a.run_dir / "charon.pid").unlink(missing_ok=True)
        a.start()
        a.up(seconds=20)
        # The gateway sends with the newer keys when it has seen them in use.
        until(5, "the newer tunnel does not carry", lambda: passes(net))
        # The older one is being deleted then, for minutes: charon says nothing about an IKE SA that it has forgotten.
        until(45, lambda: "the gateway has %r" % b.ike_sas(),
              lambda: [sa["state"] for sa in b.ike_sas() if sa["state"] != "deleting"] == ["established"])
        expect(passes(net), "the newer tunnel does not carry")
        b.stop()


# ---- Looking into it ----

def keylog(strongswan):
    """tshark opens IKE and ESP of a run with the key log."""
    if strongswan and not available():
        raise Skipped("charon is not installed")
    for ike, esp in matrix.SUITES[:2]:
        with Lab() as lab:
            net = Net(lab)
            keys = net.a.dir / "keys"
            keys.mkdir(mode=0o700)
            site_a, site_b = matrix.sites(net, 4, ike=ike, esp=esp)
            site_a.top_keys = 'keylog = "%s";' % keys
            b = (StrongSwan if strongswan else Tunike)(net.b).configure(site_b).start()
            a = Tunike(net.a).configure(site_a).start()
            capture = net.a.dir / "wire.pcap"
            dump = net.a.spawn("tcpdump", "tcpdump", "--immediate-mode", "-U", "-Z", "root", "-i", "a0", "-w", capture, "udp")
            until(10, "tcpdump does not start", lambda: "listening" in dump.output())
            a.up()
            expect(passes(net), "ping is not answered")
            a.down()
            a.wait_down()
            # The last packet of the run is in the file: nothing is left in tcpdump's hands.
            until(5, "the capture does not settle", lambda: settled(capture))
            dump.signal(signal.SIGINT)
            dump.wait(5)

            def fields(shown, *names):
                args = [x for name in names for x in ("-e", name)]
                return sh("tshark", "-r", capture, "-o", "esp.enable_encryption_decode:TRUE", "-Y", shown, "-T", "fields",
                          *args, env={**os.environ, "WIRESHARK_CONFIG_DIR": str(keys), "HOME": str(net.a.dir)}).stdout
            opened = fields("isakmp.exchangetype == 35", "isakmp.id.data.fqdn")
            expect("a.test" in opened and "b.test" in opened, "%s: tshark reads no identities in IKE_AUTH: %r" % (ike, opened))
            inner = fields("esp && icmp", "ip.src")
            expect(net.INNER["a"][4] in inner and net.INNER["b"][4] in inner, "%s: tshark reads no ping in ESP: %r" % (esp, inner))
            for file in ("ikev2_decryption_table", "esp_sa"):
                mode = (keys / file).stat().st_mode & 0o777
                expect(mode == 0o600, "%s has mode %o" % (file, mode))
            a.stop()


def settled(path):
    size = path.stat().st_size
    time.sleep(0.3)
    return size > 24 and size == path.stat().st_size


# ---- What the documentation promises ----

DOCS = pathlib.Path(__file__).resolve().parents[2]


def readme():
    blocks = [b for b in re.findall(r"^```\n(.*?)^```", (DOCS / "README.md").read_text(), re.S | re.M) if "connections" in b]
    expect(len(blocks) == 2, "README.md has %d configurations, not one for the laptop and one for the gateway" % len(blocks))
    return blocks


def examples():
    return [(DOCS / "docs" / "examples" / name).read_text() for name in ("laptop.conf", "gateway.conf")]


def documented(configurations):
    """A laptop and a gateway with the text of the documentation, but for the gateway's address."""
    laptop_conf, gateway_conf = configurations()
    with Lab() as lab:
        net = Net(lab, nat=True)
        net.a.ip("addr", "flush", "dev", "lo", "scope", "global")
        net.a.ip("addr", "add", "10.9.0.2/32", "dev", "lo")
        net.b.ip("addr", "add", "10.1.0.53/16", "dev", "lo")
        laptop, gateway = Tunike(net.a), Tunike(net.b)
        before = net.a.host_state()
        for peer, text in ((laptop, laptop_conf), (gateway, gateway_conf)):
            expect("vpn.example.org" in text or peer is gateway, "the laptop has no gateway to call")
            peer.write(text.replace("vpn.example.org", net.outer["b"][4]))
            secret = peer.node.dir / "office.psk"
            secret.write_text("a secret of the documentation's test\n")
            secret.chmod(0o600)
        gateway.start()
        laptop.start()
        laptop.wait_up()
        for size in (84, laptop.mtu()):
            done = net.a.sh("ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", size - 28, "10.1.0.53", check=False)
            expect(done.returncode == 0, "ping of %d bytes into the office: %s" % (size, done.stdout + done.stderr))
        done = net.b.sh("ping", "-n", "-q", "-c", "1", "-W", "2", "-I", "10.1.0.53", "10.9.0.2", check=False)
        expect(done.returncode == 0, "the office does not reach the laptop: " + done.stdout + done.stderr)
        laptop.stop()
        expect_same(before, net.a.host_state())
        gateway.stop()


# ---- The program under watch ----

def watched(lab, wrapper=(), program=None, env=None, slow=1):
    net = Net(lab, nat=True)
    site_a, site_b = matrix.sites(net, 4, ike="aes128-sha256-modp2048", esp="aes128-sha256")
    a = Tunike(net.a, program, wrapper, env).configure(site_a)
    b = Tunike(net.b, program, wrapper, env).configure(site_b)
    b.start(seconds=60 * slow)
    a.start(seconds=60 * slow)
    for _ in range(2):
        a.up(seconds=40)
        b.wait_up()
        carries(net, min(a.mtu(), b.mtu()), tcp_bytes=50_000 if slow > 1 else 1 << 20, families=(4,), tries=3)
        a.down()
        a.wait_down()
        b.wait_down()
    a.up(seconds=40)
    for peer in (a, b):  # the one with a tunnel, and then the one whose peer has gone
        peer.stop(60)
    return a, b


def valgrind():
    """No leak and no bad access over connect, traffic, disconnect, connect, stop."""
    with Lab() as lab:
        watched(lab, ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
                      "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99"], slow=3)


def sanitized(variable, **options):
    program = os.environ.get(variable)
    if not program or not os.access(program, os.X_OK):
        raise Skipped("%s names no program" % variable)
    wrapper = ["setarch", os.uname().machine, "-R"] if variable.endswith("TSAN") else []
    with Lab() as lab:
        a, b = watched(lab, wrapper, program, options)
        for peer in (a, b):
            expect("Sanitizer" not in peer.log() and "runtime error" not in peer.log(), peer.log()[-3000:])


def cases():
    yield "the device down and up", device_down
    yield "peer vanishes, is noticed, and comes back", peer_vanishes
    yield "valgrind: connect, disconnect, stop", valgrind
    yield "thread sanitizer: connect, disconnect, stop", lambda: sanitized("TUNIKE_TSAN", TSAN_OPTIONS="halt_on_error=0")
    yield "address sanitizer: connect, disconnect, stop", lambda: sanitized("TUNIKE_ASAN", ASAN_OPTIONS="detect_leaks=1")
    yield "loss of 5 percent", loss
    yield "tries again after a failure", tries_again
    yield "start_action trap", trap
    yield "start_action start at both ends", start_both_ends
    yield "run --up", run_up
    yield "SIGTERM puts everything back", lambda: clean_stop(signal.SIGTERM)
    yield "Ctrl-C puts everything back", lambda: clean_stop(signal.SIGINT)
    yield "SIGKILL, and the next start", killed
    yield "peer restarts", peer_restarts
    yield "strongswan begins anew without INITIAL_CONTACT", strongswan_begins_anew
    yield "the first configuration of the README", lambda: documented(readme)
    yield "the examples of docs/examples", lambda: documented(examples)
    yield "a further child", children
    yield "two hosts behind one NAT", two_behind_one_nat
    yield "key log opens IKE and ESP, tunike", lambda: keylog(False)
    yield "key log opens IKE and ESP, strongswan", lambda: keylog(True)
