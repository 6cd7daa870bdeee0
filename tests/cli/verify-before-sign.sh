#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing: nobody signs what keyd's verifier has not read back; what
# an uploader made up is found by it, and it goes on after keyd was killed.
. "$(dirname "$0")/lib.sh"
requires jq python3

# A program looks for weir-keyd beside itself.
mkdir -m 755 "$tmp/bin"
cp "$BUILD"/weir "$BUILD"/weir-keyd "$BUILD"/tests/mutants/weir-poisoned \
    "$tmp/bin/"
poisoned=$tmp/bin/weir-poisoned
mkvault vault
trusted carol
mkdir "$tmp/tree"
head -c 400000 /dev/urandom >"$tmp/tree/weights.bin"
echo '{}' >"$tmp/tree/config.json"

# sign REF [OPTION]; called by exits
# shellcheck disable=SC2317
sign()
{
	weir sign "$1" --key carol --yes "${2:---quiet}"
}

verdicts()
{
	weir audit ls --kind verify --json 2>/dev/null | jq -s length
}

# --- an embedded keyd verifies when somebody signs ---

good=$(weir put llama "$tmp/tree" 2>/dev/null)
exits 6 'without waiting, a new version is not signed' sign "$good" --no-wait
like "$err" 'is not verified yet' 'and it says why'
is "$(verdicts)" 0 'nothing was asked for'
exits 0 'otherwise sign waits' weir sign "$good" --key carol --yes
like "$err" "keyd's verifier reads $good first" 'and says what for'
is "$(weir audit ls --kind verify --json |
    jq -r '"\(.by) \(.ok) \(.files) \(.bytes)"')" 'keyd true 2 400003' \
    'the verdict is in the trail'
exits 0 'verified once, for good' sign "$good" --no-wait
is "$(verdicts)" 1 'and not again'

# --- damage ---

head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
find "$vault/objects" -type f | sort >"$tmp/before"
damaged=$(weir put llama "$tmp/tree" 2>/dev/null)
find "$vault/objects" -type f | sort | comm -13 "$tmp/before" - |
    while read -r object; do
	    # The chunks, not the small pages.
	    [ "$(stat -c %s "$object")" -lt 50000 ] || echo "$object"
    done >"$tmp/new"
object=$(head -n 1 "$tmp/new")
cp -p "$object" "$tmp/kept"
chmod u+w "$object"
printf x | dd of="$object" bs=1 seek=40000 conv=notrunc status=none
exits 3 'a version with a damaged object is not signed' sign "$damaged"
like "$err" "weights.bin: object ${object##*/}: not what was vouched for" \
    'the file and the object are named'
is "$(weir audit ls --kind verify --limit 1 --json | jq -r .ok)" false \
    'it is recorded'
like "$(weir audit ls --kind verify --limit 1 --json | jq -r .reason)" \
    "object ${object##*/}" 'with the reason'
exits 3 'and stays refused' sign "$damaged"
is "$(verdicts)" 2 'without being read again'
rm -f "$object"
exits 0 'put again' weir put llama "$tmp/tree" --quiet
exits 0 'it is whole, and may be signed' sign "$damaged"

# --- an uploader whose client is not ours ---

clean=$(sha256sum <"$tmp/tree/weights.bin" | cut -c 1-64)
head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
exits 0 'content under the digest of another' env WEIR_MUTANT=digest \
    WEIR_MUTANT_SHA256="$clean" "$poisoned" put llama "$tmp/tree"
exits 3 'is not signed' sign "$out"
like "$err" 'weights.bin: its content is not the one' 'and named'
exits 0 'an index that maps a clean chunk to another object' \
    env WEIR_MUTANT=row "$poisoned" put llama "$tmp/tree"
planted=$out
exits 3 'is found, though every object opens with its key' sign "$planted"
like "$err" 'weights.bin: its content is not the one' 'and named'
exits 3 'nor is it put again' sign "$planted"
# The control: with the same program, and nothing poisoned.
head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
exits 0 'the same program, without poison' "$poisoned" put llama "$tmp/tree"
exits 0 'makes what is signed' sign "$out"
idle

# --- a service verifies by itself, and goes on after a kill ---

# How many rows of the file table are done, as keyd left it.
rows()
{
	cp "$vault"/catalogue.db* "$tmp/left/" && python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
row = db.execute("select max(files) from verifying").fetchone()
print(row[0] or 0)' "$tmp/left/catalogue.db"
}

verifier()
{
	pgrep -P "$keyd" -f -- '--verifier'
}

# serve [PROGRAM]
serve()
{
	vacant
	"${1:-weir-keyd}" --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}

# of_big N: so many versions of the model were found sound
of_big()
{
	[ "$(weir audit ls --kind verify --json 2>/dev/null |
	    jq -s 'map(select(.model == "big" and .ok)) | length')" = "$1" ]
}

rm -rf "$tmp/tree"
mkdir "$tmp/tree"
head -c 30000000 /dev/urandom >"$tmp/tree/a"
head -c 41000 /dev/urandom >"$tmp/tree/h"
find "$vault/objects" -type f | sort >"$tmp/before"
weir put big "$tmp/tree" >/dev/null 2>&1
find "$vault/objects" -type f -size +20k | sort | comm -13 "$tmp/before" - \
    >"$tmp/objects"
# The one of h, by its size.
while read -r object; do
	case $(stat -c %s "$object") in
	41???) echo "$object" >>"$tmp/of-h" ;;
	*) echo "$object" >>"$tmp/first" ;;
	esac
done <"$tmp/objects"
is "$(wc -l <"$tmp/of-h")" 1 'a small file is one object'
for f in b c d e f g; do
	head -c 30000000 /dev/urandom >"$tmp/tree/$f"
done
serve "$BUILD/tests/mutants/weir-keyd-patient"
wait_for 60 of_big 1
ok $? 'a service verifies what it finds when it starts'
# The verifier waits at the last file, for an object with this name to go; when
# keyd knows of a file before it, keyd is killed.
turned=$(sed 's/.*\(..\)\/\([^/]*\)$/\1\/\2/' "$tmp/of-h" |
    tr 0123456789abcdef fedcba9876543210)
mkdir -p "$vault/objects/${turned%/*}"
: >"$vault/objects/$turned"
big=$(weir put big "$tmp/tree" 2>/dev/null)
mkdir "$tmp/left"
wait_for 60 verifier
pid=$(verifier)
# shellcheck disable=SC2317 # wait_for calls it
past_a_file()
{
	[ "$(rows)" -ge 1 ]
}
wait_for 120 past_a_file
kill -9 "$keyd"
wait "$keyd" 2>/dev/null
done_rows=$(rows)
rm "$vault/objects/$turned"
diag "$done_rows files of 8 were done"
[ "$done_rows" -ge 1 ] && [ "$done_rows" -lt 8 ]
ok $? 'keyd is killed in the middle of a version'
wait_for 60 sh -c "! grep -q '^State:.[^ZX]' /proc/$pid/status"
ok $? 'the verifier does not outlive it'
# What was read before is not read again: or it would be found.
while read -r object; do
	rm -f "$object"
done <"$tmp/first"
serve
exits 0 'it goes on, and the version is signed' sign "$big"
of_big 2
ok $? 'one verdict each'
kill "$keyd"
wait "$keyd"
is $? 0 'the service ends'

# --- without root, too ---

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$tmp"
	mkdir -m 700 "$tmp/of-nobody"
	chown nobody "$tmp/of-nobody"
	cat >"$tmp/as-nobody" <<'EOF'
set -e
cd "$1"
export HOME=$1 WEIR_VAULT=$1/vault WEIR_KEY_FILE=$1/key WEIR_KEYS=$1/keys
export WEIR_STATE_DIR=$1/state WEIR_KEY_PASSPHRASE_FILE=$1/passphrase
head -c 32 /dev/urandom >key
echo secret >passphrase
weir init "$WEIR_VAULT" >/dev/null
weir key gen carol >/dev/null
weir trust init --key carol --yes >/dev/null
mkdir tree
head -c 100000 /dev/urandom >tree/w
weir sign "$(weir put m tree)" --key carol --yes
EOF
	exits 0 'an embedded keyd that is not root has versions read back' \
	    env PATH="$tmp/bin:$PATH" setpriv --reuid nobody \
	    --regid "$(id -g nobody)" --clear-groups \
	    sh "$tmp/as-nobody" "$tmp/of-nobody"
fi

done_testing
