#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No line of C is wider than 80 columns, comments and strings too, which
# clang-format leaves as they are.  Tables between its "off" and "on" may be: a
# row is a line there.
set -eu

# shellcheck disable=SC2016 # awk's own
find vault keys fuse cli tests -name '*.[ch]' | sort | LC_ALL=C xargs -r awk '
	FNR == 1 || /\/\* clang-format on \*\// { table = 0 }
	/\/\* clang-format off \*\// { table = 1 }
	table { next }
	{
		gsub(/[\200-\277]/, "") # of a character the first byte counts
		while ((tab = index($0, "\t")) > 0)
			sub(/\t/, substr("        ", 1 + (tab - 1) % 8))
		if (length($0) > 80) {
			print FILENAME ":" FNR ": " length($0) " columns"
			wide = 1
		}
	}
	END { exit wide }'
