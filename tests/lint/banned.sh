#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No call to a function in tests/lint/banned, and no mark of unfinished work.
set -eu

names=$(sed 's/#.*//' tests/lint/banned | awk '{ print $1 }' | paste -sd '|' -)
status=0
for f in $(find vault keys fuse cli tests -name '*.[ch]' | sort); do
	# The preprocessor takes out comments and keeps the lines apart.
	found=$(gcc -fpreprocessed -dD -E "$f" 2>/dev/null |
	    sed 's/"\([^"\\]\|\\.\)*"/""/g' |
	    grep -oE "(^|[^A-Za-z0-9_>.])($names)[[:space:]]*\\(" |
	    tr -cd 'a-z\n' | sort -u) || true
	for name in $found; do
		echo "$f: calls $name: use" "$(awk -v n="$name" \
		    '$1 == n { $1 = ""; print }' tests/lint/banned)"
		status=1
	done
done
# The marks are spelt so that this file does not hold them.
if grep -rnwE 'TO''DO|FIX''ME|XX''X' vault keys fuse cli tests \
    --include='*.[ch]' --include='*.sh' --include='*.md'; then
	echo 'unfinished work is an issue, not a mark in the code'
	status=1
fi
exit $status
