#!/usr/bin/env python3
"""Ten times more than a tunnel carries. Needs root and the CPU controller of cgroups.

  overload.py [--tunike FILE] [--share 10] [--seconds 20]

The receiving end gets a share of one core (percent), so that it carries little. What it carries at its best is found by
stepping up the load; then it is offered ten times that. It must still carry nine tenths of its best, its memory must
stay where it is, and while it lasts new keys must be agreed on for the child and for the IKE SA, and the sending end,
which hears nothing else, must be told that its peer lives.
"""
import argparse
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

STEP_SECONDS = 3
RATES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6)  # of a full core's rate, see Sender
GROWTH = 4 << 20
CHILD_SECONDS, IKE_SECONDS, SILENCE_SECONDS = 4, 5, 1  # new keys of each; until a silent peer is asked if it lives

# Sends trains of datagrams (UDP_SEGMENT) of argv[3] bytes at argv[4] bytes a second, 0: as many as go, for argv[5] s.
SENDER = """
import socket, sys, time
here, there, size, rate, seconds = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
size = int(size)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((here, 0)); s.connect((there, 9)); s.setsockopt(17, 103, size)
train = bytes(size * min(40, 60000 // size)); sent = 0; start = time.monotonic()
while (now := time.monotonic() - start) < seconds:
    if rate and sent > rate * now:
        time.sleep(0.001); continue
    try: s.send(train); sent += len(train)
    except OSError: pass
print(sent)
"""


class Share:
    """A cgroup with a share of one core."""

    ROOTS = ((pathlib.Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us"), (pathlib.Path("/sys/fs/cgroup"), "cpu.max"))

    def __init__(self, percent):
        for root, knob in self.ROOTS:
            self.path = root / ("tunike-overload-%d" % os.getpid())
            try:
                self.path.mkdir()
                if knob == "cpu.max":
                    (self.path / knob).write_text("%d 10000" % (percent * 100))
                else:
                    (self.path / "cpu.cfs_period_us").write_text("10000")
                    (self.path / knob).write_text(str(percent * 100))
                return
            except OSError:
                self.close()
        raise lab.Failed("no cgroup with a CPU controller can be made here")

    def add(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))

    def close(self):
        try:
            self.path.rmdir()
        except OSError:
            pass


class Tunnel:
    def __init__(self, space, program):
        self.net = Net(space)
        site_a, site_b = matrix.sites(self.net, 4, ike="aes128gcm16-prfsha256-x25519", esp="aes128gcm16")
        site_a.child_keys = 'rekey_time = "%ds"; life_time = "10m";' % CHILD_SECONDS
        site_a.conn_keys = 'rekey_time = "%ds"; over_time = "10m"; dpd_delay = "%ds";' % (IKE_SECONDS, SILENCE_SECONDS)
        # All exchanges are begun by a: what it gets are answers.
        site_b.child_keys = "rekey_time = 0; life_time = 0;"
        site_b.conn_keys = 'rekey_time = "0s"; over_time = "0s"; dpd_delay = "0s";'
        for site in (site_a, site_b):
            site.top_keys = "workers = 1;"
        self.a, self.b = Tunike(self.net.a).configure(site_a), Tunike(self.net.b).configure(site_b)
        self.b.start()
        self.a.start()
        self.a.up()
        self.sink = self.net.b.spawn("sink", "python3", "-c", "import socket,time; s=socket.socket(socket.AF_INET,"
                                     "socket.SOCK_DGRAM); s.bind(('%s',9)); time.sleep(9999)" % self.net.INNER["b"][4])

    def opened(self):
        return sum(w["packets_in"] for w in self.b.status()["workers"])

    def rss(self, end):
        text = pathlib.Path("/proc/%d/status" % end.daemon.pid()).read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) << 10

    def control(self):
        """Exchanges so far that had their answer: new keys of children, of the IKE SA, and liveness checks."""
        child = len(re.findall(r"\brekeyed\b.*\bold_spi_in=", self.a.log()))
        ike = len(re.findall(r"\brekeyed\b.*\bold_spi_i=", self.a.log()))
        answers = self.a.status()["ike"]["datagrams_in"] - self.b.status()["ike"]["replayed_requests"]
        # New keys take two exchanges, one to agree and one to delete the old (RFC 7296 section 2.8).
        return child, ike, answers - 2 * (child + ike)

    def losses(self):
        return len(re.findall(r"\bike-down\b|\bchild-failed\b|\brekey-failed\b", self.a.log()))

    def offer(self, size, rate, seconds):
        """Offers `rate` bytes a second. Returns packets a second: offered, and opened at the other end."""
        inner = self.net.INNER
        sender = self.net.a.spawn("sender", "python3", "-c", SENDER, inner["a"][4], inner["b"][4], size, rate, seconds)
        time.sleep(0.5)
        before, start = self.opened(), time.monotonic()
        time.sleep(seconds - 1)
        got = (self.opened() - before) / (time.monotonic() - start)
        sender.wait(seconds + 20)
        return int(sender.output().split()[-1]) / size / seconds, got


def one_size(tunnel, size, seconds):
    print("datagrams of %d bytes: kpps offered, opened" % size, flush=True)
    full, got = tunnel.offer(size, 0, STEP_SECONDS)
    steps = [got]
    print("  %9.1f %9.1f" % (full / 1e3, got / 1e3), flush=True)
    for part in RATES:
        rate = part * got * size
        offered, carried = tunnel.offer(size, rate * 1.0 / 0.8, STEP_SECONDS)
        print("  %9.1f %9.1f" % (offered / 1e3, carried / 1e3), flush=True)
        steps.append(carried)
    best = max(steps)
    control, lost, rss = tunnel.control(), tunnel.losses(), [(tunnel.rss(tunnel.a), tunnel.rss(tunnel.b))]
    offered, carried = tunnel.offer(size, best * 10 * size, seconds)
    rss.append((tunnel.rss(tunnel.a), tunnel.rss(tunnel.b)))
    child, ike, alive = [after - before for before, after in zip(control, tunnel.control())]
    grown = [after - before for before, after in zip(*rss)]
    print("  overload: %.1f offered, %.1f opened, best %.1f (%.0f %%); new keys %d times, of the IKE SA %d; "
          "alive %d times; RSS grew by %s KiB" % (
              offered / 1e3, carried / 1e3, best / 1e3, 100 * carried / best, child, ike, alive, [g >> 10 for g in grown]), flush=True)
    wrong = []
    if offered < 8 * best:
        wrong.append("%d bytes: only %.1f times its best was offered" % (size, offered / best))
    if carried < 0.9 * best:
        wrong.append("%d bytes: goodput fell to %.0f %% of its best" % (size, 100 * carried / best))
    for what, times, every in (("new keys were agreed on", child, CHILD_SECONDS),
                               ("new keys of the IKE SA were agreed on", ike, IKE_SECONDS),
                               ("the peer was found alive", alive, 2 * SILENCE_SECONDS)):
        if times < seconds / every / 2:
            wrong.append("%d bytes: %s %d times only" % (size, what, times))
    if tunnel.losses() != lost:
        wrong.append("%d bytes: an exchange failed: %s" % (size, tunnel.a.log()[-900:]))
    if max(grown) > GROWTH:
        wrong.append("%d bytes: memory grew by %d KiB" % (size, max(grown) >> 10))
    return wrong


def overload(options):
    lab.LIFE = 900
    share = Share(options.share)
    try:
        with Lab() as space:
            tunnel = Tunnel(space, options.tunike)
            share.add(tunnel.b.daemon.pid())
            wrong = one_size(tunnel, 1300, options.seconds) + one_size(tunnel, 64, options.seconds)
            expect(tunnel.a.daemon.running() and tunnel.b.daemon.running(), "a daemon ended")
            return wrong
    finally:
        share.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    p.add_argument("--share", type=int, default=10, help="percent of a core for the receiving end")
    p.add_argument("--seconds", type=int, default=20)
    options = p.parse_args()
    peers.TUNIKE = os.path.abspath(options.tunike)
    try:
        wrong = overload(options)
    except lab.Failed as what:
        wrong = [str(what)]
    print("overload: " + ("; ".join(wrong) if wrong else "memory flat, new keys agreed on, the peer found alive, goodput holds"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
