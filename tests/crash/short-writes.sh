#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: a disk that takes half of each write, in all that is written of
# a vault's life.
. "$(dirname "$0")/../cli/lib.sh"

half=$BUILD/tests/crash/short_write.so
is "$(LD_PRELOAD=$half python3 -c '
import os, sys
f = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
print(os.write(f, b"12345678"), os.pwrite(f, b"12345678", 0))' "$tmp/x")" \
    '4 4' 'half of each write is taken'

LD_PRELOAD=$half
export LD_PRELOAD
mkvault vault
mkdir "$tmp/tree"
head -c 3000000 /dev/urandom >"$tmp/tree/a.bin"
echo text >"$tmp/tree/b.txt"
ref=$(weir put llama "$tmp/tree" --quiet)
ok $? 'put'
weir grant add llama --to "$me" --loads 9 --export --reason r >/dev/null 2>&1
ok $? 'grant add'
weir get --allow-unsigned "$ref" "$tmp/copy" 2>/dev/null
ok $? 'get'
unset LD_PRELOAD

diff -r "$tmp/tree" "$tmp/copy" >/dev/null
ok $? 'the copy is what was put'
weir check --read-data >/dev/null 2>&1
ok $? 'the vault is sound'
weir audit verify >/dev/null 2>&1
ok $? 'the trail is whole'
weir get --allow-unsigned "$ref" "$tmp/again" 2>/dev/null
ok $? 'and it is read without such a disk'
done_testing
