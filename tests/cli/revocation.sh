#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant-or-nothing: 16 processes that read in their ways when a session is closed,
# its grant removed or its version revoked get nothing within two seconds, also
# while the store hangs; rounds of that (REVOKE_ROUNDS, 3 unless it says so) end.
. "$(dirname "$0")/lib.sh"
requires fuse jq

mkvault vault
trusted carol
mkdir "$tmp/m" "$tmp/mnt" "$tmp/bin"
head -c 24000000 /dev/urandom >"$tmp/m/w.bin"
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"
ones=$vault/objects/ff/$(printf '%064d' 0 | tr 0 f)
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/"

# A version that is like the one before, but not the same; $ref
next_version()
{
	echo "$1" >"$tmp/m/number"
	ref=$(weir put llama "$tmp/m" 2>/dev/null)
	promoted "$ref" prod
}

cat >"$tmp/close" <<'X'
weir session close "$(weir session ls --json | jq '.sessions[0].session')" \
    --reason t
X
cat >"$tmp/remove" <<'X'
weir grant rm "$(weir grant ls --json | jq '.grants[-1].grant')" --reason t
X
cat >"$tmp/revoke" <<'X'
weir revoke "$1" --key carol --reason t --yes
X
# It hangs for twelve seconds: longer than what is asked of who waits for it.
# Whoever reads has run into it when this has run some dozens of times.
cat >"$tmp/hang" <<'X'
mkdir -p "${1%/*}"
: >"$1"
{ sleep 12; rm "$1"; } </dev/null >/dev/null 2>&1 &
echo $! >"$3"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	sleep 0.02
done
. "$2"
X

# one_round HOW ARGUMENT...: 16 readers, and what ends them
one_round()
{
	how=$1
	shift
	timeout 90 "$BUILD/tests/load/revoked" "$(echo "$mnt"/llama/@*/w.bin)" \
	    "$tmp/m/w.bin" 16 2000 sh "$tmp/$how" "$@" >"$tmp/log" 2>"$tmp/err"
}

# Somebody who ends a session has its mount gone, too.
gone()
{
	wait_for 90 sh -c "! grep -q ' $mnt ' /proc/self/mountinfo"
}

granted()
{
	weir grant add llama --to "$me" --loads 999 --reason t >/dev/null 2>&1
}

# A revocation takes another version, signed: now and then.
how_of()
{
	if [ "$1" -eq 3 ] || [ $(($1 % 25)) -eq 0 ]; then
		echo revoke
	elif [ $(($1 % 2)) -eq 0 ]; then
		echo remove
	else
		echo close
	fi
}

spare=$(weir put llama "$tmp/m" 2>/dev/null)
granted
next_version 0
round=0
rounds=${REVOKE_ROUNDS:-3}
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	weir mount llama:prod "$mnt" --quiet 2>"$tmp/.err"
	ok $? "round $round: mount" || diag "$(cat "$tmp/.err")"
	case $(how_of $round) in
	close)
		one_round close
		ok $? "round $round: session close ends 16 readers"
		;;
	remove)
		one_round remove
		ok $? "round $round: grant rm ends 16 readers"
		;;
	*)
		one_round revoke "$ref"
		ok $? "round $round: revoke ends 16 readers"
		;;
	esac || diag "$(cat "$tmp/log" "$tmp/err")"
	[ "$round" -gt 3 ] || diag "$(sort -n -k7 "$tmp/log" | tail -n 1)"
	gone
	ok $? "round $round: and the mount is gone"
	[ "$(how_of $round)" != remove ] || granted
	[ "$(how_of $round)" != revoke ] || [ "$round" -eq "$rounds" ] ||
	    next_version $round
done

# A store that hangs keeps requests unanswered, which the kernel's pages wait for.
# hangs HOLE: 16 readers, in one that does, when the session is closed
hangs()
{
	WEIR_MUTANT=$1 "$tmp/bin/weir" mount --allow-unsigned "$spare" "$mnt" \
	    --quiet
	ok $? "a mount whose store hangs: $1"
	one_round hang "$ones" "$tmp/close" "$tmp/sleeper"
}

if cp "$BUILD/tests/mutants/weir-mount-hanging" "$tmp/bin/weir-mount"; then
	hangs none
	ok $? 'what is in flight fails, and what was read is gone' ||
	    diag "$(cat "$tmp/log" "$tmp/err")"
	kill "$(cat "$tmp/sleeper")"
	rm -f "$ones"
	gone
	ok $? 'the mount is gone'
	# Until then they wait, and find pages that the kernel still keeps.
	! hangs keep && grep -Eq 'and it hung|which is late' "$tmp/log"
	ok $? 'one that keeps what is in flight is found out' ||
	    diag "$(cat "$tmp/log" "$tmp/err")"
	wait_for 60 test ! -e "$ones"
	gone
	ok $? 'the mount is gone'
fi
done_testing
