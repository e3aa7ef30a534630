#!/usr/bin/env python3
"""New keys every few seconds, asked for by both ends, of the child and of the IKE SA, while packets flow: tunike with
strongSwan in both roles, and with itself. Needs root.

  rekeys.py [--tunike FILE] [--minutes 10] [ROLE...]     roles: tunike-strongswan strongswan-tunike tunike-tunike

Echo requests go both ways, fifty a second, beside one TCP stream in a steady flow. Every request must be answered, but
for as many as the kernel counts that found a queue of charon full (it does, on a busy machine), and the stream must
live to the end. All roles run at the same time, each in namespaces of its own.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "netns"))
sys.dont_write_bytecode = True
import lab  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402
import rekey  # noqa: E402
from lab import Lab, Net, expect, until  # noqa: E402
from peers import Tunike  # noqa: E402

# Seconds: the two ends meet now and then, at the same time too.
CHILD = {"a": 4, "b": 6}
IKE = {"a": 11, "b": 17}
RATE = "4M"  # bits a second of the stream; charon's own queues drop when it is hurried
PORT = 5301


def keys(make, letter):
    child = 'rekey_time = "%ds"; rand_time = "1s"; life_time = "60s";' if make is Tunike else \
        "rekey_time = %ds\nrand_time = 1s\nlife_time = 60s"
    ike = 'rekey_time = "%ds"; rand_time = "2s"; over_time = "60s";' if make is Tunike else \
        "rekey_time = %ds\nrand_time = 2s\nover_time = 60s"
    return child % CHILD[letter], ike % IKE[letter]


def ends(space, role):
    net = Net(space)
    site_a, site_b = matrix.sites(net, 4, ike="aes128-sha256-modp2048", esp="aes128gcm16")
    found = []
    for letter, site, make in zip("ab", (site_a, site_b), matrix.ROLES[role]):
        site.child_keys, site.conn_keys = keys(make, letter)
        found.append(make(net.lab.node(letter)).configure(site))
    a, b = found
    b.start()
    a.start()
    a.up()
    b.wait_up()
    return net, found


def stream(net, seconds):
    """One TCP stream through the tunnel; iperf3 ends with an error when it breaks."""
    net.b.spawn("server", "iperf3", "-s", "-1", "-B", net.INNER["b"][4], "-p", PORT, limit=2 * seconds + 120)
    time.sleep(0.5)
    return net.a.spawn("stream", "iperf3", "-J", "-c", net.INNER["b"][4], "-B", net.INNER["a"][4], "-p", PORT,
                       "-b", RATE, "-t", seconds, limit=2 * seconds + 120)


def answered(pings):
    out = pings.process.output()
    return int((re.search(r"(\d+) received", out) or [0, 0])[1])


def queues(e):
    """Packets that found a queue of the kernel full at this end: of the UDP sockets, and of the device."""
    lines = e.node.sh("cat", "/proc/net/udp", "/proc/net/udp6").stdout.splitlines()
    full = sum(int(l.split()[-1]) for l in lines if re.match(r"\s*\d+:", l))
    device = "tunike0" if isinstance(e, Tunike) else "ipsec0"
    return full, int(e.node.sh("cat", "/sys/class/net/%s/statistics/tx_dropped" % device).stdout)


def judge(found, pings, flow):
    """What was seen, and what is wrong with it."""
    row, wrong = {}, []
    full = sum(sum(queues(e)) for e in found if not isinstance(e, Tunike))
    for name, p in zip(("a to b", "b to a"), pings):
        p.process.wait(60 + p.count * rekey.EVERY)  # a busy machine makes ping slower
        row[name] = "%d of %d answered" % (answered(p), p.count)
        if answered(p) < p.count - full:
            wrong.append("%s: %s" % (name, row[name]))
    flow.wait(90)
    end = json.loads(flow.output() or "{}").get("end", {})
    if "sum_received" not in end:
        wrong.append("the stream broke: " + flow.output()[-300:])
    else:
        row["stream"] = "%.1f MB, %d retransmits" % (end["sum_received"]["bytes"] / 1e6, end["sum_sent"]["retransmits"])
    for letter, e in zip("ab", found):
        row["%s queues" % letter] = queues(e)
        if not isinstance(e, Tunike):
            continue
        row["%s drops" % letter] = {k: v for k, v in e.status()["drops"].items() if v}
        row["%s rekeyed" % letter] = {"child": rekey.rekeys(e), "ike": rekey.rekeys(e, ike=True)}
        until(30, "it does not settle: %r" % e.ike_sas(), lambda e=e: len(e.ike_sas()) == 1)
        drops = {k: v for c in e.children() for k, v in c["drops"].items() if v}
        if drops:
            wrong.append("%s dropped %r" % (letter, drops))
    return row, wrong


def run(role, seconds, results):
    try:
        with Lab() as space:
            net, found = ends(space, role)
            flow = stream(net, seconds)
            pings = [rekey.Pings(net, "a", "b", seconds), rekey.Pings(net, "b", "a", seconds)]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(5)
                for e in found:
                    expect(e.daemon.running(), "a daemon ended: " + e.log()[-1500:])
            results[role] = judge(found, pings, flow)
    except Exception as what:  # one role's end is not the others'
        results[role] = ({}, [str(what)])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("roles", nargs="*", default=list(matrix.ROLES))
    options = p.parse_args()
    peers.TUNIKE = os.path.abspath(options.tunike)
    seconds = int(options.minutes * 60)
    lab.LIFE = 2 * seconds + 240
    results = {}
    threads = [threading.Thread(target=run, args=(role, seconds, results)) for role in options.roles]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wrong = 0
    for role, (row, faults) in sorted(results.items()):
        wrong += bool(faults)
        print("%s: %s" % (role, json.dumps(row)))
        for f in faults:
            print("  WRONG: " + f)
    print("rekeys: " + ("%d roles failed" % wrong if wrong else
                        "%g minutes, nothing lost but what found a queue of charon full" % options.minutes))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
