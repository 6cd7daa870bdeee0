#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds: 64 connections to a keyd ask at once for what is left of a budget,
# over and over (race.c): never is more given.  A keyd that does not count what
# is on its way to the disk, and one that counts for nothing, are found out.
: "${BUILD:=$PWD/build}" "${CRASH_ROUNDS:=20}"
. "$(dirname "$0")/../cli/lib.sh"
requires jq

mkvault vault
mkdir "$tmp/one" "$tmp/eight"
head -c 60000 /dev/urandom >"$tmp/one/w.bin"
head -c 524288 /dev/urandom >"$tmp/eight/w.bin"
for model in one eight; do
	weir put $model "$tmp/$model" >"$tmp/ref-$model" 2>"$tmp/.err" ||
	    diag "$(cat "$tmp/.err")"
done
idle

# races NAME KEYD ROUNDS: on both models; what came is in $tmp/out
races()
{
	status=0
	vacant
	"$2" --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
	pid=$!
	listens
	for model in one eight; do
		v=$(weir show "$(cat "$tmp/ref-$model")" --json)
		"$BUILD/tests/crash/race" "$vault" "$key" $model \
		    "$(cat "$tmp/ref-$model")" "$(echo "$v" | jq .chunks)" \
		    "$(echo "$v" | jq .weights)" "$3" >"$tmp/out" 2>&1 ||
		    status=1
		diag "$1, $model: $(cat "$tmp/out")"
	done
	end_process "$pid"
	return $status
}

rounds=$((CRASH_ROUNDS * 5 / 2))
races 'keyd' weir-keyd $rounds
ok $? "budget-holds: $((2 * rounds)) races of 64 connections for the last of it"
weir audit ls --kind release --json |
    jq -s 'group_by(.grant) | map(map(.fresh) | add)' >"$tmp/given"
is "$(jq length "$tmp/given")" $((2 * rounds)) 'each under a grant of its own'
for hole in late generous; do
	! WEIR_MUTANT=$hole races "$hole" \
	    "$BUILD/tests/mutants/weir-keyd-moved" 10
	ok $? "a keyd that is $hole is found out"
done
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
