#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir rm, undelete and gc: what is removed can be brought back for a while; what
# goes for good is what nobody needs; nothing-lost, also beside a put.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
# One chunk of both versions is the same.
mkdir "$tmp/a" "$tmp/b"
head -c 300000 /dev/urandom >"$tmp/a/shared.bin"
cp "$tmp/a/shared.bin" "$tmp/b/"
head -c 200000 /dev/urandom >"$tmp/a/own.bin"
head -c 200000 /dev/urandom >"$tmp/b/own.bin"
first=$(weir put llama "$tmp/a" 2>/dev/null)
second=$(weir put llama "$tmp/b" 2>/dev/null)
objects()
{
	find "$vault/objects" -type f | wc -l
}

exits 2 'rm of a channel' weir rm llama:latest
like "$err" 'by its digits' 'is told how to name a version'
exits 5 'rm of what is not there' weir rm llama@0123456789abcdef
exits 0 'rm' weir rm "$first" --reason 'too old' --json
json '.model == "llama" and (.until | startswith("2"))' 'says until when'
like "$err" 'weir undelete llama@' 'and how it is brought back'
exits 5 'it does not open' weir show "$first"
exits 5 'or mount' weir get --allow-unsigned "$first" "$tmp/out"
exits 6 'rm again' weir rm "$first"
like "$err" 'weir ls llama --all' 'is told where to look'
exits 0 'ls' weir ls --json
json '.models[0].versions | length == 1' 'does not list it'
exits 0 'ls --all' weir ls --all --json
json '.models[0].versions | length == 2 and
    (map(select(.removed)) | length == 1 and
    .[0].removed.reason == "too old" and .[0].removed.by == "'"$me"'")' 'does'
exits 0 'ls --all for people' weir ls llama --all
like "$out" '\(removed\)' 'shows it'
exits 0 'undelete' weir undelete "$first"
exits 0 'it opens again' weir show "$first"
exits 0 'rm of the latest' weir rm "$second"
exits 0 'the one before it' weir show llama:latest --json
json '.version == "'"${first#*@}"'"' 'is latest'
exits 0 'rm --undo' weir rm --undo "$second"
exits 6 'undelete of one that is there' weir undelete "$second"

# --- who and what keeps a version ---

exits 0 'a grant' weir grant add llama --to "$me" --loads 9 --export --reason t
trusted carol
promoted "$second" prod
exits 6 'a version that prod points to' weir rm "$second"
like "$err" 'llama:prod points to' 'stays'
like "$err" 'weir promote llama@' 'with the next step'
promoted "$first" prod
exits 0 'another one is promoted' weir rm "$second" --grace 0
exits 0 'put again before it has gone' weir put llama "$tmp/b" --json
json '.known' 'it was there'
exits 0 'and is back' weir show "$second"

# --- gc ---

before=$(objects)
exits 0 'gc' weir gc --grace 0 --json
json '.removed == 3 and .failed == 0' 'frees the pages of the second put alone'
weir rm "$second" --grace 0 --quiet >/dev/null
exits 0 'a dry run' weir gc --dry-run --grace 0 --json
json '.dry_run and (.versions | length) == 1 and .removed == 0' \
    'says what would go'
exits 0 'and brings nothing away' weir undelete "$second"
weir rm "$second" --grace 0 --quiet >/dev/null
exits 0 'gc while all is young' weir gc --json
json '.removed == 0 and .young > 0 and (.versions | length) == 1' \
    'keeps objects for a day'
exits 5 'gone for good' weir undelete "$second"
exits 0 'gc of all ages' weir gc --grace 0
like "$out" '^removed +[1-9]' 'frees objects'
[ "$(objects)" -lt "$before" ]
ok $? 'they are gone'
exits 0 'check' weir check --read-data --json
json '.ok and .unreferenced == 0' 'the rest is whole, and no more than that'
exits 0 'the other version' weir get "$first" "$tmp/out"
is "$(describe "$tmp/out")" "$(describe "$tmp/a")" 'reads on'
exits 0 'put of what went' weir put llama "$tmp/b" --json
json '.known | not' 'is a new version'
rm -rf "$tmp/out"
exits 0 'gets' weir get --allow-unsigned "$second" "$tmp/out"
is "$(describe "$tmp/out")" "$(describe "$tmp/b")" 'it is as it was'

for d in "$vault"/objects/*/; do
	: >"$d/.tmp-0123"
done
touch -d '2 days ago' "$vault"/objects/*/.tmp-0123
exits 0 'gc' weir gc
is "$(find "$vault/objects" -name '.tmp-*')" '' 'sweeps what killed writers left'

# --- what is recorded ---

exits 0 'the trail' weir audit ls --kind version.rm --json
is "$(printf '%s\n' "$out" | head -1 | jq -r .reason)" 'too old' 'has the removal'
exits 0 'in words' weir audit ls --kind gc
like "$out" 'gone for good: llama@' 'and what went'
exits 0 'verify' weir audit verify
exits 0 'the catalogue agrees' weir audit verify --catalogue
done_testing
