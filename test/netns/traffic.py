#!/usr/bin/env python3
"""Payload for the tunnels under test.

  traffic.py serve PORT ADDRESS...                echoes TCP connections whole, and UDP datagrams
  traffic.py tcp SOURCE TARGET PORT BYTES         sends random bytes, compares the SHA-256 of the echo
  traffic.py udp SOURCE TARGET PORT SIZE...       sends one datagram of each size, compares the echo
"""
import hashlib
import os
import socket
import sys
import threading


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def echo_tcp(conn):
    data = bytearray()
    while chunk := conn.recv(1 << 16):
        data += chunk
    conn.sendall(data)
    conn.close()


def serve_tcp(sock):
    while True:
        threading.Thread(target=echo_tcp, args=(sock.accept()[0],), daemon=True).start()


def serve_udp(sock):
    while True:
        data, peer = sock.recvfrom(1 << 16)
        sock.sendto(data, peer)


def serve(port, *addresses):
    jobs = []
    for address in addresses:
        tcp = socket.create_server((address, int(port)), family=family(address))
        udp = socket.socket(family(address), socket.SOCK_DGRAM)
        udp.bind((address, int(port)))
        jobs += [threading.Thread(target=serve_tcp, args=(tcp,)), threading.Thread(target=serve_udp, args=(udp,))]
    for job in jobs:
        job.start()
    print("ready", flush=True)


def tcp(source, target, port, size):
    data = os.urandom(int(size))
    with socket.create_connection((target, int(port)), timeout=60, source_address=(source, 0)) as conn:
        sender = threading.Thread(target=lambda: (conn.sendall(data), conn.shutdown(socket.SHUT_WR)))
        sender.start()
        got = hashlib.sha256()
        while chunk := conn.recv(1 << 16):
            got.update(chunk)
        sender.join()
    if got.digest() != hashlib.sha256(data).digest():
        sys.exit("tcp %s to %s: the echo of %s bytes differs" % (source, target, size))


def udp(source, target, port, *sizes):
    with socket.socket(family(target), socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect((target, int(port)))
        for size in map(int, sizes):
            data = os.urandom(size)
            for timeout in (1, 2, 4):
                sock.settimeout(timeout)
                sock.send(data)
                try:
                    if sock.recv(1 << 16) == data:
                        break
                except TimeoutError:
                    pass
            else:
                sys.exit("udp %s to %s: no good echo of %d bytes" % (source, target, size))


if __name__ == "__main__":
    {"serve": serve, "tcp": tcp, "udp": udp}[sys.argv[1]](*sys.argv[2:])
