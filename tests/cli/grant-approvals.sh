#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant-or-nothing: a grant that waits for approvals lets nothing, and who may
# not approve it does not.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
mkdir "$tmp/m"
echo '{}' >"$tmp/m/config.json"
head -c 100000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
free=$(weir put small "$tmp/m" 2>/dev/null)
WEIR_KEYS=$tmp/keys
WEIR_KEY_PASSPHRASE_FILE=$tmp/passphrase
export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
echo 'of a person' >"$WEIR_KEY_PASSPHRASE_FILE"
for who in carol dave erin; do
	weir key gen $who >/dev/null 2>&1
done
exits 0 'a first trust root' weir trust init --key carol --key dave --key erin \
    --yes
mkdir "$WEIR_TRUST_DIR"
pin()
{
	weir trust show --export >"$tmp/root.json"
	mv "$tmp/root.json" "$WEIR_TRUST_DIR/vault.json"
}
pin

# policy KEYS THRESHOLD: the next one, in which these approve grants for llama
policy()
{
	weir trust show --policy | jq --arg me "$me" --argjson k "$1" \
	    --argjson t "$2" '.grants = [{"models": "llama*",
	    "approve": {"keys": $k, "threshold": $t}}]
	    | (.keys[] | select(.name == "erin") | .principal) = $me' \
	    >"$tmp/policy.json"
	weir trust set "$tmp/policy.json" --key carol --key dave --yes
}
exits 2 'a rule that nobody can meet' policy '["carol"]' 2
exits 0 'two of three approve grants' policy '["carol", "dave", "erin"]' 2
pin
exits 0 'which trust show has' weir trust show
like "$out$err" 'grants for llama\*' 'with its models'

grants()
{
	exits 0 'a grant' weir grant add "$1" --to "$me" --loads 9 --export \
	    --reason 'for a test' --host '*'
	id=$out
}

terms_of()
{
	weir grant ls --json | jq -r ".grants[] | select(.grant == $1) | .terms"
}

grants small
exits 0 'that no rule is for lets be read' weir get --allow-unsigned "$free" \
    "$tmp/free"
grants llama
like "$err" "proposed G$id: 0 of 2 approvals.*weir grant approve $id --key" \
    'that one is for waits, and says for what'
exits 4 'and lets nothing be read' weir get --allow-unsigned "$ref" "$tmp/no"
like "$err" "grant $id .* waits for 2 approvals; .* weir grant approve $id --key KEY" \
    'which is said'
exits 4 'explain' weir grant explain "$me" "$ref"
like "$out" 'approvals +NO +it waits for them' 'says it, too'
exits 0 'ls' weir grant ls
like "$out" "WAITS for 2 approvals" 'shows it'
exits 0 'a review' weir grant review --json
json "[.grants[] | select(.grant == $id)] | length == 0" \
    'does not count it among those in force'

terms=$(terms_of "$id")
is "$terms" "$me may load llama 9 times and write plain copies, without an end, on hosts *" \
    'its terms are in words'
exits 2 '--yes without the terms' weir grant approve "$id" --key carol --yes
exits 3 'or with others' weir grant approve "$id" --key carol --yes \
    --terms "$me may browse llama, without an end"
exits 4 'by a key of whom it is to' weir grant approve "$id" --key erin --yes \
    --terms "$terms"
exits 0 'by carol' weir grant approve "G$id" --key carol --yes --terms "$terms"
like "$out" 'proposed A[0-9]+: 1 of 2, waits for dave' 'who is not enough'
like "$err" "terms +$me may load llama 9 times" 'and was shown all of it'
exits 4 'still' weir get --allow-unsigned "$ref" "$tmp/no"
exits 6 'by carol again' weir grant approve "$id" --key carol --yes \
    --terms "$terms"
exits 4 'by her and whom it is to' weir grant approve "$id" --key erin --yes \
    --terms "$terms"
exits 4 'nothing' weir get --allow-unsigned "$ref" "$tmp/no"
exits 0 'by dave' weir grant approve "$id" --key dave --yes --terms "$terms"
like "$out" 'signed A[0-9]+: 2 of 2, in force' 'it is in force'
exits 0 'and lets be read' weir get --allow-unsigned "$ref" "$tmp/yes"
exits 6 'nobody need approve it again' weir grant approve "$id" --key dave \
    --yes --terms "$terms"
exits 0 'the list' weir grant ls --json
json "[.grants[] | select(.grant == $id)][0] | .approvals == 2 and
    .approved != null and .terms == null" 'has when it was'
# A key that has left takes nothing back, and is said to whoever reviews.
stale()
{
	exits 0 'a review' weir grant review --json
	json "[.grants[] | select(.grant == $id) | .findings[] |
	    select(test(\"$1\"))] | length == $2" "$3"
}
stale 'approved now' 0 'of a grant whose approvers count'
exits 0 'dave approves no more' policy '["carol", "erin"]' 1
stale 'approved now' 0 'one of whom is enough'
exits 0 'and nor does carol' policy '["dave", "erin"]' 2
pin
stale 'would not be approved now: 1 of 2 signatures counts under trust root 4 .dave.; .*weir grant rm' 1 \
    'and of one whose do not any more'
exits 0 'which lets be read' weir get --allow-unsigned "$ref" "$tmp/still"
exits 0 'in a table, too' weir grant review
like "$out" 'would not be approved now' 'in words'
exits 0 'as it was' policy '["carol", "dave", "erin"]' 2
pin
stale 'approved now' 0 'it is as before'
weir grant rm "$id" >/dev/null 2>&1

# Of all that keyd takes up again at its start, waiting is a part.
grants llama
idle
exits 4 'after a restart' weir get --allow-unsigned "$ref" "$tmp/no"
exits 0 'one approval' weir grant approve "$id" --key carol --yes --terms "$terms"
exits 0 'it is taken back' weir grant rm "$id" --reason no
exits 5 'and not approved any more' weir grant approve "$id" --key carol --yes \
    --terms x

exits 0 'what waited for it' weir promote ls llama --all
like "$out" 'A[0-9]+ .*stale' 'is stale'
exits 0 'two of two, one of them whom it is to' policy '["carol", "erin"]' 2
pin
exits 2 'a grant that nobody may approve' weir grant add llama --to "$me" \
    --loads 1 --reason t
like "$err" "nobody could approve it: a grant for llama takes 2 approvals by trust root 6, and of those who may give them only 1 is not $me.*weir trust set" \
    'is refused, with the reason'
exits 0 'one to somebody else' weir grant add llama --to user:nobody --loads 1 \
    --reason t
exits 0 'the trail' weir audit ls --kind statement.sign
like "$out" "dave signed A[0-9]+: grant [0-9]+ of llama, in force" 'tells of approvals'
done_testing
