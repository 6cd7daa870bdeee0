#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bad-input-is-an-error: pipes, links and directories in place of what a vault
# is made of are refused, by name; nothing waits for them.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
echo text >"$tmp/m/f"
weir put llama "$tmp/m" >"$tmp/ref" 2>/dev/null
idle

# with NAME WHAT COMMAND...: what a command says of a vault with something else
# in place of NAME
with()
{
	path=$vault/$1
	what=$2
	name=$1
	shift 2
	mv "$path" "$tmp/kept"
	case $what in
	pipe) mkfifo "$path" ;;
	link) ln -s "$tmp/kept" "$path" ;;
	directory) mkdir "$path" ;;
	esac
	timeout 240 "$@" >/dev/null 2>"$tmp/.err"
	got=$?
	rm -df "$path"
	mv "$tmp/kept" "$path"
	idle
	[ "$got" -ne 0 ] && [ "$got" -lt 10 ] &&
	    grep -q "$vault/${name%/*}" "$tmp/.err"
	ok $? "$name is a $what: exit $got" || diag "$(cat "$tmp/.err")"
}

for name in vault.json keyring catalogue.db trail/checkpoint objects trail \
    trail/journal; do
	for what in pipe link directory; do
		[ "$name-$what" = objects-directory ] ||
		    with "$name" $what weir ls
	done
done
exits 0 'and the vault is whole' weir check --read-data
done_testing
