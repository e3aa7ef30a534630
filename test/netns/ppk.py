"""Post-quantum preshared keys (RFC 8784) with strongSwan in both roles: required, optional, with an end that has none,
with one that has another id, with one that has another secret; and new keys afterwards."""
import re

from lab import Lab, Net, Skipped, expect, expect_words, says, until
from matrix import ping, sites
import peers
from peers import StrongSwan, Tunike

IKE, ESP = "aes256gcm16-prfsha384-x25519", "aes256gcm16"
SECRET = "0x" + "00112233445566778899aabbccddeeff" * 2
OTHER = "0x" + "ff112233445566778899aabbccddeeff" * 2

# What an end has: the id of its PPK and the secret, whether it is named in the connection, whether it is required.
NONE = None
OPTIONAL, REQUIRED = ("q", SECRET, True, False), ("q", SECRET, True, True)
ANY_MUST = ("q", SECRET, False, True)
# strongSwan does not fall back where it names one itself.
STRANGE, STRANGE_MUST = ("z", SECRET, False, False), ("z", SECRET, True, True)
WRONG = ("q", OTHER, True, False)

# a, b; with the PPK, without, or not at all and what tunike says then, as initiator or as responder
CASES = {
    "required": (REQUIRED, REQUIRED, True, None),
    "optional": (OPTIONAL, OPTIONAL, True, None),
    "required by the responder alone": (OPTIONAL, ANY_MUST, True, None),
    "none at the responder": (OPTIONAL, NONE, False, None),
    "none at the initiator": (NONE, OPTIONAL, False, None),
    "other ids": (OPTIONAL, STRANGE, False, None),
    "none at the responder, required": (REQUIRED, NONE, None, ("ppk_required is true", "received IKE_SA_INIT")),
    "none at the initiator, required": (NONE, REQUIRED, None, ("ppk_required is true", "refused to authenticate")),
    "other ids, required": (REQUIRED, STRANGE_MUST, None, "ppk"),
    "other secrets": (REQUIRED, WRONG, None, "ppk"),
    "other secrets, optional": (OPTIONAL, WRONG, None, "ppk"),
}


class Ours(Tunike):
    def with_ppk(self, ppk):
        text = self.conf.read_text()
        if ppk:
            name, secret, named, required = ppk
            text = text.replace("secrets = (", 'secrets = ( { type = "ppk"; id = "%s"; secret = "%s"; },' % (name, secret))
            keys = ('ppk_id = "%s"; ' % name if named else "") + ("ppk_required = true;" if required else "")
            text = text.replace("site = {", "site = { " + keys, 1)
            if required and not named:  # only who is called can leave the choice to the peer
                text = re.sub(r'remote_addrs = \["[^"]*"\]', 'remote_addrs = ["%any"]', text)
        return self.write(text)


class Theirs(StrongSwan):
    PLUGINS = StrongSwan.PLUGINS + " ccm"

    def with_ppk(self, ppk):
        text = self.swanctl_conf.read_text()
        if ppk:
            name, secret, named, required = ppk
            text = text.replace("secrets {", 'secrets { ppk-%s { id = %s\n secret = "%s" }\n' % (name, name, secret))
            keys = ("ppk_id = %s\n" % name if named else "") + ("ppk_required = yes\n" if required else "")
            text = text.replace("version = 2", "version = 2\n" + keys, 1)
        self.swanctl_conf.write_text(text)
        return self


def answered(net, when):
    for _ in range(20):
        done = ping(net.a, net.INNER["a"][4], net.INNER["b"][4], 84)
        if done.returncode == 0:
            return
    expect(False, "no answer %s: %s" % (when, (done.stdout + done.stderr).strip()[-300:]))


def comes_up(net, a, b, with_ppk):
    ours, theirs = (a, b) if isinstance(a, Ours) else (b, a)
    a.up()
    b.wait_up()
    ours.wait_up()
    sa = ours.ike_sas()[0]
    expect(("ppk" in sa["extensions"]) == with_ppk, "status: extensions are %r" % sa["extensions"])
    expect(("PPK" in theirs.sas()) == with_ppk, "swanctl says %r" % theirs.sas())
    answered(net, "behind the tunnel")
    done = ours.cli("rekey", "site", "--ike")
    expect(done.returncode == 0, "tunike rekey: " + done.stdout + done.stderr)
    expect(ours.cli("rekey", "site/net").returncode == 0, "tunike rekey of the child: " + ours.log()[-600:])
    answered(net, "under the new keys")
    expect(("ppk" in ours.ike_sas()[0]["extensions"]) == with_ppk, "status: extensions are lost by the rekey")


def stays_down(a, b, words):
    if isinstance(a, Ours):
        said = a.up_fails()
    else:
        a.up_fails()
        until(10, lambda: "tunike does not say %r: %s" % (words, b.log()[-900:]), lambda: says(b.log(), [words]))
        said = b.log()
    expect_words(said, words)


def run_case(make_a, make_b, name):
    ppk_a, ppk_b, outcome, words = CASES[name]
    with Lab() as lab:
        net = Net(lab, False)
        site_a, site_b = sites(net, 4, ike=IKE, esp=ESP)
        a = make_a(net.a).configure(site_a).with_ppk(ppk_a)
        b = make_b(net.b).configure(site_b).with_ppk(ppk_b)
        b.start()
        a.start()
        if outcome is None:
            stays_down(a, b, words)
        else:
            comes_up(net, a, b, outcome)
        a.stop()
        b.stop()


def cases():
    for role, ends in (("tunike-strongswan", (Ours, Theirs)), ("strongswan-tunike", (Theirs, Ours))):
        for name in CASES:
            def run(ends=ends, name=name):
                if not peers.available():
                    raise Skipped("charon is not installed")
                run_case(*ends, name)
            yield "ppk %s %s" % (name, role), run
