#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A release manager's way: sign, promote by two of three, roll back, revoke; and
# what is refused on it, by which rule, and who is missing.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"
requires jq python3

mkvault vault
WEIR_KEYS=$tmp/keys
echo 'correct horse battery staple' >"$tmp/pw"
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw
export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
unset SSH_AUTH_SOCK
for person in carol dave erin uma mallory; do
	weir key gen $person >"$tmp/$person.pub" 2>/dev/null
done
python3 "$top/tests/lib/mkmodel.py" "$tmp/m" --mb 4 --shards 2 >/dev/null
one=$(weir put llama "$tmp/m" 2>/dev/null)
echo more >"$tmp/m/more"
two=$(weir put llama "$tmp/m" 2>/dev/null)
rm "$tmp/m/config.json"
three=$(weir put llama "$tmp/m" 2>/dev/null)

# --- who may sign -------------------------------------------------------------

exits 5 'nobody may sign without a trust root' weir sign "$one" --yes \
    --key carol
like "$err" 'weir trust init' 'and it is said how one is made'
exits 5 'trust show' weir trust show

# uma is who puts versions here; promoting takes two of three others, and her.
jq -n --arg me "$me" --arg carol "$(cut -d ' ' -f 1,2 "$tmp/carol.pub")" \
    --arg dave "$(cut -d ' ' -f 1,2 "$tmp/dave.pub")" \
    --arg erin "$(cut -d ' ' -f 1,2 "$tmp/erin.pub")" \
    --arg uma "$(cut -d ' ' -f 1,2 "$tmp/uma.pub")" '{
	keys: [{name: "carol", key: $carol, principal: "user:carol"},
	    {name: "dave", key: $dave, principal: "user:dave"},
	    {name: "erin", key: $erin},
	    {name: "uma", key: $uma, principal: $me}],
	root: {keys: ["carol", "dave"], threshold: 2},
	models: [{models: "*", sign: {keys: ["carol", "uma"], threshold: 1},
	    revoke: {keys: ["carol", "dave"], threshold: 2}}],
	channels: [{models: "llama", channels: "prod",
	    promote: {keys: ["carol", "dave", "erin", "uma"], threshold: 2},
	    rollback: {keys: ["erin"], threshold: 1},
	    days: 30, uploader_may_approve: false}]}' >"$tmp/policy.json"
jq '.channels[0].promote.threshold = 5' "$tmp/policy.json" >"$tmp/bad.json"
exits 2 'a threshold that nobody can meet' weir trust init --yes --key carol \
    --policy "$tmp/bad.json"
like "$err" 'threshold' 'is refused when it is written'
jq '.channels[0].promote.threshold = 0' "$tmp/policy.json" >"$tmp/bad.json"
exits 2 'and so is one of 0' weir trust init --yes --key carol \
    --policy "$tmp/bad.json"
echo '{' >"$tmp/bad.json"
exits 2 'a policy that is not JSON' weir trust init --yes --key carol \
    --policy "$tmp/bad.json"
like "$err" 'line [0-9]+, byte [0-9]+' 'is told where'
exits 5 'none of this' weir trust show
exits 0 'trust init' weir trust init --yes --policy "$tmp/policy.json" \
    --key carol
is "$out" 'proposed T1: 1 of 2, waits for dave' 'waits for the others'
exits 5 'and is not in force' weir trust show
exits 4 'whom it does not name' weir trust approve T1 --yes --key mallory
like "$err" 'no key with the id .*missing: dave' 'cannot approve it'
exits 0 'trust approve' weir trust approve T1 --yes --key dave
is "$out" 'signed T1: 2 of 2, in force' 'puts it in force'
like "$err" 'promote +2 of carol, dave, erin, uma' 'after it was shown'
exits 0 'trust show --export' weir trust show --export
printf '%s' "$out" | jq -e '.payloadType == "application/vnd.in-toto+json" and
    (.signatures | length) == 2' >/dev/null
ok $? 'is what hosts pin'
exits 6 'a second first one' weir trust init --yes --key carol
like "$err" 'weir trust set' 'is refused, saying what to do'

# --- sign ---------------------------------------------------------------------

exits 2 'sign of a channel' weir sign llama:latest --yes --key carol
exits 2 'of a model' weir sign llama --yes --key carol
exits 2 'of 31 digits' weir sign "$(printf %.37s "$one")" --yes --key carol
like "$err" '31 digits.* too few' 'is told so'
exits 2 'without a key' weir sign "$one" --yes
exits 2 'without --yes and a terminal' weir sign "$one" --key carol </dev/null
like "$err" "version +${one#*@}" 'shows what it would sign, first'
like "$err" 'no terminal.*--yes' 'and says why it does not'
exits 4 'by somebody whom the rule does not name' weir sign "$one" --yes \
    --key dave
like "$err" 'dave' 'whose key is named'
like "$err" '0 of 1 .*missing: carol or uma' 'with who is missing'
exits 0 'sign by 32 digits' weir sign "$(printf %.38s "$one")" --yes \
    --key carol --owner team --label step=9000
like "$out" '^signed S[0-9]+: 1 of 1, in force$' 'is in force'
like "$err" "version +${one#*@}" 'the full digest was shown'
like "$err" 'step=9000' 'and the label'
exits 0 'the uploader may sign' weir sign "$two" --yes --key uma --json
json '.effective and .about == "version" and .signed == ["uma"]' 'as the rule says'

# --- promote ------------------------------------------------------------------

promote()
{
	weir promote "$1" prod --yes --reason "${3:-REL-1}" --key "$2"
}
exits 6 'what nobody has signed' weir promote "$three" prod --yes --key carol \
    --reason t
like "$err" "^weir: nobody has signed $three yet.*weir sign" \
    'is told so before anybody is asked'
exits 2 'promote to latest' weir promote "$one" latest --yes --reason t \
    --key carol
exits 2 'without a reason' weir promote "$one" prod --yes --key carol
exits 2 'a channel for the version' weir promote llama:latest prod --yes \
    --key carol --reason t
exits 4 'to a channel without a rule' weir promote "$one" staging --yes \
    --key carol --reason t
like "$err" 'no rule for llama:staging' 'which is said'
exits 4 'for longer than the rule allows' weir promote "$one" prod --yes \
    --key carol --reason t --expires 31d
like "$err" '30 days' 'which is said'
exits 6 'a version that is not signed' promote "$three" carol
like "$err" 'weir sign' 'is told what is missing'
exits 4 'the uploader' promote "$one" uma
like "$err" 'uma' 'does not count'
exits 0 'promote' weir promote "$one" prod --yes --reason 'first release' \
    --ticket OPS-1 --expires 30d --key carol
like "$out" '^proposed P[0-9]+: 1 of 2, waits for dave or erin$' \
    'waits for one of two'
like "$err" 'nothing to compare' 'there was none before'
p=$(printf '%s' "$out" | sed 's/.*\(P[0-9]*\):.*/\1/')
exits 0 'promote ls' weir promote ls
like "$out" "^$p +promote llama@.* 1 of 2 +waiting +carol +dave, erin" 'lists it'
exits 0 'promote show' weir promote show "$p"
like "$out" 'reason +first release' 'has the reason'
like "$out" "version +${one#*@}" 'and the digest'
exits 5 'the channel is not there yet' weir channel log llama:prod
# Unseen, the version that is meant has to be named.
exits 2 'approval unseen' weir promote approve "$p" --yes --key dave
like "$err" '--version DIGITS' 'asks which version is meant'
exits 2 '31 digits are too few' weir promote approve "$p" --yes --key dave \
    --version "$(printf %.31s "${one#*@}")"
exits 3 'another version' weir promote approve "$p" --yes --key dave \
    --version "${two#*@}"
like "$err" "about $one, not" 'is refused'
exits 3 'another model of the same digits' weir promote approve "$p" --yes \
    --key dave --version "other@${one#*@}"
exits 2 'and no version at all' weir promote approve "$p" --yes --key dave \
    --version prod
is "$(weir promote ls --json | jq -c '.statements[0].signed')" '["carol"]' \
    'none of this signs'

# approve P7 REF ARGUMENT...: by 32 digits
# shellcheck disable=SC2317 # called by name
approve()
{
	proposed=$1
	ref=$2
	shift 2
	weir promote approve "$proposed" --yes \
	    --version "${ref%@*}@$(printf %.32s "${ref#*@}")" "$@"
}
exits 4 'approval by the uploader' approve "$p" "$one" --key uma
like "$err" '1 of 2 .*carol.*missing: dave or erin' \
    'is refused: who counted, who is missing'
exits 6 'approval by who has signed' approve "$p" "$one" \
    --key carol
exits 4 'by a stranger' approve "$p" "$one" --key mallory
exits 2 'without a word' weir promote approve "$p" --key dave </dev/null
like "$err" 'serial +1' 'it is shown, though'
exits 0 'by the second' approve "$p" "$one" --key dave
is "$out" "signed $p: 2 of 2, in force" 'takes effect'
exits 0 'channel log' weir channel log llama:prod --json
json ".log | length == 1 and .[0].version == \"${one#*@}\" and
    .[0].serial == 1 and .[0].signed == [\"carol\", \"dave\"] and
    .[0].ticket == \"OPS-1\"" 'has it'
exits 0 'ls' weir ls llama
like "$out" "^llama +$(printf %.32s "${one#*@}") +signed +prod " 'shows where it points'
like "$out" "^llama +$(printf %.32s "${three#*@}") +unsigned +latest " \
    'and what nobody has signed'
exits 6 'once more' approve "$p" "$one" --key erin
like "$err" 'effective' 'is too late'

# --- stale, withdrawn -----------------------------------------------------------

promote "$two" carol a >"$tmp/a" 2>"$tmp/.err"
like "$(cat "$tmp/.err")" '^  \+ more' 'the diff is shown'
a=$(sed 's/.*\(P[0-9]*\):.*/\1/' "$tmp/a")
b=$(promote "$two" dave b 2>/dev/null | sed 's/.*\(P[0-9]*\):.*/\1/')
c=$(promote "$two" erin c 2>/dev/null | sed 's/.*\(P[0-9]*\):.*/\1/')
exits 2 'withdraw without a reason' weir promote withdraw "$c"
exits 0 'withdraw' weir promote withdraw "$c" --reason 'two is enough'
is "$out" "withdrawn $c" 'says so'
exits 6 'and then sign' approve "$c" "$two" --key dave
like "$err" 'withdrawn' 'is too late'
exits 0 'one of the two that wait' approve "$b" "$two" --key erin
exits 6 'leaves the other' approve "$a" "$two" --key dave
like "$err" 'stale' 'stale'
exits 0 'promote ls --all' weir promote ls llama --all --json
json "[.statements[] | select(.about == \"promotion\") | .state] ==
    [\"effective\", \"stale\", \"effective\", \"withdrawn\"] or
    [.statements[] | select(.about == \"promotion\") | .state] ==
    [\"stale\", \"stale\", \"effective\", \"withdrawn\"]" 'tells them apart'

# What expires while it waits is told apart, and can be taken back.
p=
for s in 2 8 30 90; do
	p=$(weir promote "$one" prod --key carol --reason t --yes --expires \
	    "$(date -u -d "+$s sec" +%Y-%m-%dT%H:%M:%SZ)" 2>"$tmp/.err" |
	    sed 's/.*\(P[0-9]*\):.*/\1/')
	[ -z "$p" ] || break
done
is_expired()
{
	weir promote ls llama --json | jq -e --arg p "$1" \
	    '.statements[] | select(.name == $p) | .state == "expired"'
}
wait_for 120 is_expired "$p"
ok $? 'promote ls lists it as expired'
exits 6 'to sign it then' approve "$p" "$one" --key dave
like "$err" "$p expired while it waited: .*weir promote withdraw $p" \
    'says what to do'
exits 0 'which works' weir promote withdraw "$p" --reason late
exits 5 'one that never was' approve P4711 "$two" --key dave
exits 2 'one of another kind' approve T1 "$two" --key dave

# --- rollback -------------------------------------------------------------------

back()
{
	weir rollback llama prod --to "$1" --yes --reason 'INC-7' --key "$2"
}
exits 5 'rollback to what never was' back 9 erin
like "$err" 'never had serial 9' 'is told so'
exits 2 'rollback without --to' weir rollback llama prod --yes --reason t \
    --key erin
exits 4 'by somebody who may promote only' back 1 carol
like "$err" 'missing: erin' 'is refused by the rollback'\''s own rule'
exits 0 'rollback' back 1 erin
like "$out" '^signed P[0-9]+: 1 of 1, in force$' 'takes one, where promoting took two'
like "$err" '^  - more' 'shows what goes'
exits 0 'channel log' weir channel log llama:prod
like "$out" "3 +rollback to 1 +${one#*@}" 'has a new serial'
exits 6 'back to the rollback' back 3 erin
like "$err" 'serial 1' 'names the promotion'

# --- revoke ---------------------------------------------------------------------

exits 2 'revoke without a reason' weir revoke "$two" --yes --key carol
exits 0 'revoke' weir revoke "$two" --yes --key carol --reason backdoor
like "$out" '^proposed R[0-9]+: 1 of 2, waits for dave$' 'takes two here'
exits 0 'the second' weir revoke "$two" --yes --key dave
like "$out" '^signed R[0-9]+: 2 of 2, in force$' 'joins it'
exits 0 'ls --json' weir ls llama --json
json "[.models[].versions[] | select(.version == \"${two#*@}\") | .state,
    .revoked.reason, .revoked.signed] ==
    [\"revoked\", \"backdoor\", [\"carol\", \"dave\"]]" 'shows it'
exits 6 'to promote it' promote "$two" carol
like "$err" 'revoked' 'is refused'
exits 6 'to sign it again' weir sign "$two" --yes --key carol
exits 6 'to go back to it' back 2 erin
exits 6 'and to revoke it again' weir revoke "$two" --yes --key carol --reason t

# --- the next trust root ----------------------------------------------------------

jq '.root.keys = ["dave", "erin"]' "$tmp/policy.json" >"$tmp/next.json"
exits 0 'trust set' weir trust set "$tmp/next.json" --yes --key dave
like "$out" '^proposed T[0-9]+: 1 of 2, waits for ' 'waits'
t=$(printf '%s' "$out" | sed 's/.*\(T[0-9]*\):.*/\1/')
exits 0 'the new one'\''s threshold alone' weir trust approve "$t" --yes \
    --key erin
unlike "$out" 'in force' 'does not do'
exits 0 'with the old one'\''s' weir trust approve "$t" --yes --key carol
like "$out" 'in force' 'it does'
exits 0 'trust show' weir trust show --json
json '.number == 2' 'is number 2'

# --- as JSON ----------------------------------------------------------------------

exits 0 'sign --json' weir sign "$three" --yes --quiet --key carol --json
json '.about == "version" and .effective and .have == 1 and .waits == []' \
    'is one object'
is "$err" '' 'and --quiet with --yes says nothing else'
exits 0 'promote --json' weir promote "$three" prod --yes --key carol \
    --reason 'with "quotes"' --json
json '.name == "P\(.statement)" and .have == 1 and .need == 2 and
    .waits == ["dave", "erin"] and (.effective | not)' 'is one object'
p=P$(printf '%s' "$out" | jq .statement)
exits 0 'promote show --json' weir promote show "$p" --json
json '.state == "waiting" and (.envelope.payload | @base64d | fromjson |
    .predicate.reason) == "with \"quotes\""' 'has the envelope'
exits 0 'promote approve --json' approve "$p" "$three" --key dave --json
json '.effective and .signed == ["carol", "dave"]' 'is one object'
exits 0 'rollback --json' weir rollback llama prod --to 1 --yes --key erin \
    --reason t --json
json '.about == "promotion" and .effective' 'is one object'
exits 0 'revoke --json' weir revoke "$three" --yes --key carol --reason t --json
json '.about == "revocation" and .waits == ["dave"]' 'is one object'
exits 0 'trust set --json' weir trust set "$tmp/policy.json" --yes --key dave \
    --json
json '.about == "trust" and .name == "T\(.statement)"' 'is one object'
t=T$(printf '%s' "$out" | jq .statement)
exits 0 'trust withdraw --json' weir trust withdraw "$t" --reason t --json
json '.withdrawn' 'is one object'
exits 0 'channel log --json' weir channel log llama:prod --json
json '[.log[].serial] == [1, 2, 3, 4, 5] and .log[4].to == 1' 'is one object'
exits 0 'key show --json' weir key show carol --json
json '.fingerprint | startswith("SHA256:")' 'is one object'

# --- every step is recorded -----------------------------------------------------

exits 0 'the trail' weir audit ls --json --kind statement
printf '%s\n' "$out" | jq -es '
    (map(select(.kind == "statement.add")) | length) >= 10 and
    (map(select(.kind == "statement.sign")) | length) >= 5 and
    (map(select(.kind == "statement.withdraw")) | length) == 3' >/dev/null
ok $? 'has every step'
exits 0 'and its refusals' weir audit ls --json --kind refused
printf '%s\n' "$out" | jq -es 'length >= 5' >/dev/null
ok $? 'too'
done_testing
