"""What fails, on both sides: the sentence, the exit code, and nothing left behind."""
from lab import Lab, Net, Skipped, expect, expect_words, says, until
import matrix
import peers
from peers import PSK, StrongSwan, Tunike

NULL_CONFIG = 'connections = { site = { remote_addrs = ["192.0.2.2"]; local = { auth = "psk"; }; ' \
              'remote = { auth = "psk"; }; children = { net = { remote_ts = ["10.2.0.1/32"]; }; }; }; };\n' \
              'secrets = ( { type = "psk"; secret = "x"; } );\n'


SECRET = ("psk", "secret", "pre-shared key")


def strongswan():
    if not peers.available():
        raise Skipped("charon is not installed")


def pair(lab, make_a, make_b, change_a=None, change_b=None):
    """Two configured and started programs whose sites differ as the case says."""
    net = Net(lab)
    site_a, site_b = matrix.sites(net, 4, ike="aes128-sha256-modp2048", esp="aes128-sha256")
    for site, change in ((site_a, change_a), (site_b, change_b)):
        for key, value in (change or {}).items():
            setattr(site, key, value)
    a, b = make_a(net.a).configure(site_a), make_b(net.b).configure(site_b)
    b.start()
    a.start()
    return net, a, b


def nothing_up(tunike):
    done = tunike.cli("status")
    expect(done.returncode == 1, "status with nothing up: exit %d" % done.returncode)
    until(10, "an IKE SA is left", lambda: not tunike.ike_sas())


# ---- Both ends disagree ----
# name: what a has, what b has; words of the initiator's sentence, words of the responder's

DISAGREEMENTS = {
    "wrong secret": (
        {}, {"psk": "another secret"},
        ["a.test", "b.test", SECRET], ["a.test", SECRET]),
    "no common IKE proposal": (
        {"ike": "aes256gcm16-prfsha384-ecp384"}, {},
        ["proposal", "aes256gcm16-prfsha384-ecp384"],
        ["proposal", "aes256gcm16-prfsha384-ecp384", "aes128-sha256", "modp2048"]),
    "no common ESP proposal": (
        {"esp": "chacha20poly1305"}, {},
        ["proposal", "chacha20poly1305"], ["proposal", "chacha20poly1305", "aes128-sha256"]),
    "peer is not who we expect": (
        {"peer": "other.test", "psk_ids": ["a.test", "b.test", "other.test"]}, {},
        ["other.test"], ["other.test"]),
    "we are not who the peer expects": (
        {"me": "mallory.test", "psk_ids": ["mallory.test", "b.test"]}, {},
        ["mallory.test"], ["mallory.test", "a.test"]),
    "selectors that do not meet": (
        {"remote_ts": ["10.99.0.0/16"]}, {"local_ts": ["10.2.0.1/32"]},
        ["10.99.0.0/16"], ["10.99.0.0/16", "10.2.0.1/32"]),
}


def disagreement(change_a, change_b, initiator_says, responder_says):
    with Lab() as lab:
        _, a, b = pair(lab, Tunike, Tunike, change_a, change_b)
        said = a.up_fails()
        expect_words(said, *initiator_says)
        until(5, lambda: "the responder does not say %r: %s" % (responder_says, b.log()[-900:]),
              lambda: says(b.log(), responder_says))
        for secret in (PSK, "another secret"):
            expect(secret not in said + a.log() + b.log(), "a secret stands in the output")
        if "ts" not in " ".join(change_a) and "esp" not in change_a:
            nothing_up(a)
            down = [d for d in a.status()["down"] if d["name"] == "site"]
            expect(down and down[0]["last_error"], "status has no last_error: %r" % down)
            expect(down[0]["last_error"][:40] in said, "status says %r, up said %r" % (down[0]["last_error"], said))
        a.stop()
        b.stop()


def strongswan_refuses(change_a, change_b, words):
    strongswan()
    with Lab() as lab:
        _, a, b = pair(lab, Tunike, StrongSwan, change_a, change_b)
        expect_words(a.up_fails(), *words)
        a.stop()


def strongswan_is_refused(change_a, change_b, words):
    strongswan()
    with Lab() as lab:
        _, a, b = pair(lab, StrongSwan, Tunike, change_a, change_b)
        a.up_fails()
        until(5, lambda: "the log does not say %r: %s" % (words, b.log()[-900:]),
              lambda: says(b.log(), words))
        b.stop()


# ---- Nobody there ----

def no_answer():
    with Lab() as lab:
        net = Net(lab)
        site, _ = matrix.sites(net, 4)
        a = Tunike(net.a).configure(site).start()
        expect_words(a.up_fails(seconds=3), "192.0.2.2:500", "IKE_SA_INIT")
        expect_words(a.up_fails(seconds=200), "no answer from 192.0.2.2:500", "IKE_SA_INIT", "attempts")
        a.stop()


# ---- What the host does not allow ----

def second_daemon_on_the_socket():
    with Lab() as lab:
        net = Net(lab)
        site, _ = matrix.sites(net, 4)
        a = Tunike(net.a).configure(site).start()
        second = net.a.sh(a.program, "run", "-c", a.conf, check=False)
        expect(second.returncode != 0, "a second daemon started")
        expect_words(second.stderr + second.stdout, "control.sock", str(a.daemon.pid()))
        expect(a.cli("status", "--json").returncode in (0, 1), "the first daemon no longer answers")
        a.stop()


def port_is_taken(by):
    if by is StrongSwan:
        strongswan()
    with Lab() as lab:
        net = Net(lab)
        site, other = matrix.sites(net, 4)
        holder = by(net.a).configure(other if by is StrongSwan else site).start()
        conf = net.a.dir / "second.conf"
        conf.write_text('control = "%s"; tun = { name = "tunike9"; };\n%s' % (net.a.dir / "second.sock", NULL_CONFIG))
        conf.chmod(0o600)
        second = net.a.sh(peers.TUNIKE, "run", "-c", conf, check=False)
        expect(second.returncode != 0, "it started on a port that is taken")
        name = "charon" if by is StrongSwan else "tunike"
        expect_words(second.stderr + second.stdout, "500", name, str(holder.daemon.pid()))
        holder.stop()


def refused_start(words, *enter):
    """tunike run in a place that lacks something."""
    with Lab() as lab:
        net = Net(lab)
        site, _ = matrix.sites(net, 4)
        a = Tunike(net.a).configure(site)
        before = net.a.host_state()
        done = net.a.sh(*enter, peers.TUNIKE, "run", "-c", a.conf, check=False)
        expect(done.returncode not in (0, 124), "exit %d" % done.returncode)
        expect_words(done.stderr + done.stdout, *words)
        expect(net.a.host_state() == before, "a start that failed left something behind")


def no_tun_device():
    refused_start(["/dev/net/tun", ("modprobe", "mknod", "device")],
                  "sh", "-c", 'mkdir -p "$0" && mount --bind "$0" /dev/net && exec "$@"', "/run/empty")


def no_permission():
    refused_start([("CAP_NET_ADMIN", "root")], "setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-all")


def readable_secret():
    with Lab() as lab:
        net = Net(lab)
        site, _ = matrix.sites(net, 4)
        a = Tunike(net.a).configure(site)
        secret = net.a.dir / "site.psk"
        secret.write_text("not for everybody\n")
        a.write(a.conf.read_text().replace('secret = "%s"' % PSK, 'secret_file = "site.psk"'))
        secret.chmod(0o644)
        done = a.cli("check", "-c", a.conf)
        expect(done.returncode == 1, "check of a secret that all can read: exit %d" % done.returncode)
        expect_words(done.stdout + done.stderr, "site.psk", ("0600", "chmod"))
        secret.chmod(0o600)
        done = a.cli("check", "-c", a.conf)
        expect(done.returncode == 0, "check: exit %d: %s" % (done.returncode, done.stdout + done.stderr))


# ---- The command line ----

def exit_codes():
    with Lab() as lab:
        net = Net(lab)
        site, _ = matrix.sites(net, 4)
        a = Tunike(net.a).configure(site)
        for want, args, words in (
                (3, ("up", "site"), ["control.sock"]),
                (3, ("status",), ["control.sock"]),
                (2, ("up",), ["usage"]),
                (2, ("frobnicate",), ["frobnicate"]),
                (0, ("version",), ["tunike", "openssl"]),
                (0, ("algorithms",), ["aes256gcm16", "modp2048"]),
                (0, ("help",), ["status", "check"]),
                (0, ("help", "up"), ["--timeout"]),
                (0, ("up", "--help"), ["--timeout"]),
                (0, ("check", "-c", a.conf), []),
                (1, ("check", "-c", "/nonexistent/tunike.conf"), ["/nonexistent/tunike.conf"])):
            done = a.cli(*args)
            text = done.stdout + done.stderr
            expect(done.returncode == want, "tunike %s: exit %d, not %d: %s" % (
                " ".join(map(str, args)), done.returncode, want, text.strip()[-300:]))
            expect_words(text, *words)
        a.start()
        done = a.cli("up", "sit", "--timeout", "5s")
        expect(done.returncode != 0, "up of an unknown connection: exit 0")
        expect_words(done.stdout + done.stderr, "sit", "site")
        nothing_up(a)
        a.stop()


def every_error_at_once():
    with Lab() as lab:
        net = Net(lab)
        conf = net.a.dir / "bad.conf"
        conf.write_text('tun = { nam = "tunike0"; };\nworkers = "many";\nconnections = {\n  site = {\n'
                        '    remote_addrs = ["192.0.2.2"];\n    proposals = ["aes999-sha256-modp2048"];\n'
                        '    mobike = true;\n    dpd_delay = "soon";\n'
                        '    local = { auth = "pubkey"; };\n    remote = { auth = "psk"; };\n'
                        '    children = { net = { remote_ts = ["10.2.0.1/33"]; }; };\n  };\n};\n')
        conf.chmod(0o600)
        done = net.a.sh(peers.TUNIKE, "check", "-c", conf, check=False)
        text = done.stdout + done.stderr
        expect(done.returncode == 1, "exit %d: %s" % (done.returncode, text))
        for line, words in ((1, "name"), (2, "workers"), (6, "aes999"), (8, "dpd_delay"), (9, "auth"), (11, "10.2.0.1/33")):
            expect("bad.conf:%d:" % line in text and words in text, "no error at line %d about %s in:\n%s" % (line, words, text))
        expect_words(text, "not supported yet")


def cases():
    yield "nobody answers", no_answer  # as long as the schedule of retransmissions
    for name, (change_a, change_b, initiator_says, responder_says) in DISAGREEMENTS.items():
        yield "refused: " + name, lambda c=(change_a, change_b, initiator_says, responder_says): disagreement(*c)
    yield "refused by strongswan: wrong secret", \
        lambda: strongswan_refuses({}, {"psk": "another secret"}, [SECRET, "a.test", "AUTHENTICATION_FAILED"])
    yield "refused by strongswan: no common IKE proposal", \
        lambda: strongswan_refuses({"ike": "aes256gcm16-prfsha384-ecp384"}, {}, ["aes256gcm16-prfsha384-ecp384"])
    yield "refused by strongswan: selectors that do not meet", \
        lambda: strongswan_refuses({"remote_ts": ["10.99.0.0/16"]}, {}, ["10.99.0.0/16"])
    yield "strongswan is refused: wrong secret", \
        lambda: strongswan_is_refused({"psk": "another secret"}, {}, ["a.test", SECRET])
    yield "strongswan is refused: no common IKE proposal", \
        lambda: strongswan_is_refused({"ike": "aes256gcm16-prfsha384-ecp384"}, {}, ["aes256gcm16", "aes128-sha256", "modp2048"])
    yield "second daemon on the same socket", second_daemon_on_the_socket
    yield "port held by another tunike", lambda: port_is_taken(Tunike)
    yield "port held by charon", lambda: port_is_taken(StrongSwan)
    yield "no /dev/net/tun", no_tun_device
    yield "no permission", no_permission
    yield "secret file that others can read", readable_secret
    yield "exit codes and help", exit_codes
    yield "every configuration error at once", every_error_at_once
