#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Dependencies point down only: each #include against the ranks in
# tests/lint/layers.
set -eu

ranks=tests/lint/layers

# shellcheck disable=SC2046 # names in this tree have no blanks
awk '
	# The ranks.
	FNR == NR {
		sub(/#.*/, "")
		for (i = 3; i <= NF; i++) {
			if (sub(/\*$/, "", $i))
				glob[$2 "/" $i] = $1
			else
				rank[$2 "/" $i] = $1
		}
		next
	}

	# object_open.c is a part of object.
	function rank_of(file,	stem, g)
	{
		stem = file
		sub(/\.[ch]$/, "", stem)
		for (g in glob)
			if (index(stem, g) == 1)
				return glob[g]
		while (!(stem in rank))
			if (!sub(/_[^_\/]*$/, "", stem))
				return -1
		used[stem] = 1
		return rank[stem]
	}

	FNR == 1 {
		mine = rank_of(FILENAME)
		if (mine < 0) {
			print FILENAME ": no rank; add it to " ARGV[1]
			bad = 1
		}
	}

	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, part, "\"")
		if (part[2] !~ /^(vault|keys|fuse|cli)\//) {
			print FILENAME ":" FNR ": \"" part[2] \
			    "\" is not written from the root of the tree"
			bad = 1
			next
		}
		theirs = rank_of(part[2])
		if (mine >= 0 && theirs > mine) {
			print FILENAME ":" FNR ": rank " mine \
			    " includes " part[2] " of rank " theirs
			bad = 1
		}
	}

	END {
		for (stem in rank)
			if (!(stem in used)) {
				print ARGV[1] ": " stem " is the rank of no file"
				bad = 1
			}
		exit bad
	}
' "$ranks" $(find vault keys fuse cli -name '*.[ch]' | sort)
