#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: a backup is whole or not there, a restore gives a vault that
# check passes, and an older one is seen.
. "$(dirname "$0")/lib.sh"

mkvault vault
mktree "$tmp/tree"
weir put llama "$tmp/tree" >"$tmp/ref" 2>/dev/null
weir grant add llama --to "$me" --loads 9 --export --reason test >/dev/null 2>&1
b=$tmp/backup

exits 2 'the epoch key is not written into the backup' \
    weir backup "$b" --epoch-to "$b/epoch"
exits 2 'nor a backup into the vault' weir backup "$vault/backup"
exits 0 'a backup is made' weir backup "$b" --epoch-to "$tmp/epoch" --json
json '.copied == .objects and .objects > 5 and .bad == []' 'of all objects'
copied=$(printf '%s' "$out" | jq .objects)
exits 0 'again' weir backup "$b" --json
json ".copied == 0 and .objects == $copied" 'it copies what is new'
is "$(find "$b" -name 'epoch*')" '' 'the epoch key is not in it'
is "$(find "$b" -maxdepth 1 -name 'state-*' | wc -l)" 1 'one state stays'

exits 7 'without the epoch key nothing is restored' \
    weir restore "$b" "$tmp/new"
like "$err" 'epoch 1: give --epoch FILE' 'and it is named'
exits 7 'another file is no epoch key' \
    weir restore "$b" "$tmp/new" --epoch "$key"
[ ! -e "$tmp/new" ]
ok $? 'and nothing was made'
exits 0 'with it a vault is' weir restore "$b" "$tmp/new" --epoch "$tmp/epoch"
exits 0 'that check passes' weir -V "$tmp/new" check --read-data
exits 0 'whose trail is whole' weir -V "$tmp/new" audit verify
exits 0 'and its catalogue what the trail says' \
    weir -V "$tmp/new" audit verify --catalogue
exits 0 'and that can be read' weir -V "$tmp/new" get --allow-unsigned \
    "$(cat "$tmp/ref")" "$tmp/got"
is "$(describe "$tmp/got")" "$(describe "$tmp/tree")" 'byte for byte'
exits 0 'and put to' weir -V "$tmp/new" put llama "$tmp/tree"
exits 6 'a vault is not restored over' \
    weir restore "$b" "$tmp/new" --epoch "$tmp/epoch"

# What the host saw of the vault is newer than a restored one has.
weir audit checkpoint >"$tmp/seen" 2>/dev/null
exits 0 'an older one comes back' \
    weir restore "$b" "$tmp/older" --epoch "$tmp/epoch"
weir put llama "$tmp/tree" >/dev/null 2>&1
weir audit checkpoint >"$tmp/seen" 2>/dev/null
exits 3 'and who kept a later checkpoint sees it' \
    weir -V "$tmp/older" audit verify --against "$tmp/seen"
weir backup "$b" >/dev/null 2>&1
ok $? 'the vault goes on, and its backup with it'
exits 3 'an older vault does not replace a newer backup' \
    weir -V "$tmp/older" backup "$b"
like "$err" 'older copy of the vault' 'which is said'

# Half a backup.
cp -a "$b" "$tmp/half"
rm "$tmp/half/backup.json"
exits 3 'one without its last file is half' \
    weir restore "$tmp/half" "$tmp/no" --epoch "$tmp/epoch"
like "$err" 'half a backup' 'and is called so'
cp -a "$b/backup.json" "$tmp/half/"
object=$(find "$tmp/half/objects" -type f -size +60k | head -n 1)
chmod u+w "$object"
printf x | dd of="$object" bs=1 seek=5000 conv=notrunc 2>/dev/null
exits 3 'a damaged object is found' \
    weir restore "$tmp/half" "$tmp/no" --epoch "$tmp/epoch"
like "$err" "object $(basename "$(dirname "$object")")" 'and named'
exits 5 'what a restore leaves then is no vault' weir -V "$tmp/no" ls
like "$err" "cut off; run it again: weir restore BACKUP '$tmp/no'" \
    'and what to do is said'
exits 0 'a backup with --read-data mends it' \
    weir backup "$tmp/half" --read-data --json
json '.copied == 1' 'and nothing else'
exits 0 'the same restore goes on' \
    weir restore "$tmp/half" "$tmp/no" --epoch "$tmp/epoch"
exits 0 'to a vault' weir -V "$tmp/no" check --read-data
for f in list keyring catalogue.db trail/checkpoint vault.json; do
	cp -a "$b" "$tmp/cut"
	printf x >>"$(echo "$tmp"/cut/state-*)/$f"
	weir restore "$tmp/cut" "$tmp/none" --epoch "$tmp/epoch" 2>/dev/null
	[ $? -eq 3 ] || [ "$f" = vault.json ]
	ok $? "a changed $f is found"
	rm -rf "$tmp/cut" "$tmp/none"
done
exits 5 'a directory is no backup' \
    weir restore "$tmp/tree" "$tmp/none" --epoch "$tmp/epoch"
exits 6 'other files are no backup' weir backup "$tmp/tree"

first=$vault
mkvault other
exits 6 'a backup is of one vault' weir backup "$b"
like "$err" 'another vault' 'which is said'
weir backup "$tmp/others" --epoch-to "$tmp/others-epoch" >/dev/null 2>&1
exits 7 'an epoch key is of one backup' \
    weir restore "$b" "$tmp/none" --epoch "$tmp/others-epoch"
idle
for v in "$first" "$tmp/new" "$tmp/older" "$tmp/no"; do
	vault=$v
	idle
done
done_testing
