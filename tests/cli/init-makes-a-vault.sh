#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir init: a vault, once, and a recovery key.
. "$(dirname "$0")/lib.sh"

(umask 077; head -c 32 /dev/urandom >"$tmp/key")
head -c 31 /dev/urandom >"$tmp/short"
printf 'a good passphrase\n' >"$tmp/pass"

exits 7 'without a secret and a terminal there is no vault' \
    weir init "$tmp/v" </dev/null
[ ! -e "$tmp/v/vault.json" ]
ok $? 'nothing is left of it'
like "$err" 'key-file' 'the message names the ways'

exits 0 'a key file makes one' weir init --key-file "$tmp/key" "$tmp/v"
is "$(printf '%s\n' "$out" | wc -l)" 1 'standard output is one line'
like "$out" '^[A-Z2-7a-z0-9-]{40,}' 'which is the recovery key'
like "$err" 'line on standard output is the RECOVERY KEY' \
    'and is explained on standard error'
weir init --key-file "$tmp/key" "$tmp/order" >"$tmp/both" 2>&1
like "$(tail -n 1 "$tmp/both")" '^[A-Z2-7a-z0-9-]{40,}$' \
    'which stands last, behind all that is said'
(umask 022; head -c 32 /dev/urandom >"$tmp/open")
weir init --key-file "$tmp/open" "$tmp/warned" >"$tmp/both" 2>&1
like "$(head -n 1 "$tmp/both")" "chmod 600 '$tmp/open'" \
    'a key file that others read is warned of'
like "$(tail -n 1 "$tmp/both")" '^[A-Z2-7a-z0-9-]{40,}$' \
    'before the recovery key, too'
is "$(stat -c %a "$tmp/v/keyring")" 600 'the keyring is its owner'\''s alone'
out=$(cat "$tmp/v/vault.json")
json '.weir == 1 and (.id | test("^[0-9a-f]{32}$"))' \
    'vault.json is what FORMAT.md says'

before=$(find "$tmp/v" -type f -exec sha256sum {} + | sort)
exits 6 'a second init is refused' weir init --key-file "$tmp/key" "$tmp/v"
is "$(find "$tmp/v" -type f -exec sha256sum {} + | sort)" "$before" \
    'and changes nothing'

mkdir "$tmp/full"
echo data >"$tmp/full/file"
exits 6 'a directory with files is refused' \
    weir init --key-file "$tmp/key" "$tmp/full"
is "$(ls "$tmp/full")" file 'and left alone'

exits 7 'a short key file is refused' \
    weir init --key-file "$tmp/short" "$tmp/w"
exits 7 'and one that is not there' \
    weir init --key-file "$tmp/absent" "$tmp/w"
like "$err" "umask 077; head -c 32 /dev/urandom > '$tmp/absent'" \
    'which is told how to make one'

exits 1 'a recovery key that cannot be written' sh -c \
    "weir init --key-file '$tmp/key' '$tmp/w' >/dev/full"
like "$err" 'recovery key could not be written, so no vault was made' \
    'is told'
is "$(printf '%s\n' "$err" | sed '1,/RECOVERY KEY/d' | wc -l)" 2 \
    'once, with the reason'
exits 5 'there is no vault without it' \
    weir -V "$tmp/w" --key-file "$tmp/key" role ls
[ ! -e "$tmp/w/keyring" ]
ok $? 'nor a keyring'

exits 0 'init --json, where that was' \
    weir init --json --key-file "$tmp/key" "$tmp/w"
like "$err" 'field recovery_key .* RECOVERY KEY' 'names the field'
json '.recovery_key and .vkey and .origin and .id' \
    'has id, origin, vkey and recovery_key'

exits 0 'a passphrase makes one' \
    weir init --passphrase-file "$tmp/pass" "$tmp/p"
exits 0 'and opens it' weir -V "$tmp/p" --passphrase-file "$tmp/pass" role ls
like "$out" "owner +$me" 'whoever made it is its owner'
printf 'a bad passphrase\n' >"$tmp/bad"
exits 7 'another passphrase does not' \
    weir -V "$tmp/p" --passphrase-file "$tmp/bad" role ls
exits 7 'nor does a key file' weir -V "$tmp/p" --key-file "$tmp/key" role ls
exits 0 'WEIR_PASSPHRASE_FILE does' \
    env WEIR_PASSPHRASE_FILE="$tmp/pass" weir -V "$tmp/p" role ls
mkdir "$tmp/creds"
cp "$tmp/pass" "$tmp/creds/weir-unlock"
exits 0 'CREDENTIALS_DIRECTORY does' \
    env CREDENTIALS_DIRECTORY="$tmp/creds" weir -V "$tmp/p" role ls
done_testing
