#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir doctor: what is wrong is found, and 8 means that something does not work.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
# state CHECK: what doctor says of it
state()
{
	weir doctor --json 2>/dev/null | jq -r --arg c "$1" \
	    '.findings[] | select(.check == $c) | .state'
}

weir doctor --json >"$tmp/j" 2>/dev/null
got=$?
fails=$(jq '[.findings[] | select(.state == "fail")] | length' "$tmp/j")
[ "$got" -eq "$([ "$fails" -gt 0 ] && echo 8 || echo 0)" ]
ok $? "the exit status is of what fails alone ($got, $fails)"
is "$(jq .ok "$tmp/j")" "$([ "$fails" -eq 0 ] && echo true || echo false)" \
    'and so is ok'
is "$(jq '[.findings[] | has("mend") and has("advice")] | any' "$tmp/j")" \
    false 'what is to be done is a command or words'

chmod 600 "$key"
is "$(state secret)" ok 'a key file of its owner alone is fine'
chmod 640 "$key"
is "$(state secret)" warn 'one that others can read is not'
exits "$([ "$fails" -gt 0 ] && echo 8 || echo 0)" 'for people' weir doctor
like "$out" "\\$ chmod 600 '$key'" 'the command that mends it is there'
chmod 600 "$key"
mv "$key" "$key.away"
is "$(state secret)" fail 'nor is one that is not there'
exits 8 'and that is a failure' weir doctor
mv "$key.away" "$key"

is "$(state keyring)" ok 'the keyring'
chmod 644 "$vault/keyring"
is "$(state keyring)" fail 'that others can read is found'
exits 8 'it exits 8' weir doctor
like "$out" "\\$ chmod 600 '$vault/keyring'" 'with the path'
chmod 600 "$vault/keyring"
mv "$vault/epoch" "$tmp/epoch"
exits 8 'one that is missing' weir doctor
like "$out" '^ +restore it from a backup' 'is mended by no command'
mv "$tmp/epoch" "$vault/epoch"
is "$(env PATH="$BUILD" weir doctor --json 2>/dev/null | "$(command -v jq)" -r \
    '.findings[] | select(.check == "acl") | .state')" warn \
    'without setfacl a vault is not shared so easily'
exits 8 'no vault there' weir -V "$tmp/absent" doctor
like "$out" "weir init '$tmp/absent'" 'is made so'
done_testing
