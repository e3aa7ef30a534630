#!/usr/bin/env python3
"""tunike beside strongSwan with its userspace ESP (kernel-libipsec), in one run: each pair of hosts in namespaces of its
own, the same program at both ends, all tunnels up, one of them measured at a time, rounds in changing order. Prints
medians, and their ratios to strongSwan's.

  beside.py [--rounds 5] [--seconds 3] [--esp aes128gcm16] [--tunike FILE]
"""
import argparse
import json
import pathlib
import random
import re
import signal
import statistics
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "netns"))
import lab  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402

PACED = 20000  # packets a second
SMALL = 64     # bytes of UDP payload
INNER_MTU = peers.LIBIPSEC_MTU


class Pair:
    """Two hosts and the tunnel between them."""

    def __init__(self, name, program, esp, top_keys=""):
        self.name, self.lab = name, lab.Lab()
        self.lab.__enter__()
        self.net = lab.Net(self.lab)
        sites = matrix.sites(self.net, 4, ike="aes128gcm16-prfsha256-ecp256", esp=esp, top_keys=top_keys)
        self.ends = [program(node).configure(site) for node, site in zip((self.net.a, self.net.b), sites)]
        self.ends[1].start()
        self.ends[0].start()
        self.ends[0].up()
        inner = self.net.INNER
        self.here, self.there = inner["a"][4], inner["b"][4]
        for node in (self.net.a, self.net.b):
            for device in ("tunike0", "ipsec0"):
                node.sh("ip", "link", "set", device, "mtu", INNER_MTU, check=False)

    def cpu(self):
        """Seconds that both daemons have had."""
        total = 0
        for node in (self.net.a, self.net.b):
            for pid in lab.sh("ip", "netns", "pids", node.ns).stdout.split():
                proc = pathlib.Path("/proc", pid)
                try:
                    if proc.joinpath("comm").read_text().strip() in ("tunike", "charon"):
                        total += sum(int(t.joinpath("schedstat").read_text().split()[0]) for t in proc.glob("task/*"))
                except OSError:
                    pass
        return total / 1e9

    def iperf(self, seconds, *options):
        server = self.net.b.spawn("iperf3", "iperf3", "-s", "-1", "-B", self.there, "--forceflush")
        lab.until(10, "iperf3 does not start", lambda: "listening" in server.output())
        before = self.cpu()
        done = self.net.a.sh("iperf3", "-J", "-c", self.there, "-B", self.here, "-t", seconds, *options,
                             timeout=seconds + 30)
        used = self.cpu() - before
        server.wait(10)
        server.log.unlink()
        return json.loads(done.stdout)["end"], used

    def offloads(self, word):
        for node, dev in ((self.net.a, "a0"), (self.net.b, "b0")):
            node.sh("ethtool", "-K", dev, "tx", word, "rx", word, "tso", word, "gso", word, "gro", word, check=False)

    def tcp(self, seconds, *options):
        end, used = self.iperf(seconds, *options)
        got = end["sum_received"]
        return got["bits_per_second"] / 1e9, used / (got["bytes"] / 1e9)

    def small(self, seconds, rate):
        end, used = self.iperf(seconds, "-u", "-l", SMALL, "-b", rate)
        arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
        return arrived / seconds / 1000, 1e6 * used / max(arrived, 1)

    def round_trip(self):
        done = self.net.a.sh("ping", "-n", "-i", "0.005", "-c", "400", "-I", self.here, self.there, timeout=60)
        return statistics.median(float(t) for t in re.findall(r"time=([\d.]+)", done.stdout)) * 1000

    def measure(self, seconds):
        row = {}
        row["TCP, 1 stream, Gbit/s"], row["CPU s/GB"] = self.tcp(seconds)
        row["TCP, 4 streams"], _ = self.tcp(seconds, "-P", 4)
        row["64 bytes, kpps"], _ = self.small(seconds, 0)
        _, row["CPU us per 64-byte packet"] = self.small(seconds, PACED * SMALL * 8)
        row["round trip p50, us"] = self.round_trip()
        self.offloads("off")
        row["TCP, offloads off"], _ = self.tcp(seconds)
        self.offloads("on")
        return row

    def close(self):
        self.lab.__exit__(None, None, None)


def table(names, rounds):
    keys = list(rounds[0][names[0]])
    print("| | %s |\n|---|%s" % (" | ".join(keys), "---|" * len(keys)))
    for name in names:
        cells = []
        for key in keys:
            value = statistics.median(r[name][key] for r in rounds)
            ratio = statistics.median(r[name][key] / r[names[0]][key] for r in rounds)
            cells.append("%.3g (%.3g)" % (value, ratio))
        print("| %s | %s |" % (name, " | ".join(cells)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--esp", default="aes128gcm16")
    parser.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    args = parser.parse_args()
    peers.TUNIKE = args.tunike
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    if not peers.available():
        sys.exit("no strongSwan here: ./dev setup installs it")
    keys = 'workers = 1; crypto = "%s";'
    pairs, rounds = [], []
    try:
        pairs.append(Pair("strongSwan", peers.StrongSwan, args.esp))
        for engine in ("openssl", "ipsec-mb"):
            pairs.append(Pair("tunike, " + engine, peers.Tunike, args.esp, keys % engine))
        for number in range(args.rounds):
            rounds.append({p.name: p.measure(args.seconds) for p in random.sample(pairs, len(pairs))})
            print("round %d of %d" % (number + 1, args.rounds), file=sys.stderr, flush=True)
        table([p.name for p in pairs], rounds)
    finally:
        for pair in pairs:
            pair.close()


if __name__ == "__main__":
    main()
