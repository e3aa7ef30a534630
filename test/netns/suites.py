"""Every IKE transform that strongSwan has too, both roles: one connection for each row between one pair of daemons,
up, a ping, new keys for the IKE SA and the child, a ping, down. The rows have every cipher, MAC, PRF and group at
least once; the ESP proposal has the cipher and the MAC of the row, and a group for the new keys."""
from lab import Lab, Net, Skipped, expect, until
from matrix import ping
import peers
from peers import PSK, Site, StrongSwan, Tunike

# IKE proposal, ESP proposal.
SUITES = (
    ("aes128gcm16-prfsha256-x25519", "aes128gcm16-x25519"),
    ("aes192gcm16-prfsha384-ecp384", "aes192gcm16-ecp384"),
    ("aes256gcm16-prfsha512-ecp521", "aes256gcm16-ecp521"),
    ("aes128gcm12-prfsha256-ecp256", "aes128gcm12-ecp256"),
    ("aes192gcm12-prfaesxcbc-x448", "aes192gcm12-x448"),
    ("aes256gcm12-prfaescmac-modp2048", "aes256gcm12-modp2048"),
    ("aes128gcm8-prfsha1-modp3072", "aes128gcm8-modp3072"),
    ("aes192gcm8-prfmd5-modp4096", "aes192gcm8-modp4096"),
    ("aes256gcm8-prfsha256-modp6144", "aes256gcm8-modp6144"),
    ("aes128ccm16-prfsha256-modp8192", "aes128ccm16-modp8192"),
    ("aes192ccm16-prfsha256-ecp256bp", "aes192ccm16-ecp256bp"),
    ("aes256ccm16-prfsha384-ecp384bp", "aes256ccm16-ecp384bp"),
    ("aes128ccm12-prfsha256-ecp512bp", "aes128ccm12-ecp512bp"),
    ("aes192ccm12-prfsha256-ecp224bp", "aes192ccm12-ecp224bp"),
    ("aes256ccm12-prfsha256-ecp224", "aes256ccm12-ecp224"),
    ("aes128ccm8-prfsha256-ecp192", "aes128ccm8-ecp192"),
    ("aes192ccm8-prfsha256-modp1536", "aes192ccm8-modp1536"),
    ("aes256ccm8-prfsha256-modp1024", "aes256ccm8-modp1024"),
    ("aes128ctr-sha256-prfsha256-modp1024s160", "aes128ctr-sha256-modp1024s160"),
    ("aes192ctr-sha384-prfsha384-modp2048s224", "aes192ctr-sha384-modp2048s224"),
    ("aes256ctr-sha512-prfsha512-modp2048s256", "aes256ctr-sha512-modp2048s256"),
    ("aes128-sha1-prfsha1-x25519", "aes128-sha1-x25519"),
    ("aes192-md5-prfmd5-x25519", "aes192-md5-x25519"),
    ("aes256-aesxcbc-prfaesxcbc-x25519", "aes256-aesxcbc-x25519"),
    ("camellia128-aescmac-prfaescmac-x25519", "camellia128-aescmac-x25519"),
    ("camellia192-sha256-prfsha256-x25519", "camellia192-sha256-x25519"),
    ("camellia256-sha512-prfsha512-x25519", "camellia256-sha512-x25519"),
    ("camellia128ctr-sha256-prfsha256-x25519", "camellia128ctr-sha256-x25519"),
    ("camellia192ctr-sha384-prfsha384-x25519", "camellia192ctr-sha384-x25519"),
    ("camellia256ctr-sha512-prfsha512-x25519", "camellia256ctr-sha512-x25519"),
    ("3des-sha1-prfsha1-modp1024", "3des-sha1-modp1024"),
    ("des-md5-prfmd5-modp1536", "des-md5-modp1536"),
    ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305-x25519"),
)


class Peer(StrongSwan):
    PLUGINS = StrongSwan.PLUGINS + " md5 ccm ctr cmac xcbc gcrypt"

    def several(self, rows):
        """The connection of each row, in place of the one of configure()."""
        secrets = " ".join('ike-%s { id-1 = %s\n id-2 = %s\n secret = "%s" }\n' % (r.name, r.me, r.peer, PSK) for r in rows)
        self.swanctl_conf.write_text("connections {\n%s}\nsecrets {\n%s}\n" % ("".join('''
            %s { version = 2
              local_addrs = %s
              remote_addrs = %s
              proposals = %s
              encap = yes
              rekey_time = 0
              local { auth = psk
                id = %s }
              remote { auth = psk
                id = %s }
              children { net-%s { local_ts = %s
                  remote_ts = %s
                  esp_proposals = %s
                  rekey_time = 0 } } }
            ''' % (r.name, r.local, r.remote, r.ike, r.me, r.peer, r.name, r.ts, r.peer_ts, r.esp) for r in rows), secrets))

    def bring_up(self, row):
        done = self.swanctl("--initiate", "--child", "net-" + row.name, "--timeout", 20)
        expect(done.returncode == 0, "%s: swanctl --initiate: %s" % (row.ike, (done.stdout + done.stderr)[-900:]))

    def rekey(self, row):
        for what in (("--child", "net-" + row.name), ("--ike", row.name)):
            done = self.swanctl("--rekey", *what)
            expect(done.returncode == 0, "%s: swanctl --rekey: %s" % (row.ike, done.stdout + done.stderr))


    def bring_down(self, row):
        """It may still know the SA that the new keys replaced, and lose it while it is at it."""
        until(10, lambda: "%s: swanctl --terminate does not succeed: %s" % (row.ike, self.sas()),
              lambda: self.swanctl("--terminate", "--ike", row.name).returncode == 0, every=0.2)


class Many(Tunike):
    def several(self, rows):
        self.write("secrets = ( %s );\nconnections = { %s };\n" % (
            ", ".join('{ type = "psk"; ids = ["%s", "%s"]; secret = "%s"; }' % (r.me, r.peer, PSK) for r in rows),
            " ".join('''
            %s = { local_addrs = ["%s"]; remote_addrs = ["%s"]; proposals = ["%s"]; rekey_time = 0; over_time = "1m";
                local = { auth = "psk"; id = "%s"; }; remote = { auth = "psk"; id = "%s"; };
                children = { net = { local_ts = ["%s"]; remote_ts = ["%s"]; esp_proposals = ["%s"]; rekey_time = 0; }; };
            };''' % (r.name, r.local, r.remote, r.ike, r.me, r.peer, r.ts, r.peer_ts, r.esp) for r in rows)))

    def bring_up(self, row):
        self.up(row.name)

    def bring_down(self, row):
        self.down(row.name)

    def rekey(self, row):
        for what in (("%s/net" % row.name,), (row.name, "--ike")):
            done = self.cli("rekey", *what)
            expect(done.returncode == 0, "%s: tunike rekey: %s" % (row.ike, done.stdout + done.stderr))

    def names(self):
        """The names in status of the words in proposals, from `tunike algorithms`."""
        found = {}
        for line in self.cli("algorithms").stdout.splitlines():
            parts = line[18:].split()  # behind the column of types
            if len(parts) >= 2:
                found[parts[1]] = parts[0]
        return found

    def sas(self, row):
        return [sa for sa in self.ike_sas() if sa["name"] == row.name and sa["state"] == "established"]


class Row:
    """One side's view of a suite."""

    def __init__(self, site, number, letter):
        other = {"a": "b", "b": "a"}[letter]
        self.name, self.ike, self.esp = "s%d" % number, *SUITES[number]
        self.me, self.peer = ("%s%d.test" % (x, number) for x in (letter, other))
        self.local, self.remote = site.local, site.remote
        self.ip, self.peer_ip = ("10.%d.1.%d" % ({"a": 1, "b": 2}[x], number + 1) for x in (letter, other))
        self.ts, self.peer_ts = self.ip + "/32", self.peer_ip + "/32"


def named(tunike, row, names):
    """Is the suite in force the one of the row?"""
    sas = until(10, lambda: "%s: no IKE SA: %r" % (row.ike, tunike.ike_sas()), lambda: tunike.sas(row))
    for proposal, text in ((row.ike, sas[0]["suite"]), ("-".join(row.esp.split("-")[:-1]), sas[0]["children"][0]["suite"])):
        for word in proposal.split("-"):
            expect(names[word] in text.split("/"), "status: suite %r has no %s" % (text, names[word]))


def answered(net, row, when):
    for _ in range(20):
        done = ping(net.a, row.ip, row.peer_ip, 84)
        if done.returncode == 0:
            return
    expect(False, "%s: no answer %s: %s" % (row.ike, when, (done.stdout + done.stderr).strip()[-300:]))


def run_rows(make_a, make_b):
    with Lab() as lab:
        net = Net(lab, False)
        ends = []
        for node, letter, make in ((net.a, "a", make_a), (net.b, "b", make_b)):
            other = {"a": "b", "b": "a"}[letter]
            site = Site("", "", net.outer[letter][4], net.outer[other][4])
            rows = [Row(site, n, letter) for n in range(len(SUITES))]
            end = make(node)
            end.configure(site)
            end.several(rows)
            for row in rows:
                node.ip("addr", "add", row.ip + "/32", "dev", "lo")
            ends.append((end, rows))
        (a, rows_a), (b, rows_b) = ends
        b.start()
        a.start()
        tunike, rows = (a, rows_a) if isinstance(a, Many) else (b, rows_b)
        names = tunike.names()
        for row, mine in zip(rows_a, rows):
            a.bring_up(row)
            named(tunike, mine, names)
            answered(net, row, "behind the tunnel")
            before = tunike.sas(mine)[0]
            a.rekey(row)
            until(10, lambda: "%s: no new keys: %r" % (row.ike, tunike.ike_sas()), lambda: renewed(tunike, mine, before))
            named(tunike, mine, names)
            answered(net, row, "under the new keys")
            a.bring_down(row)
        a.stop()
        b.stop()


def renewed(tunike, row, before):
    sas = tunike.sas(row)
    return (len(sas) == 1 and sas[0]["spi_i"] != before["spi_i"] and len(sas[0]["children"]) == 1
            and sas[0]["children"][0]["spi_in"] != before["children"][0]["spi_in"])


def cases():
    for role, ends in (("tunike-strongswan", (Many, Peer)), ("strongswan-tunike", (Peer, Many))):
        def run(ends=ends):
            if not peers.available():
                raise Skipped("charon is not installed")
            run_rows(*ends)
        yield "suites %s" % role, run
