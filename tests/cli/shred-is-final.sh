#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# shred-is-final: what the vault was before (catalogue, its log, the whole store)
# and all secrets of today give back nothing of a shredded version; others read on.
# A keyd that keeps the old epoch must be found out.
. "$(dirname "$0")/lib.sh"
requires jq sqlite3
mutant=$BUILD/tests/mutants/weir-keyd-hoarding
[ -x "$mutant" ] || skip_all 'the mutant is not built'

mkdir "$tmp/a" "$tmp/b"
head -c 300000 /dev/urandom >"$tmp/a/shared.bin"
cp "$tmp/a/shared.bin" "$tmp/b/"
head -c 200000 /dev/urandom >"$tmp/a/own.bin"
head -c 200000 /dev/urandom >"$tmp/b/own.bin"

# serve PROGRAM: keyd of the vault at hand
serve()
{
	vacant
	"$1" --vault "$vault" --key-file "$key" 2>>"$tmp/keyd.log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}

# What is being verified still is not shredded yet.
# shellcheck disable=SC2317 # wait_for calls it
shredded()
{
	weir shred "$first" --yes --reason 'asked for' \
	    --certificate "$tmp/$1.json" --json >"$tmp/shredded" 2>"$tmp/.err"
	status=$?
	[ "$status" -ne 6 ] || ! grep -q 'by the verifier' "$tmp/.err"
}

# What a slow disk has left when it is answered goes after that.
# shellcheck disable=SC2317 # wait_for calls it
all_gone()
{
	weir shred "$first" --yes --certificate "$tmp/late.json" --json \
	    2>/dev/null |
	    jq -e '.payload | @base64d | fromjson | .objects.left == null'
}

# scene NAME PROGRAM: a vault with two versions, a copy of it as it was, and the
# first one shredded
scene()
{
	mkvault "$1"
	serve "$2"
	first=$(weir put llama "$tmp/a" 2>/dev/null)
	second=$(weir put llama "$tmp/b" 2>/dev/null)
	weir grant add llama --to "$me" --loads 9 --export --reason t >/dev/null
	# With its write-ahead log, as it lies there.
	cp -a "$vault" "$tmp/$1.before"
	wait_for 60 shredded "$1"
	wait_for 60 all_gone >/dev/null
	end_process "$keyd"
	wait_for 60 test ! -e "$vault/run/keyd.sock"
}

# The old vault with the secrets of today: whether it gives the version back.
attack()
{
	rm -rf "$tmp/old"
	cp -a "$tmp/$1.before" "$tmp/old"
	rm -rf "$tmp/old/run" "$tmp/old/keyd.lock"
	cp "$vault/keyring" "$vault/epoch" "$tmp/old/"
	for left in epoch.old epoch.next; do
		[ ! -e "$vault/$left" ] || cp "$vault/$left" "$tmp/old/"
	done
	# What says which epoch it is is not what keeps anybody out.
	sqlite3 "$tmp/old/catalogue.db" "replace into notes (name, value)
	    values ('epoch', $2)" || return 2
	weir -V "$tmp/old" get --allow-unsigned "$first" "$tmp/out.$1" \
	    >/dev/null 2>"$tmp/attack.err"
}

scene vault weir-keyd
is "$status" 0 'shred'
out=$(cat "$tmp/shredded")
json '.payloadType == "application/vnd.weir.deletion+json"' 'prints its certificate'
is "$(find "$vault" -maxdepth 1 -name 'epoch.*' -o -maxdepth 1 -name '.tmp-*')" '' \
    'no other epoch lies about'
[ ! -s "$vault/catalogue.db-wal" ]
ok $? 'the write-ahead log is empty'

fails 'shred-is-final: the vault of before and all secrets of today' \
    attack vault 2
fails 'by the first epoch, neither' attack vault 1
like "$(cat "$tmp/attack.err")" 'epoch' 'it is told why'

exits 0 'the other version' weir get --allow-unsigned "$second" "$tmp/out"
is "$(describe "$tmp/out")" "$(describe "$tmp/b")" 'reads on'
exits 0 'check' weir check --read-data --json
json '.ok and .unreferenced == 0' 'nothing of it is left in the store'
exits 0 'verify' weir audit verify
exits 0 'the catalogue' weir audit verify --catalogue
exits 0 'the trail' weir audit ls --kind shred
like "$out" 'is shredded: epoch 2' 'has it'
exits 0 'put again' weir put llama "$tmp/a" --json
json '.known | not' 'it is a new version'

# --- the certificate ---

vkey=$(weir audit checkpoint --json | jq -r .vkey)
exits 0 'a certificate' weir audit verify --certificate "$tmp/vault.json" \
    --log-key "$vkey" --json
json '.ok and .certificate.chunks.destroyed > 0 and
    .certificate.chunks.kept > 0 and
    .certificate.chunks.kept_for[0].version == "'"${second#*@}"'"' 'holds'
json '.certificate.files | map(.sha256) | index("'"$(sha256sum \
    "$tmp/a/own.bin" | cut -d' ' -f1)"'") != null' 'names files by digest'
json '.certificate.limits | map(select(test("^key-file|^recovery|^epoch"))) |
    length == 3' 'and its limits, by kind of secret'
exits 0 'in words, without a vault' env -u WEIR_VAULT -u WEIR_KEY_FILE \
    weir audit verify --certificate "$tmp/vault.json" --log-key "$vkey"
like "$out" 'DELETION CERTIFICATE' 'is for people, too'
jq '.payload |= (@base64d | sub("asked for"; "Asked for") | @base64)' \
    "$tmp/vault.json" >"$tmp/changed.json"
exits 3 'one that was changed' weir audit verify --certificate \
    "$tmp/changed.json" --log-key "$vkey"
like "$err" 'signature' 'is refused'
exits 2 'without the key of the log' weir audit verify --certificate \
    "$tmp/vault.json"

# Each file says what it is to a command that takes another.
weir audit proof 1 >"$tmp/proof"
weir audit checkpoint >"$tmp/checkpoint"
exits 1 'a certificate is no proof' weir audit verify --proof \
    "$tmp/vault.json" --log-key "$vkey"
like "$err" 'is a deletion certificate, and no proof.*--certificate FILE' \
    'and is told which command takes it'
exits 3 'nor a checkpoint' weir audit verify --against "$tmp/vault.json"
like "$err" 'is a deletion certificate, and no checkpoint' 'is told, too'
exits 1 'a proof is no certificate' weir audit verify --certificate \
    "$tmp/proof" --log-key "$vkey"
like "$err" 'is a proof, and no deletion certificate.*--proof FILE' \
    'and is told which command takes it'
exits 1 'nor is a checkpoint' weir audit verify --certificate \
    "$tmp/checkpoint" --log-key "$vkey"
like "$err" 'is a checkpoint.*--against FILE' 'is told, too'
exits 1 'what is none of these' weir audit verify --proof "$key" \
    --log-key "$vkey"
like "$err" "is no proof, .*'weir audit proof' writes one" \
    'is told where one is from'

exits 2 'shred without --yes' weir shred "$second"
like "$err" 'gone for ever, .*: shred it\? .*--yes' 'is told what it would do'
like "$err" '--yes' 'asks'
exits 2 'shred of a channel' weir shred llama:latest --yes
exits 5 'a certificate that has no place to go' weir shred "$second" --yes \
    --certificate "$tmp/nowhere/c.json"
like "$err" "'$tmp/nowhere'.*nothing was shredded" 'is told of before'
exits 2 'nor is a directory one' weir shred "$second" --yes --certificate "$tmp"
exits 0 'and nothing was shredded' weir show "$second"
cd "$tmp" || exit 1
exits 0 'shred again' weir shred "$second" --yes
like "$err" 'make one now' 'says to make a backup'
exits 0 'and again' weir shred "$second" --yes
like "$err" 'was shredded before' 'is told'
like "$(ls "$tmp")" '^llama@.*\.shredded\.json$' 'the certificate is written'
exits 3 "another vault's certificate" weir audit verify --certificate \
    "$tmp/vault.json" --log-key "$(mkvault other >/dev/null
	weir audit checkpoint --json | jq -r .vkey)"

scene hoard "$mutant"
is "$status" 0 'a keyd that keeps the old epoch' || diag "$(cat "$tmp/.err")"
attack hoard 2
ok $? 'the control: gives the version back'
is "$(describe "$tmp/out.hoard" 2>/dev/null)" "$(describe "$tmp/a")" 'whole'
done_testing
