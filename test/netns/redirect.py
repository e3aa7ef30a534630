"""Another gateway is to be called (RFC 5685): a calls b, which sends it to c; tunike and strongSwan in each place."""
import matrix
from lab import Lab, Net, expect, until
from peers import StrongSwan, Tunike
from rekey import Pings, needs

C = {4: "198.18.0.2", 6: "2001:db8:c::2"}
ROLES = {"tunike-tunike": (Tunike, Tunike), "tunike-strongswan": (Tunike, StrongSwan),
         "strongswan-tunike": (StrongSwan, Tunike)}


class Three:
    """Both gateways lead to the same inner host."""

    def __init__(self, lab, role, family, b_keys="", c_known_as=None):
        needs(role)
        make_a, make_gateway = ROLES[role]
        self.net = net = Net(lab)
        lab.link("a", "a1", ["198.18.0.1/24", "2001:db8:c::1/64"], "c", "c0", [C[4] + "/24", C[6] + "/64"])
        c_node = lab.node("c")
        for inner in (net.INNER["b"][4] + "/32", net.INNER["b"][6] + "/128"):
            c_node.ip("addr", "add", inner, "dev", "lo")
        site_a, site_b = matrix.sites(net, family, ike="aes128-sha256-modp2048", esp="aes128gcm16")
        site_a.local = "%any"
        _, site_c = matrix.sites(net, family, ike="aes128-sha256-modp2048", esp="aes128gcm16")
        site_c.local, site_c.remote = C[family], "%any"
        site_b.conn_keys = b_keys
        self.b, self.c = make_gateway(net.b).configure(site_b), Tunike(c_node).configure(site_c)
        self.a = make_a(net.a).configure(site_a)
        for end in (self.b, self.c, self.a):
            end.start()

    def at_c(self):
        self.c.wait_up()
        until(20, lambda: "the first gateway keeps it", lambda: not self.sas_of(self.b))
        expect(matrix.ping(self.net.a, self.net.INNER["a"][4], self.net.INNER["b"][4], 84).returncode == 0,
               "nothing passes at the other gateway")
        sa = self.c.ike_sas()[0]
        expect("redirect" in sa["extensions"], "extensions: %r" % sa["extensions"])
        if isinstance(self.a, Tunike):
            sa = self.a.ike_sas()
            expect(len(sa) == 1 and sa[0]["redirected_from"], "at the client: %r" % sa)

    @staticmethod
    def sas_of(end):
        return end.ike_sas() if isinstance(end, Tunike) else "ESTABLISHED" in end.sas()

    def stop(self):
        for end in (self.a, self.b, self.c):
            end.stop()


def at_once(role, family):
    """The configuration of the first gateway sends everybody away: in the answer to IKE_SA_INIT."""
    with Lab() as lab:
        three = Three(lab, role, family, 'redirect_to = "%s";' % C[family])
        three.a.up()
        three.at_c()
        three.stop()


def while_up(role):
    """By command, while packets flow. Our own client moves without losing one."""
    with Lab() as lab:
        three = Three(lab, role, 4)
        three.a.up()
        three.b.wait_up()
        pings = Pings(three.net, "a", "b", 4)
        if isinstance(three.b, Tunike):
            done = three.b.cli("redirect", "site", C[4])
            expect(done.returncode == 0 and "told" in done.stdout, done.stdout + done.stderr)
        else:
            done = three.b.swanctl("--redirect", "--ike", "site", "--gateway", C[4])
            expect(done.returncode == 0, done.stdout + done.stderr)
        three.at_c()
        pings.all_answered(but=0 if isinstance(three.a, Tunike) else pings.count)
        three.stop()


def in_circles():
    """Two gateways that send everybody to each other: after five rounds `up` fails with a sentence."""
    with Lab() as lab:
        three = Three(lab, "tunike-tunike", 4, 'redirect_to = "%s";' % C[4])
        three.c.stop()
        _, site_c = matrix.sites(three.net, 4, ike="aes128-sha256-modp2048", esp="aes128gcm16")
        site_c.local, site_c.remote = C[4], "%any"
        site_c.conn_keys = 'redirect_to = "%s";' % three.net.outer["b"][4]
        three.c.configure(site_c).start()
        said = three.a.up_fails()
        expect("sends us to" in said, said)
        expect(three.a.log().count("event=redirect") >= 5, three.a.log())
        expect("5 times within 300 s" in three.a.log(), three.a.log())
        three.stop()


def nobody():
    """The command says what is in the way."""
    with Lab() as lab:
        three = Three(lab, "tunike-tunike", 4)
        for args, words in ((("site", "10.0.0.1"), "is not up"), (("nosuch", "10.0.0.1"), "nosuch"),
                            (("site", "not a name"), "names nothing")):
            done = three.b.cli("redirect", *args)
            expect(done.returncode != 0 and words in done.stderr, "%r: %s%s" % (args, done.stdout, done.stderr))
        three.stop()


def cases():
    for role in ("tunike-tunike", "strongswan-tunike"):
        for family in (4, 6):
            yield "redirect at once %s %d" % (role, family), lambda r=role, f=family: at_once(r, f)
    for role in ROLES:
        yield "redirect while up %s" % role, lambda r=role: while_up(r)
    yield "redirect in circles", in_circles
    yield "redirect nobody", nobody
