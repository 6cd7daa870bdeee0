#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tamper-evident: whoever holds a checkpoint of one branch of a log gets proof
# of the fork from the other one; a log that was cut is found; one that grew
# shows what was added.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
mkdir "$tmp/m"
head -c 1000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >/dev/null 2>&1
weir audit checkpoint >"$tmp/common" 2>/dev/null
idle
cp -a "$vault" "$tmp/branch"
grant()
{
	weir grant add llama --to "$me" --loads "$1" --reason "$2" \
	    >/dev/null 2>&1
}
grant 1 'one history'
weir audit checkpoint >"$tmp/a" 2>/dev/null
idle
exits 0 'a log that grew extends what was kept' \
    weir audit verify --since "$tmp/common"
like "$out" 'grant.add' 'and shows what was added'
exits 0 'as JSON' weir audit verify --since "$tmp/common" --json
json '.ok and .added > 0 and .kinds["grant.add"] == 1' 'it says the same'
json '.now.size - .kept.size == .added' 'with both checkpoints'

# The administrator takes yesterday's vault and lets another history follow:
# with the log's own key, so that it is whole in itself.
mv "$vault" "$tmp/one"
mv "$tmp/branch" "$vault"
grant 1 'another history'
grant 2 'another history'
idle
exits 0 'the other branch is whole in itself' weir audit verify
exits 0 'and extends what both have' weir audit verify --since "$tmp/common"
exits 3 'a client of the one branch finds the other' \
    weir audit verify --since "$tmp/a"
like "$out" 'FORKED' 'and it is called a fork'
is "$(printf '%s\n' "$out" | grep -c '^— weir.local/')" 2 \
    'both signed checkpoints are shown'
exits 3 'as JSON' weir audit verify --since "$tmp/a" --json
json '.fork and (.ok | not) and .then != .kept.root' 'with both roots'
json '[.kept.note, .now.note] | map(length > 100) | all' 'and both notes'
exits 3 'the whole check finds it, too' weir audit verify --against "$tmp/a"

weir audit checkpoint >"$tmp/b" 2>/dev/null
idle
rm -rf "$vault"
mv "$tmp/one" "$vault"
exits 3 'and from the other side' weir audit verify --since "$tmp/b"
like "$out" 'CUT|FORKED' 'it is not what was kept'
exits 2 'one thing at a time' weir audit verify --since "$tmp/a" \
    --against "$tmp/a"
done_testing
