#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each header compiles alone, and twice.
set -eu

: "${CC:=cc -std=c17 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -I. -isystem /usr/include/fuse3}"

status=0
for h in $(find vault keys fuse cli tests -name '*.h' | sort); do
	# shellcheck disable=SC2086 # $CC carries its flags
	printf '#include "%s"\n#include "%s"\n' "$h" "$h" |
	    $CC -Werror -fsyntax-only -x c - 2>&1 || {
		echo "$h: does not compile alone"
		status=1
	}
done
exit $status
