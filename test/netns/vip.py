"""Virtual addresses by the configuration payload: tunike as client and as gateway, against itself and strongSwan."""
import time

from lab import Lab, Net, Skipped, expect, expect_words, until
from life import DOCS, expect_same
from peers import Site, StrongSwan, Tunike, available

POOL = {4: "10.9.0.0/24", 6: "2001:db8:9::/64"}
FIRST = ["10.9.0.1", "2001:db8:9::1"]
DNS = ["10.2.0.53", "fd00:b::53"]
DOMAINS = ["corp.example", "b.example"]
BEHIND = ["10.2.0.0/16", "fd00:b::/64"]  # the gateway

ASKS = 'vips = ["0.0.0.0", "::"]; '
POOLS = '''pools = { staff = { addrs = ["%s", "%s"]; dns = ["%s", "%s"]; domains = ["%s", "%s"]; subnet = ["%s"]; }; };
''' % (POOL[4], POOL[6], *DNS, *DOMAINS, BEHIND[0])
STRONGSWAN_POOLS = '''pools {
  four { addrs = %s
    dns = %s }
  six { addrs = %s
    dns = %s }
}''' % (POOL[4], DNS[0], POOL[6], DNS[1])


def strongswan_needed(*kinds):
    if StrongSwan in kinds and not available():
        raise Skipped("strongSwan is not installed")


def ends(net, client=Tunike, gateway=Tunike, client_keys="", gateway_keys="", child_keys="", remote=None):
    """The client is a, the gateway is b; `remote`: what the client reaches through it."""
    remote = remote or BEHIND
    asks = ASKS if client is Tunike else "vips = 0.0.0.0, ::\n"
    gives = 'pools = ["staff"]; ' if gateway is Tunike else "pools = four, six\n"
    top = POOLS if gateway is Tunike else STRONGSWAN_POOLS
    a = Site("a.test", "b.test", net.outer["a"][4], net.outer["b"][4], local_ts=["dynamic"], remote_ts=remote,
             conn_keys=asks + client_keys, child_keys=child_keys if client is Tunike else "")
    b = Site("b.test", "a.test", net.outer["b"][4], "%any", local_ts=remote, remote_ts=["dynamic"],
             conn_keys=gives + gateway_keys, top_keys=top)
    return client(net.a).configure(a), gateway(net.b).configure(b)


def no_addresses_of_its_own(net):
    """So that what the client's host sends has its virtual address, or an outer one."""
    net.a.ip("addr", "flush", "dev", "lo", "scope", "global")


def ping(node, target, *options):
    return node.sh("ping", "-n", "-q", "-c", "3", "-i", "0.1", "-W", "2", *options, target, check=False)


def carries(net, addresses, source=()):
    """Both families, both ways. Without a source the client's kernel chooses it."""
    for target, own in (("10.2.0.1", addresses[0]), ("fd00:b::1", addresses[1])):
        done = ping(net.a, target, *(("-I", own) if source else ()))
        expect(done.returncode == 0, "%s does not reach %s: %s" % (own, target, done.stdout + done.stderr))
        done = ping(net.b, own, "-I", target)
        expect(done.returncode == 0, "%s does not reach %s: %s" % (target, own, done.stdout + done.stderr))


def on_device(node):
    text = node.ip("-o", "addr", "show", "dev", "tunike0").stdout
    return [a for a in FIRST if " %s/" % a in text]


def given(tunike):
    sas = tunike.ike_sas()
    expect(len(sas) == 1, "one IKE SA expected, there are %d" % len(sas))
    return {key: sas[0][key] for key in ("vips", "dns", "domains", "subnets")}


def between_tunikes(nat):
    with Lab() as lab:
        net = Net(lab, nat)
        no_addresses_of_its_own(net)
        a, b = ends(net)
        before = net.a.host_state()
        b.start()
        a.start()
        a.up()
        want = {"vips": FIRST, "dns": DNS, "domains": DOMAINS, "subnets": [BEHIND[0]]}
        for end in (a, b):
            expect(given(end) == want, "status: %r" % given(end))
            for name in ("configuration", "split-dns"):
                expect(name in end.ike_sas()[0]["extensions"], "status does not name %s" % name)
            expect_words(end.cli("status").stdout, "addresses: 10.9.0.1, 2001:db8:9::1", "domains:   corp.example")
        expect(a.child()["local_ts"] == ["10.9.0.1/32", "2001:db8:9::1/128"], "selectors: %r" % a.child()["local_ts"])
        expect(on_device(net.a) == FIRST, "tunike0 lacks an address: " + net.a.ip("addr").stdout)
        carries(net, FIRST)
        pools = b.status()["pools"]
        expect([(p["name"], p["in_use"]) for p in pools] == [("staff", 2)], "pools: %r" % pools)
        # The same again, after an orderly end, and after none.
        a.down()
        until(10, "the addresses stay", lambda: on_device(net.a) == [])
        a.up()
        carries(net, FIRST)
        a.daemon.signal(9)
        a.daemon.wait(10)
        a.start()
        a.up()
        expect(given(a)["vips"] == FIRST, "other addresses: %r" % given(a))
        carries(net, FIRST)
        a.stop()
        expect_same(before, net.a.host_state())
        b.stop()


def reauthenticated(client, gateway):
    """New IKE SAs, make before break, under way: the addresses stay, and hardly a packet is lost."""
    strongswan_needed(client, gateway)
    with Lab() as lab:
        net = Net(lab)
        no_addresses_of_its_own(net)
        tunike_time = 'reauth_time = "4s"; rand_time = 0; rekey_time = 0; '
        a, b = ends(net, client, gateway,
                    client_keys=tunike_time if client is Tunike else "reauth_time = 4s\nrand_time = 0\nover_time = 60s\n")
        b.start()
        a.start()
        a.up()
        target = ["10.2.0.1"] + (["-I", FIRST[0]] if client is StrongSwan else [])
        done = net.a.sh("ping", "-n", "-q", "-c", "150", "-i", "0.1", "-W", "2", *target, check=False, timeout=60)
        lost = int(done.stdout.split("packets transmitted, ")[1].split(" received")[0])
        expect(lost >= 148, "only %d of 150 answered: %s" % (lost, done.stdout))
        tunike = a if client is Tunike else b
        expect(tunike.ike_sas()[-1]["id"] >= 3, "it did not authenticate once more: %r" % tunike.ike_sas())
        expect(all(sa["vips"] == FIRST for sa in tunike.ike_sas()), "the addresses changed: %r" % tunike.ike_sas())
        a.stop()
        b.stop()


def with_strongswan(client, gateway):
    strongswan_needed(client, gateway)
    with Lab() as lab:
        net = Net(lab, nat=True)
        no_addresses_of_its_own(net)
        a, b = ends(net, client, gateway)
        b.start()
        a.start()
        a.up()
        tunike = a if client is Tunike else b
        expect(tunike.ike_sas()[0]["vips"] == FIRST, "status: %r" % given(tunike))
        if client is Tunike:
            expect(given(a)["dns"] == DNS, "status: %r" % given(a))
            expect(on_device(net.a) == FIRST, "tunike0 lacks an address: " + net.a.ip("addr").stdout)
        else:
            expect_words(a.log(), "installing new virtual IP 10.9.0.1", "installing new virtual IP 2001:db8:9::1")
        expect_words(tunike.child()["remote_ts" if client is StrongSwan else "local_ts"].__repr__(), "10.9.0.1/32",
                     "2001:db8:9::1/128")
        carries(net, FIRST, source=client is StrongSwan)
        for rekey in ([a.cli("rekey", "site"), a.cli("rekey", "--ike", "site")] if client is Tunike else
                      [a.swanctl("--rekey", "--child", "net"), a.swanctl("--rekey", "--ike", "site")]):
            expect(rekey.returncode == 0, "rekey: " + rekey.stdout + rekey.stderr)
            time.sleep(1)
            carries(net, FIRST, source=client is StrongSwan)
        a.down()
        b.wait_down()
        a.up()
        expect(tunike.ike_sas()[0]["vips"] == FIRST, "other addresses: %r" % given(tunike))
        a.stop()
        b.stop()


def none_left(gateway):
    """A pool of one address that another one has; then none of the family at all."""
    strongswan_needed(gateway)
    with Lab() as lab:
        net = Net(lab)
        if gateway is Tunike:
            keys = dict(top_keys='pools = { one = { addrs = "10.9.0.7"; }; };\n', conn_keys='pools = "one"; ')
        else:
            keys = dict(top_keys="pools { one { addrs = 10.9.0.7/32 } }", conn_keys="pools = one\n")
        b = gateway(net.b).configure(Site("b.test", "%any" if gateway is StrongSwan else "*.test", net.outer["b"][4],
                                          "%any", local_ts=BEHIND, remote_ts=["dynamic"],
                                          **(keys | ({"psk_ids": ["b.test", "*.test"]} if gateway is Tunike else {}))))
        b.start()

        def client(name, vips):
            return Tunike(net.a).configure(
                Site(name, "b.test", net.outer["a"][4], net.outer["b"][4], local_ts=["dynamic"], remote_ts=BEHIND,
                     conn_keys="vips = [%s]; keyingtries = 1; " % vips))
        a = client("a.test", '"0.0.0.0"').start()
        a.up()
        expect(a.ike_sas()[0]["vips"] == ["10.9.0.7"], "status: %r" % a.ike_sas())
        a.daemon.signal(9)  # its lease stays with it
        a.daemon.wait(10)
        late = client("late.test", '"0.0.0.0"').start()
        said = late.up_fails()
        expect_words(said, "gave no address to us", "connections.site.vips asks for IPv4", "INTERNAL_ADDRESS_FAILURE")
        if gateway is Tunike:
            expect_words(b.log(), 'no address is left for \\"late.test\\"', "pools.one (1 address, 1 in use)")
        late.stop()
        six = client("six.test", '"::"').start()
        expect_words(six.up_fails(), "asks for IPv6", *(["it hands out IPv4 addresses only"] if gateway is Tunike else []))
        six.stop()
        b.stop()


def two_connections():
    """An address of each: what goes to a network has the address that its gateway gave."""
    names = (("one", 1, "10.2.0.0/16", "10.2.0.1"), ("two", 2, "10.3.0.0/16", "10.3.0.1"))
    with Lab() as lab:
        net = Net(lab)
        no_addresses_of_its_own(net)
        net.b.ip("addr", "add", "10.3.0.1/32", "dev", "lo")

        def text(me, peer, side, here, there):
            conns = "".join('''
                %s = { local_addrs = ["%s"]; remote_addrs = ["%s"]; %s
                       local = { auth = "psk"; id = "%s"; }; remote = { auth = "psk"; id = "%s"; };
                       children = { net = { local_ts = ["%s"]; remote_ts = ["%s"]; }; }; };
                ''' % (name, here, there, side(name, number), me(name), peer(name),
                       *(("dynamic", network) if me is of_client else (network, "dynamic")))
                for name, number, network, _ in names)
            return '''secrets = ( { type = "psk"; secret = "correct horse battery staple"; } );
                pools = { one = { addrs = "10.9.1.0/24"; }; two = { addrs = "10.9.2.0/24"; }; };
                connections = { %s };''' % conns

        def of_client(name):
            return "client.%s.test" % name

        def of_gateway(name):
            return "gateway.%s.test" % name
        outer = net.outer["a"][4], net.outer["b"][4]
        a = Tunike(net.a).write(text(of_client, of_gateway, lambda n, i: 'vips = ["0.0.0.0"];', *outer))
        b = Tunike(net.b).write(text(of_gateway, of_client, lambda n, i: 'pools = ["%s"];' % n, outer[1], "%any"))
        b.start()
        a.start()
        for name, number, _, target in names:
            a.up(name)
        for name, number, _, target in names:
            done = ping(net.a, target)
            expect(done.returncode == 0, "%s is not reached: %s%s" % (target, done.stdout, net.a.ip("route").stdout))
            expect("src 10.9.%d.1 " % number in net.a.ip("route", "get", target).stdout, net.a.ip("route").stdout)
        a.down("two")
        done = ping(net.a, names[0][3])
        expect(done.returncode == 0, "the end of one takes the other along: " + net.a.ip("route").stdout)
        a.stop()
        b.stop()


def everything(gateway):
    """All traffic of the client goes to the gateway, from its virtual addresses; then no domains are asked for."""
    strongswan_needed(gateway)
    whole = ["0.0.0.0/0", "::/0"]
    with Lab() as lab:
        net = Net(lab, nat=True)
        no_addresses_of_its_own(net)
        net.b.ip("addr", "add", "203.0.113.9/32", "dev", "lo")  # somewhere in the world, behind the gateway
        a, b = ends(net, Tunike, gateway, remote=whole)
        before = net.a.host_state()
        b.start()
        a.start()
        a.up()
        expect(a.ike_sas()[0]["vips"] == FIRST, "status: %r" % given(a))
        expect(given(a)["domains"] == [], "domains that are not only for some names: %r" % given(a))
        carries(net, FIRST)
        done = ping(net.a, "203.0.113.9")
        expect(done.returncode == 0, "the world is not reached: " + done.stdout + done.stderr)
        expect("src 10.9.0.1 " in net.a.ip("route", "get", "203.0.113.9").stdout, net.a.ip("route").stdout)
        rekey = a.cli("rekey", "--ike", "site")
        expect(rekey.returncode == 0, "IKE does not get around the tunnel: " + rekey.stdout + rekey.stderr)
        a.stop()
        expect_same(before, net.a.host_state())
        b.stop()


def by_packet():
    """A packet asks for the tunnel, and with it for the address, which it does not have yet itself."""
    with Lab() as lab:
        net = Net(lab)
        no_addresses_of_its_own(net)
        a, b = ends(net, child_keys='start_action = "trap"; ')
        b.start()
        a.start()
        expect(not a.ike_sas(), "it is up before a packet asks for it")
        expect(on_device(net.a) == [], "it has an address before one is given")
        until(20, lambda: "no packet gets through: " + a.log()[-900:], lambda: ping(net.a, "10.2.0.1").returncode == 0)
        expect(given(a)["vips"] == FIRST, "status: %r" % given(a))
        carries(net, FIRST)
        a.down()
        until(20, lambda: "not twice: " + a.log()[-900:], lambda: ping(net.a, "fd00:b::1").returncode == 0)
        a.stop()
        b.stop()


def documented():
    """The examples, of which only the gateway's address is changed."""
    with Lab() as lab:
        net = Net(lab, nat=True)
        no_addresses_of_its_own(net)
        net.b.ip("addr", "add", "10.1.0.53/16", "dev", "lo")
        ends = []
        for node, name in ((net.a, "staff-laptop.conf"), (net.b, "staff-gateway.conf")):
            end = Tunike(node).write((DOCS / "docs" / "examples" / name).read_text().replace(
                "vpn.example.org", net.outer["b"][4]))
            secret = node.dir / "staff.psk"
            secret.write_text("a secret of the documentation's test\n")
            secret.chmod(0o600)
            ends.append(end)
        laptop, gateway = ends
        gateway.start()
        laptop.start()
        laptop.wait_up()
        for end in ends:
            expect(given(end)["vips"] == FIRST[:1], "status: %r" % given(end))
            expect(given(end)["domains"] == DOMAINS[:1], "status: %r" % given(end))
        done = ping(net.a, "10.1.0.53")
        expect(done.returncode == 0, "the laptop does not reach the office: " + done.stdout + done.stderr)
        laptop.stop()
        gateway.stop()


def cases():
    both = ((Tunike, StrongSwan), (StrongSwan, Tunike))
    names = {Tunike: "tunike", StrongSwan: "strongswan"}
    found = [("vip examples", documented), ("vip two connections", two_connections), ("vip by packet", by_packet), ("vip tunike-tunike", lambda: between_tunikes(False)),
             ("vip tunike-tunike nat", lambda: between_tunikes(True))]
    for client, gateway in both:
        found.append(("vip %s-%s" % (names[client], names[gateway]),
                      lambda client=client, gateway=gateway: with_strongswan(client, gateway)))
    for client, gateway in ((Tunike, Tunike), *both):
        found.append(("vip reauth %s-%s" % (names[client], names[gateway]),
                      lambda client=client, gateway=gateway: reauthenticated(client, gateway)))
    for gateway in (Tunike, StrongSwan):
        found.append(("vip everything %s" % names[gateway], lambda gateway=gateway: everything(gateway)))
        found.append(("vip none left %s" % names[gateway], lambda gateway=gateway: none_left(gateway)))
    return found
