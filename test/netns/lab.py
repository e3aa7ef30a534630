"""A case's small internet: network namespaces, the processes in them, and what is checked about them.

Namespaces are named after this process, so that several runs can share a machine, and are removed
however a run ends. Every process gets a time limit of its own from timeout(1), so that none outlives a
run that was killed.
"""
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

LIFE = 420  # seconds: no process of a case lives longer
HERE = pathlib.Path(__file__).resolve().parent

# Each node sees a /run of its own, so that every daemon uses its default paths.
ENTER = 'mount --bind "$0" /run && exec "$@"'

_numbers = itertools.count()
_open_labs = set()
_lock = threading.Lock()


class Failed(Exception):
    """What a case found wrong."""


class Skipped(Exception):
    """Why a case cannot run here."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def says(text, words):
    """Each of words stands in text, whatever the case; a tuple stands for any one of its members."""
    low = text.lower()
    return all(any(c.lower() in low for c in (w if isinstance(w, tuple) else (w,))) for w in words)


def expect_words(text, *words):
    for word in words:
        expect(says(text, [word]), "%r does not say %r" % (text.strip()[-900:], word))


def until(seconds, what, probe, every=0.05):
    """The first true result of probe(); fails with `what` when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise Failed("after %g s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(every)


def sh(*argv, check=True, timeout=30, **kw):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **kw)
    if check and done.returncode:
        raise Failed("%s: exit %d: %s" % (" ".join(map(str, argv)), done.returncode,
                                          (done.stderr or done.stdout).strip()[-600:]))
    return done


class Process:
    """Something that runs on in a node, and its output."""

    def __init__(self, popen, log):
        self.popen, self.log = popen, log

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def running(self):
        return self.popen.poll() is None

    def pid(self):
        """Of the program itself: timeout(1) stands in front of it."""
        try:
            kids = pathlib.Path("/proc/%d/task/%d/children" % (self.popen.pid, self.popen.pid)).read_text().split()
        except OSError:
            kids = []
        return int(kids[0]) if kids else None

    def signal(self, number):
        pid = self.pid()
        if pid:
            os.kill(pid, number)

    def wait(self, seconds):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed("still running after %g s; its last lines: %s" % (seconds, self.output()[-400:])) from None


class Node:
    """One namespace and a folder."""

    def __init__(self, lab, letter):
        self.lab, self.ns = lab, "%s-%s" % (lab.prefix, letter)
        self.dir = lab.dir / letter
        self.run_dir = self.dir / "run"
        self.run_dir.mkdir(parents=True)
        self.started = []
        sh("ip", "netns", "add", self.ns)
        sh("ip", "-n", self.ns, "link", "set", "lo", "up")
        # IPv6 addresses are usable at once: no duplicate address detection.
        self.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0",
                "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0",
                "net.ipv6.conf.default.router_solicitations=0")

    def argv(self, *cmd):
        return ["ip", "netns", "exec", self.ns, "sh", "-c", ENTER, str(self.run_dir), *map(str, cmd)]

    def sh(self, *cmd, **kw):
        return sh(*self.argv(*cmd), **kw)

    def ip(self, *args, **kw):
        return sh("ip", "-n", self.ns, *args, **kw)

    def spawn(self, name, *cmd, env=None, limit=None):
        log = self.dir / (name + ".log")
        with open(log, "ab") as out:
            popen = subprocess.Popen(self.argv("timeout", "--kill-after=5", limit or LIFE, *cmd), stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=out, env={**os.environ, **(env or {})})
        process = Process(popen, log)
        self.started.append(process)
        return process

    def nft(self, rules):
        subprocess.run(["ip", "netns", "exec", self.ns, "nft", "-f", "-"], input=rules, text=True, check=True,
                       capture_output=True, timeout=30)

    def host_state(self):
        """Addresses, routes, rules and the settings that a VPN may touch, as text to compare."""
        parts = [self.ip(*what).stdout for what in (
            ("-o", "addr"), ("-4", "route", "show", "table", "all"), ("-6", "route", "show", "table", "all"),
            ("-4", "rule"), ("-6", "rule"))]
        parts.append(self.sh("sh", "-c", "cat /etc/resolv.conf; sysctl -e net.ipv4.ip_forward net.ipv4.conf.all.rp_filter "
                             "net.ipv4.conf.default.rp_filter net.ipv6.conf.all.forwarding", check=False).stdout)
        # Whether a link has noticed yet that it is up is not the VPN's doing.
        return "\n".join(sorted(l.replace(" linkdown", "").rstrip() for p in parts for l in p.splitlines()))


class Lab:
    """The namespaces of one case. Use it in a with statement."""

    def __init__(self):
        self.prefix = "tk%d-%d" % (os.getpid(), next(_numbers))
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=self.prefix + "-"))
        self.nodes = {}
        with _lock:
            _open_labs.add(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def node(self, letter):
        if letter not in self.nodes:
            self.nodes[letter] = Node(self, letter)
        return self.nodes[letter]

    def link(self, x, xdev, xaddrs, y, ydev, yaddrs):
        x, y = self.node(x), self.node(y)
        sh("ip", "link", "add", xdev, "netns", x.ns, "type", "veth", "peer", "name", ydev, "netns", y.ns)
        for node, dev, addrs in ((x, xdev, xaddrs), (y, ydev, yaddrs)):
            # No link-local address that comes when it likes: what a host has is what a case gave it.
            node.ip("link", "set", dev, "addrgenmode", "none")
            for addr in addrs:
                node.ip("addr", "add", addr, "dev", dev, *(["nodad"] if ":" in addr else []))
            node.ip("link", "set", dev, "up")

    def close(self):
        with _lock:
            if self not in _open_labs:
                return
            _open_labs.discard(self)
        for node in self.nodes.values():
            for process in node.started:
                if process.running():
                    process.popen.terminate()
        end = time.monotonic() + 2
        for node in self.nodes.values():
            for process in node.started:
                try:
                    process.popen.wait(max(0.01, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    pass
            left = sh("ip", "netns", "pids", node.ns, check=False).stdout.split()
            for pid in left:
                try:
                    os.kill(int(pid), 9)
                except OSError:
                    pass
            sh("ip", "netns", "del", node.ns, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def close_all():
    for lab in list(_open_labs):
        lab.close()


# ---- The shapes that cases use ----

NAT_RULES = """
table inet nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "rb" masquerade
  }
}
"""


class Net:
    """Two hosts, a and b, each with an inner network on lo; with nat, a router that masquerades a."""

    INNER = {"a": {4: "10.1.0.1", 6: "fd00:a::1"}, "b": {4: "10.2.0.1", 6: "fd00:b::1"}}

    def __init__(self, lab, nat=False):
        self.lab, self.nat = lab, nat
        if nat:
            lab.link("a", "a0", ["192.168.77.2/24", "fd77::2/64"], "r", "ra", ["192.168.77.1/24", "fd77::1/64"])
            lab.link("r", "rb", ["198.51.100.1/24", "2001:db8:64::1/64"], "b", "b0",
                     ["198.51.100.2/24", "2001:db8:64::2/64"])
            self.outer = {"a": {4: "192.168.77.2", 6: "fd77::2"}, "b": {4: "198.51.100.2", 6: "2001:db8:64::2"}}
            self.seen = {4: "198.51.100.1", 6: "2001:db8:64::1"}  # a, as b sees it
            lab.node("a").ip("route", "add", "default", "via", "192.168.77.1")
            lab.node("a").ip("-6", "route", "add", "default", "via", "fd77::1")
            lab.node("r").sh("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            # A router asks for its neighbours from a link-local address: without one it forgets them after a while.
            for dev in ("ra", "rb"):
                lab.node("r").ip("addr", "add", "fe80::1/64", "dev", dev, "nodad")
            lab.node("r").nft(NAT_RULES)
        else:
            lab.link("a", "a0", ["192.0.2.1/24", "2001:db8::1/64"], "b", "b0", ["192.0.2.2/24", "2001:db8::2/64"])
            self.outer = {"a": {4: "192.0.2.1", 6: "2001:db8::1"}, "b": {4: "192.0.2.2", 6: "2001:db8::2"}}
            self.seen = self.outer["a"]
        for letter, inner in self.INNER.items():
            lab.node(letter).ip("addr", "add", inner[4] + "/32", "dev", "lo")
            lab.node(letter).ip("addr", "add", inner[6] + "/128", "dev", "lo", "nodad")
        self.a, self.b = lab.node("a"), lab.node("b")
