"""Additional key exchanges (RFC 9242, RFC 9370): before IKE_AUTH, for new keys of the child and of the IKE SA, asked for by
either end, while packets flow. ML-KEM where the OpenSSL at hand has it (3.5), strongSwan where it knows of them (6.0);
`./dev sid` has both."""
import functools
import os
import re
import subprocess

import matrix
from lab import Lab, Skipped, expect, expect_words, until
from peers import StrongSwan, Tunike, available
import peers
import rekey

SUITES = {  # words of a case: IKE, ESP, what status must show of the IKE SA and of a rekeyed child
    "classic": ("aes256gcm16-prfsha384-x25519-ke1_ecp384-ke2_modp2048", "aes256gcm16-x25519-ke1_ecp256",
                "/CURVE25519/KE1_ECP_384/KE2_MODP_2048", "/CURVE25519/KE1_ECP_256"),
    "cbc": ("aes128-sha256-ecp256-ke1_x25519", "aes128-sha256-ecp256-ke1_modp3072-ke2_x25519",
            "/ECP_256/KE1_CURVE25519", "/ECP_256/KE1_MODP_3072/KE2_CURVE25519"),
    "mlkem768": ("aes256gcm16-prfsha384-x25519-ke1_mlkem768", "aes256gcm16-x25519-ke1_mlkem768",
                 "/CURVE25519/KE1_ML_KEM_768", "/CURVE25519/KE1_ML_KEM_768"),
    "mlkem1024": ("aes256gcm16-prfsha512-ecp384-ke1_mlkem1024-ke2_mlkem512", "aes256gcm16-ecp384-ke3_mlkem512",
                  "/ECP_384/KE1_ML_KEM_1024/KE2_ML_KEM_512", "/ECP_384/KE3_ML_KEM_512"),
    "alone": ("aes256gcm16-prfsha384-mlkem768", "aes256gcm16-mlkem768", "/ML_KEM_768", "/ML_KEM_768"),
}


@functools.lru_cache(maxsize=None)
def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def needs(role, *suites):
    if "strongswan" in role:
        if not available():
            raise Skipped("charon is not installed")
        version = re.search(r"strongSwan (?:swanctl )?(\d+)\.", said("swanctl", "--version"))
        if not version or int(version.group(1)) < 6:
            raise Skipped("this strongSwan knows no additional key exchanges (6.0 does): ./dev sid")
    if any("mlkem" in s for s in suites) and not re.search(r"mlkem768 +yes", said(peers.TUNIKE, "algorithms")):
        raise Skipped("this OpenSSL has no ML-KEM (3.5 has it): ./dev sid")


def shows(a, b, ike, child=None):
    for end in (a, b):
        if isinstance(end, Tunike):
            sa = end.ike_sas()[0]
            expect_words(sa["suite"], ike)
            expect("intermediate" in sa["extensions"] or "KE1" not in ike, "extensions: %r" % sa["extensions"])
            if child:
                expect_words(end.child()["suite"], child)


def new_keys(a, b, role, asker, ike):
    """Asked for by one end; the SPIs change."""
    def spis():
        end = a if isinstance(a, Tunike) else b
        return end.ike_sas()[0]["spi_i"] if ike else end.child()["spi_in"]
    before = spis()
    if isinstance(asker, Tunike):
        done = asker.cli("rekey", "site", *(["--ike"] if ike else []), "--timeout", "20s")
        expect(done.returncode == 0, "tunike rekey: exit %d: %s\n%s" % (
            done.returncode, done.stdout + done.stderr, asker.log()[-1500:]))
    else:
        rekey.swanctl_rekeys(asker, ("--ike", "site") if ike else ("--child", "net"))
    rekey.settled(role, a, b)
    until(10, lambda: "no new keys: " + (a.log() + b.log())[-2000:], lambda: spis() != before)
    rekey.settled(role, a, b)


def hybrid(role, word):
    ike, esp, ike_shown, child_shown = SUITES[word]
    needs(role, ike, esp)
    make_a, make_b = matrix.ROLES[role]
    with Lab() as lab:
        net, a, b = rekey.ends(lab, role, esp, keys_a=rekey.NEVER[make_a], keys_b=rekey.NEVER[make_b], nat=word == "cbc",
                               ike=ike)
        shows(a, b, ike_shown)
        pings = rekey.both_ways(net, 6)
        for asker in (a, b):
            new_keys(a, b, role, asker, ike=False)
            shows(a, b, ike_shown, child_shown)
            new_keys(a, b, role, asker, ike=True)
            shows(a, b, ike_shown, child_shown)
        for p in pings:
            p.all_answered()
        rekey.finish(role, net, a, b)


def fallback(role, word):
    """Only one end has additional key exchanges: the next proposal."""
    both = "aes256gcm16-prfsha384-x25519-ke1_ecp384", "aes256gcm16-prfsha384-x25519"
    make_a, make_b = matrix.ROLES[role]
    has = make_a if word == "caller" else make_b
    if has is StrongSwan or ("strongswan" in role and not available()):
        needs(role)
    many = {Tunike: '", "'.join(both), StrongSwan: ",".join(both)}
    with Lab() as lab:
        net = rekey.Net(lab, False)
        site_a, site_b = matrix.sites(net, 4, ike=both[1], esp="aes256gcm16")
        if word == "caller":
            site_a.ike = many[make_a]
        else:
            site_b.ike = many[make_b]
        a, b = make_a(net.a).configure(site_a), make_b(net.b).configure(site_b)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        for end in (a, b):
            if isinstance(end, Tunike):
                suite = end.ike_sas()[0]["suite"]
                expect(suite.endswith("/CURVE25519"), "the suite is %s" % suite)
        rekey.finish(role, net, a, b)


def possible(role, *suites):
    """On a system that is too old for a case it is not one of its cases; ./dev sid wants them all."""
    try:
        needs(role, *suites)
        return True
    except Skipped:
        return "HYBRID_ALL" in os.environ


def cases():
    for role in matrix.ROLES:
        for word, suite in SUITES.items():
            if possible(role, *suite[:2]):
                yield "hybrid %s %s" % (role, word), lambda role=role, word=word: hybrid(role, word)
        for word in ("caller", "answerer"):
            if matrix.ROLES[role][word == "answerer"] is Tunike or possible(role):
                yield "hybrid %s fallback %s" % (role, word), lambda role=role, word=word: fallback(role, word)
