#!/usr/bin/env python3
"""Ten thousand children between two hosts: up, listed, and gone. Needs root.

  children.py [--tunike FILE] [--children 10000] [--each 250]

--each is how many an IKE SA has. The same is done with an eighth of them first: what a child costs both daemons, in CPU
time, must not grow with their number. Before they go, a packet of every hundredth child must be answered.
"""
import argparse
import os
import pathlib
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "netns"))
sys.dont_write_bytecode = True
import lab  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402
from lab import Lab, Net, expect, until  # noqa: E402
from peers import Tunike  # noqa: E402

GROWTH = 6  # the caches hold less of it, and the longer it takes, the more often all policies are compiled
PATIENCE = 240
SECTION = '''
    %s = { local_addrs = ["%s"]; remote_addrs = ["%s"]; unique = "never"; rekey_time = "0s";
        proposals = ["aes128gcm16-prfsha256-ecp256"];
        local = { auth = "psk"; id = "%s.test"; }; remote = { auth = "psk"; };
        children = { %s }; };'''
CHILD = ('%s = { local_ts = %s; remote_ts = %s; esp_proposals = ["aes128gcm16"]; rekey_time = "0s"; '
         'start_action = "%s"; };')


def target(i):
    return "10.200.%d.%d" % (i // 256, i % 256)


def configure(net, letter, sections):
    return Tunike(net.lab.node(letter)).write('''
        log = { level = "warning"; };
        secrets = ( { type = "psk"; ids = ["a.test", "b.test"]; secret = "%s"; } );
        connections = { %s };''' % (peers.PSK, "".join(sections)))


def ends(net, n, each):
    outer, here = {letter: net.outer[letter][4] for letter in "ab"}, net.INNER["a"][4] + "/32"
    sections = []
    for first in range(0, n, each):
        children = (CHILD % ("c%d" % i, peers.strings([here]), peers.strings([target(i) + "/32"]), "start")
                    for i in range(first, min(n, first + each)))
        sections.append(SECTION % ("p%d" % first, outer["a"], outer["b"], "a", " ".join(children)))
    all_of_them = CHILD % ("c", '["10.200.0.0/16"]', peers.strings([here]), "none")
    return (configure(net, "a", sections),
            configure(net, "b", [SECTION % ("p", outer["b"], outer["a"], "b", all_of_them)]))


def cpu(tunike):
    """Seconds, of user and kernel."""
    fields = pathlib.Path("/proc/%d/stat" % tunike.daemon.pid()).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def routes(node):
    return node.sh("cat", "/proc/net/route").stdout.count("tunike0")


def up_and_down(n, each):
    """Seconds of CPU time for each child."""
    with Lab() as space:
        net = Net(space)
        for first in range(0, n, 100):
            net.b.ip("addr", "add", target(first) + "/32", "dev", "lo")
        a, b = ends(net, n, each)
        b.start()
        begun = time.monotonic()
        a.start()
        until(PATIENCE, lambda: "of %d children %d are up" % (n, len(a.children())),
              lambda: routes(net.a) >= n, every=0.2)
        seconds, spent = time.monotonic() - begun, cpu(a) + cpu(b)
        asked = time.monotonic()
        for end in (a, b):
            children = end.children()
            expect(len(children) == n and all(c["state"] == "installed" for c in children), "%d children, not %d" % (
                len(children), n))
        asked = (time.monotonic() - asked) / 2
        for first in range(0, n, 100):
            done = matrix.ping(net.a, net.INNER["a"][4], target(first), 84)
            expect(done.returncode == 0, "child %d does not carry" % first)
        ended = time.monotonic()
        a.daemon.signal(signal.SIGTERM)
        expect(a.daemon.wait(PATIENCE) == 0, "tunike ended with an error: " + a.log()[-600:])
        ended = time.monotonic() - ended
        b.wait_down()
        b.stop()
        expect(routes(net.a) == 0, "%d routes are left" % routes(net.a))
        print("%6d children: up in %.1f s, %.2f ms of CPU time for each; status in %.1f s; gone in %.1f s" % (
            n, seconds, 1e3 * spent / n, asked, ended), flush=True)
        return spent / n


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    p.add_argument("--children", type=int, default=10000)
    p.add_argument("--each", type=int, default=250)
    options = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers.TUNIKE = os.path.abspath(options.tunike)
    try:
        few, many = (up_and_down(n, options.each) for n in (max(1, options.children // 8), options.children))
        expect(many < GROWTH * few, "each of many children costs %.1f times what each of few does" % (many / few))
    except lab.Failed as what:
        print("children: %s" % what)
        return 1
    print("children: all up, all carry, all gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
