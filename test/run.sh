#!/usr/bin/env bash
# All tests, one kind after the other; the last line counts them all.
#
#   test/run.sh [STEP...]     of: suites fuzz asan tsan netns (default: all, in this order)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

fuzz_seconds=${FUZZ_SECONDS:-4} # for each target
one_thread='sim_handshake|sim_attack|sim_evil|sim_rekey|sim_crossing|sim_walk|sim_reauth' # long, and without threads: not for ThreadSanitizer
jobs=$(nproc)
alone=() # what stands before ctest
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

tally() { # PASSED FAILED [SKIPPED]
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
}

heading() { printf '\n== %s\n' "$*"; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo --preserve-env=TUNIKE,TUNIKE_ASAN,TUNIKE_TSAN "$@"; fi
}

build() { # PRESET [TARGET...]
	./dev build "$@" >"$log" 2>&1 && return
	tail -n 60 "$log"
	echo "FAIL build $1"
	tally 0 1
	return 1
}

# Counts the checks of the Check suites, and as one each test that is not a suite.
run_ctest() { # DIRECTORY ARGUMENT...
	local dir=$1 good bad skips rc
	shift
	"${alone[@]}" ctest --test-dir "$dir" -j "$jobs" --output-on-failure --no-label-summary "$@" 2>&1 |
	    tee "$log" | grep -vE '^ +Start |^$'
	rc=${PIPESTATUS[0]}
	read -r good bad < <(awk -f test/count.awk "$dir/Testing/Temporary/LastTest.log")
	skips=$(grep -c '\*\*\*Skipped' "$log")
	good=$((good - skips)) # to CTest, what is skipped has passed
	[ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	tally "$good" "$bad" "$skips"
	echo "$good passed, $bad failed, $skips skipped"
}

suites() {
	heading "suites, simulation, corpora"
	build release && run_ctest build
}

asan() {
	heading "the same under AddressSanitizer and UndefinedBehaviorSanitizer"
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
	build asan && run_ctest build-asan
}

# The address layout of some kernels is wider than ThreadSanitizer's map: no randomisation here.
tsan() {
	heading "the same, but the long simulations, under ThreadSanitizer"
	build tsan || return
	export TSAN_OPTIONS=halt_on_error=1
	local alone=()
	! setarch "$(uname -m)" -R true 2>/dev/null || alone=(setarch "$(uname -m)" -R)
	run_ctest build-tsan -E "$one_thread"
}

fuzz() {
	local target
	heading "fuzzing, $fuzz_seconds seconds a target"
	build fuzz fuzzers || return
	for target in test/fuzz/fuzz_*.c; do
		target=$(basename "$target" .c)
		if test/fuzz/fuzz.sh "${target#fuzz_}" "$fuzz_seconds" >"$log" 2>&1; then
			echo "ok   $target: $(grep -o 'Done [0-9]* runs' "$log" | tail -n 1)"
			tally 1 0
		else
			tail -n 40 "$log"
			echo "FAIL $target"
			tally 0 1
		fi
	done
}

netns() {
	heading "real devices and real peers in network namespaces"
	if ! as_root unshare --net --mount true 2>/dev/null; then
		echo "skip all: this place allows no network namespaces (needs root with CAP_SYS_ADMIN)"
		tally 0 0 1
		return
	fi
	build release tunike && build asan tunike && build tsan tunike || return
	as_root env TUNIKE_ASAN="$PWD/build-asan/tunike" TUNIKE_TSAN="$PWD/build-tsan/tunike" \
	    python3 test/netns/run.py --tunike "$PWD/build/tunike" | tee "$log"
	if [[ $(tail -n 1 "$log") =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
		tally "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
	else
		echo "FAIL the namespace tests ended without their count"
		tally 0 1
	fi
}

[ $# -gt 0 ] || set -- suites fuzz asan tsan netns
for step in "$@"; do
	case $step in
	suites | fuzz | asan | tsan | netns) "$step" ;;
	*) echo "no step '$step'" >&2; exit 2 ;;
	esac
done

tail=
[ "$skipped" -eq 0 ] || tail=", $skipped skipped"
printf '\n%d passed, %d failed%s\n' "$passed" "$failed" "$tail"
[ "$failed" -eq 0 ]
