#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The exit codes of weir(1), one of each.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
echo x >"$tmp/m/a"

exits 0 'done: 0' weir put llama "$tmp/m"
ref=$out
ln -s /etc/passwd "$tmp/m/bad"
exits 1 'failed: 1' weir put llama "$tmp/m"
rm "$tmp/m/bad"
exits 1 'standard output full: 1' sh -c 'weir ls >/dev/full'
exits 2 'usage: 2' weir put
exits 2 'an unknown command: 2' weir frobnicate
exits 2 'an unknown option: 2' weir put llama "$tmp/m" --frobnicate
exits 2 'no vault named: 2' env -u WEIR_VAULT weir ls
exits 4 'denied: 4' weir get --allow-unsigned "$ref" "$tmp/x"
exits 5 'no vault there: 5' weir -V "$tmp/absent" ls
like "$err" 'weir init' 'and how to make one'
mkdir "$tmp/mnt"
for words in "mount $ref $tmp/mnt" "put llama $tmp/m" status doctor \
    "backup $tmp/b" "get $ref $tmp/x" 'audit ls'; do
	# shellcheck disable=SC2086 # words
	weir -V "$tmp/absent" $words >"$tmp/.out" 2>"$tmp/.err"
	like "$(grep 'there is no' "$tmp/.err")" "^weir(-mount)?: there is no vault \
at '$tmp/absent'; make one: weir init '$tmp/absent', or name another: -V DIR \
or WEIR_VAULT\$" "${words%% *} says the same"
done
exits 5 'no such model: 5' weir show nothing
exits 6 'conflict: 6' weir init "$vault"
exits 7 'a wrong secret: 7' weir ls --key-file "$tmp/recovery"
like "$err" "the secret in '$tmp/recovery' \(--key-file\)" \
    'and which one that was'
head -c 32 /dev/urandom >"$tmp/other"
exits 7 'a forgotten variable: 7' env WEIR_KEY_FILE="$tmp/other" weir ls
like "$err" "$tmp/other' \(WEIR_KEY_FILE\)" 'is named'
exits 7 'no secret: 7' env -u WEIR_KEY_FILE weir ls </dev/null
like "$err" 'key-file' 'and where one can come from'
victim=$(find "$vault/objects" -type f | head -n 1)
mv "$victim" "$tmp/away"
exits 3 'integrity: 3' weir check
mv "$tmp/away" "$victim"

if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$tmp"
	exits 7 'not the owner, and no keyd: 7' \
	    setpriv --reuid 65534 --regid 65534 --clear-groups \
	    "$(command -v weir)" ls </dev/null
	like "$err" "weir-keyd --vault '$vault' --key-file" 'and what starts one'
fi
done_testing
