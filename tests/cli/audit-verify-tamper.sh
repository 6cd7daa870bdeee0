#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tamper-evident: changed, dropped, reordered and cut entries are found.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 10000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >/dev/null 2>&1
weir audit checkpoint >"$tmp/early" 2>/dev/null
for i in 1 2 3 4 5 6; do
	weir grant add llama --to "$me" --loads "$i" --reason "r$i" \
	    2>/dev/null >&2
done
weir audit checkpoint >"$tmp/kept" 2>/dev/null

exits 0 'a whole trail' weir audit verify
like "$out" 'The trail is whole' 'is called so'
exits 0 'against what was kept' weir audit verify --against "$tmp/kept"
exits 0 'and against what was kept earlier' \
    weir audit verify --against "$tmp/early"
exits 0 'needs no secret' env -u WEIR_KEY_FILE weir audit verify
exits 0 'as JSON' weir audit verify --json --against "$tmp/kept"
is "$(printf '%s' "$out" | jq -c '[.ok, .size == .entries, .against > 0]')" \
    '[true,true,true]' 'it says the same'
size=$(printf '%s' "$out" | jq .size)

idle
cp -a "$vault" "$tmp/sound"
# spoil NAME COMMAND...: what it does to a copy of the vault is found
spoil()
{
	name=$1
	shift
	rm -rf "$vault"
	cp -a "$tmp/sound" "$vault"
	"$@"
	exits 3 "tamper-evident: $name is found" weir audit verify
}

flip()
{
	python3 - "$1" "$2" <<'PY'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    at = int(sys.argv[2])
    data[at] ^= 1
    f.seek(0)
    f.write(data)
PY
}
entries=$(cd "$vault" && find trail/tile/entries -type f | sort -V | tail -n 1)
hashes=$(cd "$vault" && find trail/tile/0 -type f | sort -V | tail -n 1)
journal=$(cd "$vault" && find trail/journal -type f | sort | head -n 1)

spoil 'a byte of an entry' flip "$vault/$entries" 100
like "$out" 'first bad entry +0' 'and which entry it is'
exits 3 'as JSON' weir audit verify --json
json '.ok == false and .bad_index == 0' 'it says so, too'
spoil 'a hash of a tile' flip "$vault/$hashes" 70
spoil 'a byte of the journal' flip "$vault/$journal" 300
spoil 'a byte of the checkpoint' flip "$vault/trail/checkpoint" 60

cut_entries()
{
	python3 - "$vault/$entries" <<'PY'
import os, sys
os.chmod(sys.argv[1], 0o600)
data = open(sys.argv[1], "rb").read()
n = int.from_bytes(data[:2], "big")
open(sys.argv[1], "wb").write(data[2 + n:])
PY
}
spoil 'an entry dropped' cut_entries

swap_entries()
{
	python3 - "$vault/$entries" <<'PY'
import os, sys
os.chmod(sys.argv[1], 0o600)
data = open(sys.argv[1], "rb").read()
a = 2 + int.from_bytes(data[:2], "big")
b = a + 2 + int.from_bytes(data[a:a + 2], "big")
open(sys.argv[1], "wb").write(data[a:b] + data[:a] + data[b:])
PY
}
spoil 'two entries swapped' swap_entries
spoil 'a tile gone' rm "$vault/$hashes"
spoil 'the entries gone' rm "$vault/$entries"
spoil 'the checkpoint gone' rm "$vault/trail/checkpoint"
exits 3 'as JSON' weir audit verify --json
json '.ok == false and (.why | length > 0)' 'it says so, too'
spoil 'the journal cut' truncate -s 400 "$vault/$journal"

like "$err" 'next: copy the whole vault away' 'what to do next is said'
spoil 'a byte of the journal' flip "$vault/$journal" 300
# The checkpoint still vouches for what is listed; that it is changed is told.
exits 3 'ls of a changed trail' weir audit ls
like "$out" 'grant.add' 'lists what the checkpoint vouches for'
like "$err" 'weir audit verify' 'and says how to find out'
exits 3 'show' weir audit show 0
exits 3 'and checkpoint, too' weir audit checkpoint
exits 3 'keyd does not start on a journal that was changed' weir role ls
idle
rm -rf "$vault"
cp -a "$tmp/sound" "$vault"
exits 0 'the sound copy is sound' weir audit verify --against "$tmp/kept"

# The whole vault as it was earlier: only a kept checkpoint shows it.
mkvault second
weir put llama "$tmp/m" >/dev/null 2>&1
idle
cp -a "$vault" "$tmp/old"
weir grant add llama --to "$me" --loads 1 --reason t 2>/dev/null >&2
weir audit checkpoint >"$tmp/newer" 2>/dev/null
idle
rm -rf "$vault"
cp -a "$tmp/old" "$vault"
exits 0 'an older copy is whole in itself' weir audit verify
exits 3 'and is found by what was kept' \
    weir audit verify --against "$tmp/newer"
exits 3 "another vault's checkpoint is not taken" \
    weir audit verify --against "$tmp/kept"
exits 3 'nor is what is none' weir audit verify --against "$tmp/m/w.bin"
exits 5 'nor what is not there' weir audit verify --against "$tmp/absent"
[ "$size" -gt 8 ]
ok $? 'the trail had entries to speak of'
done_testing
