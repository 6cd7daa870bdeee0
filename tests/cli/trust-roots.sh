#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Trust roots: what init makes of a few keys, and how one root follows another.
. "$(dirname "$0")/lib.sh"
requires jq python3

WEIR_KEYS=$tmp/keys
echo 'correct horse battery staple' >"$tmp/pw"
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw
export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
unset SSH_AUTH_SOCK
for person in carol dave erin; do
	weir key gen $person >"$tmp/$person.pub" 2>/dev/null
done

# init VAULT ARGUMENT...: a vault, and its first root; thresholds in $out
init()
{
	mkvault "$1"
	shift
	weir trust init --yes --quiet "$@" >"$tmp/made" 2>"$tmp/.err" || return
	weir trust show --policy 2>/dev/null | jq -c '[([.keys[].name] | join(" ")),
	    .root.threshold, .models[0].sign.threshold,
	    .models[0].revoke.threshold, .channels[0].promote.threshold,
	    .channels[0].rollback.threshold]' >"$tmp/policy"
}
init one --key carol
is "$(cat "$tmp/policy")" '["carol",1,1,1,1,1]' 'one key does everything'
init two --key dave --key carol
is "$(cat "$tmp/policy")" '["carol dave",2,1,1,2,1]' \
    'of two keys, both promote and sign roots'
init three --key carol --key dave --public "$(cat "$tmp/erin.pub")"
is "$(cat "$tmp/policy")" '["carol dave erin",2,1,1,2,1]' 'of three, two'
is "$(weir trust show --policy | jq -c '[.keys[].principal]')" \
    '["user:carol","user:dave","user:erin"]' 'they have their names'\'' principals'
is "$(weir trust show --policy | jq -c '.channels[0] |
    [.models, .channels, .days, .uploader_may_approve]')" \
    '["*","*",90,false]' 'one rule for all channels'
init named --key carol --key dave --public "robin=$tmp/erin.pub"
is "$(jq -r '.[0]' "$tmp/policy")" 'carol dave robin' 'a name may be given'

mkvault vault
exits 2 'two keys of one name' weir trust init --yes --key carol \
    --public "carol=$tmp/dave.pub"
like "$err" "called 'carol'" 'are told'
printf 'ssh-ed25519 AAAA x\n' >"$tmp/broken.pub"
exits 1 'a broken public key' weir trust init --yes --key carol \
    --public "$tmp/broken.pub"
exits 2 'a policy and keys besides' weir trust init --yes --key carol \
    --policy "$tmp/policy" --public "$tmp/dave.pub"
cut -d ' ' -f 1,2 "$tmp/dave.pub" >"$tmp/nameless.pub"
exits 2 'a key without a name' weir trust init --yes --key carol \
    --public "$tmp/nameless.pub"
like "$err" 'NAME=KEY' 'is told how to name it'
weir trust init --yes --quiet --key carol --key dave \
    --public "$tmp/erin.pub" >/dev/null

# change FILTER: the policy in force, changed
change()
{
	weir trust show --policy 2>/dev/null | jq "$1" >"$tmp/next.json"
}
change '.channels[0].days = 30'
exits 0 'trust set by one of two' weir trust set "$tmp/next.json" --yes \
    --key carol
like "$out" '^proposed T[0-9]+: 1 of 2, waits for dave or erin$' 'waits'
t=$(printf '%s' "$out" | sed 's/.*\(T[0-9]*\):.*/\1/')
exits 0 'promote show' weir promote show "$t"
like "$out" 'at most 30 days' 'shows what it would change'
exits 2 'withdraw without a reason' weir trust withdraw "$t"
exits 0 'trust withdraw' weir trust withdraw "$t" --reason 'not yet'
exits 6 'trust approve' weir trust approve "$t" --yes --key erin
like "$err" 'withdrawn' 'is too late'
is "$(weir trust show --json | jq .number)" 1 'root 1 is in force'

exits 0 'two roots that follow the same one' weir trust set "$tmp/next.json" \
    --yes --key carol
a=$(printf '%s' "$out" | sed 's/.*\(T[0-9]*\):.*/\1/')
change '.channels[0].days = 7'
exits 0 'wait together' weir trust set "$tmp/next.json" --yes --key dave
b=$(printf '%s' "$out" | sed 's/.*\(T[0-9]*\):.*/\1/')
exits 0 'one is approved' weir trust approve "$b" --yes --key erin
is "$(weir trust show --policy | jq '.channels[0].days')" 7 'and in force'
exits 6 'the other is stale' weir trust approve "$a" --yes --key erin

# On a terminal it asks.
change '.channels[0].days = 9'
# answers LINE: to the question
answers()
{
	python3 "$top/tests/lib/typed.py" \
	    "weir trust set '$tmp/next.json' --key carol" '[y/N] ' "$1"
}
said=$(answers n)
is $? 1 'no to what a terminal is asked is a failure'
like "$said" 'Sign this trust root\? \[y/N\]' 'it was asked'
like "$said" 'nothing was done' 'and no is no'
said=$(answers y)
like "$said" 'proposed T[0-9]+: 1 of 2' 'and yes is yes'
t=$(printf '%s\n' "$said" | sed -n 's/.*proposed \(T[0-9]*\):.*/\1/p')
exits 0 'it is withdrawn' weir trust withdraw "$t" --reason asked

# A key leaves: what it signs does not count any more.
change '.keys |= map(select(.name != "dave")) |
    (.. | objects | select(has("threshold")).keys) |= map(select(. != "dave"))'
exits 0 'a root without dave' weir trust set "$tmp/next.json" --yes \
    --key carol --key erin
like "$out" '2 of 2, in force' 'takes two of those who stay'
change '.channels[0].days = 8'
exits 4 'what dave signs' weir trust set "$tmp/next.json" --yes --key dave
like "$err" 'missing: carol' 'does not count'
jq '.keys += [.keys[0]]' "$tmp/next.json" >"$tmp/bad.json"
exits 2 'a key twice' weir trust set "$tmp/bad.json" --yes --key carol
jq '.root.keys += ["nobody"]' "$tmp/next.json" >"$tmp/bad.json"
exits 2 'a role with a name that has no key' weir trust set "$tmp/bad.json" \
    --yes --key carol
jq '.surprise = 1' "$tmp/next.json" >"$tmp/bad.json"
exits 2 'a field that is unknown' weir trust set "$tmp/bad.json" --yes \
    --key carol
like "$err" 'surprise' 'is named'
exits 5 'a policy that is not there' weir trust set "$tmp/none" --yes \
    --key carol
exits 0 'trust show --export' weir trust show --export
printf '%s\n' "$out" >"$tmp/root.json"
is "$(jq -r '.payload | @base64d | fromjson | .predicate.number' \
    "$tmp/root.json")" 3 'is the newest'
done_testing
