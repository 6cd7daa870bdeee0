#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Who signs does not take keyd's word: a keyd that answers with other versions,
# other manifests, other statements or other keys gets no signature.  The
# control: the same commands through the same go-between, which then changes
# nothing, sign.
. "$(dirname "$0")/lib.sh"
requires jq python3

mkvault vault
WEIR_KEYS=$tmp/keys
echo 'correct horse battery staple' >"$tmp/pw"
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw
export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
unset SSH_AUTH_SOCK
for person in carol dave erin; do
	weir key gen $person >"$tmp/$person.pub" 2>/dev/null
done
mkdir "$tmp/m"
echo good >"$tmp/m/w.bin"
good=$(weir put llama "$tmp/m" 2>/dev/null)
echo evil >"$tmp/m/w.bin"
evil=$(weir put llama "$tmp/m" 2>/dev/null)
weir trust init --yes --quiet --key carol --key dave --public erin \
    >/dev/null 2>&1

vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
cleanup_fn end_process $!
listens
mv "$vault/run/keyd.sock" "$vault/run/honest.sock"

liar=
# lies LIE ARGUMENT...: from now on
lies()
{
	[ -z "$liar" ] || end_process "$liar"
	rm -f "$vault/run/keyd.sock"
	python3 "$top/tests/lib/liar.py" "$vault/run/keyd.sock" \
	    "$vault/run/honest.sock" "$@" >"$tmp/liar.out" 2>"$tmp/liar.err" &
	liar=$!
	wait_for 60 grep -q ready "$tmp/liar.out"
}
cleanup_fn stop_liar
# shellcheck disable=SC2317 # called at exit
stop_liar()
{
	[ -z "$liar" ] || end_process "$liar"
}

# How many signatures keyd has taken.
taken()
{
	weir promote ls --all --json 2>/dev/null |
	    jq '[.statements[].have] | add // 0'
}

lies version "$evil"
exits 3 'another version for a digest' weir sign "$good" --yes --key carol
like "$err" 'answers with.*not to be' 'is refused'
exits 3 'and for 32 digits' weir sign "$(printf %.38s "$good")" --yes --key carol
lies manifest "$evil"
exits 3 'another manifest under the digest' weir sign "$good" --yes --key carol
like "$err" 'not the one with that digest' 'is refused'
# Roots that do not even hold by themselves, on a host that has seen none.
WEIR_STATE_DIR=$tmp/nothing
lies root-unsigned
exits 3 'a trust root with one signature of two' weir sign "$good" --yes \
    --key carol
like "$err" 'trust root 1 is signed by fewer' 'is refused'
lies root-threshold
exits 3 'a trust root with other rules' weir trust show
like "$err" 'trust root 1 .*not to be trusted' 'is refused'
WEIR_STATE_DIR=$tmp/state
exits 3 'and where one was seen' weir trust show
like "$err" 'another trust root 1 than the one' 'it is no other one'
lies vault
exits 3 'another vault' weir sign "$good" --yes --key carol
lies none
is "$(taken)" 2 'none of this got a signature'

exits 0 'the control: an honest answer' weir sign "$good" --yes --key carol
exits 0 'is signed' weir promote "$good" prod --yes --key carol --reason t
p=$(printf '%s' "$out" | sed 's/.*\(P[0-9]*\):.*/\1/')
before=$(taken)

lies payload version "${evil#*@}"
exits 3 'a statement about another version' weir promote approve "$p" --yes \
    --version "$good" --key dave
like "$err" "about llama@${evil#*@}, not" 'is not what was meant'
exits 3 'and where it is meant' weir promote approve "$p" --yes \
    --version "$evil" --key dave
like "$err" 'root digest.*do not sign' 'does not agree with its manifest'
lies payload root "${evil#*@}"
exits 3 'with another root digest' weir promote approve "$p" --version "$good" --yes --key dave
lies payload vault 00000000000000000000000000000000
exits 3 'of another vault' weir promote approve "$p" --version "$good" --yes --key dave
lies payload put_by user:dave
exits 3 'with another uploader' weir promote approve "$p" --version "$good" --yes --key dave
lies uploader dave
exits 3 'or another uploader of the version' weir promote approve "$p" \
    --version "$good" --yes --key dave
# What a version does not tell is shown, and the signature is over what was
# shown: it is worth nothing for another statement.
lies payload channel staging
exits 3 'with another channel' weir promote approve "$p" --version "$good" --yes --key dave
like "$err" 'channel +llama:staging' 'is shown as that'
like "$err" 'not a signature of it' 'and its signature is none of the other'
lies none
is "$(taken)" "$before" 'none of this got a signature that counts'
exits 0 'the control: an honest answer' weir promote approve "$p" \
    --version "$good" --yes --key dave
like "$out" 'in force' 'is signed'
done_testing
