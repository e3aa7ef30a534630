"""ESP transforms beyond those of matrix.py, with strongSwan at the other end: packets of all sizes pass both ways."""
from lab import Lab, Net, Skipped, expect
from matrix import carries, sites
import peers
from peers import StrongSwan, Tunike

IKE = "aes256gcm16-prfsha384-x25519"
# The peer's userspace ESP has neither GMAC nor implicit IVs.
WORDS = {
    "aes192gcm16": "AES_GCM_16_192",
    "aes128gcm8": "AES_GCM_8_128",
    "aes256gcm12": "AES_GCM_12_256",
    "aes128ccm8": "AES_CCM_8_128",
    "aes192ccm12": "AES_CCM_12_192",
    "aes256ccm16": "AES_CCM_16_256",
    "aes128ctr-sha256": "AES_CTR_128/HMAC_SHA2_256_128",
    "aes256ctr-sha512": "AES_CTR_256/HMAC_SHA2_512_256",
    "aes128-aesxcbc": "AES_CBC_128/AES_XCBC_96",
    "aes256-aescmac": "AES_CBC_256/AES_CMAC_96",
    "camellia256-sha384": "CAMELLIA_CBC_256/HMAC_SHA2_384_192",
    "3des-sha1": "3DES/HMAC_SHA1_96",
    "null-sha256": "NULL/HMAC_SHA2_256_128",
}


class Peer(StrongSwan):
    PLUGINS = StrongSwan.PLUGINS + " ccm ctr cmac xcbc des"


def carried(word, name):
    with Lab() as lab:
        net = Net(lab, False)
        site_a, site_b = sites(net, 4, ike=IKE, esp=word)
        a, b = Tunike(net.a).configure(site_a), Peer(net.b).configure(site_b)
        b.start()
        a.start()
        a.up()
        b.wait_up()
        carries(net, min(a.mtu(), b.mtu()), families=(4,))
        child = a.child()
        expect(name in child["suite"], "status: suite %r is not %s" % (child["suite"], name))
        expect(not any(child["drops"].values()), "status: drops on a clean path: %r" % child["drops"])
        a.stop()
        b.stop()


def cases():
    for word, name in WORDS.items():
        def run(word=word, name=name):
            if not peers.available():
                raise Skipped("charon is not installed")
            carried(word, name)
        yield "transform %s" % word, run
