#!/bin/bash
# Debian sid in a folder: its OpenSSL (ML-KEM) and its strongSwan (additional key exchanges). tunike is built in there with
# sid's compiler and libraries, its suites of key exchanges run, and then the cases of test/netns that have the words.
# Everything is mounted in a mount namespace of this script, so that nothing stays but the folder.
set -eu
root=${SID_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tunike/sid}
mirror=${SID_MIRROR:-http://deb.debian.org/debian}
source=$(cd "$(dirname "$0")/../.." && pwd)
packages="gcc libc6-dev cmake ninja-build pkg-config libssl-dev libevent-dev libconfig-dev libjansson-dev check
python3 openssl iproute2 iputils-ping nftables tcpdump procps
strongswan-charon strongswan-swanctl libcharon-extra-plugins libstrongswan-extra-plugins"

if [ "${SID_MOUNTS:-}" != own ]; then
	SID_MOUNTS=own exec unshare --mount --propagation private "$0" "$@"
fi

say() { printf '%s\n' "sid: $*" >&2; }

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

command -v debootstrap >/dev/null || {
	say "debootstrap is missing: apt-get install debootstrap"
	exit 2
}
if [ ! -e "$root/etc/debian_version" ]; then
	say "making $root from $mirror"
	mkdir -p "$root"
	debootstrap --variant=minbase sid "$root" "$mirror" >&2
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
# The host's own ways to reach a mirror, such as a proxy.
for f in /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99*; do
	[ ! -e "$f" ] || cp "$f" "$root/etc/apt/apt.conf.d/"
done
# No package starts a daemon.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# A mount of its own, as the network namespaces want it.
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc none "$root/proc"
mount -t tmpfs none "$root/tmp"
mount -t tmpfs none "$root/run"
mkdir -p "$root/tunike" "$root/build"
mount --bind "$source" "$root/tunike"

if [ ! -x "$root/usr/lib/ipsec/charon" ] || [ ! -x "$root/usr/bin/ninja" ]; then
	inside apt-get -qq update >&2
	# shellcheck disable=SC2086 # a list of names
	inside apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $packages </dev/null >&2
fi
say "$(inside openssl version | cut -d" " -f1-2), $(inside swanctl --version 2>&1 | grep -om1 'strongSwan [0-9.]*')"

inside cmake -S /tunike -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
inside ninja -C /build tunike test_ike_crypto_kex test_sim_intermediate test_sim_series >/dev/null
for suite in ike_crypto_kex sim_intermediate sim_series; do
	inside "/build/test/test_$suite"
done
[ $# -gt 0 ] || set -- hybrid
inside env HYBRID_ALL=1 python3 /tunike/test/netns/run.py --tunike /build/tunike --jobs 2 "$@"
