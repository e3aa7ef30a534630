"""Floods of IKE_SA_INIT on a link: cookies (RFC 7296 section 2.6) and puzzles (RFC 8019), tunike at both ends."""
import pathlib
import re
import sys

import matrix
from lab import Lab, Net, expect, expect_words, until
from peers import Tunike

FLOODER = pathlib.Path(__file__).with_name("flooder.py")
RATE = 2000
GATEWAY = "cookie_threshold = 10; init_limit_half_open = 100; "


def tunnel(lab, gateway):
    net = Net(lab)
    site_a, site_b = matrix.sites(net, 4, ike="aes256gcm16-prfsha384-x25519")
    site_b.remote, site_b.top_keys = "%any", gateway
    a, b = Tunike(net.a).configure(site_a), Tunike(net.b).configure(site_b)
    b.start()
    a.start()
    return net, a, b


def ike(tunike):
    return tunike.status()["ike"]


def rss(tunike):
    """KiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path("/proc/%d/status" % tunike.daemon.pid()).read_text()).group(1))


def carries(net):
    until(10, "the tunnel does not carry", lambda: matrix.ping(
        net.a, net.INNER["a"][4], net.INNER["b"][4], 84).returncode == 0)


def spoofed():
    """From addresses that are not true: nothing is computed or kept for them, and the true caller gets in."""
    with Lab() as lab:
        net, a, b = tunnel(lab, GATEWAY)
        net.b.ip("route", "add", "198.18.0.0/15", "via", net.outer["a"][4])
        flood = net.a.spawn("flood", sys.executable, FLOODER, "spoofed", net.outer["b"][4], "198.18.0.0/15", RATE)
        until(30, lambda: "no cookies: %r %s" % (ike(b), flood.output()), lambda: ike(b)["cookies_sent"] > 3 * RATE)
        a.up()
        carries(net)
        expect_words(a.log(), "wants a cookie back")
        before = rss(b)  # with all that a tunnel takes
        until(30, lambda: "the flood is over: %r %s" % (ike(b), flood.output()),
              lambda: ike(b)["cookies_sent"] > 8 * RATE)
        seen = ike(b)
        expect(seen["half_open"] <= 10, "half-open: %r" % seen)
        expect(seen["key_exchanges"] <= 11, "key exchanges: %r" % seen)
        expect(rss(b) - before < 1024, "memory grew from %d to %d KiB" % (before, rss(b)))
        a.down()
        a.stop()
        b.stop()


def puzzles():
    """From true addresses that return cookies: half of the room is left for callers who solve their puzzles."""
    with Lab() as lab:
        net, a, b = tunnel(lab, GATEWAY + "puzzle_threshold = 20; puzzle_difficulty = 12;")
        bots = ["192.0.2.%d" % n for n in range(100, 160)]
        for address in bots:
            net.a.ip("addr", "add", address + "/24", "dev", "a0")
        before = rss(b)
        flood = net.a.spawn("flood", sys.executable, FLOODER, "bots", net.outer["b"][4], RATE / 4, *bots)
        until(60, lambda: "no puzzles: %r %s" % (ike(b), flood.output()),
              lambda: ike(b)["puzzles_sent"] > RATE and ike(b)["half_open"] >= 40)
        a.up(seconds=60)
        carries(net)
        expect_words(a.log(), "asks for a puzzle of 1", "the puzzle is solved")
        seen = ike(b)
        expect(seen["puzzles_solved"] >= 1, "solved: %r" % seen)
        expect(seen["half_open"] <= 70, "half-open: %r" % seen)
        expect(flood.running(), "the flood is over: " + flood.output())
        expect(rss(b) - before < 8192, "memory grew from %d to %d KiB" % (before, rss(b)))
        a.down()
        a.stop()
        b.stop()


def too_hard():
    """A caller that may not solve such puzzles says so."""
    with Lab() as lab:
        net, a, b = tunnel(lab, "cookie_threshold = 1; puzzle_threshold = 1; init_limit_half_open = 2; "
                                "puzzle_difficulty = 24;")
        flood = net.a.spawn("flood", sys.executable, FLOODER, "bots", net.outer["b"][4], 50, net.outer["a"][4])
        until(30, lambda: "few half-open: %r %s" % (ike(b), flood.output()), lambda: ike(b)["half_open"] == 2)
        said = a.up_fails(seconds=20)
        expect_words(said, "asks for a puzzle of 2", "zero bits", "puzzle_difficulty_max lets us solve up to 20")
        a.stop()
        b.stop()


def cases():
    yield "flood spoofed", spoofed
    yield "flood puzzles", puzzles
    yield "flood too hard", too_hard
