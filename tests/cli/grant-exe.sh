#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A grant that lists programs: what reads is told by the SHA-256 of its file, once
# each; another program reads as well, and is flagged.
. "$(dirname "$0")/lib.sh"
requires fuse jq

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
cleanup_fn unmount "$tmp/mnt"
listens
ref=$(weir put llama "$tmp/m" 2>/dev/null)
file=$tmp/mnt/llama/@${ref#*@}/w.bin

# Two programs that do the same.
cp "$(command -v cat)" "$tmp/loader"
cp "$(command -v dd)" "$tmp/other"
sum=$(sha256sum "$tmp/loader" | cut -d ' ' -f 1)
else=$(sha256sum "$tmp/other" | cut -d ' ' -f 1)

exits 0 'a grant that lists a program, by its path' weir grant add llama \
    --to "$me" --loads 9 --reason t --exe "$tmp/loader"
id=$out
like "$err" "by the program $tmp/loader: others are flagged, and not refused" \
    'says what that does'
exits 0 'grant show' weir grant show "$id"
like "$out" "^programs  $sum\$" 'shows its digest'
exits 0 'grant ls' weir grant ls
like "$out" "by $(echo "$sum" | cut -c 1-12)" 'so does the list'
exits 0 'grant ls --json' weir grant ls --json
json ".grants[0].exes == [\"$sum\"]" 'in full'
exits 0 'grant review --json' weir grant review --json
json ".grants[0].exes == [\"$sum\"]" 'and for a review'
exits 0 'grant explain' weir grant explain "$me" "$ref"
like "$out" "programs .*others are flagged, and not refused: $sum" \
    'is explained'
exits 0 'the trail' weir audit ls --kind grant.add
like "$out" "by programs $(echo "$sum" | cut -c 1-12)" 'tells of it'

exits 0 'mount' weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt"
# told DIGEST: on with what is read once the trail has it: a program that has
# ended by the time it is looked at is not told of.
# shellcheck disable=SC2016 # jq's
seen='weir audit ls --kind session.exe --json | jq -se --arg d "$1" \
    "map(select(.sha256 == \$d)) | length == 1"'
told()
{
	wait_for 60 sh -c "$seen" seen "$1" && cat
}
"$tmp/loader" "$file" | told "$sum" | cmp - "$tmp/m/w.bin"
ok $? 'the program that is listed reads, and the trail has its digest'
"$tmp/loader" "$file" | cmp - "$tmp/m/w.bin"
ok $? 'and once more'
"$tmp/other" "if=$file" bs=64k status=none | told "$else" |
    cmp - "$tmp/m/w.bin"
ok $? 'another program reads as well, and the trail has its digest, too'
wait_for 60 sh -c 'weir alert ls --all --json | jq -e ".alerts | length > 0"'
is "$(weir alert ls --all --json |
    jq -r '.alerts[] | "\(.rule) \(.severity) \(.model)"')" \
    'unlisted-exe medium llama' 'and it alone is flagged'
like "$(weir alert ls --all --json | jq -r '.alerts[].reason')" \
    "^$tmp/other reads through session [0-9]* of $me, which is none of the programs" \
    'in words'
is "$(weir audit ls --kind session.exe --json | jq -s \
    "[.[] | [.sha256 == \"$sum\", .unlisted]]" | jq -c .)" \
    "[[true,null],[false,[$id]]]" 'each is told once, and of which grant it is not'
like "$(weir audit ls --kind session.exe)" \
    "$tmp/other, pid [0-9]*, sha256 .*: not one that its grant lists" \
    'audit ls says so'
exits 0 'umount' weir umount "$tmp/mnt"
weir grant rm "$id" 2>/dev/null

# Without such a list nothing is hashed, and nothing told.
before=$(weir audit ls --kind session.exe --json | wc -l)
weir grant add llama --to "$me" --loads 9 --reason t >/dev/null 2>&1
weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt" -- "$tmp/other" \
    "if=$file" of=/dev/null status=none
is "$(weir audit ls --kind session.exe --json | wc -l)" "$before" \
    'a grant without programs asks for none'

exits 2 'no digest, and no path' weir grant add llama --to "$me" --loads 1 \
    --reason t --exe "${sum%?}"
exits 5 'a path of nothing' weir grant add llama --to "$me" --loads 1 \
    --reason t --exe "$tmp/none"
exits 1 'or of no plain file' weir grant add llama --to "$me" --loads 1 \
    --reason t --exe "$tmp/"
set --
for n in 1 2 3 4 5 6 7 8; do
	set -- "$@" --exe "$(echo $n | sha256sum | cut -d ' ' -f 1)"
done
exits 0 'eight programs' weir grant add llama --to "$me" --loads 1 --reason t \
    "$@"
exits 2 'and not nine' weir grant add llama --to "$me" --loads 1 --reason t \
    "$@" --exe "$sum"
is "$(grep -v ': serves' "$tmp/keyd.err")" '' 'keyd had nothing to complain of'
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
