#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing, for others: `weir sign --oms` makes a model.sig from the
# digests that the vault holds, and openssl, jq and sha256sum alone verify it.
. "$(dirname "$0")/lib.sh"
requires openssl jq

# The bytes that were signed, made from a bundle alone.
signed_bytes()
{
	jq -r .dsseEnvelope.payload "$1" | base64 -d >"$tmp/payload"
	printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \
	    "$(wc -c <"$tmp/payload")"
	cat "$tmp/payload"
}

# verifies BUNDLE PUBLIC-KEY HASH
verifies()
{
	signed_bytes "$1" >"$tmp/signed"
	jq -r '.dsseEnvelope.signatures[0].sig' "$1" | base64 -d >"$tmp/sig"
	openssl dgst "-$3" -verify "$2" -signature "$tmp/sig" "$tmp/signed" \
	    >/dev/null 2>&1
}

mkvault vault
for curve in P-256 P-384 P-521; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve \
	    -out "$tmp/$curve.pem" 2>/dev/null
	openssl pkey -in "$tmp/$curve.pem" -pubout -out "$tmp/$curve.pub"
done

mkdir -p "$tmp/tree/sub" "$tmp/tree/.git"
printf '{"a":1}' >"$tmp/tree/config.json"
head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
: >"$tmp/tree/empty"
printf x >"$tmp/tree/sub/a \"quoted\" name"
printf y >"$tmp/tree/sub/模型.bin"
printf z >"$tmp/tree/sub-b"
printf g >"$tmp/tree/.git/HEAD"
printf i >"$tmp/tree/ignored"
ref=$(weir put org/llama "$tmp/tree" --quiet)

for pair in P-256:sha256 P-384:sha384 P-521:sha512; do
	curve=${pair%:*}
	exits 0 "$curve: signed" weir sign "$ref" --oms --yes \
	    --key "$tmp/$curve.pem" --bundle "$tmp/bundle" --ignore-paths ignored
	verifies "$tmp/bundle" "$tmp/$curve.pub" "${pair#*:}"
	ok $? "$curve: openssl alone verifies the signature"
	is "$(jq -r .verificationMaterial.publicKey.hint "$tmp/bundle")" \
	    "$(openssl pkey -pubin -in "$tmp/$curve.pub" -pubout | sha256sum |
	        cut -d ' ' -f 1)" \
	    "$curve: the hint is the digest of the key's PEM text"
done
! verifies "$tmp/bundle" "$tmp/P-521.pub" sha256
ok $? 'control: not with another hash'
jq -c '.dsseEnvelope.payload |= (@base64d | sub("empty"; "other") | @base64)' \
    "$tmp/bundle" >"$tmp/changed"
! verifies "$tmp/changed" "$tmp/P-521.pub" sha512
ok $? 'control: nor of another payload'
verifies "$tmp/bundle" "$tmp/P-521.pub" sha512

# The statement, from the files alone.
(
	cd "$tmp/tree" && find . -type f ! -path './.git/*' ! -path ./ignored |
	    sed 's|^\./||' | LC_ALL=C sort | while read -r f; do
		d=$(sha256sum <"$f")
		printf %s "$d" | jq -R --arg n "$f" \
		    '{name: $n, digest: .[0:64], algorithm: "sha256"}'
	done | jq -sc .
) >"$tmp/resources"
is "$(jq -c .predicate.resources "$tmp/payload")" "$(cat "$tmp/resources")" \
    'the resources are the files, in order, with their digests'
is "$(jq -r '.subject[0].digest.sha256' "$tmp/payload")" \
    "$(jq -r '.[].digest' "$tmp/resources" | tr -d '\n' |
        perl -ne 'print pack("H*", $_)' | sha256sum | cut -d ' ' -f 1)" \
    'the root digest is of their raw digests'
is "$(jq -r '.subject[0].name' "$tmp/payload")" llama 'the model has its name'
is "$(jq -c .predicate.serialization "$tmp/payload")" \
    '{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":[".git",".gitattributes",".github",".gitignore","ignored","model.sig"]}' \
    'and says how it was made'

# What `get` writes is the same bundle, and a file of the tree's own stays.
weir grant add org/llama --to "$me" --loads 9 --export \
    --reason test >/dev/null
exits 0 'got' weir get "$ref" "$tmp/got" --allow-unsigned
cmp "$tmp/bundle" "$tmp/got/model.sig"
ok $? 'model.sig is in its root, the same to the byte'
exits 0 'weir verifies it where it lies' weir verify-oms "$tmp/got" \
    --bundle "$tmp/got/model.sig" --public-key "$tmp/P-521.pub"
printf changed >"$tmp/got/sub-b"
exits 3 'and finds what changed' weir verify-oms "$tmp/got" \
    --bundle "$tmp/got/model.sig" --public-key "$tmp/P-521.pub"
like "$out" '^differs +sub-b$' 'by its name'

mkdir "$tmp/own"
printf own >"$tmp/own/model.sig"
printf w >"$tmp/own/w"
own=$(weir put own "$tmp/own" --quiet)
weir sign "$own" --oms --yes --key "$tmp/P-256.pem" >/dev/null
weir grant add own --to "$me" --loads 9 --export \
    --reason test >/dev/null
exits 0 'a tree with a model.sig of its own' weir get "$own" "$tmp/own-got" \
    --allow-unsigned
is "$(cat "$tmp/own-got/model.sig")" own 'keeps it'

# What is recorded, and what is refused.
exits 0 'the trail has it' weir audit ls --kind sign.oms --json
is "$(printf '%s' "$out" | jq -s length)" 4 'once for each signature'
exits 2 'a channel cannot be signed' weir sign org/llama:latest --oms --yes \
    --key "$tmp/P-256.pem"
exits 2 'nor without a key' weir sign "$ref" --oms --yes
exits 1 'an Ed25519 key will not do' sh -c "openssl genpkey -algorithm ED25519 \
    -out '$tmp/ed' && weir sign '$ref' --oms --yes --key '$tmp/ed'"
like "$err" 'P-256, P-384 or P-521' 'and it says which ones do'
exits 2 'wildcards are refused' weir sign "$ref" --oms --yes \
    --key "$tmp/P-256.pem" --ignore-paths '*.bin'
exits 2 'what else is to be said needs a statement' weir sign "$ref" --oms \
    --yes --key "$tmp/P-256.pem" --owner me
ln -s w "$tmp/own/link"
rm "$tmp/own/model.sig"
linked=$(weir put linked "$tmp/own" --quiet)
exits 6 'a link cannot be covered' weir sign "$linked" --oms --yes \
    --key "$tmp/P-256.pem"
like "$err" "'link' is a symbolic link" 'and is named'
exits 0 'but left out' weir sign "$linked" --oms --yes \
    --key "$tmp/P-256.pem" --ignore-paths link

# A key with a passphrase.
printf 'horse battery\n' >"$tmp/pass"
openssl pkey -in "$tmp/P-256.pem" -aes256 -passout "file:$tmp/pass" \
    -out "$tmp/sealed.pem"
exits 0 'an encrypted key' weir sign "$ref" --oms --yes \
    --key "$tmp/sealed.pem" --key-passphrase-file "$tmp/pass"
printf 'another\n' >"$tmp/pass"
exits 7 'not with another passphrase' weir sign "$ref" --oms --yes \
    --key "$tmp/sealed.pem" --key-passphrase-file "$tmp/pass"
like "$err" 'passphrase is wrong' 'which is said'

done_testing
