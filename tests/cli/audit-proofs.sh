#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A reviewer's question has a yes or a no for an answer, with a proof that holds
# without the vault, for weir and for a verifier that shares no code with it.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"
requires jq python3
export PYTHONDONTWRITEBYTECODE=1

mkvault vault
mkdir "$tmp/m"
head -c 300000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir put qwen "$tmp/m" >/dev/null 2>&1
weir audit checkpoint >"$tmp/first" 2>/dev/null
vkey=$(weir audit checkpoint --json 2>/dev/null | jq -r .vkey)
sleep 1.1
before=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)

opinion()
{
	/usr/bin/python3 "$top/tests/verify_proof.py" "$1" "$vkey"
}
reads()
{
	weir audit reads --principal "$me" --model llama --since "$before" "$@"
}
# Without a vault, a key, a keyd.
verify()
{
	(
		cd / || exit 1
		env -u WEIR_VAULT -u WEIR_KEY_FILE weir audit verify \
		    --log-key "$vkey" "$@"
	)
}

exits 0 'a no is an answer' reads --proof "$tmp/no" --json
json '.answer == "no" and .entries == [] and .bytes == 0' 'and says no'
json '.range.first < .start.size and .range.end == .checkpoint.size' \
    'over all entries since then'
json '.checkpoint.note | startswith("weir.local/")' 'up to a checkpoint'
exits 0 'it holds without a vault' verify --proof "$tmp/no"
like "$out" '^It holds: NO' 'and says no there, too'
like "$out" "keyd's word for where the time begins" 'and whose clock it was'
is "$(opinion "$tmp/no" | cut -d ' ' -f 1)" no 'another verifier agrees'

weir grant add llama --to "$me" --loads 9 --export --reason test 2>/dev/null >&2
weir get --allow-unsigned "$ref" "$tmp/out" 2>/dev/null
exits 0 'a yes is an answer' reads --proof "$tmp/yes" --json
json '.answer == "yes" and (.entries | length) > 0' 'and shows the entries'
json '.bytes == 300000 and .sessions[0].released == 300000' 'how much it was'
json ".sessions[0].for == \"$me\"" 'and who'
exits 0 'it holds, too' verify --proof "$tmp/yes" --json
json '.ok and .answer == "yes" and .bytes == 300000' 'and says the same'
is "$(opinion "$tmp/yes" | cut -d ' ' -f 1)" yes 'another verifier agrees'

exits 0 'for another model it is a no' \
    weir audit reads --principal "$me" --model qwen --since "$before" \
    --proof "$tmp/qwen"
like "$out" '^NO:' 'the same principal, the same bytes'
unlike "$err" 'never seen' 'the trail has such a model'
exits 0 'of a model that there is not' weir audit reads \
    --principal "$me" --model lama --since "$before"
like "$err" "never seen a model 'lama'" 'it is said that there is none'
exits 0 'of somebody whom nobody has named' weir audit reads \
    --principal user:nosuch --model llama --since "$before"
like "$err" "never seen 'user:nosuch'" 'it is said that nobody has'
unlike "$err" 'seen a model' 'and not of the model'
exits 0 'and holds' verify --proof "$tmp/qwen"

exits 0 'an entry by itself' weir audit proof 0 --out "$tmp/entry"
exits 0 'holds' verify --proof "$tmp/entry"
like "$out" '"kind":"init"' 'and is shown'
is "$(opinion "$tmp/entry" | cut -d ' ' -f 1)" yes 'another verifier agrees'
exits 5 'one that is not there' weir audit proof 999999

# The same as others write it: C2SP tlog-proof.
tlog()
{
	/usr/bin/python3 "$top/tests/verify_tlog_proof.py" "$1" "$vkey"
}
exits 0 'an entry as a tlog-proof' weir audit proof 3 --format tlog-proof \
    --out "$tmp/3.tlog-proof"
is "$(head -n 1 "$tmp/3.tlog-proof")" 'c2sp.org/tlog-proof@v1' 'is called so'
is "$(grep -c '^extra ' "$tmp/3.tlog-proof")" 1 'has the entry in it'
is "$(tlog "$tmp/3.tlog-proof" | sed 's/^3 //' | jq -c .kind)" \
    "$(weir audit show 3 --json 2>/dev/null | jq -c .kind)" \
    'another verifier agrees'
exits 0 'it holds here as well' verify --proof "$tmp/3.tlog-proof"
like "$out" 'entry 3 is the log' 'as that entry'
sed 's/^index 3/index 4/' "$tmp/3.tlog-proof" >"$tmp/bad"
exits 3 'as another entry' verify --proof "$tmp/bad"
fails 'it does not hold for the other either' tlog "$tmp/bad"
sed '/^extra /d' "$tmp/3.tlog-proof" >"$tmp/bad"
exits 1 'without the entry' verify --proof "$tmp/bad"
like "$err" "line 2: 'extra '" 'the line is named'
exits 2 'another format' weir audit proof 3 --format pdf
is "$(/usr/bin/python3 "$top/tests/verify_tlog_proof.py" \
    "$top/tests/vectors/entry.tlog-proof" \
    weir.example/audit+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 |
    cut -d ' ' -f 1)" 7 'the vector is one for others'

# What was tampered with.
sed 's/^answer yes/answer no/' "$tmp/yes" >"$tmp/bad"
exits 3 'a yes made a no' verify --proof "$tmp/bad"
sed '0,/^entry /{/^entry /d}' "$tmp/no" >"$tmp/bad"
exits 3 'a no without its first entry' verify --proof "$tmp/bad"
fails 'another verifier finds that, too' opinion "$tmp/bad"
sed "s/^question reads $me llama/question reads $me qwen/" "$tmp/yes" >"$tmp/bad"
exits 3 'a yes about another model' verify --proof "$tmp/bad"
like "$out" 'DOES NOT HOLD' 'is called so'
head -c 200 "$tmp/yes" >"$tmp/bad"
exits 1 'half a file' verify --proof "$tmp/bad"
like "$err" 'line [0-9]+:' 'names the line'
mkvault other
exits 3 'the key of another log' env -u WEIR_VAULT weir audit verify \
    --proof "$tmp/yes" --log-key \
    "$(weir audit checkpoint --json 2>/dev/null | jq -r .vkey)"
exits 2 'no key at all' weir audit verify --proof "$tmp/yes"
exits 2 'no time' weir audit reads --principal "$me" --model llama
exits 2 'a time that ends before it begins' weir audit reads \
    --principal "$me" --model llama --since 1h --until 2h
done_testing
