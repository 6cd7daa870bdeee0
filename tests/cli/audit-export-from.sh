#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# audit export --from N of a long trail: what comes out is the end of what all of it
# gives, and of what is before only those entries are read that N and what follows
# get their names from.
. "$(dirname "$0")/lib.sh"
requires jq python3
generator=$BUILD/tests/bench/trail
[ -x "$generator" ] || skip_all "this needs $generator"

mkvault vault
"$generator" "$WEIR_VAULT" "$key" 50 6000 || exit 1

export_of()
{
	weir audit export --offline "$@" 2>"$tmp/err"
}
for format in ocsf jsonl; do
	export_of --format $format >"$tmp/$format" || exit 1
done
entries=$(wc -l <"$tmp/jsonl")
[ "$entries" -gt 6000 ]
ok $? "a trail of $entries entries, in many bundles"

# The end of the whole, from the first event of entry N on.
same_end()
{
	export_of --format "$1" --from "$2" >"$tmp/part" || return 1
	jq -c "select((.index // .metadata.sequence) >= $2)" "$tmp/$1" |
	    cmp -s - "$tmp/part"
}
jq -c . "$tmp/ocsf" >"$tmp/ocsf.c" && mv "$tmp/ocsf.c" "$tmp/ocsf"
jq -c . "$tmp/jsonl" >"$tmp/jsonl.c" && mv "$tmp/jsonl.c" "$tmp/jsonl"
for n in 1 256 4000 $((entries - 1)); do
	same_end ocsf $n && same_end jsonl $n
	ok $? "from $n on: as by reading all of it"
done
index=$(echo "$tmp/state/"*/trail.index)
cp "$index" "$tmp/index"

# Where it ends.
exits 0 'from the end: nothing' weir audit export --offline --format jsonl \
    --from "$entries"
is "$out" '' 'not a line'
like "$err" "next: weir audit export --format jsonl --from $entries" 'and it goes on there'
exits 5 'from behind the end' weir audit export --offline --format jsonl \
    --from $((entries + 1))
like "$err" "the trail has $entries entries" 'which says where it is'
echo $((entries + 1)) >"$tmp/goes-on"
exits 3 'a state from behind the end' weir audit export --offline \
    --format jsonl --state "$tmp/goes-on"
is "$(cat "$tmp/goes-on")" $((entries + 1)) 'and it is left as it was'
echo 5900 >"$tmp/goes-on"
export_of --format jsonl --state "$tmp/goes-on" >"$tmp/part"
is "$(jq -s 'map(.index) | [min, max]' -c "$tmp/part")" \
    "[5900,$((entries - 1))]" 'a state goes on where it says'
is "$(cat "$tmp/goes-on")" "$entries" 'and then says the end'

# By an index that leaves out the opening of a session that reads at the end: all
# is read, and comes out the same.
opening=$(jq -s "(.[-1].session) as \$s |
    map(select(.kind == \"session.open\" and .session == \$s))[0].index" \
    "$tmp/jsonl")
python3 - "$index" "$opening" <<'EOF'
import hashlib, sys
path, entry = sys.argv[1], int(sys.argv[2])
b = bytearray(open(path, "rb").read())
b[104 + 4 * entry:108 + 4 * entry] = bytes(4)
b[72:104] = hashlib.sha256(b[:72] + b[104:]).digest()
open(path, "wb").write(b)
EOF
same_end ocsf 5900
ok $? 'by an index that hides whose a session is: as by reading all of it'
like "$(cat "$tmp/err")" 'does not name what entry [0-9]+ needs' \
    'which is said'
cp "$tmp/index" "$index"

# A bundle in the middle that nobody needs is damaged: not read, not noticed.
same_end jsonl 5900 && same_end ocsf 5900
ok $? 'the control: the end of a sound trail'
printf x | dd of="$WEIR_VAULT/trail/tile/entries/010" bs=1 seek=5000 \
    conv=notrunc 2>/dev/null
same_end ocsf 5900
ok $? 'bundles before that are not needed are not read'
exits 3 'those that are read are checked' weir audit export --offline \
    --format jsonl --from 2600
is "$out" '' 'and nothing is told that was not'
exits 3 'and all are by audit verify' weir audit verify
done_testing
