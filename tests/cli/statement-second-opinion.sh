#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing: others check what people sign: a verifier that shares no
# code with weir, and openssl by itself, over the vectors (which weir writes
# byte for byte: tests/unit/test_statement.c).
. "$(dirname "$0")/lib.sh"

vectors=$top/tests/vectors

opinion()
{
	/usr/bin/python3 "$top/tests/verify_statement.py" "$@" 2>/dev/null
}

is "$(opinion "$vectors/trust-root-1.json" "$vectors/trust-root-1.json" \
    "$vectors/trust-root-2.json" "$vectors/statement-version.json" \
    "$vectors/statement-promotion.json" "$vectors/statement-rollback.json" \
    "$vectors/statement-revocation.json")" \
    'trust 2 of 2
trust 2 of 2
version 2 of 2
promotion 2 of 2
promotion 2 of 2
revocation 2 of 2' 'each kind is signed by two under root 1'
is "$(opinion "$vectors/trust-root-2.json" "$vectors/trust-root-2.json")" \
    'trust 3 of 3' 'and root 2 by three of its own'
! opinion "$vectors/trust-root-2.json" "$vectors/statement-version.json" \
    >/dev/null
ok $? 'two are too few under root 2'

# One signature is dropped; one is another's.
jq -c 'del(.signatures[1])' "$vectors/statement-version.json" >"$tmp/one"
! opinion "$vectors/trust-root-1.json" "$tmp/one" >/dev/null
ok $? 'one is too few'
jq -c '.signatures[0].sig = .signatures[1].sig' \
    "$vectors/statement-version.json" >"$tmp/swapped"
! opinion "$vectors/trust-root-1.json" "$tmp/swapped" >/dev/null
ok $? 'a signature under another key id is refused'

# openssl: the key's 32 bytes behind the header of an Ed25519 public key, and
# the bytes that were signed, made here from the envelope alone.
envelope=$vectors/statement-promotion.json
jq -r .payload "$envelope" | base64 -d >"$tmp/payload"
{
	printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \
	    "$(wc -c <"$tmp/payload")"
	cat "$tmp/payload"
} >"$tmp/signed"
jq -r '.signatures[0].sig' "$envelope" | base64 -d >"$tmp/sig"
{
	printf '\060\052\060\005\006\003\053\145\160\003\041\000'
	jq -r .payload "$vectors/trust-root-1.json" | base64 -d |
	    jq -r '.predicate.keys[1].key' | cut -d ' ' -f 2 | base64 -d |
	    tail -c 32
} >"$tmp/key"
openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$tmp/key" \
    -sigfile "$tmp/sig" -in "$tmp/signed" >/dev/null 2>&1
ok $? 'openssl alone verifies a promotion'
is "$(tail -c 32 "$tmp/key" | sha256sum | cut -d ' ' -f 1)" \
    "$(jq -r '.signatures[0].keyid' "$envelope")" \
    'its key id is the SHA-256 of the key'
echo >>"$tmp/signed"
! openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$tmp/key" \
    -sigfile "$tmp/sig" -in "$tmp/signed" >/dev/null 2>&1
ok $? 'and finds one byte more'
done_testing
