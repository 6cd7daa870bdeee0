#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir check: names every damaged and missing object, and the files it hurts.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 3000000 /dev/urandom >"$tmp/m/big.bin"
head -c 100 /dev/urandom >"$tmp/m/small.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 9 --export --reason t 2>/dev/null >&2

exits 0 'a sound vault' weir check
exits 0 'read wholly' weir check --read-data --json
is "$(printf '%s' "$out" | jq -c '[.ok, .damaged, .missing, .versions]')" \
    '[true,0,0,1]' 'has nothing wrong'
objects=$(printf '%s' "$out" | jq .objects)
is "$objects" "$(find "$vault/objects" -type f | wc -l)" 'every object is seen'

# An object of the large file: the largest there is.
victim=$(find "$vault/objects" -type f -printf '%s %p\n' | sort -rn |
    head -n 1 | cut -d ' ' -f 2)
cp -p "$victim" "$tmp/keep"
chmod 600 "$victim"
printf 'X' | dd of="$victim" bs=1 seek=20000 conv=notrunc 2>/dev/null
exits 0 'a byte of a body is not seen by headers and sizes' weir check
exits 3 'and is by --read-data' weir check --read-data
like "$out" "damaged ${victim##*/}" 'the object is named'
like "$out" 'hurts llama@[0-9a-f]{12} big.bin' 'and the file'
unlike "$out" 'small.bin' 'and no other'
exits 3 'a reader gets no wrong byte' weir get --allow-unsigned "$ref" "$tmp/copy"
[ ! -e "$tmp/copy/big.bin" ]
ok $? 'nor a file that looks whole'
like "$err" "what '$tmp/copy' holds is not the whole version" \
    'what is left is told'
like "$err" "rm -r '$tmp/copy'" 'and what to do with it'
exits 6 'get over files that are there' weir get --allow-unsigned \
    "$ref" "$tmp/m"
unlike "$err" 'rm -r' 'advises nobody to remove them'

exits 0 'put of the same again' weir put llama "$tmp/m"
exits 0 'mends it' weir check --read-data
cmp -s "$victim" "$tmp/keep"
ok $? 'to the same bytes'

rm -f "$victim"
exits 3 'a missing object' weir check --json
is "$(printf '%s' "$out" | jq -c '[.ok, .damaged, .missing]')" \
    '[false,0,1]' 'is told as missing'
is "$(printf '%s' "$out" | jq -r '.damage[0].hurts[0].path')" big.bin \
    'with its file'
cp -p "$tmp/keep" "$victim"

truncate -s 1000 "$victim"
exits 3 'a short object is seen without reading' weir check
cp -p "$tmp/keep" "$victim"
chmod 600 "$victim"
printf 'X' | dd of="$victim" bs=1 seek=50 conv=notrunc 2>/dev/null
exits 3 'a byte of a header, too' weir check
cp -p "$tmp/keep" "$victim"

exits 0 'junk in the store' sh -c "echo junk >'$vault/objects/junk' &&
    weir check"
rm -f "$vault/objects/junk"

# Every object in turn: none of a version can go without being missed.  The
# second put has left pages that are of no version.
exits 0 'what is of no version' weir check
like "$out" '^unreferenced +[1-9]' 'is called unreferenced'
exits 0 'and is counted' weir check --json
spare=$(printf '%s' "$out" | jq .unreferenced)
silent=0
find "$vault/objects" -type f >"$tmp/all"
while read -r f; do
	mv "$f" "$tmp/away"
	weir check >/dev/null 2>&1 </dev/null
	[ $? -eq 3 ] || silent=$((silent + 1))
	mv "$tmp/away" "$f"
done <"$tmp/all"
is "$silent" "$spare" 'each of the others is missed when it is gone'
exits 0 'the trail' weir audit ls --json --kind check
is "$(printf '%s\n' "$out" | jq -s 'map(.damaged + .missing) | add >= 5')" \
    true 'has what was found'
done_testing
