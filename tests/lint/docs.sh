#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Files that the documents name are there.  NAME, VERB and foo stand for others.
set -u

missing=$(for d in *.md */*.md; do
	# shellcheck disable=SC2016 # backquotes of Markdown
	[ ! -f "$d" ] || grep -oE '`[^`]+`' "$d" | tr -s '` ' '\n' |
	    grep -E '^(vault|keys|fuse|cli|docs|tests)/[^<>$]*\.[a-z0-9]+$' |
	    grep -vE 'NAME|VERB|foo' | sort -u |
	    while read -r name; do
		# shellcheck disable=SC2086 # it may be a pattern
		set -- $name
		[ -e "$1" ] || echo "$d: there is no $name"
	done
done)
[ -z "$missing" ] || {
	printf '%s\n' "$missing"
	exit 1
}
