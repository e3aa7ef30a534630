#!/usr/bin/env python3
"""TCP between two namespaces: the bare link, and through the tunnel. Prints rows of the bench table.

  throughput.py [--seconds 5] [--tunike FILE]
"""
import argparse
import json
import pathlib
import signal
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "netns"))
import lab  # noqa: E402
import matrix  # noqa: E402
import peers  # noqa: E402

SUITES = ("aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha256")


def gigabits(net, source, target, seconds):
    server = net.b.spawn("iperf3", "iperf3", "-s", "-1", "-B", target, "--forceflush")
    lab.until(10, "iperf3 does not start", lambda: "listening" in server.output())
    done = net.a.sh("iperf3", "-J", "-c", target, "-B", source, "-t", seconds, timeout=seconds + 20)
    server.wait(10)
    server.log.unlink()
    return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9


def row(name, value, bare=None):
    beside = "" if bare is None else "   %5.1f %% of the bare link" % (100 * value / bare)
    print("%-36s %8.2f Gbit/s%s" % (name, value, beside), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    args = parser.parse_args()
    peers.TUNIKE = args.tunike
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    with lab.Lab() as bench:
        net = lab.Net(bench)
        bare = gigabits(net, net.outer["a"][4], net.outer["b"][4], args.seconds)
        row("bare link (veth)", bare)
        for suite in SUITES:
            site_a, site_b = matrix.sites(net, 4, esp=suite)
            b, a = peers.Tunike(net.b).configure(site_b).start(), peers.Tunike(net.a).configure(site_a).start()
            a.up()
            row("tunnel, " + suite, gigabits(net, net.INNER["a"][4], net.INNER["b"][4], args.seconds), bare)
            a.stop()
            b.stop()


if __name__ == "__main__":
    main()
