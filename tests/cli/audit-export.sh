#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# audit export: events that are OCSF 1.8.0 by its field tables, and entries as
# JSON lines; each goes on where the one before ended.
. "$(dirname "$0")/lib.sh"

requires python3 jq
tables=$top/tests/vectors/ocsf-fields.json
verify()
{
	python3 "$top/tests/verify_ocsf.py" "$tables" "$1" >"$tmp/verdict"
}
mkvault vault
mkdir "$tmp/m" "$tmp/m/sub"
head -c 1000000 /dev/urandom >"$tmp/m/weights.bin"
echo '{}' >"$tmp/m/sub/config.json"
ref=$(weir put llama "$tmp/m" --label step=1 2>/dev/null)
weir role add reviewer --to user:daemon 2>/dev/null
weir role rm reviewer --to user:daemon 2>/dev/null
weir grant add llama --to "$me" --loads 9 --export --reason test >"$tmp/grant" \
    2>/dev/null
weir get --allow-unsigned "$ref" "$tmp/copy" 2>/dev/null
weir grant rm "$(cat "$tmp/grant")" --reason over 2>/dev/null
weir get --allow-unsigned "$ref" "$tmp/again" 2>/dev/null
victim=$(find "$vault/objects" -type f -printf '%s %p\n' | sort -rn |
    head -n 1 | cut -d ' ' -f 2)
rm -f "$victim"
weir check >/dev/null 2>&1
weir alert ack 1 --disposition real --note 'a disk' 2>/dev/null

exits 0 'the trail as OCSF events' weir audit export --format ocsf
like "$err" 'next: weir audit export --format ocsf --from [0-9]+' 'says where it goes on'
printf '%s\n' "$out" >"$tmp/all"
verify "$tmp/all"
ok $? 'each is as the field tables say' || diag "$(cat "$tmp/verdict")"
for class in 'File System Activity' 'Detection Finding' 'API Activity'; do
	grep -q "^$class: [1-9]" "$tmp/verdict"
	ok $? "there are events of $class"
done
is "$(jq -s 'map(.metadata.sequence) | unique | . == [range(0; length)]' \
    "$tmp/all")" true 'no entry is left out'
digest=$(sha256sum "$tmp/m/weights.bin" | cut -d ' ' -f 1)
is "$(jq -r 'select(.type_uid == 100102) | select(.file.name == "weights.bin") |
    .file.hashes[0].value' "$tmp/all" | sort -u)" "$digest" \
    'a release names its file and the digest of it'
is "$(jq -r 'select(.type_uid == 100102) | .actor.user.name' "$tmp/all" |
    sort -u)" "$me" 'and who read it'
is "$(jq -r 'select(.type_uid == 100114) | [.status_id, .action_id] | @csv' \
    "$tmp/all" | sort -u | tr '\n' ' ')" '1,1 2,2 ' \
    'a session that was refused is denied'
is "$(jq -r 'select(.type_uid == 200401) | .finding_info.title' "$tmp/all")" \
    damage 'an alert is a finding'
is "$(jq -r 'select(.type_uid == 200402) | .verdict_id' "$tmp/all")" 2 \
    'what a reviewer made of it updates it'
is "$(jq -r 'select(.class_uid == 2004) | .finding_info.uid' "$tmp/all" |
    sort -u | wc -l)" 1 'under one uid'

# The leaf's hash is that of the entry, as others compute it.
index=$(jq -r 'select(.type_uid == 600301) |
    select(.api.operation == "grant.add") | .metadata.sequence' "$tmp/all")
weir audit proof "$index" --out "$tmp/proof" 2>/dev/null
leaf=$(jq -r "select(.metadata.sequence == $index) | .unmapped.leaf_hash" \
    "$tmp/all")
[ ${#leaf} -eq 64 ]
ok $? 'each has the hash of its leaf'

# Going on.
half=$((index + 1))
weir audit export --format ocsf --from "$half" --offline \
    >"$tmp/rest" 2>/dev/null
is "$(jq -s 'map(.metadata.sequence) | min' "$tmp/rest")" "$half" \
    '--from begins with that entry'
weir audit export --format ocsf --state "$tmp/goes-on" >"$tmp/1" 2>/dev/null
weir role add reviewer --to user:bin 2>/dev/null
weir audit export --format ocsf --state "$tmp/goes-on" >"$tmp/2" 2>/dev/null
cat "$tmp/1" "$tmp/2" >"$tmp/both"
verify "$tmp/both"
ok $? 'with --state the second begins where the first ended' ||
    diag "$(cat "$tmp/verdict")"
is "$(jq -s 'map(.metadata.sequence) | unique |
    . == [range(0; length)]' "$tmp/both")" true 'and nothing is between them'
cp "$tmp/goes-on" "$tmp/before"
weir audit export --format ocsf --state "$tmp/goes-on" >/dev/full 2>/dev/null
is "$?" 1 'what could not be written is an error'
cmp -s "$tmp/goes-on" "$tmp/before"
ok $? 'and is written the next time'
echo x >"$tmp/bad"
exits 1 'a state that is none' weir audit export --format ocsf \
    --state "$tmp/bad"

# JSON lines.
weir audit export --format jsonl 2>/dev/null >"$tmp/lines"
is "$(jq -s 'map(.index) | . == [range(0; length)]' "$tmp/lines")" true \
    'as JSON lines each entry is there once'
is "$(jq -r 'select(.kind == "release") | .path' "$tmp/lines" | sort -u |
    head -n 1)" sub/config.json 'with the names of files'
exits 2 'another format' weir audit export --format csv
exits 2 'no format' weir audit export

# The control: each of these is found.
control()
{
	jq -c "if .metadata.sequence == $index then $1 else . end" "$tmp/all" \
	    >"$tmp/bad.json"
	! cmp -s "$tmp/all.c" "$tmp/bad.json" && ! verify "$tmp/bad.json"
	ok $? "control: $2 is found"
}
jq -c . "$tmp/all" >"$tmp/all.c"
control 'del(.actor)' 'an actor that is missing'
control 'del(.metadata.product.vendor_name)' 'a vendor that is missing'
control '.type_uid = 600399' 'a type that is not its activity'
control '.time = "2026-01-01T00:00:00Z"' 'a time in words'
control '.time = 1700000000.5' 'a time with a fraction'
control '.severity_id = 7' 'a severity that there is not'
control '.severity_id = true' 'a bool for a number'
control '.extra = 1' 'a field of no table'
control '.api = {}' 'an operation that is missing'
control '.src_endpoint = {}' 'an empty endpoint'
control '.action_id = 1' 'half a profile'
control '.metadata.version = "1.9.0"' 'another version'
control '.class_uid = 6004' 'another class'
: >"$tmp/none"
verify "$tmp/none"
is $? 1 'control: no events are no export'
done_testing
