#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# foo.o exports only foo_*, and so does foo_bar.o, a part of foo: every global
# symbol of the objects in $BUILD, against its file's name and the exceptions
# in tests/lint/symbols.  The helpers of tests/lib are held to it, too, and no
# name is taken twice: they are linked together.
set -eu

: "${BUILD:=build}"

for object in "$BUILD"/vault/*.o "$BUILD"/keys/*.o "$BUILD"/fuse/*.o \
    "$BUILD"/cli/*.o "$BUILD"/tests/lib/*.o; do
	file=${object#"$BUILD"/}
	file=${file%.o}
	# An object whose source is gone tells nothing.
	[ -f "$file.c" ] || continue
	nm --defined-only --extern-only --format=posix "$object" |
	    awk -v file="$file" '{ print file, $1 }'
done | awk '
	FNR == NR {
		sub(/#.*/, "")
		if (NF == 2)
			pattern[$1] = pattern[$1] "|" $2
		next
	}
	{
		count++
		stem = $1
		sub(/.*\//, "", stem)
		if ($2 ~ /^__(asan|odr_asan|ubsan|tsan|sancov)/)
			next
		if ($2 != "main" && $2 in owner) {
			print $1 ".c exports " $2 ", and so does " \
			    owner[$2] ".c"
			bad = 1
		}
		owner[$2] = $1
		if ($2 == stem)
			next
		noun = stem
		do {
			if (index($2, noun "_") == 1)
				next
		} while (sub(/_[^_]*$/, "", noun))
		if ($1 in pattern &&
		    $2 ~ ("^(" substr(pattern[$1], 2) ")$"))
			next
		print $1 ".c exports " $2 ", which is not " stem "_*"
		bad = 1
	}
	END {
		if (count == 0) {
			print "no objects: run `make objects` first"
			bad = 1
		}
		exit bad
	}
' tests/lint/symbols -
