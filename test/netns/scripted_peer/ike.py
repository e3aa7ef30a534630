"""IKEv2's messages and keys, from the text of RFC 7296 alone: nothing here is tunike's.

One suite for the IKE SA: AES-GCM-16 with 256 bits (RFC 5282), PRF_HMAC_SHA2_256, and Curve25519 (RFC 8031) or ECP-256
(RFC 5903). What must stand in a message and does not is a Wrong.
"""
import hashlib
import hmac
import os
import socket
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# RFC 7296 sections 3.1 and 3.2
IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
INITIATOR, RESPONSE = 0x08, 0x20
SA, KE, IDI, IDR, AUTH, NONCE, N, D, TSI, TSR, SK = 33, 34, 35, 36, 39, 40, 41, 42, 44, 45, 46
KNOWN = (SA, KE, IDI, IDR, AUTH, NONCE, N, D, TSI, TSR, SK)
# Section 3.10.1
NAT_SOURCE, NAT_DESTINATION, USE_TRANSPORT_MODE = 16388, 16389, 16391
# Section 3.3.2
ENCR, PRF, INTEG, DH, ESN = 1, 2, 3, 4, 5
PROTO_IKE, PROTO_ESP = 1, 3
ID_FQDN, PSK_MIC = 2, 2
GROUPS = {"x25519": 31, "ecp256": 19}
HEADER = struct.Struct("!8s8sBBBBII")


class Wrong(Exception):
    """What the other side did that its RFCs forbid, or that was not agreed."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


# ---- Payloads ----

def chain(payloads):
    """(type, body) pairs as the RFC links them: the first type, and the bytes."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, 4 + len(body)) + body
    return (payloads[0][0] if payloads else 0), out


def unchain(kind, data):
    out = []
    while kind:
        need(len(data) >= 4, "a payload's header is cut short")
        following, flags, length = struct.unpack_from("!BBH", data)
        need(4 <= length <= len(data), "a payload of %d bytes in %d" % (length, len(data)))
        need(kind in KNOWN or not flags & 0x80, "payload %d is critical" % kind)
        out.append((kind, data[4:length]))
        kind, data = following, data[length:]
    need(not data, "%d bytes behind the last payload" % len(data))
    return out


def only(payloads, kind):
    found = [body for k, body in payloads if k == kind]
    need(len(found) == 1, "%d payloads of type %d, not one" % (len(found), kind))
    return found[0]


def notify(kind, data=b""):
    return N, struct.pack("!BBH", 0, 0, kind) + data


def notified(payloads, kind):
    """The data of each notification of the kind."""
    return [b[4 + b[1]:] for k, b in payloads if k == N and struct.unpack_from("!H", b, 2)[0] == kind]


def errors(payloads):
    kinds = [struct.unpack_from("!H", b, 2)[0] for k, b in payloads if k == N]
    return [kind for kind in kinds if kind < 16384]


def proposal(protocol, spi, transforms):
    """The SA payload with one proposal. transforms: (type, id, key bits or 0)."""
    body = b""
    for i, (kind, number, bits) in enumerate(transforms):
        attribute = struct.pack("!HH", 0x800e, bits) if bits else b""
        more = 3 if i + 1 < len(transforms) else 0
        body += struct.pack("!BBHBBH", more, 0, 8 + len(attribute), kind, 0, number) + attribute
    return SA, struct.pack("!BBHBBBB", 0, 0, 8 + len(spi) + len(body), 1, protocol, len(spi), len(transforms)) + spi + body


def proposals(body):
    """What an SA payload offers: (number, protocol, SPI, transforms)."""
    out = []
    while body:
        _, _, length, number, protocol, spi_size, count = struct.unpack_from("!BBHBBBB", body)
        spi, at, transforms = body[8:8 + spi_size], 8 + spi_size, []
        for _ in range(count):
            _, _, size, kind, _, ident = struct.unpack_from("!BBHBBH", body, at)
            attribute = struct.unpack_from("!HH", body, at + 8) if size > 8 else (0, 0)
            need(attribute[0] in (0, 0x800e), "a transform attribute %#x" % attribute[0])
            transforms.append((kind, ident, attribute[1]))
            at += size
        need(at == length, "a proposal of %d bytes has %d" % (length, at))
        out.append((number, protocol, spi, transforms))
        body = body[length:]
    return out


def choose(body, protocol, wanted):
    """SPI and number of the first proposal that has all the wanted transforms."""
    for number, proto, spi, transforms in proposals(body):
        if proto == protocol and all(t in transforms for t in wanted):
            return spi, number
    raise Wrong("none of the proposals has %r: %r" % (wanted, proposals(body)))


def chosen(number, protocol, spi, wanted):
    kind, body = proposal(protocol, spi, wanted)
    return kind, body[:4] + bytes([number]) + body[5:]


def selector(address):
    """A TS payload's body: this address, all protocols, all ports (section 3.13.1)."""
    six = ":" in address
    raw = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
    return struct.pack("!B3xBBHHH", 1, 8 if six else 7, 0, 8 + 2 * len(raw), 0, 65535) + raw + raw


def selected(body):
    """The one address that a TS payload names; ranges of more are Wrong."""
    need(body[0] >= 1, "no traffic selector")
    kind, _, length, low, high = struct.unpack_from("!BBHHH", body, 4)
    size = {7: 4, 8: 16}.get(kind)
    need(size and length == 8 + 2 * size, "a traffic selector of type %d, %d bytes" % (kind, length))
    first, last = body[12:12 + size], body[12 + size:12 + 2 * size]
    need(first == last, "a traffic selector of more than one address")
    need((low, high) == (0, 65535), "ports %d to %d" % (low, high))
    return socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, first)


def identity(name):
    return struct.pack("!B3x", ID_FQDN) + name.encode()


def nat_hash(spi_i, spi_r, address, port):
    """Section 2.23."""
    raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return hashlib.sha1(spi_i + spi_r + raw + struct.pack("!H", port)).digest()


# ---- Keys ----

def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key, seed, length):
    """Section 2.13."""
    out, last, n = b"", b"", 1
    while len(out) < length:
        last = prf(key, last + seed + bytes([n]))
        out, n = out + last, n + 1
    return out[:length]


class Exchange:
    """One Diffie-Hellman exchange."""

    def __init__(self, group):
        self.group = group
        self.private = x25519.X25519PrivateKey.generate() if group == "x25519" else ec.generate_private_key(ec.SECP256R1())

    def public(self):
        key = self.private.public_key()
        if self.group == "x25519":
            return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        # RFC 5903 section 7: both coordinates, without the octet that X9.62 begins with.
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]

    def payload(self):
        return KE, struct.pack("!HH", GROUPS[self.group], 0) + self.public()

    def shared(self, body):
        need(struct.unpack_from("!H", body)[0] == GROUPS[self.group], "a KE payload of another group")
        if self.group == "x25519":
            return self.private.exchange(x25519.X25519PublicKey.from_public_bytes(body[4:]))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + body[4:])
        return self.private.exchange(ec.ECDH(), public)


class Keys:
    """Section 2.14, with an AEAD: there are no SK_a."""

    def __init__(self, shared, ni, nr, spi_i, spi_r):
        stream = prf_plus(prf(ni + nr, shared), ni + nr + spi_i + spi_r, 32 + 36 * 2 + 32 * 2)
        cut = [stream[a:b] for a, b in ((0, 32), (32, 68), (68, 104), (104, 136), (136, 168))]
        self.d, self.ei, self.er, self.pi, self.pr = cut

    def child(self, ni, nr, length):
        """Section 2.17: the keys from initiator to responder, then the others, of `length` bytes each."""
        stream = prf_plus(self.d, ni + nr, 2 * length)
        return stream[:length], stream[length:]


def auth_of(psk, message, nonce, key_p, id_body):
    """Section 2.15: the MAC of who sent `message` first; `nonce` is the other side's."""
    return prf(prf(psk.encode(), b"Key Pad for IKEv2"), message + nonce + prf(key_p, id_body))


# ---- Messages ----

class Message:
    def __init__(self, data):
        need(len(data) >= HEADER.size, "a message of %d bytes" % len(data))
        self.raw = data
        self.spi_i, self.spi_r, self.first, version, self.exchange, self.flags, self.id, length = HEADER.unpack_from(data)
        need(length == len(data), "a message of %d bytes says %d" % (len(data), length))
        need(version == 0x20, "version %#x" % version)

    def payloads(self, key=None):
        """What the message holds; with a key, what its SK payload does."""
        if not key:
            return unchain(self.first, self.raw[HEADER.size:])
        need(self.first == SK, "the message is not encrypted")
        following = self.raw[HEADER.size]
        start = HEADER.size + 4
        iv, sealed = self.raw[start:start + 8], self.raw[start + 8:]
        plain = AESGCM(key[:32]).decrypt(key[32:] + iv, sealed, self.raw[:start])
        return unchain(following, plain[:len(plain) - 1 - plain[-1]])


def message(spi_i, spi_r, exchange, flags, number, payloads):
    first, body = chain(payloads)
    return HEADER.pack(spi_i, spi_r, first, 0x20, exchange, flags, number, HEADER.size + len(body)) + body


def sealed(spi_i, spi_r, exchange, flags, number, payloads, key):
    """Section 3.14 and RFC 5282 section 3."""
    first, body = chain(payloads)
    iv, plain = os.urandom(8), body + b"\0"
    size = 4 + len(iv) + len(plain) + 16
    head = HEADER.pack(spi_i, spi_r, SK, 0x20, exchange, flags, number, HEADER.size + size)
    head += struct.pack("!BBH", first, 0, size)
    return head + iv + AESGCM(key[:32]).encrypt(key[32:] + iv, plain, head)
