#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A worker that somebody has taken over (tests/mutants/planted_worker.c) gets at
# nothing but its store and its session's keys; and what it asks keyd for beyond
# that is recorded.
. "$(dirname "$0")/lib.sh"
requires root fuse

mkvault vault
mkdir "$tmp/m" "$tmp/mnt" "$tmp/out" "$tmp/out/mnt" "$tmp/bin"
chmod 755 "$tmp"
head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 9 --reason t >/dev/null 2>&1
cleanup_fn unmount "$tmp/mnt"
cleanup_fn unmount "$tmp/out/mnt"
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/"
cp "$BUILD/tests/mutants/weir-mount-planted" "$tmp/bin/weir-mount" ||
    skip_all 'the mutants are not built'

sleep 600 &
WEIR_TEST_PID=$!
cleanup_fn end_process $WEIR_TEST_PID
WEIR_TEST_DIR=$tmp/out
WEIR_TEST_SOCKET=$vault/run/keyd.sock
export WEIR_TEST_PID WEIR_TEST_DIR WEIR_TEST_SOCKET

# plant: mount with that worker; what it tried is in $said
plant()
{
	: >"$tmp/out/secret"
	: >"$tmp/out/gone"
	rm -f "$tmp/out/new"
	chmod 777 "$tmp/out"
	"$tmp/bin/weir" mount --allow-unsigned "$ref" "$tmp/mnt" \
	    >/dev/null 2>"$tmp/said"
	mounted=$?
	said=$(sed -n 's/.*planted //p' "$tmp/said")
	cmp -s "$tmp/mnt/llama/@${ref#*@}/w.bin" "$tmp/m/w.bin"
	served=$?
	weir umount "$tmp/mnt" 2>/dev/null
}

tries='open-secret open-write open-memory open-fuse unlink mount socket connect
internet fork kill ptrace read-memory exec dumpable new-code namespace
io-uring keyring bpf'

# The control: without a sandbox each of these is done, or would show nothing.
WEIR_MUTANT=free
export WEIR_MUTANT
plant
unset WEIR_MUTANT
ok $mounted 'a worker that gave up nothing serves' || diag "$(cat "$tmp/said")"
for what in $tries; do
	case $what:$(printf '%s\n' "$said" | grep "^$what:") in
	# A host may have switched these off for everybody.
	io-uring:*permitted | bpf:*permitted) ;;
	*:"$what: done") ;;
	*) missed="${missed-} $what" ;;
	esac
done
is "${missed-}" '' 'and what an intruder tries there is done'
unmount "$tmp/out/mnt"
# What it seized is let go when it ends.
wait_for 60 grep -q 'TracerPid:.0$' "/proc/$WEIR_TEST_PID/status"

plant
ok $mounted 'the worker that is taken over serves, too' ||
    diag "$(cat "$tmp/said")"
ok $served 'what it is there to serve'
for what in $tries; do
	like "$said" "^$what: (Permission denied|Operation not permitted)\$" \
	    "$what is refused"
done
fails 'nothing was written' test -e "$tmp/out/new"
ok "$([ -e "$tmp/out/gone" ]; echo $?)" 'nothing removed'
fails 'and nothing mounted' grep -q " $tmp/out/mnt " /proc/self/mountinfo

like "$said" '^own-keys: done$' 'keyd gives it the keys of its session'
unlike "$said" '^keys-of-[a-z-]*: done$' 'and no others'
like "$said" '^keys-of-another-session: session .* is not one of this' \
    'of no other session'
like "$said" '^keys-of-another-version: session .* has 1 versions' \
    'of no other version'
like "$said" '^keys-of-other-rows: ' 'of no rows that are not there'
exits 0 'the trail' weir audit ls --kind refused --json
is "$(printf '%s\n' "$out" | jq -r 'select(.request == "release").reason' |
    sort -u | head -n 2 | tr '\n' ',')" \
    'not a session of this connection,not a version of the session,' \
    'has what it asked for beyond'
[ "$(printf '%s\n' "$out" | jq -s \
    '[.[] | select(.request == "release")] | length')" -ge 3 ]
ok $? 'each time' || diag "$out"
done_testing
