#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Who signs goes by a trust root that this host has pinned or seen, or that their
# own key signed, as a mount does.  The liar here is keyd's administrator, who has
# everything but people's keys: a copy of the vault from before its first trust
# root, with the same id and log key, in which other people may sign.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
WEIR_KEYS=$tmp/keys
echo 'correct horse battery staple' >"$tmp/pw"
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw
export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
unset SSH_AUTH_SOCK
for person in carol dave erin mallory; do
	weir key gen $person >"$tmp/$person.pub" 2>/dev/null
done
mkdir "$tmp/m"
echo good >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
idle
twin=$tmp/twin
cp -a "$vault" "$twin"
weir trust init --yes --quiet --key carol --key dave --public erin \
    >/dev/null 2>&1
weir trust show --export >"$tmp/root.json"
# mallory would have carol's signature under rules of his.
weir -V "$vault" trust show --policy | jq --arg key \
    "$(cut -d ' ' -f 1,2 "$tmp/mallory.pub")" '.keys += [{name: "mallory",
    key: $key}] | (.. | objects | select(has("threshold"))) = {keys:
    ["carol", "mallory"], threshold: 1} | .root = {keys: ["mallory"],
    threshold: 1}' >"$tmp/forged.json"
WEIR_STATE_DIR=$tmp/mallorys weir -V "$twin" trust init --yes --quiet \
    --key mallory --policy "$tmp/forged.json" >/dev/null 2>"$tmp/.err" ||
	diag "$(cat "$tmp/.err")"

# by STATE VAULT ARGUMENT...: carol signs
# shellcheck disable=SC2317 # called by name
by()
{
	state=$1
	in=$2
	shift 2
	WEIR_STATE_DIR=$state weir -V "$in" sign "$ref" --yes --quiet \
	    --key carol "$@"
}

# --- nothing seen, nothing pinned ---------------------------------------------

exits 5 'a root that carol has not signed' by "$tmp/a" "$twin"
like "$err" 'no trust root of vault [0-9a-f]* is pinned.*--trust FILE' \
    'is none for her'
exits 5 'nor does it revoke' env WEIR_STATE_DIR="$tmp/a" weir -V "$twin" \
    revoke "$ref" --yes --key carol --reason x
exits 5 'nor promote' env WEIR_STATE_DIR="$tmp/a" weir -V "$twin" \
    promote "$ref" prod --yes --key carol --reason x
is "$(weir -V "$twin" promote ls --all --json | jq '[.statements[] |
    select(.about != "trust")] | length')" 0 'and nothing was signed'
exits 3 'another root than the pinned one' by "$tmp/a" "$twin" \
    --trust "$tmp/root.json"
like "$err" 'another trust root 1 than the one' 'is refused'
like "$(cat "$tmp"/a/*/refused)" 'another trust root 1' 'and noted'
exits 0 'the control: first use takes it' by "$tmp/b" "$twin" \
    --trust-on-first-use
like "$(cat "$tmp"/b/*/seen.json)" '"how":"first-use"' 'which is remembered'

# --- seen ----------------------------------------------------------------------

exits 0 'a root that carol has signed needs no word' by "$tmp/c" "$vault"
like "$(cat "$tmp"/c/*/seen.json)" '"how":"pinned"' 'and is as good as pinned'
exits 3 'from then on' by "$tmp/c" "$twin"
like "$err" 'another trust root 1 than the one' 'it is no other one'
exits 3 'first use or not' by "$tmp/c" "$twin" --trust-on-first-use
exits 3 'looking finds it, too' env WEIR_STATE_DIR="$tmp/c" \
    weir -V "$twin" trust show
exits 3 'and show' env WEIR_STATE_DIR="$tmp/c" weir -V "$twin" show "$ref"

# erin is in the root, and has not signed it.
# shellcheck disable=SC2317 # called by name
erin()
{
	WEIR_STATE_DIR=$tmp/e weir promote approve "$@" --yes --key erin \
	    --version "$ref"
}
weir promote "$ref" prod --yes --quiet --key carol --reason t >"$tmp/p"
p=$(sed 's/.*\(P[0-9]*\):.*/\1/' "$tmp/p")
exits 5 'erin, on a host of hers' erin "$p"
exits 0 'names the root once' erin "$p" --trust "$tmp/root.json"
like "$out" '2 of 2, in force' 'and approves'

# --- channels that were seen ----------------------------------------------------

idle
cp -a "$vault" "$tmp/before"
exits 0 'the channel moves on' weir promote "$ref" prod --yes --quiet \
    --key carol --key dave --reason t
weir promote "$ref" prod --yes --quiet --key carol --reason t >/dev/null
idle
exits 3 'an older vault' weir -V "$tmp/before" promote "$ref" prod --yes \
    --quiet --key carol --reason t
like "$err" 'has seen' 'is refused'
# The control: who has not seen it.
exits 0 'by whoever saw more' env WEIR_STATE_DIR="$tmp/f" \
    weir -V "$tmp/before" promote "$ref" prod --yes --quiet --key carol \
    --reason t
done_testing
