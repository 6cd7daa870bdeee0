#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every lint, as TAP, side by side; those that take long come first.  Each is a
# script that runs alone, too.
set -u

lints='format scripts banned symbols headers lengths columns layers man docs
    debian figures rules wraps'

said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
# shellcheck disable=SC2086,SC2016 # a word each; the inner shell expands
printf '%s\n' $lints | xargs -P "$(nproc)" -I '{}' sh -c \
    'sh "tests/lint/$1.sh" >"$2/$1" 2>&1 && : >"$2/$1.ok"' lint '{}' "$said"

n=0
status=0
for lint in $lints; do
	n=$((n + 1))
	if [ -e "$said/$lint.ok" ]; then
		echo "ok $n - $lint"
	else
		echo "not ok $n - $lint"
		status=1
	fi
	[ ! -s "$said/$lint" ] || sed 's/^/# /' "$said/$lint" >&2
done
echo "1..$n"
exit $status
