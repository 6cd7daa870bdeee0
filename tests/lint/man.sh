#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Man pages are clean, and weir(1) has a heading for each command in the table
# of cli/commands.c and for nothing else.  A row of the table begins with the
# command's name: { "grant add", ...  A heading is .Ss grant add, or, in a page
# that has none of those, .It Cm grant add, .It Ic grant add or .It Nm weir Cm
# grant add; arguments may follow.
set -eu

commands=$(mktemp)
trap 'rm -f "$commands"' EXIT

status=0
pages=$(find vault keys fuse cli -name '*.[1578]' | sort)
for page in $pages; do
	mandoc -T lint -W warning "$page" || status=1
done

if [ -f cli/commands.c ] || [ -f cli/weir.1 ]; then
	# Rows of struct option begin with a name too.
	sed -n 's/^[[:space:]]*{ *"\([a-z][a-z -]*\)".*/\1/p' cli/commands.c |
	    sort -u >"$commands"
	awk -v commands="$commands" '
		# The words of a heading up to the first argument.
		function words(from,	i, w)
		{
			for (i = from; i <= NF && $i ~ /^[a-z][a-z-]*$|^(Cm|Ic)$/; i++)
				if ($i !~ /^[CI]/)
					w = w (w == "" ? "" : " ") $i
			return w
		}

		# The command that a heading is about, or "".
		function command_of(heading,	w)
		{
			for (w = heading; w != ""; )
				if (w in known)
					return w
				else if (!sub(/ [^ ]*$/, "", w))
					return ""
			return ""
		}

		BEGIN {
			while ((getline name < commands) > 0) {
				known[name] = 1
				group[name] = 1
				sub(/ .*/, "", name)
				group[name] = 1
				count++
			}
			if (count == 0) {
				print "cli/commands.c: no command table found"
				bad = 1
			}
		}
		$1 == ".Ss" && words(2) != "" { section[words(2)] = 1 }
		/^\.It (Cm|Ic) / && words(2) != "" { item[words(2)] = 1 }
		/^\.It Nm weir (Cm|Ic) / && words(4) != "" { item[words(4)] = 1 }
		END {
			for (h in section)
				if (command_of(h) != "")
					by_section = 1
			if (!by_section)
				for (h in item)
					section[h] = 1
			for (h in section) {
				told[command_of(h)] = 1
				if (command_of(h) == "" && !(h in group)) {
					print "cli/weir.1: no command \"" h "\""
					bad = 1
				}
			}
			for (name in known)
				if (!(name in told)) {
					print "cli/weir.1: nothing on \"" \
					    name "\""
					bad = 1
				}
			exit bad
		}' cli/weir.1 || status=1
fi
exit $status
