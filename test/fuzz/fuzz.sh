#!/usr/bin/env bash
# Runs libFuzzer on one target, or on each in turn.   test/fuzz/fuzz.sh [NAME [SECONDS]]
# New inputs go to build-fuzz/corpus/NAME; what crashes, to build-fuzz/crash/. The corpus in the tree is read only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${2:-60}
names=${1:-$(basename -a -s .c test/fuzz/fuzz_*.c | sed 's/^fuzz_//')}

for name in $names; do
	binary=build-fuzz/test/fuzz_$name
	if [ ! -x "$binary" ]; then
		echo "no fuzz target '$name'; there are:" $(basename -a -s .c test/fuzz/fuzz_*.c | sed 's/^fuzz_//') >&2
		exit 2
	fi
	mkdir -p "build-fuzz/corpus/$name" build-fuzz/crash
	seeds=()
	[ ! -d "test/fuzz/corpus/$name" ] || seeds=("test/fuzz/corpus/$name")
	dict=()
	[ ! -f "test/fuzz/$name.dict" ] || dict=(-dict="test/fuzz/$name.dict")
	timeout "$((seconds + 60))" "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix=build-fuzz/crash/"$name"- "${dict[@]}" \
	    "build-fuzz/corpus/$name" "${seeds[@]}"
done
