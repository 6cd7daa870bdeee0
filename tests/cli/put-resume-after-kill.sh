#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: a killed put leaves no version, and is made good by the next.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/big"
head -c 120000000 /dev/urandom >"$tmp/big/a.bin"
head -c 120000000 /dev/urandom >"$tmp/big/b.bin"

exits 0 'something is there before' weir put keep "$top/vault"
before=$(weir ls --json)

objects=$(find "$vault/objects" -type f | wc -l)
weir put big "$tmp/big" >"$tmp/o" 2>/dev/null &
pid=$!
wait_for 60 sh -c \
    "[ \$(find '$vault/objects' -type f | wc -l) -gt $((objects + 100)) ]"
kill -9 $pid
wait $pid 2>/dev/null
is "$(cat "$tmp/o")" '' 'a killed put has said nothing'
exits 0 'nothing-lost: the vault is as it was' weir ls --json
is "$out" "$before" 'with the same versions'
exits 0 'and sound' weir check --read-data

exits 0 'the same command again' weir put big "$tmp/big" --json
json '.known == false and .new_bytes < .bytes and .bytes == 240000000' \
    'makes the version, and finds what was stored'

# An interrupted one says so.
head -c 120000000 /dev/urandom >"$tmp/big/c.bin"
weir put big "$tmp/big" >"$tmp/o" 2>"$tmp/e" &
pid=$!
objects=$(find "$vault/objects" -type f | wc -l)
wait_for 60 sh -c \
    "[ \$(find '$vault/objects' -type f | wc -l) -gt $((objects + 20)) ]"
# A shell's children have SIGINT ignored: SIGTERM asks for the same.
kill -TERM $pid
wait $pid
got=$?
[ $got -eq 130 ]
ok $? "an interrupted put exits 130 ($got)"
like "$(cat "$tmp/e")" 'interrupted' 'and says that no version was made'
exits 0 'and can be run again' weir put big "$tmp/big"
ref=$out
is "$(find "$vault/objects" -name '.tmp-*' -mmin +1 | wc -l)" 0 \
    'no temporary file is left over'

weir grant add big --to "$me" --loads 1 --export --reason t 2>/dev/null >&2
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/copy"
is "$(describe "$tmp/copy")" "$(describe "$tmp/big")" 'what it made is whole'
done_testing
