#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir decoy: a model that looks like others, but to those who watch.
. "$(dirname "$0")/lib.sh"
requires python3 jq

mkvault vault
mkdir -p "$tmp/tree/sub"
mk()
{
	python3 "$top/tests/lib/mkmodel.py" "$@" >/dev/null
}
mk safetensors "$tmp/tree/model.safetensors" --tensors 30 --bytes 3000000
mk gguf "$tmp/tree/sub/model.gguf" --tensors 7 --bytes 700000 --seed 2
mk pt "$tmp/tree/old.pt" --bytes 300000 --seed 3
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"
printf '{}' >"$tmp/tree/sub/tiny.json"
printf 'About it.\n' >"$tmp/tree/README.md"
: >"$tmp/tree/empty"
ln -s sub "$tmp/tree/link"
chmod 640 "$tmp/tree/README.md"
chmod 750 "$tmp/tree/sub"
ref=$(weir put llama "$tmp/tree" 2>/dev/null)

# What `weir show` says of a version, but which one it is, and how far its bytes
# compress.
shown()
{
	weir show "$1" --json | jq -S 'del(.model, .version, .object, .created,
	    .reference, .stored, .dtypes[].stored, .dtypes[].ratio)'
}

exits 2 'a decoy without a reason' weir decoy add bait --like "$ref"
like "$err" '--reason' 'is told what is missing'
exits 2 'a decoy with a channel' weir decoy add llama:prod --reason t
exits 5 'a model that is not there' weir decoy add bait --reason t
like "$err" 'weir decoy add bait --like REF' 'is told how it can be made'
exits 5 'like one that is not there' weir decoy add bait --like nothing \
    --reason t
exits 6 'under a name that is taken' weir decoy add llama --like "$ref" \
    --reason t
exits 0 'nothing came of these' weir decoy ls
is "$out" '' 'no decoy'
is "$(weir ls --json | jq '.models | length')" 1 'no model'

TMPDIR=$tmp exits 0 'a decoy like llama' weir decoy add meta/llama-next \
    --like "$ref" --reason 'who looks for the next one'
bait=$out
like "$bait" '^meta/llama-next@[0-9a-f]{64}$' 'prints its reference'
like "$err" 'is a decoy' 'says what it is'
is "$(find "$tmp" -name 'weir-decoy*')" '' 'leaves nothing behind'
is "$(shown "$bait")" "$(shown "$ref")" 'is shown as llama is'
# Those of real weights come to 0.68 (tests/real); the ones here are noise.
is "$(weir show "$bait" --json | jq '[.dtypes[] | select(.dtype == "bf16") |
    .ratio > 0.62 and .ratio < 0.73] | all and length > 0')" true \
    'and its weights compress as weights do'
exits 0 'decoy ls' weir decoy ls --json
json '.decoys | length == 1 and .[0].model == "meta/llama-next" and
    .[0].by == "'"$me"'" and .[0].reason == "who looks for the next one"' \
    'has it, by whom and why'
exits 6 'once more' weir decoy add meta/llama-next --reason t

weir grant add llama --to "$me" --loads 9 --export --reason t >/dev/null 2>&1
weir grant add meta/llama-next --to "$me" --loads 9 --export --reason t \
    >/dev/null 2>&1
exits 0 'it is got as others are' weir get --allow-unsigned "$bait" "$tmp/bait"
names()
{
	(cd "$1" && find . -printf '%y %m %s %l %P\n' | grep -v '^d' |
	    LC_ALL=C sort; find . -type d -printf '%m %P\n' | LC_ALL=C sort)
}
is "$(names "$tmp/bait")" "$(names "$tmp/tree")" \
    'with the same names, modes, links and sizes'
same=$(cd "$tmp/tree" && find . -type f -size +2c | while read -r f; do
	! cmp -s "$f" "$tmp/bait/$f" || echo "$f"
done)
is "$same" '' 'and other content'
jq . "$tmp/bait/config.json" >/dev/null
ok $? 'what is called .json is JSON'
tensors()
{
	python3 - "$1/model.safetensors" <<'END'
import json, struct, sys
with open(sys.argv[1], "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    h = json.loads(f.read(n))
h.pop("__metadata__", None)
print(json.dumps(h, sort_keys=True))
END
}
is "$(tensors "$tmp/bait")" "$(tensors "$tmp/tree")" 'the same tensors'

[ "$(weir audit ls --kind release --model meta/llama-next --json |
    wc -l)" -gt 0 ]
ok $? 'its releases are in the trail'
exits 0 'decoys are in the trail' weir audit ls --kind decoy --json
is "$(printf '%s\n' "$out" | jq -r .kind)" decoy.add 'as what was done'
exits 0 'and told' weir audit ls --kind decoy
like "$out" 'meta/llama-next is a decoy: who looks' 'in words'

exits 0 'decoy rm' weir decoy rm meta/llama-next --reason 'it was seen' --json
json '.decoy == false' 'says so'
exits 5 'once more' weir decoy rm meta/llama-next --reason t
exits 0 'the model stays' weir show "$bait"
exits 0 'and may be a decoy again, as it is' weir decoy add meta/llama-next \
    --reason t --json
json '.decoy and (has("reference") | not)' 'nothing was put'
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
