#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every lint, as TAP.  Each is a script that runs alone, too.
set -u

lints='layers symbols headers banned lengths man format scripts'

n=0
status=0
for lint in $lints; do
	n=$((n + 1))
	if said=$(sh "tests/lint/$lint.sh" 2>&1); then
		echo "ok $n - $lint"
	else
		echo "not ok $n - $lint"
		status=1
	fi
	[ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/# /' >&2
done
echo "1..$n"
exit $status
