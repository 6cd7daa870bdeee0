#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each __wrap_NAME that a test defines stands in the Makefile as a name to wrap:
# one that is not linked in does nothing, and its control proves nothing.
set -eu

wrapped=$(tr '\n\t' '  ' <Makefile | sed 's/\\ / /g' |
    grep -oE '\$\(call wraps,[^()]*\)|--wrap=[a-z0-9_]+' |
    grep -oE '[a-z0-9_]+' | sort -u)
idle=$(grep -roE '\b__wrap_[a-z0-9_]+\(' tests --include='*.c' |
    sed 's/:__wrap_/ /; s/($//' | sort -u | while read -r file name; do
	printf '%s\n' "$wrapped" | grep -qx "$name" ||
	    echo "$file: __wrap_$name: no program wraps $name"
done)
[ -z "$idle" ] || {
	printf '%s\n' "$idle"
	exit 1
}
