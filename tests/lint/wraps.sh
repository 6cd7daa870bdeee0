#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each __wrap_NAME that a test has is defined at the beginning of a line, where
# the Makefile finds what to wrap: one that is not linked in does nothing, and
# its control proves nothing.
set -eu

idle=$(grep -roE '\b__wrap_[a-z0-9_]+\(' tests --include='*.c' |
    sed 's/:__wrap_/ /; s/($//' | sort -u | while read -r file name; do
	grep -q "^__wrap_$name(" "$file" ||
	    echo "$file: __wrap_$name is not defined at the beginning of a line"
done)
[ -z "$idle" ] || {
	printf '%s\n' "$idle"
	exit 1
}
