#!/usr/bin/env python3
"""Hours in minutes: a tunnel that gets new keys every few seconds over a link that loses packets, full in both
directions. Needs root.

  soak.py [--tunike FILE] [--minutes 30] [--loss 3] [--rekey 5] [--workers 2] [--esp PROPOSAL]

Every ESP packet that one end sent is accounted for: it was opened at the other, or a counter of the link says that the
link dropped it. Memory must stay where it is. Prints a table while it runs, and a verdict.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "netns"))
sys.dont_write_bytecode = True
import lab  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402
from lab import Lab, Net, expect  # noqa: E402
from peers import Tunike  # noqa: E402

WARM_UP = 60        # seconds until memory is looked at
GROWTH = 4 << 20    # bytes that it may grow by after that
LOAD = ("while :; do iperf3 -c %s -B %s -t 3600 %s >/dev/null 2>&1; sleep 0.3; done")

LOSS = """
table inet loss {
  counter lost_esp { }
  counter lost_ike { }
  chain arriving {
    type filter hook prerouting priority -300;
    udp dport 4500 @th,64,32 0 numgen random mod 1000 < %(permille)d counter name lost_ike drop
    udp dport 4500 @th,64,32 != 0 numgen random mod 1000 < %(permille)d counter name lost_esp drop
  }
}
"""


class End:
    """One end of the tunnel and what its link and its kernel say."""

    def __init__(self, tunike, node, device):
        self.tunike, self.node, self.device = tunike, node, device
        self.rss = []

    def lost_on_link(self):
        out = json.loads(self.node.sh("nft", "-j", "list", "counters", "table", "inet", "loss").stdout)
        by_name = {c["counter"]["name"]: c["counter"]["packets"] for c in out["nftables"] if "counter" in c}
        return by_name["lost_esp"], by_name["lost_ike"]

    def statistic(self, name):
        return int(self.node.sh("cat", "/sys/class/net/%s/statistics/%s" % (self.device, name)).stdout)

    def socket_full(self):
        """Datagrams that found the buffer of a socket on port 4500 full, of both families."""
        lines = self.node.sh("cat", "/proc/net/udp", "/proc/net/udp6").stdout.splitlines()
        return sum(int(l.split()[-1]) for l in lines if ":1194 " in l)

    def sum(self, counter):
        return sum(w[counter] for w in self.tunike.status()["workers"])

    def memory(self):
        status = pathlib.Path("/proc/%d/status" % self.tunike.daemon.pid()).read_text()
        self.rss.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10)
        return self.rss[-1]

    def rekeys(self):
        return len(re.findall(r"\brekeyed\b.*initiator=", self.tunike.log()))


def ends(space, options):
    net = Net(space)
    keys = 'rekey_time = "%ds"; life_time = "10m"; replay_window = 32768;' % options.rekey
    site_a, site_b = matrix.sites(net, 4, ike="aes128gcm16-prfsha256-x25519", esp=options.esp)
    site_a.child_keys, site_b.child_keys = keys, 'rekey_time = 0; life_time = 0; replay_window = 32768;'
    for site in (site_a, site_b):
        site.top_keys = "workers = %d;" % options.workers
    found = []
    for letter, site in (("a", site_a), ("b", site_b)):
        node = net.lab.node(letter)
        device = json.loads(node.ip("-j", "addr", "show", "to", net.outer[letter][4]).stdout)[0]["ifname"]
        # Every datagram by itself on the wire, so that it is lost by itself.
        node.sh("ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", check=False)
        found.append(End(Tunike(node).configure(site), node, device))
    return net, found


def load(net, seconds):
    """TCP and UDP, both ways at once, begun again when loss has ended it."""
    here, there = net.INNER["a"][4], net.INNER["b"][4]
    for port, how in ((5301, "-P 8 --bidir"), (5302, "-u -b 150M -l 1200 --bidir"), (5303, "-u -b 5M -l 64 --bidir")):
        net.b.spawn("server-%d" % port, "sh", "-c", "while :; do iperf3 -s -1 -B %s -p %d >/dev/null 2>&1; done"
                    % (there, port), limit=seconds)
        net.a.spawn("load-%d" % port, "sh", "-c", LOAD % (there, here, "-p %d %s" % (port, how)), limit=seconds)


def account(sender, receiver):
    """One direction: what was sent, what came, and where the rest went."""
    sent, came = sender.sum("packets_out"), receiver.sum("packets_in")
    esp, ike = receiver.lost_on_link()
    row = {"sent": sent, "opened": came, "link": esp, "link_ike": ike, "socket_full": receiver.socket_full(),
           "backlog": receiver.statistic("rx_dropped"),
           "drops": {k: v for k, v in receiver.tunike.status()["drops"].items() if v},
           "tun_lost": receiver.sum("tun_lost"), "strays_lost": receiver.sum("strays_lost")}
    row["unexplained"] = sent - came - esp - row["socket_full"] - row["backlog"]
    return row


def watch(found, seconds):
    start = time.monotonic()
    print("%8s %12s %12s %10s %10s" % ("seconds", "a RSS KiB", "b RSS KiB", "rekeys", "Mpackets"), flush=True)
    while time.monotonic() - start < seconds:
        time.sleep(min(10, seconds / 6))
        for end in found:
            expect(end.tunike.daemon.running(), "a daemon ended: " + end.tunike.log()[-1500:])
        rss = [end.memory() >> 10 for end in found]
        print("%8d %12d %12d %10d %10.2f" % (time.monotonic() - start, *rss, found[0].rekeys(),
                                             sum(e.sum("packets_out") for e in found) / 1e6), flush=True)


def judge(found, rows, options):
    wrong = []
    for end, name in zip(found, "ab"):
        warm = end.rss[len(end.rss) // 3:] if options.minutes * 60 < 3 * WARM_UP else end.rss[WARM_UP // 10:]
        grown = max(warm) - warm[0]
        print("%s: RSS grew by %d KiB after the warm-up" % (name, grown >> 10))
        if grown > GROWTH:
            wrong.append("%s grew by %d KiB" % (name, grown >> 10))
    wanted = options.minutes * 60 / options.rekey * 0.7
    if found[0].rekeys() < wanted:
        wrong.append("new keys %d times only, %d expected" % (found[0].rekeys(), wanted))
    for name, row in rows.items():
        print(name, json.dumps(row))
        if row["unexplained"]:
            wrong.append("%s: %d packets are unaccounted for" % (name, row["unexplained"]))
    return wrong


def soak(options):
    seconds = int(options.minutes * 60)
    lab.LIFE = seconds + 120
    with Lab() as space:
        net, found = ends(space, options)
        for end in reversed(found):
            end.tunike.daemon = None
            end.tunike.start()
        found[0].tunike.up()
        for end in found:
            end.node.nft(LOSS % {"permille": int(options.loss * 10)})
        load(net, seconds)
        watch(found, seconds)
        until_quiet = time.monotonic() + 30
        before = -1
        while time.monotonic() < until_quiet and before != sum(e.sum("packets_out") for e in found):
            before = sum(e.sum("packets_out") for e in found)
            time.sleep(3)
        a, b = found
        return judge(found, {"a to b": account(a, b), "b to a": account(b, a)}, options)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--loss", type=float, default=3, help="percent")
    p.add_argument("--rekey", type=int, default=5, help="seconds")
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--esp", default="aes128gcm16")
    options = p.parse_args()
    peers.TUNIKE = os.path.abspath(options.tunike)
    try:
        wrong = soak(options)
    except lab.Failed as what:
        wrong = [str(what)]
    print("soak: " + ("; ".join(wrong) if wrong else "%g minutes, no leak, every packet accounted for" % options.minutes))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
