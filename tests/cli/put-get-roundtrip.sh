#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What get writes is what put took in, to the last mode and link.
. "$(dirname "$0")/lib.sh"

mkvault vault
mktree "$tmp/tree"
exits 0 'put takes a tree' weir put llama "$tmp/tree" --ref-out "$tmp/ref"
like "$out" '^llama@[0-9a-f]{64}$' 'and prints MODEL@<64 hex>'
is "$(cat "$tmp/ref")" "$out" '--ref-out has the same'
like "$err" 'unsigned' 'that latest is unsigned is said'
ref=$out

# The version that was put last as MODEL
newest()
{
	echo "$1@$(weir ls "$1" --json | jq -r .models[0].latest)"
}

exits 4 'get without a grant is refused' weir get --allow-unsigned "$ref" "$tmp/none"
[ ! -e "$tmp/none" ]
ok $? 'and writes nothing'
exits 0 'a grant without --export' weir grant add llama --to "$me" --loads 5 \
    --reason test
exits 4 'does not do either' weir get --allow-unsigned "$ref" "$tmp/none"
like "$err" 'export' 'and the message says what is missing'
exits 0 'one with --export' weir grant add llama --to "$me" --loads 5 \
    --export --reason test
exits 0 'does' weir get --allow-unsigned "$ref" "$tmp/copy"
is "$(describe "$tmp/copy")" "$(describe "$tmp/tree")" 'all is as it was'
is "$(stat -c %a "$tmp/copy")" "$(stat -c %a "$tmp/tree")" \
    'the mode of the root, too'

exits 0 'by enough of its digest' weir get --allow-unsigned \
    "$(printf %s "$ref" | cut -c 1-45)" "$tmp/by-digest"
is "$(describe "$tmp/by-digest")" "$(describe "$tmp/tree")" 'the same'
exits 6 'not over files that are there' weir get --allow-unsigned "$ref" "$tmp/copy"

exits 0 'the same tree again' weir put --json llama "$tmp/tree"
is "$(printf '%s' "$out" | jq -r .reference)" "$ref" 'has the same digest'
is "$(printf '%s' "$out" | jq -r '.known, .new_bytes' | tr '\n' ' ')" \
    'true 0 ' 'is known, and nothing of it is new'

# --ref-out is opened first: what cannot be written is found out then.
objects=$(find "$vault/objects" -type f | wc -l)
echo other >"$tmp/other"
exits 5 'a --ref-out that cannot be' weir put other "$tmp/other" \
    --ref-out "$tmp/absent/ref"
is "$(find "$vault/objects" -type f | wc -l)" "$objects" 'puts nothing'
exits 5 'nor is there a version' weir show other
cp "$tmp/ref" "$tmp/ref.before"
exits 5 'a put that fails' weir put other "$tmp/absent" --ref-out "$tmp/ref"
cmp -s "$tmp/ref" "$tmp/ref.before"
ok $? 'leaves what was in --ref-out'
exits 5 'also' weir put other "$tmp/absent" --ref-out "$tmp/ref.new"
[ ! -e "$tmp/ref.new" ]
ok $? 'and makes no empty one'
exits 0 'and one that is longer' sh -c \
    "yes | head -n 99 >'$tmp/ref' && weir put llama '$tmp/tree' --ref-out '$tmp/ref'"
is "$(cat "$tmp/ref")" "$ref" 'is replaced'

# Labels are of the version, and it keeps those it was first put with.
exits 0 'labels' weir put labelled "$tmp/other" --label step=9000 \
    --label 'note=a b'
exits 0 'show' weir show labelled
like "$out" '^labels +step=9000 note=a b$' 'has them'
like "$out" '^read +never$' 'and was not read'
exits 0 'show of what was read' weir show "$ref"
like "$out" '^read +last 20[0-9: -]* UTC$' 'says when, last'
exits 0 'and in JSON' weir show "$ref" --json
json '.last_read and .formats' 'too, with its formats'
exits 0 'show --json' weir show labelled --json
json '.labels == {"step": "9000", "note": "a b"} and .signed == false' \
    'has them, too'
exits 0 'ls' weir ls labelled
like "$out" 'LABELS' 'has a column'
like "$out" '^labelled +[0-9a-f]{32} +unsigned +latest ' \
    'and as many digits as --allow-unsigned asks for'
like "$out" 'step=9000 note=a b$' 'with them'
exits 0 'the same with other labels' weir put labelled "$tmp/other" \
    --label step=9001 --label 'note=a b' --label new=1
like "$err" "label step: this version keeps '9000'" 'says what stays'
like "$err" 'label new: this version was put without it' 'and what is not taken'
unlike "$err" 'label note' 'and nothing of what agrees'
exits 0 'as it says' weir show labelled --json
json '.labels == {"step": "9000", "note": "a b"}' 'it is'

mkdir -p "$tmp/nothing/below"
exits 2 'a directory without files is not put' weir put nothing "$tmp/nothing"
like "$err" 'no file in' 'and it is said'
exits 5 'it made no version' weir show nothing

# Standard input, single files, several paths.
exits 0 'put of standard input' sh -c \
    "weir put piped - --name some.bin <'$tmp/tree/weights.bin'"
weir grant add piped --to "$me" --loads 5 --export --reason t 2>/dev/null >&2
exits 0 'comes back' weir get --allow-unsigned "$(newest piped)" \
    "$tmp/piped"
cmp -s "$tmp/piped/some.bin" "$tmp/tree/weights.bin"
ok $? 'under the name that it was given'
exits 2 'standard input needs --name' weir put piped - </dev/null

exits 0 'put of a file and a directory' \
    weir put two "$tmp/tree/config.json" "$tmp/tree/sub"
weir grant add two --to "$me" --loads 5 --export --reason t 2>/dev/null >&2
exits 0 'comes back' weir get --allow-unsigned "$(newest two)" "$tmp/two"
cmp -s "$tmp/two/config.json" "$tmp/tree/config.json" &&
    cmp -s "$tmp/two/sub/edge-65537" "$tmp/tree/sub/edge-65537"
ok $? 'under their last components'

# A real checkpoint, cut at its tensors.
if [ -f "$top/tests/lib/mkmodel.py" ]; then
	python3 "$top/tests/lib/mkmodel.py" "$tmp/model" --mb 24 >/dev/null
	exits 0 'put of a checkpoint' weir put real "$tmp/model"
	weir grant add real --to "$me" --loads 1 --export --reason t \
	    2>/dev/null >&2
	exits 0 'comes back' weir get --allow-unsigned "$(newest real)" \
	    "$tmp/real"
	is "$(describe "$tmp/real")" "$(describe "$tmp/model")" 'as it was'
	exits 0 'show knows its tensors' weir show --json real
	is "$(printf '%s' "$out" | jq '.tensors > 10')" true 'all of them'
fi
exits 0 'check finds nothing wrong' weir check --read-data
done_testing
