#!/usr/bin/env bash
# The main job of tunike on a small internet of network namespaces: a laptop behind a NAT router reaches the
# office's web server through the gateway. Everything is removed at the end, also after Ctrl-C. Needs root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tunike=$PWD/build/tunike
file_mb=128
net=tkdemo$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/$net-XXXXXX")
started=() # pids of our own background processes
problems=()

bold= plain=
[ ! -t 1 ] || { bold=$(printf '\033[1m'); plain=$(printf '\033[0m'); }
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
problem() { problems+=("$*"); printf 'PROBLEM: %s\n' "$*"; }
die() { problem "$*"; exit 1; }

cleanup() {
	local code=$? ns pid
	trap - EXIT INT TERM HUP
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	for ns in laptop router gateway web; do
		[ -e "/run/netns/$net-$ns" ] || continue
		for pid in $(ip netns pids "$net-$ns" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
		ip netns del "$net-$ns" 2>/dev/null || true
	done
	if [ "$code" -ne 0 ] || [ ${#problems[@]} -gt 0 ]; then
		for ns in laptop gateway; do
			[ ! -s "$dir/$ns/tunike.log" ] || { printf '\n-- log of the %s\n' "$ns"; tail -n 40 "$dir/$ns/tunike.log"; }
		done
		[ "$code" -ne 0 ] || code=1
		printf '\ndemo: FAILED: %s\n' "${problems[*]:-interrupted}"
	fi
	rm -rf "$dir"
	exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# on HOST COMMAND...: in the host's namespace, with a /run of its own. Always behind exec or as a plain command.
on() {
	local host=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	ip netns exec "$net-$host" sh -c 'mount --bind "$0" /run && exec "$@"' "$dir/$host/run" "$@"
}

background() { # HOST LOG COMMAND...
	local host=$1 log=$2
	shift 2
	# shellcheck disable=SC2016
	ip netns exec "$net-$host" sh -c 'mount --bind "$0" /run && exec timeout 300 "$@"' "$dir/$host/run" "$@" \
	    >"$log" 2>&1 </dev/null &
	started+=($!)
}

wait_for() { # SECONDS WHAT COMMAND...
	local tries=$(($1 * 20)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || die "$what"
		sleep 0.05
	done
}

host() { # NAME
	mkdir -p "$dir/$1/run"
	ip netns add "$net-$1"
	ip -n "$net-$1" link set lo up
}

# IPv4 alone: what the kernel multicasts for IPv6 by itself is not to be told from a leak.
wire() { # HOST DEV ADDRESS HOST DEV ADDRESS
	ip link add "$2" netns "$net-$1" type veth peer name "$5" netns "$net-$4"
	on "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
	on "$4" sysctl -qw "net.ipv6.conf.$5.disable_ipv6=1"
	ip -n "$net-$1" addr add "$3" dev "$2"
	ip -n "$net-$4" addr add "$6" dev "$5"
	ip -n "$net-$1" link set "$2" up
	ip -n "$net-$4" link set "$5" up
}

[ -x "$tunike" ] || die "no program at build/tunike: ./dev build"
[ "$(id -u)" -eq 0 ] || die "network namespaces need root"
ip netns add "$net-web" 2>/dev/null || die "this place allows no network namespaces (CAP_SYS_ADMIN)"
ip netns del "$net-web"

step "A small internet"
cat <<'E'
   laptop ----------- NAT router ------------------ gateway ------------ web server
   192.168.77.2       192.168.77.1 | 203.0.113.77   203.0.113.1 | 10.1.0.1   10.1.0.80
        home                          the internet                 the office
E
for name in laptop router gateway web; do host $name; done
wire laptop eth0 192.168.77.2/24 router home 192.168.77.1/24
wire router wan 203.0.113.77/24 gateway wan 203.0.113.1/24
# As on a wire every datagram by itself, to be counted: without this a train of them crosses as one.
for name in router gateway; do on $name ethtool -K wan tso off gso off gro off tx off >/dev/null; done
wire gateway lan 10.1.0.1/16 web eth0 10.1.0.80/16
ip -n "$net-laptop" route add default via 192.168.77.1
ip -n "$net-web" route add default via 10.1.0.1
on router sysctl -qw net.ipv4.ip_forward=1
on gateway sysctl -qw net.ipv4.ip_forward=1
ip netns exec "$net-router" nft -f - <<'E'
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
  }
}
E

mkdir "$dir/site"
echo '<h1>The office</h1> You are inside.' >"$dir/site/index.html"
head -c "${file_mb}M" /dev/urandom >"$dir/site/disk.img"
want=$(sha256sum <"$dir/site/disk.img")
background web "$dir/web/http.log" python3 -m http.server --bind 10.1.0.80 --directory "$dir/site" 80
wait_for 10 "the web server does not start" on web curl -sf -m 1 -o /dev/null http://10.1.0.80/
ping_out=$(on laptop ping -n -q -c 1 -W 2 203.0.113.1) || die "the laptop does not reach the internet: $ping_out"
if on laptop curl -s -m 1 -o /dev/null http://10.1.0.80/; then die "the office is reachable without a tunnel"; fi
echo "The laptop reaches the gateway's address, and nothing of the office."

step "Two configuration files and one secret, as a user would write them"
secret=$(openssl rand -base64 33)
umask 077
for name in laptop gateway; do echo "$secret" >"$dir/$name/office.psk"; done
cat >"$dir/laptop/tunike.conf" <<'E'
secrets = ( { type = "psk"; ids = ["alice@example.org", "vpn.example.org"]; secret_file = "office.psk"; } );
connections = {
  office = {
    remote_addrs = ["203.0.113.1"];
    local  = { auth = "psk"; id = "alice@example.org"; };
    remote = { auth = "psk"; id = "vpn.example.org"; };
    children = {
      lan = { local_ts = ["dynamic"]; remote_ts = ["10.1.0.0/16"]; };
    };
  };
};
E
cat >"$dir/gateway/tunike.conf" <<'E'
secrets = ( { type = "psk"; ids = ["alice@example.org", "vpn.example.org"]; secret_file = "office.psk"; } );
connections = {
  staff = {
    local_addrs = ["203.0.113.1"];
    remote_addrs = ["%any"];
    local  = { auth = "psk"; id = "vpn.example.org"; };
    remote = { auth = "psk"; id = "alice@example.org"; };
    children = {
      lan = { local_ts = ["10.1.0.0/16"]; remote_ts = ["192.168.77.0/24"]; };
    };
  };
};
E
echo "-- the laptop's:"
sed 's/^/   /' "$dir/laptop/tunike.conf"
for name in laptop gateway; do
	"$tunike" check -c "$dir/$name/tunike.conf" || die "tunike check refuses the $name's configuration"
done

step "tunike at both ends"
before=$(ip -n "$net-laptop" -o addr; ip -n "$net-laptop" route)
background router "$dir/router/tcpdump.log" tcpdump -n -U -Z root -i wan -B 65536 -s 128 -w "$dir/wire.pcap"
wait_for 10 "tcpdump does not start" grep -q listening "$dir/router/tcpdump.log"
background gateway "$dir/gateway/tunike.log" "$tunike" run -c "$dir/gateway/tunike.conf"
background laptop "$dir/laptop/tunike.log" "$tunike" run -c "$dir/laptop/tunike.conf"
laptop_pid=${started[-1]}
for name in gateway laptop; do
	wait_for 10 "tunike does not start at the $name" test -S "$dir/$name/run/tunike/control.sock"
done
echo "laptop\$ tunike up office"
on laptop "$tunike" up office --timeout 20s || die "the tunnel does not come up"

step "A page and a file of $file_mb MB through the tunnel"
echo "laptop\$ curl http://10.1.0.80/"
page=$(on laptop curl -sS -m 10 http://10.1.0.80/) || die "the page does not arrive"
echo "$page"
[ "$page" = "$(cat "$dir/site/index.html")" ] || problem "the page is not the one that the office serves"
start=$(date +%s%N)
got=$(on laptop curl -sS -m 120 http://10.1.0.80/disk.img | sha256sum) || die "the file does not arrive"
took=$((($(date +%s%N) - start) / 1000000))
[ "$got" = "$want" ] || problem "the file's SHA-256 differs: ${got%% *}, not ${want%% *}"
printf 'disk.img: %d MB in %d.%03d s, SHA-256 %s… as served\n' "$file_mb" $((took / 1000)) $((took % 1000)) "${got:0:16}"

step "tunike status, on the laptop"
on laptop "$tunike" status || problem "tunike status: exit $?"

step "Down again"
echo "laptop\$ tunike down office"
on laptop "$tunike" down office || problem "tunike down: exit $?"
daemon=$(cat "/proc/$laptop_pid/task/$laptop_pid/children")
kill -TERM "${daemon%% *}"
wait "$laptop_pid" || problem "tunike run: exit $? after SIGTERM"
after=$(ip -n "$net-laptop" -o addr; ip -n "$net-laptop" route)
[ "$after" = "$before" ] || problem "the laptop's addresses and routes are not as before: $after"
if on laptop curl -s -m 1 -o /dev/null http://10.1.0.80/; then problem "the office is reachable after the end"; fi
echo "Addresses and routes of the laptop are as before; the office is out of reach."

step "What the internet has seen, outside of the NAT router"
ours='host 203.0.113.1 and host 203.0.113.77 and udp and (port 500 or port 4500)'
count() { tcpdump -n -r "$dir/wire.pcap" "$1" 2>/dev/null | wc -l; }
sleep 1.5 # what tcpdump has in hand reaches the file
tcpdump -n -r "$dir/wire.pcap" -c 6 "$ours" 2>/dev/null | cut -c 1-110
echo "..."
good=$(count "$ours") arp=$(count arp) others=$(count "not ($ours) and not arp")
echo "$good packets of IKE and ESP in UDP, $arp of ARP, $others others"
[ "$good" -gt $((file_mb * 500)) ] || problem "$good packets are too few for the file"
[ "$others" -eq 0 ] || {
	tcpdump -n -r "$dir/wire.pcap" "not ($ours) and not arp" 2>/dev/null | head -n 5
	problem "something else than IKE and ESP crossed the internet"
}
if grep -aq -e 'GET /' -e 'HTTP/1' -e 'You are inside' "$dir/wire.pcap"; then problem "plain text on the wire"; fi

[ ${#problems[@]} -eq 0 ] || exit 1
printf "\n%s\n" "demo: worked: a page and $file_mb MB unharmed through IKEv2 and ESP behind a NAT, nothing else on the wire, host as before"
