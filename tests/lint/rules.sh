#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The rules of the watch are those of docs/watch.md: each section of
# keys/watch_rules.c has a row there with its severity, each row is a section,
# and the numbers of them that the page tells are right.
set -eu

rules=keys/watch_rules.c
page=docs/watch.md
[ -f "$rules" ] || exit 0

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT

# [WATCH_DECOY] = { "decoy", WATCH_HIGH, HOUR, ...
sed -n 's/^	\[WATCH_[A-Z_]*\] = { "\([a-z-]*\)", WATCH_\([A-Z]*\),.*/\1, \2/p' \
    "$rules" | tr '[:upper:]' '[:lower:]' | grep -v '^memory, ' | sort >"$lists/code"
[ -s "$lists/code" ] || {
	echo "$rules: no sections"
	exit 1
}

# | decoy, high | raised when | ...; two may share a row: a, low; b, high
awk -F ' *[|] *' '
	/^### / { section = $0 }
	/^[|] rule, severity/ { table = 1; next }
	!/^[|]/ { table = 0 }
	table && $2 !~ /^-+$/ {
		n = split($2, names, /; /)
		for (i = 1; i <= n; i++)
			print names[i]
		of[section] += n
		all += n
	}
	END {
		printf "There are %d rules: %d facts, %d statistics,", all,
		    of["### Facts"], of["### Statistics"] >numbers
	}' numbers="$lists/numbers" "$page" | sort >"$lists/page"

status=0
if ! diff "$lists/code" "$lists/page" >"$lists/diff"; then
	sed -n "s|^< |$page: no row of: |p; s|^> |$rules: no section of: |p" \
	    "$lists/diff"
	status=1
fi
grep -qF "$(cat "$lists/numbers")" "$page" || {
	echo "$page: does not say: $(cat "$lists/numbers")"
	status=1
}
exit $status
