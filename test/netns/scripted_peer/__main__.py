"""A peer that shares no code with tunike: IKEv2 from ike.py, ESP from esp.py, a host behind it from host.py.

  scripted_peer FILE     FILE: JSON, the fields of Peer.plan

It brings up one IKE SA with one child, as initiator or responder; asks the host behind tunike for echoes of ping, UDP
and TCP; answers the same; and ends when the IKE SA is deleted, by the other side or, after SIGTERM, by itself. One line
of JSON is written for each thing done; any difference from what the RFCs or the plan want ends it with exit code 1.
"""
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import types

from cryptography.exceptions import InvalidTag
from scapy.compat import raw
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import IPSecIntegrityError

import esp
import host
import ike
from ike import Wrong, need

PATIENCE = 20  # seconds for any one thing
RETRY = 0.5
IKE_WANTED = [(ike.ENCR, 20, 256), (ike.PRF, 5, 0)]


def tell(done, **more):
    print(json.dumps({"is": done, **more}), flush=True)


class Wire:
    """UDP ports 500 and 4500 of one address, and protocol 50."""

    def __init__(self, local):
        self.six, self.local = ":" in local, local
        family = socket.AF_INET6 if self.six else socket.AF_INET
        self.udp = {}
        for port in (500, 4500):
            self.udp[port] = socket.socket(family, socket.SOCK_DGRAM)
            self.udp[port].bind((local, port))
        self.raw = socket.socket(family, socket.SOCK_RAW, 50)
        self.raw.bind((local, 0))

    def receive(self, seconds):
        """(kind, bytes, address, port it came to) of what arrived: "ike", "esp-udp" or "esp"."""
        ready, _, _ = select.select([*self.udp.values(), self.raw], [], [], seconds)
        for sock in ready:
            data, address = sock.recvfrom(65535)
            if sock is self.raw:
                yield "esp", (data if self.six else data[4 * (data[0] & 15):]), address[:2], 0
            elif sock is self.udp[500]:
                yield "ike", data, address[:2], 500
            elif data[:4] == b"\0\0\0\0":
                yield "ike", data[4:], address[:2], 4500
            elif data != b"\xff":
                yield "esp-udp", data, address[:2], 4500

    def send_ike(self, data, address, port):
        self.udp[port].sendto((b"\0\0\0\0" if port == 4500 else b"") + data, address)

    def send_esp(self, data, address, encap):
        if encap:
            self.udp[4500].sendto(data, address)
        else:
            self.raw.sendto(data, (address[0], 0))


class Peer:
    def __init__(self, plan):
        self.plan = types.SimpleNamespace(**plan)
        self.wire = Wire(self.plan.local)
        self.esp_suite = esp.Transforms(self.plan.esp, self.plan.esn)
        self.ike_wanted = IKE_WANTED + [(ike.DH, ike.GROUPS[self.plan.group], 0)]
        self.initiator = self.plan.role == "initiator"
        self.dh, self.nonce = ike.Exchange(self.plan.group), os.urandom(32)
        self.spi, self.esp_spi = os.urandom(8), struct.pack("!I", 0x10000000 | int.from_bytes(os.urandom(3), "big"))
        self.spi_i = self.spi_r = bytes(8)
        self.keys = self.out = self.host = None
        # Requests sent; ESP packets opened, and the last sequence number sealed; the next request that may come.
        self.sent, self.opened, self.number, self.got_id, self.answers = 0, 0, 0, 0, {}
        self.ready = self.gone = self.stop = False
        self.response = None

    # ---- IKE, both ways

    def seal_keys(self):
        """Ours, theirs."""
        return (self.keys.ei, self.keys.er) if self.initiator else (self.keys.er, self.keys.ei)

    def nat_payloads(self, remote, port):
        """Section 2.23; with plan.encap the source's hash is of nothing, as if there were a NAT."""
        source = os.urandom(20) if self.plan.encap else ike.nat_hash(self.spi_i, self.spi_r, self.plan.local, port)
        return [ike.notify(ike.NAT_SOURCE, source),
                ike.notify(ike.NAT_DESTINATION, ike.nat_hash(self.spi_i, self.spi_r, *remote))]

    def learn_nat(self, payloads, remote, port):
        sources = ike.notified(payloads, ike.NAT_SOURCE)
        destination = ike.notified(payloads, ike.NAT_DESTINATION)
        need(sources and len(destination) == 1, "no NAT detection")
        self.nat_there = ike.nat_hash(self.spi_i, self.spi_r, *remote) not in sources
        self.nat_here = ike.nat_hash(self.spi_i, self.spi_r, self.plan.local, port) != destination[0]
        self.encap = self.nat_there or self.nat_here or self.plan.encap

    def derive(self, payloads, nonce):
        self.keys = ike.Keys(self.dh.shared(ike.only(payloads, ike.KE)), *((self.nonce, nonce) if self.initiator else (
            nonce, self.nonce)), self.spi_i, self.spi_r)
        self.their_nonce = nonce

    def child(self, payloads, their_spi):
        """The child's keys, and the packets' addresses: as they are here, and as the other side computed checksums."""
        nonces = (self.nonce, self.their_nonce) if self.initiator else (self.their_nonce, self.nonce)
        first, second = self.keys.child(*nonces, self.esp_suite.length)
        mine, theirs = (first, second) if self.initiator else (second, first)
        ts_i, ts_r = (ike.selected(ike.only(payloads, k)) for k in (ike.TSI, ike.TSR))
        theirs_ts, mine_ts = (ts_r, ts_i) if self.initiator else (ts_i, ts_r)
        tunnel = self.plan.mode == "tunnel"
        if tunnel:
            need((mine_ts, theirs_ts) == (self.plan.inner_local, self.plan.inner_remote), "selectors %s, %s" % (mine_ts, theirs_ts))
            self.host = host.Host(self.plan.inner_local, self.plan.inner_remote, self.plan.port)
        else:
            # RFC 7296 section 2.23.1: where a NAT is between, its other side knows other addresses.
            need(self.nat_there or theirs_ts == self.remote[0], "TS %s of %s" % (theirs_ts, self.remote[0]))
            need(self.nat_here or mine_ts == self.plan.local, "TS %s of %s" % (mine_ts, self.plan.local))
            self.host = host.Host(self.plan.local, self.remote[0], self.plan.port)
        self.their_view = (theirs_ts, mine_ts)
        outer = (self.plan.local, self.remote[0])
        self.out = self.esp_suite.make(their_spi, mine, outer if tunnel else None)
        self.into = self.esp_suite.make(self.esp_spi, theirs, outer[::-1] if tunnel else None)
        self.ready = True
        tell("up", nat_here=self.nat_here, nat_there=self.nat_there, their_view=self.their_view, encap=self.encap)

    def mode_notify(self, payloads):
        there = bool(ike.notified(payloads, ike.USE_TRANSPORT_MODE))
        need(there == (self.plan.mode == "transport"), "USE_TRANSPORT_MODE is %sthere" % ("" if there else "not "))

    # ---- As initiator

    def ask(self, exchange, number, payloads):
        """Sends a request until it is answered; its response's payloads."""
        if exchange == ike.IKE_SA_INIT:
            data = ike.message(self.spi_i, self.spi_r, exchange, ike.INITIATOR, number, payloads)
            self.first_sent = data
        else:
            data = ike.sealed(self.spi_i, self.spi_r, exchange, ike.INITIATOR if self.initiator else 0, number, payloads,
                              self.seal_keys()[0])
        self.response = None

        def answered():
            return self.response and (self.response.exchange, self.response.id) == (exchange, number)
        self.until("no answer to message %d" % number, answered, lambda: self.wire.send_ike(data, self.remote, self.port))
        got = self.response
        payloads = got.payloads(None if exchange == ike.IKE_SA_INIT else self.seal_keys()[1])
        need(not ike.errors(payloads), "refused: %r" % ike.errors(payloads))
        return got, payloads

    def initiate(self):
        self.remote, self.port, self.spi_i = (self.plan.remote, 500), 500, self.spi
        got, payloads = self.ask(ike.IKE_SA_INIT, 0, [
            ike.proposal(ike.PROTO_IKE, b"", self.ike_wanted), self.dh.payload(), (ike.NONCE, self.nonce),
            *self.nat_payloads(self.remote, 500)])
        ike.choose(ike.only(payloads, ike.SA), ike.PROTO_IKE, self.ike_wanted)
        self.spi_r = got.spi_r
        self.learn_nat(payloads, self.remote, 500)
        self.derive(payloads, ike.only(payloads, ike.NONCE))
        if self.encap:
            self.remote, self.port = (self.plan.remote, 4500), 4500
        me, wanted = ike.identity(self.plan.me), self.esp_suite.wanted()
        transport = [ike.notify(ike.USE_TRANSPORT_MODE)] if self.plan.mode == "transport" else []
        mac = ike.auth_of(self.plan.psk, self.first_sent, self.their_nonce, self.keys.pi, me)
        _, payloads = self.ask(ike.IKE_AUTH, 1, [
            (ike.IDI, me), (ike.AUTH, struct.pack("!B3x", ike.PSK_MIC) + mac), *transport,
            ike.proposal(ike.PROTO_ESP, self.esp_spi, wanted), (ike.TSI, ike.selector(self.plan.inner_local)),
            (ike.TSR, ike.selector(self.plan.inner_remote))])
        self.check_auth(payloads, ike.IDR, got.raw, self.keys.pr)
        self.mode_notify(payloads)
        self.child(payloads, ike.choose(ike.only(payloads, ike.SA), ike.PROTO_ESP, wanted)[0])
        self.sent = 2

    def check_auth(self, payloads, id_kind, message, key_p):
        ident, auth = ike.only(payloads, id_kind), ike.only(payloads, ike.AUTH)
        need(ident == ike.identity(self.plan.peer), "identity %r" % ident)
        need(auth[0] == ike.PSK_MIC, "authentication method %d" % auth[0])
        need(auth[4:] == ike.auth_of(self.plan.psk, message, self.nonce, key_p, ident), "AUTH is wrong")

    # ---- As responder, and what either side is asked later

    def answer(self, got, remote, port):
        """A request's response; the same bytes when it comes again (section 2.1)."""
        if got.id in self.answers and got.raw == self.answers[got.id][0]:
            return self.answers[got.id][1]
        need(got.id == self.got_id, "message %d, not %d" % (got.id, self.got_id))
        payloads = got.payloads(self.seal_keys()[1] if self.keys else None)
        out = {ike.IKE_SA_INIT: self.on_init, ike.IKE_AUTH: self.on_auth, ike.INFORMATIONAL: self.on_informational}
        need(got.exchange in out, "a request of exchange %d" % got.exchange)
        data = out[got.exchange](got, payloads, remote, port)
        self.answers[got.id] = got.raw, data
        self.got_id += 1
        return data

    def reply(self, got, payloads):
        flags = ike.RESPONSE | (ike.INITIATOR if self.initiator else 0)
        return ike.sealed(self.spi_i, self.spi_r, got.exchange, flags, got.id, payloads, self.seal_keys()[0])

    def on_init(self, got, payloads, remote, port):
        need(not self.initiator and got.flags == ike.INITIATOR, "IKE_SA_INIT with flags %#x" % got.flags)
        need(got.spi_r == bytes(8), "IKE_SA_INIT with a responder's SPI")
        self.spi_i = got.spi_i  # the request's hashes are over a responder's SPI of zero
        self.learn_nat(payloads, remote, port)
        self.spi_r = self.spi
        self.derive(payloads, ike.only(payloads, ike.NONCE))
        _, number = ike.choose(ike.only(payloads, ike.SA), ike.PROTO_IKE, self.ike_wanted)
        self.their_init = got.raw
        self.first_sent = ike.message(self.spi_i, self.spi_r, ike.IKE_SA_INIT, ike.RESPONSE, 0, [
            ike.chosen(number, ike.PROTO_IKE, b"", self.ike_wanted), self.dh.payload(), (ike.NONCE, self.nonce),
            *self.nat_payloads(remote, port)])
        return self.first_sent

    def on_auth(self, got, payloads, remote, port):
        need(self.keys and not self.ready and not self.initiator, "IKE_AUTH now")
        need((port == 4500) == self.encap, "IKE_AUTH came to port %d" % port)
        self.check_auth(payloads, ike.IDI, self.their_init, self.keys.pi)
        self.remote, self.port, wanted = remote, port, self.esp_suite.wanted()
        self.mode_notify(payloads)
        their_spi, number = ike.choose(ike.only(payloads, ike.SA), ike.PROTO_ESP, wanted)
        self.child(payloads, their_spi)
        me = ike.identity(self.plan.me)
        mac = ike.auth_of(self.plan.psk, self.first_sent, self.their_nonce, self.keys.pr, me)
        transport = [ike.notify(ike.USE_TRANSPORT_MODE)] if self.plan.mode == "transport" else []
        return self.reply(got, [
            (ike.IDR, me), (ike.AUTH, struct.pack("!B3x", ike.PSK_MIC) + mac), *transport,
            ike.chosen(number, ike.PROTO_ESP, self.esp_spi, wanted), (ike.TSI, ike.selector(self.host.remote)),
            (ike.TSR, ike.selector(self.host.local))])

    def on_informational(self, got, payloads, _remote, _port):
        deleted = [body for kind, body in payloads if kind == ike.D]
        self.gone = any(body[0] == ike.PROTO_IKE for body in deleted)
        child = any(body[0] == ike.PROTO_ESP for body in deleted)
        mine = [(ike.D, struct.pack("!BBH", ike.PROTO_ESP, 4, 1) + self.esp_spi)] if child else []
        return self.reply(got, mine)

    # ---- What arrives

    def take_ike(self, data, remote, port):
        got = ike.Message(data)
        if got.flags & ike.RESPONSE:
            self.response = got
        elif got.exchange == ike.IKE_SA_INIT or got.spi_r == self.spi_r:
            self.wire.send_ike(self.answer(got, remote, port), remote, port)

    def take_esp(self, kind, data, remote):
        need((kind == "esp-udp") == self.encap, "%s, with encapsulation %s" % (kind, self.encap))
        need(data[:4] == self.esp_spi, "SPI %s" % data[:4].hex())
        self.opened += 1
        need(esp.split(data)[1] == self.opened, "sequence number %d, not %d" % (esp.split(data)[1], self.opened))
        outer = (IPv6 if self.wire.six else IP)(src=remote[0], dst=self.plan.local)
        packet = self.into.open(data, outer)
        host.whole(packet, *self.their_view)
        self.send(self.host.take(packet))

    def send(self, packets):
        for packet in packets:
            self.number += 1
            self.wire.send_esp(self.out.seal(packet.__class__(raw(packet)), self.number), self.remote, self.encap)

    def pump(self, seconds):
        for kind, data, remote, port in self.wire.receive(seconds):
            if kind == "ike":
                self.take_ike(data, remote, port)
            else:
                self.take_esp(kind, data, remote)

    def until(self, what, done, again=lambda: None, seconds=PATIENCE):
        """Serves until done(), doing `again` at once and whenever nothing came of it for a while."""
        end, due = time.monotonic() + seconds, 0
        while not done():
            now = time.monotonic()
            need(now < end, "after %g s: %s" % (seconds, what))
            if now >= due:
                again()
                due = now + RETRY
            self.pump(min(due - now, 0.2) if due > now else 0)

    # ---- The plan

    def exchange_packets(self):
        """Echoes of every kind from the host at the other end, of all paddings and up to plan.largest bytes of data."""
        for number, size in enumerate([*range(20), 500, self.plan.largest], 1):
            data = bytes(i & 0xff for i in range(size))
            self.until("no echo reply of %d bytes" % size, lambda n=number: n in self.host.pongs,
                       lambda n=number, s=size: self.send([self.host.ping(n, s)]))
            need(self.host.pongs[number] == data, "another echo")
        for data in (b"x", os.urandom(333), os.urandom(self.plan.largest)):
            self.until("no UDP echo of %d bytes" % len(data), lambda d=data: d in self.host.datagrams,
                       lambda d=data: self.send([self.host.datagram(d)]))
        data = os.urandom(20000)
        connection, first = self.host.connect(data)
        self.send(first)
        self.until("no TCP echo", connection.done, lambda: self.send(self.host.tick()) if self.host.tick() else None)
        need(connection.received == data, "another TCP echo")

    def jump(self):
        """Sequence numbers up to, and with ESN beyond, the first 2^32 (RFC 4303 section 3.3.3 and appendix A)."""
        for start, count in ((1 << 31, 3), ((1 << 32) - 40, 60 if self.plan.esn else 10)):
            self.number = start
            for number in range(count):
                ident = (start + number) & 0xffff
                self.host.pongs.pop(ident, None)
                self.until("no echo reply after sequence number %d" % self.number, lambda i=ident: i in self.host.pongs,
                           lambda i=ident: self.send([self.host.ping(i, 64)]))
        tell("jumped", number=self.number)

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop", True))
        tell("ready")
        if self.initiator:
            self.initiate()
        else:
            self.until("nobody came", lambda: self.ready, seconds=60)
        self.exchange_packets()
        tell("asked", **self.host.seen)
        self.until("no end", lambda: self.gone or self.stop, lambda: self.send(self.host.tick()), seconds=120)
        if self.stop:
            if self.plan.jump:
                self.jump()
            self.ask(ike.INFORMATIONAL, self.sent, [(ike.D, struct.pack("!BBH", ike.PROTO_IKE, 0, 0))])
        tell("done", opened=self.opened, sealed=self.number, **self.host.seen)


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    try:
        Peer(plan).run()
    except (Wrong, IPSecIntegrityError, InvalidTag) as what:
        tell("wrong", what=repr(what))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
