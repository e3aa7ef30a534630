"""ESP by other hands: scapy's SecurityAssociation, given the high half of sequence numbers beside an HMAC; and, for what
scapy lacks (GMAC, implicit IVs), packets put together here from RFC 4303, RFC 4543 and RFC 8750.

What is opened is sealed again with the same numbers, and must be the same bytes: padding, pad length, next header and
ICV are as the RFCs want them.
"""
import collections
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from scapy.compat import raw
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AUTH_ALGOS, ESP, AuthAlgo, IPSecIntegrityError, SecurityAssociation

from ike import ENCR, ESN, INTEG, need

Suite = collections.namedtuple("Suite", "ident bits key salt iv icv scapy by_hand")


def _families():
    """Numbers of the IANA registry; bytes of key, salt, IV and ICV; scapy's name, or how it is done here."""
    for bits in (128, 192, 256):
        yield "aes%dgcm16" % bits, Suite(20, bits, bits // 8, 4, 8, 16, "AES-GCM", None)
        for icv, number in ((8, 14), (12, 15), (16, 16)):
            yield "aes%dccm%d" % (bits, icv), Suite(number, bits, bits // 8, 3, 8, icv, "AES-CCM", None)
        yield "aes%d" % bits, Suite(12, bits, bits // 8, 0, 16, 0, "AES-CBC", None)
        yield "aes%dgmac" % bits, Suite(21, bits, bits // 8, 4, 8, 16, None, "gmac")
        yield "aes%dccm8iiv" % bits, Suite(29, bits, bits // 8, 3, 0, 8, None, lambda key: AESCCM(key, tag_length=8))
        yield "aes%dgcm16iiv" % bits, Suite(30, bits, bits // 8, 4, 0, 16, None, AESGCM)
    yield "chacha20poly1305", Suite(28, 0, 32, 4, 8, 16, "CHACHA20-POLY1305", None)
    yield "chacha20poly1305iiv", Suite(31, 0, 32, 4, 0, 16, None, ChaCha20Poly1305)
    yield "null", Suite(11, 0, 0, 0, 0, 0, "NULL", None)


CIPHERS = dict(_families())
# Number, bytes of key, scapy's name.
HMACS = {"sha256": (12, 32, "SHA2-256-128"), "sha384": (13, 48, "SHA2-384-192"), "sha512": (14, 64, "SHA2-512-256")}


class Transforms:
    """An ESP suite by its configuration word: aes256gmac, null-sha256."""

    def __init__(self, word, esn):
        cipher, _, mac = word.partition("-")
        self.cipher, self.mac, self.esn = CIPHERS[cipher], HMACS.get(mac), esn
        self.encr_len = self.cipher.key + self.cipher.salt
        self.length = self.encr_len + (self.mac[1] if self.mac else 0)

    def wanted(self):
        rows = [(ENCR, self.cipher.ident, self.cipher.bits), (ESN, 1 if self.esn else 0, 0)]
        return rows + ([(INTEG, self.mac[0], 0)] if self.mac else [])

    def make(self, spi, key, tunnel):
        """One direction. tunnel: addresses of the outer header, or None for transport mode."""
        return (ByHand if self.cipher.by_hand else ByScapy)(self, spi, key, tunnel)


def header(packet):
    """The packet's IP header alone, and what follows it."""
    alone = packet.copy()
    alone.remove_payload()
    return alone, raw(packet.payload)


def split(esp):
    return struct.unpack_from("!II", esp)


class HighHalf(AuthAlgo):
    """RFC 4303 section 2.2.1: a separate ICV covers the high half of the sequence number, which is not sent."""

    def __init__(self, like):
        super().__init__(like.name, like.mac, like.digestmod, like.icv_size, like.key_size)
        self.high = 0

    def _icv(self, sent, key):
        mac = self.new_mac(key)
        mac.update(sent + struct.pack("!I", self.high))
        return mac.finalize()[:self.icv_size]

    def sign(self, pkt, key, esn_en=False, esn=0):
        pkt[ESP].data += self._icv(raw(pkt[ESP]), key)
        return pkt

    def verify(self, pkt, key, esn_en=False, esn=0):
        sent = raw(pkt)
        if self._icv(sent[:-self.icv_size], key) != sent[-self.icv_size:]:
            raise IPSecIntegrityError("ICV")


class ByScapy:
    def __init__(self, suite, spi, key, tunnel):
        self.iv, self.tunnel, self.spi = suite.cipher.iv, tunnel, struct.unpack("!I", spi)[0]
        self.outer = None
        if tunnel:
            self.outer = (IPv6 if ":" in tunnel[0] else IP)(src=tunnel[0], dst=tunnel[1])
        self.sa = SecurityAssociation(
            ESP, spi=self.spi, crypt_algo=suite.cipher.scapy, crypt_key=key[:suite.encr_len],
            crypt_icv_size=suite.cipher.icv or None, auth_algo=suite.mac and suite.mac[2],
            auth_key=key[suite.encr_len:], tunnel_header=self.outer, esn_en=suite.esn)
        if suite.mac and suite.esn:
            self.sa.auth_algo = HighHalf(AUTH_ALGOS[suite.mac[2]])

    def seal(self, packet, number, iv=None):
        self.sa.auth_algo.high = number >> 32
        self.sa.seq_num = number & 0xffffffff  # as an argument, 0 would be none
        return raw(self.sa.encrypt(packet, iv=iv, esn=number >> 32)[ESP])

    def open(self, esp, outer):
        """The packet in it. outer: the header it came with."""
        head = outer.copy()
        head.remove_payload()
        packet = self.sa.decrypt(head.__class__(raw(head / ESP(esp))))
        need(self.seal(packet, split(esp)[1], esp[8:8 + self.iv]) == esp, "sealed again, the packet has other bytes")
        return packet


class ByHand:
    def __init__(self, suite, spi, key, tunnel):
        self.suite, self.spi, self.tunnel = suite, spi, tunnel
        self.key, self.salt = key[:suite.cipher.key], key[suite.cipher.key:suite.encr_len]

    def _numbers(self, number):
        """SPI and sequence number as AEADs authenticate them: RFC 4106 section 5."""
        return self.spi + struct.pack("!Q" if self.suite.esn else "!I", number)

    def _protect(self, plain, number, iv):
        """IV, ciphertext and ICV."""
        if self.suite.cipher.by_hand == "gmac":
            tag = AESGCM(self.key).encrypt(self.salt + iv, b"", self._numbers(number) + iv + plain)
            return iv + plain + tag
        # RFC 8750 section 4: the IV is the sequence number in 8 bytes.
        return self.suite.cipher.by_hand(self.key).encrypt(self.salt + struct.pack("!Q", number), plain, self._numbers(number))

    def seal(self, packet, number, iv=None):
        if self.tunnel:
            next_header, data = (41 if packet.version == 6 else 4), raw(packet)
        else:
            next_header, data = (packet.nh if packet.version == 6 else packet.proto), header(packet)[1]
        pad = -(len(data) + 2) % 4
        plain = data + bytes(range(1, pad + 1)) + bytes([pad, next_header])
        iv = os.urandom(8) if iv is None and self.suite.cipher.iv else iv or b""
        return self.spi + struct.pack("!I", number & 0xffffffff) + self._protect(plain, number, iv)

    def _plain(self, esp, number):
        body = esp[8:]
        if self.suite.cipher.by_hand == "gmac":
            return body[self.suite.cipher.iv:-self.suite.cipher.icv]  # not encrypted: sealing again checks the ICV
        cipher = self.suite.cipher.by_hand(self.key)
        return cipher.decrypt(self.salt + struct.pack("!Q", number), body, self._numbers(number))

    def open(self, esp, outer):
        number = split(esp)[1]
        plain = self._plain(esp, number)
        pad, next_header = plain[-2], plain[-1]
        data = plain[:len(plain) - 2 - pad]
        if self.tunnel:
            need(next_header in (4, 41), "next header %d in tunnel mode" % next_header)
            packet = (IP if next_header == 4 else IPv6)(data)
        else:
            head = outer.copy()
            head.remove_payload()
            if head.version == 6:
                head.nh, head.plen = next_header, len(data)
            else:
                head.proto, head.len, head.chksum = next_header, 20 + len(data), None
            packet = head.__class__(raw(head) + data)
        need(self.seal(packet, number, esp[8:8 + self.suite.cipher.iv]) == esp, "sealed again, the packet has other bytes")
        return packet
