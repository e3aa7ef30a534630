"""Extensions of IKEv2 that both ends must have, between two of us."""
import re
import signal
import time

import matrix
from lab import Lab, Net, Skipped, expect, expect_words, until
from life import passes, tunnel
from peers import StrongSwan, Tunike, available


def state(node):
    """A state folder of the node's own."""
    return 'state = "%s/state/tunike";' % node.dir


def qcd_pair(lab, keys="qcd = true;", child_keys='dpd_action = "restart";'):
    # Nothing here is noticed by time: the liveness check comes after an hour.
    net, a, b = tunnel(lab, change_a={"child_keys": child_keys}, conn_keys='dpd_delay = "1h"; ' + keys)
    for peer in (a, b):
        peer.write(state(peer.node) + peer.conf.read_text())
    return net, a, b


def extensions(peer):
    return [e for sa in peer.ike_sas() for e in sa["extensions"]]


def crash(encap):
    """The gateway is killed and started again: packets bring the client back within seconds."""
    with Lab() as lab:
        net, a, b = qcd_pair(lab, "qcd = true; encap = %s;" % ("true" if encap else "false"))
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        for peer in (a, b):
            expect("quick-crash-detection" in extensions(peer), "not in force: %r" % peer.ike_sas())
        secret = net.b.dir / "state" / "tunike" / "qcd.secret"
        expect(secret.stat().st_mode & 0o777 == 0o600, "others may read the secret: %o" % secret.stat().st_mode)
        kept = secret.read_bytes()
        old = a.ike_sas()[0]["id"]
        b.daemon.signal(signal.SIGKILL)
        b.daemon.wait(5)
        b.start()
        expect(secret.read_bytes() == kept, "another secret after the restart")
        begun = time.monotonic()
        until(40, lambda: "it does not come back: " + a.log()[-900:], lambda: passes(net))
        took = time.monotonic() - begun
        expect(took < 30, "it took %.1f s" % took)
        expect_words(a.log(), "has restarted and lost this IKE SA")
        expect(a.ike_sas()[0]["id"] != old and len(b.ike_sas()) == 1, "no new IKE SA: %r" % a.ike_sas())
        ike = a.status()["ike"]
        expect(ike["tokens_believed"] == 1 and ike["retransmits"] <= 2, "not by the token: %r" % ike)
        a.stop()
        b.stop()


def client_crash():
    """The client is killed and started again; it does nothing. The gateway, which has packets for it, notices."""
    with Lab() as lab:
        net, a, b = qcd_pair(lab, child_keys="")
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        a.daemon.signal(signal.SIGKILL)
        a.daemon.wait(5)
        a.start()

        def gone():
            net.b.sh("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", net.INNER["b"][4], net.INNER["a"][4], check=False)
            return not b.ike_sas()
        until(30, lambda: "the gateway does not notice: " + b.log()[-900:], gone)
        expect_words(b.log(), "has restarted and lost this IKE SA")
        a.stop()
        b.stop()


def no_state():
    """Without a folder for the secret it runs, says so, and shows no tokens."""
    with Lab() as lab:
        net, a, b = qcd_pair(lab)
        b.write(re.sub(r'state = "[^"]*"', 'state = "/dev/null/tunike"', b.conf.read_text(), count=1))
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        expect_words(b.log(), "peers will not notice a restart at once", "/dev/null/tunike")
        expect("quick-crash-detection" not in extensions(a), "tokens without a secret: %r" % a.ike_sas())
        expect("quick-crash-detection" in extensions(b), "no token of the other end: %r" % b.ike_sas())
        a.stop()
        b.stop()


# ---- Session resumption ----

def gone(peer):
    return not any(sa["state"] == "established" for sa in peer.ike_sas())


def resumed(nat):
    """The way is cut until both ends have given up; when it is there again the client resumes, many times."""
    with Lab() as lab:
        net, a, b = tunnel(lab, nat, conn_keys='dpd_delay = "2s"; resumption = true;')
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        for peer in (a, b):
            expect("resumption" in extensions(peer), "no ticket: %r" % peer.ike_sas())
        exchanges = b.status()["ike"].get("key_exchanges")
        net.b.ip("link", "set", "b0", "down")
        until(220, lambda: "the dead peer is not noticed: " + a.log()[-600:], lambda: gone(a) and gone(b), every=1)
        net.b.ip("link", "set", "b0", "up")
        net.b.ip("addr", "add", "2001:db8::2/64", "dev", "b0", "nodad", check=False)
        a.up()
        expect(passes(net), "resumed, and ping is not answered")
        for peer in (a, b):
            expect("resumed" in extensions(peer), "the whole handshake: %r" % peer.ike_sas())
        expect_words(a.log(), "sent IKE_SESSION_RESUME", "granted a ticket")
        expect(b.status()["ike"].get("key_exchanges") == exchanges, "a key exchange was computed")
        done = a.cli("rekey", "site", "--ike")
        expect(done.returncode == 0, "rekey: " + done.stderr)
        expect(passes(net), "ping is not answered after new keys")
        # Taken down by the user: no ticket is left.
        a.down()
        a.wait_down()
        a.up()
        expect("resumed" not in extensions(a), "resumed what was taken down")
        expect(passes(net), "ping is not answered")
        a.stop()
        b.stop()


def resume_refused():
    """The gateway starts anew: it takes no ticket of before, and the client comes up all the same, at once."""
    with Lab() as lab:
        net, a, b = qcd_pair(lab, "qcd = true; resumption = true;")
        b.start()
        a.start()
        a.up()
        expect(passes(net), "ping is not answered")
        b.daemon.signal(signal.SIGKILL)
        b.daemon.wait(5)
        b.start()
        begun = time.monotonic()
        until(40, lambda: "it does not come back: " + a.log()[-900:], lambda: passes(net))
        took = time.monotonic() - begun
        expect(took < 30, "it took %.1f s" % took)
        expect_words(a.log(), "does not take the ticket")
        expect_words(b.log(), "is not one that we have granted since we started")
        expect("resumption" in extensions(a) and "resumed" not in extensions(a), "%r" % a.ike_sas())
        a.stop()
        b.stop()


def strongswan_ignores(we_call):
    """A peer that has neither: both are offered, and nothing comes of it."""
    if not available():
        raise Skipped("charon is not installed")
    with Lab() as lab:
        net = Net(lab)
        site_a, site_b = matrix.sites(net, 4, ike="aes128-sha256-modp2048", esp="aes128-sha256")
        site_a.conn_keys = "qcd = true; resumption = true;"
        a, b = Tunike(net.a).configure(site_a), StrongSwan(net.b).configure(site_b)
        a.write(state(net.a) + a.conf.read_text())
        b.start()
        a.start()
        (a if we_call else b).up()
        a.wait_up()
        expect(passes(net), "ping is not answered")
        for what in (["--ike"], []):
            done = a.cli("rekey", "site", *what)
            expect(done.returncode == 0, "rekey %s: %s" % (what, done.stderr))
        expect(passes(net), "ping is not answered after new keys")
        expect(not {"quick-crash-detection", "resumption", "resumed"} & set(extensions(a)), "%r" % a.ike_sas())
        expect(len(a.ike_sas()) == 1, "%r" % a.ike_sas())
        a.down()
        b.wait_down()
        a.stop()


def cases():
    for we_call in (True, False):
        yield "extension unknown to strongswan, %s" % ("initiator" if we_call else "responder"), \
            lambda we_call=we_call: strongswan_ignores(we_call)
    yield "extension resumption", lambda: resumed(True)
    yield "extension resumption refused", resume_refused
    yield "extension qcd gateway killed", lambda: crash(True)
    yield "extension qcd gateway killed, plain esp", lambda: crash(False)
    yield "extension qcd client killed", client_crash
    yield "extension qcd without state folder", no_state
