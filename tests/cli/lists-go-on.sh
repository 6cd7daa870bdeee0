#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A list has no limit: what is longer than a reply of keyd comes in several.
. "$(dirname "$0")/lib.sh"
requires jq xargs

mkvault vault
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>/dev/null &
service=$!
cleanup_fn end_process "$service"
listens
mkdir "$tmp/m"

# 20 versions whose labels are 60,000 bytes long: 1.2 MB of them.
label=$(head -c 45000 /dev/zero | base64 -w 0)
i=0
while [ $i -lt 20 ]; do
	echo $i >"$tmp/m/f"
	weir put "m$((i / 10))" "$tmp/m" --label "k=$label" >/dev/null 2>&1 ||
	    diag "put $i failed"
	i=$((i + 1))
done
exits 0 'ls' weir ls --json
[ "$(wc -c <"$tmp/.out")" -gt 1200000 ]
ok $? 'of more than a reply holds'
is "$(jq -c '[.models[] | [.model, (.versions | length)]]' "$tmp/.out")" \
    '[["m0",10],["m1",10]]' 'has every model once, with all its versions'
is "$(jq '[.models[] | .latest == .versions[-1].version] | all' "$tmp/.out")" \
    true 'and its latest one'
is "$(jq 'has("next")' "$tmp/.out")" false 'and no trace of the seams'
exits 0 'ls for people' weir ls
is "$(printf '%s\n' "$out" | wc -l)" 21 'has them, too'
exits 0 'check' weir check --json
json '.versions == 20' 'looks at all of them'

# 900 grants with reasons of 1,000 bytes.
reason=$(head -c 750 /dev/zero | base64 -w 0)
seq 900 | xargs -P 4 -I N weir grant add m0 --to user:uN --browse \
    --reason "$reason" >/dev/null 2>&1
exits 0 'grant ls' weir grant ls --json
[ "$(wc -c <"$tmp/.out")" -gt 983040 ]
ok $? 'of more than a reply holds'
is "$(jq '[.grants[].grant] == [range(1; 901)]' "$tmp/.out")" true \
    'has all of them, each once, in order'
exits 0 'status and session ls go on working' weir status --json
exits 0 'both' weir session ls --json
done_testing
