#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: a killed put leaves no version, and is made good by the next.
. "$(dirname "$0")/lib.sh"

mkvault vault
head -c 120000000 /dev/urandom >"$tmp/a"
head -c 120000000 /dev/urandom >"$tmp/b"
head -c 120000000 /dev/urandom >"$tmp/c"
mkfifo "$tmp/pipe"

# more_than N: objects are there
# shellcheck disable=SC2317 # wait_for calls it
more_than()
{
	[ "$(find "$vault/objects" -type f | wc -l)" -gt "$1" ]
}
# put_begins FILE: one that has read it, stored much of it, and waits for more
put_begins()
{
	objects=$(find "$vault/objects" -type f | wc -l)
	weir put big - --name weights <"$tmp/pipe" >"$tmp/o" 2>"$tmp/e" &
	pid=$!
	exec 9>"$tmp/pipe"
	cat "$1" >&9
	wait_for 60 more_than $((objects + 20))
	ok $? 'a put is in the middle' || diag "$(cat "$tmp/e")"
}

exits 0 'something is there before' weir put keep "$top/vault"
before=$(weir ls --json)

put_begins "$tmp/a"
kill -9 $pid
wait $pid 2>/dev/null
exec 9>&-
is "$(cat "$tmp/o")" '' 'a killed put has said nothing'
exits 0 'nothing-lost: the vault is as it was' weir ls --json
is "$out" "$before" 'with the same versions'
exits 0 'and sound' weir check --read-data

exits 0 'the same command again' sh -c \
    "cat '$tmp/a' '$tmp/b' | weir put big - --name weights --json"
json '.known == false and .new_bytes < .bytes and .bytes == 240000000' \
    'makes the version, and finds what was stored'

# An interrupted one says so.
put_begins "$tmp/c"
# A shell's children have SIGINT ignored: SIGTERM asks for the same.
kill -TERM $pid
wait $pid
got=$?
exec 9>&-
[ $got -eq 130 ]
ok $? "an interrupted put exits 130 ($got)"
like "$(cat "$tmp/e")" 'interrupted' 'and says that no version was made'
exits 0 'and can be run again' sh -c \
    "cat '$tmp/c' '$tmp/a' | weir put big - --name weights"
ref=$out
is "$(find "$vault/objects" -name '.tmp-*' -mmin +1 | wc -l)" 0 \
    'no temporary file is left over'

weir grant add big --to "$me" --loads 1 --export --reason t 2>/dev/null >&2
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/copy"
cat "$tmp/c" "$tmp/a" | cmp - "$tmp/copy/weights"
ok $? 'what it made is whole'
done_testing
