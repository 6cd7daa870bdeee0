#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The index of a long trail: answers by it are those that reading everything
# gives; it is made anew when it is gone, stale or damaged; one that was
# poisoned is found.
. "$(dirname "$0")/lib.sh"
requires python3 jq
generator=$BUILD/tests/bench/trail
[ -x "$generator" ] || skip_all "this needs $generator"

mkvault vault
"$generator" "$WEIR_VAULT" "$key" 50 6000 || exit 1
index=$(echo "$tmp/state/"*/trail.index)

ls_u7() { weir audit ls --offline --json "$@" 2>"$tmp/err"; }

ls_u7 --scan --by user:u7 --model m7 >"$tmp/scan"
is "$(wc -l <"$tmp/scan")" 121 'by reading everything'
ls_u7 --by user:u7 --model m7 >"$tmp/by-index"
cmp "$tmp/scan" "$tmp/by-index"
ok $? 'the same by the index, which was made'
index=$(echo "$tmp/state/"*/trail.index)
[ -f "$index" ]
ok $? 'and is kept'
cp "$index" "$tmp/first"

for how in '--by user:u7' '--model m9' '--kind extents' '--kind put' \
    '--by user:u7 --model m8' '--by keyd' \
    '--model m7 --since 2026-09-21T13:00:03Z --limit 5'; do
	# shellcheck disable=SC2086 # words
	[ "$(ls_u7 --scan $how)" = "$(ls_u7 $how)" ]
	ok $? "the same for $how"
done

reads_of() { weir audit reads --offline --json --principal user:u7 "$@"; }
for since in 2020-01-01 2026-09-21T13:00:00Z 2030-01-01; do
	for model in m7 m8; do
		[ "$(reads_of --model $model --since $since --scan)" = \
			"$(reads_of --model $model --since $since)" ]
		ok $? "reads of $model since $since: the same"
	done
done
like "$(weir audit reads --offline --principal user:u7 --model m7 \
	--since 2020-01-01 2>/dev/null)" 'that the index names' \
	'a yes says that it is by the index'
like "$(weir audit reads --offline --principal user:u7 --model m8 \
	--since 2020-01-01 2>/dev/null)" 'all of them' 'a no looked at all'

rm "$index"
ls_u7 --by user:u7 --model m7 | cmp - "$tmp/scan" &&
	cmp "$index" "$tmp/first"
ok $? 'dropped and made anew it is the same'

# Damaged: a byte in the middle.
printf 'x' | dd of="$index" bs=1 seek=3000 conv=notrunc 2>/dev/null
ls_u7 --by user:u7 --model m7 | cmp - "$tmp/scan"
ok $? 'a damaged one is not gone by'
like "$(cat "$tmp/err")" 'made anew' 'and that is said'
cmp "$index" "$tmp/first"
ok $? 'it was made anew'

# Of another log: its root is another.
rehash()
{
	python3 - "$index" "$@" <<'EOF'
import hashlib, sys
path, at, value = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
b = bytearray(open(path, "rb").read())
b[at:at + len(value)] = value
b[72:104] = hashlib.sha256(b[:72] + b[104:]).digest()
open(path, "wb").write(b)
EOF
}
rehash 40 00112233
ls_u7 --by user:u7 --model m7 | cmp - "$tmp/scan"
ok $? 'one of another log is not gone by'
like "$(cat "$tmp/err")" 'made anew' 'and that is said'

# Poisoned: an entry is hidden behind the row of another.
exits 0 'the control: a sound index passes' weir audit verify
like "$err" 'says the same of the first' 'and is told of'
entry=$(jq -s '.[-1].index' "$tmp/scan")
rehash $((104 + 4 * entry)) 00000000
is "$(ls_u7 --by user:u7 --model m7 | wc -l)" 120 \
	'a poisoned index hides an entry'
exits 3 'audit verify finds it' weir audit verify
like "$err" 'did not say what the trail says' 'and says so'
ls_u7 --by user:u7 --model m7 | cmp - "$tmp/scan"
ok $? 'and made it anew'
# One that names too much does no harm.
rehash $((104 + 4 * 100)) "$(python3 -c 'import sys
b = open(sys.argv[1], "rb").read(); e = int(sys.argv[2])
print(b[104 + 4 * e:108 + 4 * e].hex())' "$index" "$entry")"
ls_u7 --by user:u7 --model m7 | cmp - "$tmp/scan"
ok $? 'what it names in vain is not listed'

done_testing
