#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fifty commands at once on an idle vault: one keyd, all answered.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 100000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >/dev/null 2>&1

i=0
pids=
while [ $i -lt 50 ]; do
	case $((i % 5)) in
	0) weir grant add llama --to "user:u$i" --loads 1 --reason "r$i" \
	    >"$tmp/out.$i" 2>"$tmp/err.$i" & ;;
	1) weir ls --json >"$tmp/out.$i" 2>"$tmp/err.$i" & ;;
	2) weir put "m$i" "$tmp/m" >"$tmp/out.$i" 2>"$tmp/err.$i" & ;;
	3) weir audit checkpoint >"$tmp/out.$i" 2>"$tmp/err.$i" & ;;
	4) weir show llama >"$tmp/out.$i" 2>"$tmp/err.$i" & ;;
	esac
	pids="$pids $!"
	i=$((i + 1))
done
bad=0
i=0
for pid in $pids; do
	wait "$pid" || {
		bad=$((bad + 1))
		diag "command $i: exit $?: $(head -n 1 "$tmp/err.$i")"
	}
	i=$((i + 1))
done
is "$bad" 0 'all fifty are answered'

weir grant ls --json >"$tmp/j" 2>/dev/null
is "$(jq '.grants | length' "$tmp/j")" 10 'every grant is there'
is "$(jq '[.grants[].grant] | unique | length' "$tmp/j")" 10 \
    'with a number of its own'
weir ls --json >"$tmp/j" 2>/dev/null
is "$(jq '[.models[].versions[]] | length' "$tmp/j")" 11 'and every version'
exits 0 'the trail is whole' weir audit verify
weir audit ls --all --json >"$tmp/j" 2>/dev/null
is "$(jq -s '[.[] | select(.kind == "keyd.start")] as $s |
    [.[] | select(.kind == "keyd.stop")] as $e |
    ($s | length) - ($e | length) | . == 0 or . == 1' "$tmp/j")" true \
    'one keyd at a time'
# Starts and stops take turns: two that ran at once would not.
is "$(jq -s '[.[] | select(.kind | startswith("keyd.")) | .kind] |
    [range(length - 1) as $i | .[$i] != .[$i + 1]] | all' "$tmp/j")" true \
    'and never two of them'
for f in "$tmp"/out.*; do
	n=${f##*.}
	[ $((n % 5)) -ne 3 ] || weir audit verify --against "$f" \
	    >/dev/null 2>&1 || bad=1
done
is "$bad" 0 'every checkpoint that was handed out is extended'
wait_for 60 sh -c "! [ -S '$vault/run/keyd.sock' ]"
ok $? 'keyd goes with its last client'
done_testing
