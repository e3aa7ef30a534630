#!/usr/bin/env bash
# What a reader, a compiler and a formatter can object to. Each rule prints ok or FAIL; the last line counts.
#
#   test/lint/lint.sh [RULE...]    of: format includes style words req gcc clang tidy manual shell (default: all)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rooms='base config esp ike tun daemon'

files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }
sources() { files '*.c' '*.h'; }

rule_format() { sources | xargs clang-format --dry-run -Werror; }

# Patterns for git, which looks into folders of folders too: the shell must not expand them.
code() { printf "$1\\n" $rooms | { mapfile -t patterns; files "${patterns[@]}"; }; }

rule_includes() { code '%s/*.[ch]' | xargs awk -f test/lint/includes.awk test/lint/includes.tsv; }

rule_style() { sources | xargs awk -v lines=800 -v function_lines=80 -f test/lint/style.awk; }

# The tree speaks of itself alone: no path of the machine it was written on, nothing left to do.
rule_words() {
	! files . | grep -vE '^test/(lint/|fuzz/corpus/)' |
	    xargs grep -nIE '(^|[^A-Za-z0-9_.>])/(home|root|Users|workspace|work)/[a-z]|\b(TODO|FIXME)\b' /dev/null
}

# What the RFCs ask for, listed in test/lint/rfc/, against the REQ tags of the tests.
rule_req() {
	files 'test/*' | grep -vE '^test/(lint|fuzz/corpus)/|^test/unit/req\.h$' | xargs awk -f test/lint/req.awk test/lint/rfc/*.txt
}

rule_gcc() { ./dev build release; }
rule_clang() { ./dev build clang; }

rule_tidy() {
	[ -f build-clang/compile_commands.json ] || ./dev build clang || return
	code '%s/*.c' | xargs -P "$(nproc)" -n 4 clang-tidy -p build-clang --quiet 2>/dev/null
}

rule_manual() {
	local pages
	pages=$(files '*.[1-8]')
	[ -n "$pages" ] || { echo "there is no manual page"; return 1; }
	# shellcheck disable=SC2086
	mandoc -T lint -W warning $pages
}

rule_shell() {
	sh -n dev && files '*.sh' .ci/run | xargs -n 1 bash -n &&
	    files '*.py' | xargs python3 -c 'import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)'
}

[ $# -gt 0 ] || set -- format includes style words req shell manual gcc clang tidy
for rule in "$@"; do
	if "rule_$rule" >"$log" 2>&1; then
		echo "ok   $rule"
		passed=$((passed + 1))
	else
		head -n 100 "$log"
		echo "FAIL $rule"
		failed=$((failed + 1))
	fi
done
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
