#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What each file is about, by the first sentence of its header.
#
#	sh tests/map.sh [FOLDER...]
set -eu

[ $# -gt 0 ] || set -- vault keys fuse cli

for h in $(find "$@" -name '*.h' | sort); do
	awk -v name="${h%.h}" -v width=110 '
	/SPDX/ { next }
	!began && !sub(/^\/\*+/, "") { next }
	{
		began = 1
		last = sub(/ *\*\/.*/, "")
		sub(/^ *\** */, "")
		text = text (text != "" && $0 != "" ? " " : "") $0
		if (last || (text != "" && $0 == "") || text ~ /[.]( |$)/)
			exit
	}
	END {
		sub(/[.]( .*)?$/, "", text)
		if (length(text) > width)
			text = substr(text, 1, width - 3) "..."
		printf "%-22s %s\n", name, text
	}' "$h"
done
