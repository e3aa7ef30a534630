"""New keys while packets flow: children and the IKE SA, asked for by either end, by time, bytes and command; with
tunike and with strongSwan at the other end. No packet may be lost."""
import re

import matrix
from lab import Lab, Net, Skipped, expect, expect_words, until
from peers import StrongSwan, Tunike, available

PLAIN, PFS = "aes256gcm16", "aes256gcm16-x25519"
IKE = "aes256gcm16-prfsha384-x25519"
SECONDS, EVERY = 7, 0.02


class Pings:
    """Echo requests from one side, one every 20 ms."""

    def __init__(self, net, source, target, seconds=SECONDS):
        node = net.lab.node(source)
        self.count = int(seconds / EVERY)
        self.process = node.spawn("ping-%s" % source, "ping", "-n", "-i", EVERY, "-W", "2", "-c", self.count, "-s", "400",
                                  "-I", net.INNER[source][4], net.INNER[target][4])

    def all_answered(self, seconds=30, but=0):
        self.process.wait(seconds)
        out = self.process.output()
        got = int((re.search(r"(\d+) received", out) or [0, 0])[1])
        seen = {int(n) for n in re.findall(r"icmp_seq=(\d+)", out)}
        lost = [n for n in range(1, self.count + 1) if n not in seen]
        expect(got >= self.count - but, "of %d packets %d were answered; lost: %r" % (self.count, got, lost[:40]))


def rekeys(tunike, ike=False):
    """How often the log tells of new keys, of children or of the IKE SA."""
    lines = [l for l in tunike.log().splitlines() if re.search(r"\brekeyed\b.*initiator=", l)]
    return sum(("child_id=" not in l) == ike for l in lines)


def needs(role):
    if "strongswan" in role and not available():
        raise Skipped("charon is not installed")


def ends(lab, role, esp=PLAIN, keys_a="", keys_b="", conn_a="", conn_b="", nat=False, ike=IKE):
    """a calls b, and what each says of times."""
    net = Net(lab, nat)
    site_a, site_b = matrix.sites(net, 4, ike=ike, esp=esp)
    site_a.child_keys, site_b.child_keys, site_a.conn_keys, site_b.conn_keys = keys_a, keys_b, conn_a, conn_b
    make_a, make_b = matrix.ROLES[role]
    a, b = make_a(net.a).configure(site_a), make_b(net.b).configure(site_b)
    b.start()
    a.start()
    a.up()
    b.wait_up()
    return net, a, b


def both_ways(net, seconds=SECONDS):
    return [Pings(net, "a", "b", seconds), Pings(net, "b", "a", seconds)]


def time_keys(make, seconds):
    if make is Tunike:
        return 'rekey_time = "%ds"; life_time = "60s";' % seconds
    return "rekey_time = %ds\nrand_time = 0\nlife_time = 60s" % seconds


NEVER = {Tunike: 'rekey_time = 0; life_time = 0;', StrongSwan: "life_time = 0"}


def settled(role, a, b):
    """In the end there is one child at each end, and the tunnel carries."""
    for end in (a, b):
        if isinstance(end, Tunike):
            until(15, lambda: "children: %r\n%s" % (end.children(), end.log()[-1500:]),
                  lambda: [c["state"] for c in end.children()] == ["installed"])
            expect(len(end.ike_sas()) == 1, "IKE SAs: %r" % end.ike_sas())
        else:
            until(15, lambda: "children: " + end.sas(),
                  lambda: len(re.findall(r"net: #\d+.*INSTALLED", end.sas())) == 1 and "REKEY" not in end.sas())


def finish(role, net, a, b):
    expect(matrix.ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 84).returncode == 0, "in the end nothing passes")
    a.down()
    a.wait_down()
    b.wait_down(10)
    a.stop()
    b.stop()


def drops(end):
    return [c["drops"] for c in end.children() if any(c["drops"].values())]


def by_time(role, asker, esp):
    """The asker wants new keys for the child every two seconds; with a key exchange, through a NAT."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    keys = {}
    for letter, make in (("a", make_a), ("b", make_b)):
        keys["keys_" + letter] = time_keys(make, 2) if letter in asker else NEVER[make]
    with Lab() as lab:
        net, a, b = ends(lab, role, esp, nat=esp == PFS, **keys)
        for pings in both_ways(net):
            pings.all_answered()
        for end in (a, b):
            if isinstance(end, Tunike):
                expect(rekeys(end) >= 2, "new keys %d times only: %s" % (rekeys(end), end.log()[-1500:]))
                expect(not drops(end), "drops: %r" % drops(end))
                if esp == PFS:
                    until(5, lambda: "no key exchange: %r" % end.children(),
                          lambda: any("CURVE25519" in c["suite"] for c in end.children()))
        finish(role, net, a, b)


def by_bytes(role):
    """tunike asks after so many bytes. Then TCP makes it ask often: that fills charon's queues, which drop by themselves,
    so that only the end of it counts."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    keys = {"keys_" + l: 'rekey_time = 0; rekey_bytes = "60k"; life_bytes = "200m";' if m is Tunike else NEVER[m]
            for l, m in (("a", make_a), ("b", make_b))}
    with Lab() as lab:
        net, a, b = ends(lab, role, **keys)
        for pings in both_ways(net, 5):
            pings.all_answered()
        for end in (a, b):
            if isinstance(end, Tunike):
                expect(rekeys(end) >= 2, "new keys %d times only: %s" % (rekeys(end), end.log()[-1500:]))
        matrix.carries(net, 1300, tcp_bytes=4 << 20, families=(4,), tries=3)
        settled(role, a, b)
        finish(role, net, a, b)


def ike_by_time(role, asker):
    """New keys for the IKE SA every two seconds, and for the child now and then; b asks through a NAT."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    conns = {}
    for letter, make in (("a", make_a), ("b", make_b)):
        if letter not in asker:
            conns["conn_" + letter] = 'rekey_time = 0;' if make is Tunike else ""
        elif make is Tunike:
            conns["conn_" + letter] = 'rekey_time = "2s"; over_time = "60s";'
        else:
            conns["conn_" + letter] = "rekey_time = 2s\nrand_time = 0\nover_time = 60s"
    with Lab() as lab:
        net, a, b = ends(lab, role, keys_a=time_keys(make_a, 3), keys_b=NEVER[make_b], nat=asker == "b", **conns)
        for pings in both_ways(net, 8):
            pings.all_answered()
        for end in (a, b):
            if isinstance(end, Tunike):
                expect(rekeys(end, ike=True) >= 2, "IKE: %d times only: %s" % (rekeys(end, ike=True), end.log()[-1500:]))
                expect(rekeys(end) >= 1, "children: %d times only: %s" % (rekeys(end), end.log()[-1500:]))
                expect(len(end.ike_sas()) == 1, "IKE SAs: %r" % end.ike_sas())
        finish(role, net, a, b)


def swanctl_rekeys(end, what):
    done = end.swanctl("--rekey", *what)
    expect(done.returncode == 0, "swanctl --rekey: " + done.stdout + done.stderr)


def by_command(role):
    """tunike rekey NAME, NAME/CHILD, --ike; swanctl --rekey."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    with Lab() as lab:
        net, a, b = ends(lab, role, keys_a=NEVER[make_a], keys_b=NEVER[make_b])
        pings = both_ways(net, 4)
        for end in (a, b):
            if isinstance(end, StrongSwan):
                swanctl_rekeys(end, ("--child", "net"))
                settled(role, a, b)
                swanctl_rekeys(end, ("--ike", "site"))
                until(5, "the IKE SA has no new keys", lambda: all(rekeys(e, ike=True) for e in (a, b) if isinstance(e, Tunike)))
                continue
            before = end.ike_sas()[0]["spi_i"], end.child()["spi_in"]
            for words in (("site",), ("site/net",), ("site", "--ike")):
                done = end.cli("rekey", *words, "--timeout", "10s")
                expect(done.returncode == 0, "tunike rekey %s: exit %d: %s" % (
                    " ".join(words), done.returncode, done.stdout + done.stderr))
                expect_words(done.stdout, "new keys")
                settled(role, a, b)
            expect(end.ike_sas()[0]["spi_i"] != before[0], "the IKE SA has the old SPIs")
            expect(end.child()["spi_in"] != before[1], "the child has the old SPIs")
            for words in (("site/nothing",), ("site/net", "--ike")):
                expect(end.cli("rekey", *words).returncode == 2, "rekey %r is no usage error" % (words,))
        for p in pings:
            p.all_answered()
        finish(role, net, a, b)


def reauth(role, asker):
    """The IKE SA and its child are set up afresh, make before break: by a, at its own time, or when b, a gateway, says so
    (AUTH_LIFETIME). tunike has the time in either role; no packet is lost. charon takes its policy for the old child away
    and puts that of the new one in its place: of its packets a few may be lost."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    keys = 'rekey_time = 0; reauth_time = "12s"; rand_time = 0; over_time = "60s";'
    with Lab() as lab:
        net, a, b = ends(lab, role, keys_a=NEVER[make_a], keys_b=NEVER[make_b], **{"conn_" + asker: keys})
        tunike = a if asker == "a" else b
        before = tunike.ike_sas()[0]["spi_i"]
        for pings in both_ways(net, 20):
            pings.all_answered(45, but=5 if "strongswan" in role else 0)
        until(20, lambda: "IKE SAs: %r" % tunike.ike_sas(),
              lambda: [sa["spi_i"] for sa in tunike.ike_sas()] not in ([], [before]) and len(tunike.ike_sas()) == 1)
        if asker == "b":
            expect("auth-lifetime" in tunike.ike_sas()[0]["extensions"], "%r" % tunike.ike_sas())
        settled(role, a, b)
        finish(role, net, a, b)


def nothing_is_up():
    with Lab() as lab:
        net = Net(lab)
        a = Tunike(net.a).configure(matrix.sites(net, 4)[0]).start()
        for words in (("site",), ("site", "--ike")):
            done = a.cli("rekey", *words)
            expect(done.returncode == 1, "exit %d" % done.returncode)
            expect_words(done.stderr, "not up")
        a.stop()


def cases():
    for role in matrix.ROLES:
        for esp in (PLAIN, PFS):
            for asker in ("a", "b") if esp == PLAIN else ("b",):
                yield ("rekey child time %s %s %s" % (role, asker, "pfs" if esp == PFS else "plain"),
                       lambda r=role, k=asker, e=esp: by_time(r, k, e))
        for asker in ("a", "b"):
            yield "rekey ike time %s %s" % (role, asker), lambda r=role, k=asker: ike_by_time(r, k)
        for asker in ("a", "b"):
            if matrix.ROLES[role][asker == "b"] is Tunike:
                yield "rekey reauth %s %s" % (role, asker), lambda r=role, k=asker: reauth(r, k)
        yield "rekey command %s" % role, lambda r=role: by_command(r)
        yield "rekey bytes %s" % role, lambda r=role: by_bytes(r)
    yield "rekey child time both ends", lambda: by_time("tunike-tunike", "ab", PLAIN)
    yield "rekey ike time both ends", lambda: ike_by_time("tunike-tunike", "ab")
    yield "rekey nothing", nothing_is_up
