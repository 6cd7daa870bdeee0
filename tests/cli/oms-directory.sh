#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Plain directories are signed and verified as OpenSSF Model Signing asks: by
# weir itself, and through the two verbs of conformance suites.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"
requires openssl jq

unset WEIR_KEY_FILE
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -out "$tmp/k.pem" 2>/dev/null
openssl pkey -in "$tmp/k.pem" -pubout -out "$tmp/k.pub"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 2>/dev/null |
    openssl pkey -pubout -out "$tmp/other.pub"

m=$tmp/model
b=$tmp/bundle
# A model with what can go wrong in names.
fresh()
{
	rm -rf "$m"
	mkdir -p "$m/sub/.cache" "$m/.git" "$m/path with spaces"
	printf 1 >"$m/a"
	printf 2 >"$m/sub/b"
	printf 3 >"$m/sub/.cache/c"
	printf 4 >"$m/模型.bin"
	printf 5 >"$m/path with spaces/file (copy)"
	printf 6 >"$m/.config"
	: >"$m/empty"
	printf 7 >"$m/.git/HEAD"
	printf 8 >"$m/.gitignore"
	head -c 3000000 /dev/urandom >"$m/big"
}

sign()
{
	weir sign-oms "$m" --key "$tmp/k.pem" --bundle "$b" "$@"
}

verify()
{
	weir verify-oms "$m" --bundle "$b" --public-key "$tmp/k.pub" "$@"
}

fresh
exits 0 'a directory is signed, without a vault' sign
like "$out" "^signed 'model': 8 files, root [0-9a-f]{64}$" 'which is said'
exits 0 'and verified' verify
like "$out" "^verified '.*model': 8 files, 3.0 MB, root [0-9a-f]{64}$" \
    'which is said'
is "$(jq -r .dsseEnvelope.payload "$b" | base64 -d |
    jq -c '[.predicate.resources[].name]')" \
    '[".config","a","big","empty","path with spaces/file (copy)","sub/.cache/c","sub/b","模型.bin"]' \
    'git files are left out, other hidden ones are not'
cp "$b" "$tmp/first"
exits 0 'and signed again' sign
is "$(jq -r .dsseEnvelope.payload "$b")" \
    "$(jq -r .dsseEnvelope.payload "$tmp/first")" \
    'the same files give the same statement'

# --- what is found ---

printf x >>"$m/sub/b"
exits 3 'a file that differs' verify
is "$out" 'differs   sub/b' 'is named'
like "$err" '1 differ, 0 missing, 0 unlisted' 'and counted'
rm "$m/sub/b"
exits 3 'a file that is missing' verify
is "$out" 'missing   sub/b' 'is named'
mkdir "$m/sub/b"
exits 3 'a directory in its place' verify
is "$out" 'missing   sub/b' 'is none'
fresh_big=$(sha256sum <"$m/big")
rmdir "$m/sub/b" && printf 2 >"$m/sub/b"
exits 0 'control: the file again' verify
printf y >"$m/new"
exits 3 'a file that is not listed' verify
is "$out" 'unlisted  new' 'is named'
exits 0 'but not where that is wanted' verify --ignore-unsigned-files
printf x >"$m/a"
exits 3 'what is listed counts all the same' verify --ignore-unsigned-files
exits 3 'everything is found at once, as JSON' verify --json
json '.verified == false and .differs == ["a"] and .unlisted == ["new"] and
    .missing == [] and .files == 8 and .hint' 'with names'
printf 1 >"$m/a"
exits 0 'or it is passed over by name' verify --ignore-paths new
exits 0 'or by its absolute path' verify --ignore-paths "$m/new"
rm "$m/new"

ln -s a "$m/link"
exits 3 'a link' verify
is "$out" 'link      link' 'is named'
exits 0 'and left alone where what is not listed is' \
    verify --ignore-unsigned-files
rm "$m/link" "$m/a"
printf 1 >"$tmp/a"
ln -s ../a "$m/a"
exits 3 'a link in place of a file, to the same bytes' \
    verify --ignore-unsigned-files
is "$out" 'link      a' 'is named'
rm "$m/a" && printf 1 >"$m/a"
mv "$m/sub" "$tmp/sub"
ln -s ../sub "$m/sub"
exits 3 'a link in place of a directory' verify --ignore-unsigned-files
like "$out" '^missing   sub/b$' 'is not followed'
rm "$m/sub" && mv "$tmp/sub" "$m/sub"
ln -s . "$m/cycle"
exits 3 'a link to where it is' verify
rm "$m/cycle"
mkfifo "$m/pipe"
exits 3 'a fifo is not waited for' timeout 120 weir verify-oms "$m" \
    --bundle "$b" --public-key "$tmp/k.pub"
is "$out" 'special   pipe' 'but named'
rm "$m/pipe"
odd=$(printf 'bad\377\nname')
printf x >"$m/$odd"
exits 3 'a name that is no text' verify
is "$out" 'unlisted  bad\xff\x0aname' 'is shown escaped'
exits 1 'and cannot be signed' sign
rm "$m/$odd"
exits 0 'control: all is well' verify

# --- whose it is ---

exits 3 'another key' weir verify-oms "$m" --bundle "$b" \
    --public-key "$tmp/other.pub"
like "$err" 'names another key' 'is told'
exits 2 'no key at all' weir verify-oms "$m" --bundle "$b" \
    --public-key "$tmp/k.pem"
exits 5 'no such key' weir verify-oms "$m" --bundle "$b" --public-key "$tmp/no"
exits 5 'no such bundle' weir verify-oms "$m" --bundle "$tmp/no" \
    --public-key "$tmp/k.pub"
exits 5 'no such directory' weir verify-oms "$tmp/no" --bundle "$b" \
    --public-key "$tmp/k.pub"
exits 2 'half a command line' weir verify-oms "$m" --bundle "$b"
jq 'del(.verificationMaterial.publicKey.hint)' "$b" >"$tmp/bare"
exits 0 'a bundle without a hint' weir verify-oms "$m" --bundle "$tmp/bare" \
    --public-key "$tmp/k.pub"
like "$err" 'does not say whose key' 'is warned of'
jq '.dsseEnvelope.signatures += [.dsseEnvelope.signatures[0]]' "$b" \
    >"$tmp/two"
exits 3 'two signatures' weir verify-oms "$m" --bundle "$tmp/two" \
    --public-key "$tmp/k.pub"
like "$err" "'signatures' has 2 items, not one" 'are one too many'
head -c 100 "$b" >"$tmp/cut"
exits 3 'half a bundle' weir verify-oms "$m" --bundle "$tmp/cut" \
    --public-key "$tmp/k.pub"
like "$err" 'not JSON at offset' 'is told where it ends'

# --- what is signed ---

ln -s a "$m/link"
exits 1 'a link is not signed' sign
like "$err" "'link' is a symbolic link" 'and named'
exits 0 'but left out' sign --ignore-paths link
exits 0 'which the bundle says' verify
rm "$m/link"
exits 2 'wildcards are refused' sign --ignore-paths 'li*'
exits 2 'and what is elsewhere' sign --ignore-paths /etc/passwd
exits 2 'or above' sign --ignore-paths ../model/a
b=$m/sub/inside.sig
exits 0 'a bundle inside of the model' sign
exits 0 'is no part of it' verify
exits 0 'also when it is made again' sign
exits 0 'and again verified' verify
rm "$b"
b=$tmp/bundle
mkdir "$tmp/none"
exits 2 'there is something to be signed' weir sign-oms "$tmp/none" \
    --key "$tmp/k.pem" --bundle "$b"
like "$err" 'no file to be signed' 'or it is said'
exits 0 'a single file is a model' weir sign-oms "$m/a" --key "$tmp/k.pem" \
    --bundle "$b"
exits 0 'and verified' weir verify-oms "$m/a" --bundle "$b" \
    --public-key "$tmp/k.pub"
exits 3 'another one is not' weir verify-oms "$m/empty" --bundle "$b" \
    --public-key "$tmp/k.pub"
is "$(sha256sum <"$m/big")" "$fresh_big" 'nothing was changed meanwhile'

# --- the adapter ---

adapter=$top/tests/oms-adapter
exits 0 'the adapter signs' "$adapter" sign-model --method key \
    --model-path "$m" --output-bundle "$b" --private-key "$tmp/k.pem" \
    --ignore-paths "$m/a" --ignore-paths "$m/sub"
exits 0 'and verifies' "$adapter" verify-model --method key --model-path "$m" \
    --bundle "$b" --public-key "$tmp/k.pub"
printf more >"$m/more"
exits 3 'strictly' "$adapter" verify-model --method key --model-path "$m" \
    --bundle "$b" --public-key "$tmp/k.pub"
exits 0 'or not' "$adapter" verify-model --ignore-unsigned-files --method key \
    --model-path "$m" --bundle "$b" --public-key "$tmp/k.pub"
exits 2 'keys only' "$adapter" verify-model --method certificate \
    --model-path "$m" --bundle "$b" --cert-chain "$tmp/k.pub"
exits 2 'two verbs' "$adapter" benchmark

done_testing
