#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Unlocking secrets: added, changed and removed by who proves one, and never so
# that nothing proven is left.
. "$(dirname "$0")/lib.sh"

mkvault vault
head -c 32 /dev/urandom >"$tmp/second.key"
head -c 32 /dev/urandom >"$tmp/third.key"
chmod 600 "$tmp/second.key" "$tmp/third.key"
echo 'a passphrase' >"$tmp/word"
echo 'another one' >"$tmp/new-word"
# shellcheck disable=SC2317 # called by exits
with()
{
	secret=$1
	shift
	env -u WEIR_KEY_FILE weir "$secret" "$@"
}

exits 0 'a new vault has two: the first, and the recovery key' \
    weir secret ls --json
json '[.secrets[] | .type] == ["key-file", "recovery"]' 'they are listed'
json '.secrets[0].current and .secrets[0].used' \
    'with the one that opened it last'

exits 6 'one of two cannot be removed' weir secret rm recovery
like "$err" 'two|2 unlocking secrets at least' 'and why is said'

exits 0 'a key file is added' \
    weir secret add --new-key-file "$tmp/second.key" --label spare --json
json '.secret == 3' 'and has a number'
unlike "$err" 'chmod' 'one that is its owner'\''s alone'
exits 0 'it opens the vault' with --key-file="$tmp/second.key" ls
exits 6 'the same one is no second secret' \
    weir secret add --new-key-file "$tmp/second.key" --label again
like "$err" 'already, as secret 3' 'which is said'
exits 6 'nor does it take the place of itself' \
    weir secret passwd 3 --new-key-file "$tmp/second.key"
exits 0 'a recovery key is added' weir secret add --new-recovery
printf '%s\n' "$out" >"$tmp/second-recovery"
like "$out" '^([A-Z2-7]{4}-){12}[A-Z2-7]{4}$' 'and printed, alone'
exits 0 'it opens the vault, too' \
    with --passphrase-file="$tmp/second-recovery" ls

idle
exits 7 'a wrong secret adds nothing' \
    with --passphrase-file="$tmp/word" secret add --new-recovery
is "$out" '' 'and no recovery key is shown'
exits 6 'the secret that is to go is no proof' weir secret rm 1
like "$err" 'secret 1 itself' 'which is said'
exits 0 'another one is' \
    with --key-file="$tmp/second.key" secret rm 1
exits 7 'what was removed does not open it' weir ls
like "$err" 'does not unlock' 'and is told so'
WEIR_KEY_FILE=$tmp/second.key

exits 5 'what is not there is not removed' weir secret rm 1
exits 2 'a number is no label' \
    weir secret add --new-passphrase-file "$tmp/word" --label 17
exits 2 'there is one new secret' weir secret add --new-recovery \
    --new-passphrase-file "$tmp/word"
exits 7 'nobody is asked where nobody is' \
    setsid -w weir secret add </dev/null
like "$err" 'new-key-file' 'and the ways are told'

exits 0 'the secret in use is changed' \
    weir secret passwd --new-key-file "$tmp/third.key" --json
json '.secret == 5' 'to one with a number of its own'
exits 7 'the old one is no more' weir ls
unset WEIR_KEY_FILE
exits 0 'the recovery key changes one that is forgotten' \
    weir secret passwd 5 --passphrase-file "$tmp/recovery" \
    --new-passphrase-file "$tmp/new-word"
idle
exits 0 'with a passphrase that opens' \
    weir ls --passphrase-file "$tmp/new-word"
WEIR_PASSPHRASE_FILE=$tmp/recovery
export WEIR_PASSPHRASE_FILE
exits 0 'all of it is in the trail' weir audit ls --json --kind secret.add
is "$(printf '%s\n' "$out" | jq -c '[.secret, .proved, .replaces]' | tr '\n' ' ')" \
    '[3,1,null] [4,1,null] [5,3,3] [6,2,5] ' 'who proved what, and what went'
exits 0 'the catalogue agrees' weir audit verify --catalogue

# What a keyd that was killed in between leaves.
cp "$vault/keyring" "$tmp/before"
exits 0 'a change is made' weir secret add --new-key-file "$tmp/second.key" \
    --label late
idle
cp "$vault/keyring" "$vault/keyring.next"
cp "$tmp/before" "$vault/keyring"
exits 0 'one that was recorded is finished at the next start' \
    weir secret ls --json
json '[.secrets[] | .label] | contains(["late"])' 'and is there'
idle
[ ! -e "$vault/keyring.next" ]
ok $? 'with nothing left over'
cp "$vault/keyring" "$tmp/after"
cp "$tmp/before" "$vault/keyring.next"
exits 0 'one that was not recorded never was' weir secret ls --json
idle
cmp "$vault/keyring" "$tmp/after"
ok $? 'the keyring is what it was'
cp "$tmp/before" "$vault/keyring"
exits 0 'an older keyring opens' weir ls
like "$err" 'not what the trail' 'and is noticed'
idle
head -c 32 /dev/urandom >"$tmp/open.key"
chmod 644 "$tmp/open.key"
exits 0 'one that everybody may read is taken' \
    weir secret add --new-key-file "$tmp/open.key" --label open
like "$err" "others.*chmod 600 '$tmp/open.key'" 'with a warning'
exits 0 'and goes again' weir secret rm open
done_testing
