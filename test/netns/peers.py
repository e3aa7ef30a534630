"""The two programs under test: tunike, and strongSwan's charon with its userspace ESP."""
import json
import os
import re
import signal

from lab import Failed, expect, until

TUNIKE = "build/tunike"  # run.py sets it
CHARON = "/usr/lib/ipsec/charon"
LIBIPSEC_MTU = 1400  # of charon's ipsec0
PSK = "correct horse battery staple"


def strings(values):
    return "[%s]" % ", ".join('"%s"' % v for v in values)


class Site:
    """One side's view of a connection; every case changes what it is about."""

    def __init__(self, me, peer, local, remote, **changes):
        self.me, self.peer = me, peer          # identities
        self.local, self.remote = local, remote  # outer addresses
        self.ike = self.esp = "default"
        self.local_ts, self.remote_ts = [], []
        self.psk, self.psk_ids = PSK, None
        self.conn_keys, self.child_keys, self.top_keys = "", "", ""
        self.more_children = ""
        for key, value in changes.items():
            expect(hasattr(self, key), "no %s in a Site" % key)
            setattr(self, key, value)


class Tunike:
    def __init__(self, node, program=None, wrapper=(), env=None):
        self.node, self.program, self.wrapper, self.env = node, program or TUNIKE, list(wrapper), env or {}
        self.conf = node.dir / "tunike.conf"
        self.daemon = None

    def configure(self, site):
        ids = site.psk_ids or [site.me, site.peer]
        self.write('''
            %s
            secrets = ( { type = "psk"; ids = %s; secret = "%s"; } );
            connections = { site = {
                local_addrs = ["%s"]; remote_addrs = ["%s"];
                proposals = ["%s"];
                local = { auth = "psk"; id = "%s"; };
                remote = { auth = "psk"; id = "%s"; };
                %s
                children = { net = { local_ts = %s; remote_ts = %s; esp_proposals = ["%s"]; %s }; %s };
            }; };
            ''' % (site.top_keys, strings(ids), site.psk, site.local, site.remote, site.ike, site.me, site.peer,
                   site.conn_keys, strings(site.local_ts), strings(site.remote_ts), site.esp, site.child_keys,
                   site.more_children))
        return self

    def write(self, text):
        self.conf.write_text(text)
        self.conf.chmod(0o600)
        return self

    def command(self, *args):
        return [*self.wrapper, self.program, *args]

    def spawn(self, *args):
        self.daemon = self.node.spawn("tunike", *self.command("run", "-c", self.conf, *args), env=self.env)
        return self.daemon

    def start(self, *args, seconds=20):
        daemon = self.spawn(*args)

        def answers():
            if not daemon.running():
                raise Failed("tunike run ended with %s: %s" % (daemon.popen.returncode, daemon.output()[-900:]))
            return self.cli("status", "--json").returncode in (0, 1)
        until(seconds, lambda: "the daemon does not answer: " + daemon.output()[-900:], answers)
        return self

    def cli(self, *args, timeout=60):
        return self.node.sh(self.program, *args, check=False, timeout=timeout)

    def up(self, name="site", seconds=30):
        done = self.cli("up", name, "--timeout", "%ds" % seconds, timeout=seconds + 10)
        expect(done.returncode == 0, "tunike up: exit %d: %s\nlog: %s" % (
            done.returncode, (done.stdout + done.stderr).strip()[-600:], self.log()[-1500:]))

    def up_fails(self, name="site", seconds=30):
        """What `up` says when it must fail."""
        done = self.cli("up", name, "--timeout", "%ds" % seconds, timeout=seconds + 10)
        expect(done.returncode == 1, "tunike up: exit %d, not 1: %s" % (done.returncode, done.stdout + done.stderr))
        return done.stdout + done.stderr

    def log(self):
        return self.daemon.output() if self.daemon else ""

    def status(self):
        done = self.cli("status", "--json")
        expect(done.returncode in (0, 1), "tunike status --json: exit %d: %s" % (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def ike_sas(self):
        return self.status()["ike_sas"]

    def worker_sum(self, counter):
        return sum(worker[counter] for worker in self.status()["workers"])

    def children(self):
        return [c for sa in self.ike_sas() for c in sa["children"]]

    def child(self):
        children = self.children()
        expect(len(children) == 1, "one child expected, there are %d" % len(children))
        return children[0]

    def wait_up(self, seconds=30):
        until(seconds, lambda: "nothing is up: %s\n%s" % (json.dumps(self.status())[:600], self.log()[-900:]),
              lambda: any(c["state"] == "installed" for c in self.children()), every=0.1)

    def wait_down(self, seconds=30):
        until(seconds, "still up", lambda: not self.ike_sas(), every=0.1)

    def mtu(self):
        return self.status()["tun"]["mtu"]

    def down(self, name="site"):
        done = self.cli("down", name)
        expect(done.returncode == 0, "tunike down: exit %d: %s" % (done.returncode, done.stdout + done.stderr))

    def stop(self, seconds=20):
        self.daemon.signal(signal.SIGTERM)
        code = self.daemon.wait(seconds)
        expect(code == 0, "tunike run: exit %d after SIGTERM: %s" % (code, self.log()[-1500:]))


class StrongSwan:
    PLUGINS = ("aes sha2 sha1 random nonce x509 pubkey pkcs1 pem openssl gmp hmac kdf gcm chapoly curve25519 "
               "kernel-libipsec kernel-netlink socket-default vici")

    def __init__(self, node):
        self.node = node
        self.conf, self.swanctl_conf, self.vici = node.dir / "strongswan.conf", node.dir / "swanctl.conf", node.dir / "vici"
        self.log_file = node.dir / "charon.log"
        self.env = {"STRONGSWAN_CONF": str(self.conf)}
        self.daemon = None

    def configure(self, site):
        self.conf.write_text('''
            charon {
              load = %s
              install_routes = yes
              make_before_break = yes
              plugins { vici { socket = unix://%s } }
              filelog { log { path = %s
                  default = 1
                  ike = 2
                  flush_line = yes } }
            }
            swanctl { load = pem pkcs1 x509 openssl random }
            ''' % (self.PLUGINS, self.vici, self.log_file))
        self.swanctl_conf.write_text('''
            connections { site {
              version = 2
              local_addrs = %s
              remote_addrs = %s
              proposals = %s
              encap = yes
              local { auth = psk
                id = %s }
              remote { auth = psk
                id = %s }
              children { net {
                local_ts = %s
                remote_ts = %s
                esp_proposals = %s
                rekey_time = 0
                %s } }
              rekey_time = 0
              %s
            } }
            secrets { ike-site { secret = "%s" } }
            %s
            ''' % (site.local, site.remote, site.ike, site.me, site.peer, ",".join(site.local_ts),
                   ",".join(site.remote_ts), site.esp, site.child_keys, site.conn_keys, site.psk,
                   site.top_keys))
        return self

    def start(self):
        self.daemon = self.node.spawn("charon", CHARON, env=self.env)
        until(20, lambda: "charon does not start: " + self.daemon.output()[-600:], self.vici.exists)
        loaded = self.swanctl("--load-all", "--file", self.swanctl_conf)
        expect(loaded.returncode == 0, "swanctl --load-all: " + loaded.stdout + loaded.stderr)
        return self

    def swanctl(self, verb, *args, timeout=40):
        return self.node.sh("env", "STRONGSWAN_CONF=%s" % self.conf, "swanctl", verb, *args,
                            "--uri", "unix://%s" % self.vici, check=False, timeout=timeout)

    def up(self, seconds=30):
        done = self.swanctl("--initiate", "--child", "net", "--timeout", seconds, timeout=seconds + 10)
        expect(done.returncode == 0, "swanctl --initiate: " + (done.stdout + done.stderr)[-900:])

    def up_fails(self, seconds=30):
        done = self.swanctl("--initiate", "--child", "net", "--timeout", seconds, timeout=seconds + 10)
        expect(done.returncode != 0, "swanctl --initiate succeeded")
        return done.stdout + done.stderr

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def sas(self):
        return self.swanctl("--list-sas").stdout

    def wait_up(self, seconds=30):
        until(seconds, lambda: "nothing is up: " + self.log()[-600:], lambda: re.search(r"net: .*INSTALLED", self.sas()))

    def wait_down(self, seconds=30):
        until(seconds, lambda: "still up: " + self.sas(), lambda: "ESTABLISHED" not in self.sas())

    def mtu(self):
        return LIBIPSEC_MTU

    def down(self, name="site"):
        done = self.swanctl("--terminate", "--ike", name)
        expect(done.returncode == 0, "swanctl --terminate: " + done.stdout + done.stderr)

    def stop(self, seconds=20):
        self.daemon.signal(signal.SIGTERM)
        self.daemon.wait(seconds)


def available():
    return os.access(CHARON, os.X_OK)
