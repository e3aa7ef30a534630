#!/usr/bin/env bash
# One table: what a packet, a handshake and a tunnel cost here. For reading, not for pass or fail. Needs root.
#
#   test/bench/bench.sh [SECONDS]        of each TCP measurement (default 5)
#   test/bench/bench.sh --instructions   per packet and part of the data plane instead
#   test/bench/bench.sh --peers [...]    strongSwan and tunike side by side instead
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ "${1:-}" = --instructions ]; then
	exec python3 test/bench/insn.py build/test/bench_insn
fi

if [ "${1:-}" = --peers ]; then
	shift
	exec python3 test/bench/beside.py "$@"
fi

line() { printf '%s\n' '---------------------------------------------------------------------------------------'; }
title() { line; printf '%s\n' "$*"; line; }

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
title "tunike $(build/tunike version | head -n 1 | sed 's/^tunike //'), $(openssl version | cut -d ' ' -f 1,2), ${cpu:-unknown processor}, $(nproc) cores"
build/test/bench_esp
title "Traffic of one worker while the control thread installs and removes 10,000 children"
build/test/bench_stall
title "IKE_SA_INIT and IKE_AUTH with a PSK, in the simulation"
build/test/bench_handshake
title "TCP between two network namespaces, one stream, one worker at each end"
python3 test/bench/throughput.py --seconds "${1:-5}"
line
