"""IKE SAs that begin without a child (RFC 6023), with tunike and with strongSwan at the other end."""
import matrix
from lab import Lab, expect, until
from peers import Tunike
from rekey import PFS, ends, finish, needs


def keys(make, word):
    return ('childless = "%s";' if make is Tunike else "childless = %s") % word


def comes_up(role, caller, called, childless):
    """The child comes either with IKE_AUTH, with keys of the IKE SA, or after it, with a key exchange of its own."""
    needs(role)
    make_a, make_b = matrix.ROLES[role]
    with Lab() as lab:
        net, a, b = ends(lab, role, PFS, conn_a=keys(make_a, caller), conn_b=keys(make_b, called))
        for end in (a, b):
            if isinstance(end, Tunike):
                until(5, lambda: "no child: %r" % end.ike_sas(), lambda: end.children())
                sa = end.ike_sas()[0]
                expect(("childless" in sa["extensions"]) == childless, "extensions: %r" % sa["extensions"])
                expect(("CURVE25519" in sa["children"][0]["suite"]) == childless, sa["children"][0]["suite"])
            else:
                expect(("CURVE_25519" in end.sas().split("net: #")[1]) == childless, end.sas())
        finish(role, net, a, b)


def cases():
    for role in matrix.ROLES:
        yield "childless forced %s" % role, lambda r=role: comes_up(r, "force", "force", True)
        yield "childless allowed %s" % role, lambda r=role: comes_up(r, "allow", "allow", False)
        if matrix.ROLES[role][0] is Tunike:  # charon 5.9.8 does not know the word
            yield "childless preferred %s" % role, lambda r=role: comes_up(r, "prefer", "allow", True)
            yield "childless never %s" % role, lambda r=role: comes_up(r, "prefer", "never", False)
