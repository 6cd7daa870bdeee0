#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No function over 80 lines, no file over 600.  Says the median and the 90th
# percentile of the programs' functions, which are to be <= 20 and <= 50.
set -eu

find vault keys fuse cli tests -name '*.[ch]' | sort | xargs -r wc -l | awk '
	$2 != "total" && $1 > 600 { print $2 ": " $1 " lines"; bad = 1 }
	END { exit bad }
' || status=1

find vault keys fuse cli tests -name '*.c' | sort |
    ctags -f - -L - --languages=C --kinds-C=f --fields=+ne --sort=no |
    awk -F '\t' '
	{
		line = end = 0
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/)
				line = substr($i, 6)
			if ($i ~ /^end:/)
				end = substr($i, 5)
		}
		n = end - line + 1
		if (end == 0)
			next
		print n, $2 ":" line ": " $1
	}' | sort -n | awk '
	$1 > 80 { print $2, $3 "() has " $1 " lines"; bad = 1 }
	$2 !~ /^tests\// { length_of[++count] = $1 }
	END {
		if (count > 0)
			printf "%d functions: median %d lines, 90 %% " \
			    "at most %d\n", count,
			    length_of[int((count + 1) / 2)],
			    length_of[int(count * 0.9 + 0.999)]
		exit bad
	}' || status=1
exit "${status:-0}"
