#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir session refresh: the links of a mount move when it is told to, and what
# is open stays what it was.
. "$(dirname "$0")/lib.sh"
requires fuse jq

mkvault vault
trusted carol
mkdir "$tmp/m" "$tmp/mnt"
head -c 5000000 /dev/urandom >"$tmp/m/w.bin"
cp "$tmp/m/w.bin" "$tmp/first.bin"
one=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$one" prod
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"

link()
{
	readlink "$mnt/llama/prod"
}

sessions()
{
	weir session ls --json | jq -c '[.sessions[].session]'
}

exits 5 'what is not mounted' weir session refresh "$mnt"
cd "$WEIR_TRUST_DIR" || exit 1
exits 0 'mount' weir mount llama:prod "$mnt" --trust vault.json
cd / || exit 1
exits 0 'nothing has moved' weir session refresh "$mnt" --json
json '.changed == false' 'and that is said'
is "$(link)" "@${one#llama@}" 'it stands as it did'

head -c 5000000 /dev/urandom >"$tmp/m/w.bin"
two=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$two" prod
is "$(link)" "@${one#llama@}" 'a promotion moves no link'
exec 7<"$mnt/llama/prod/w.bin"
head -c 1000 <&7 >"$tmp/got"
exits 0 'refresh' weir session refresh "$mnt" --json
json '.changed' 'has changed it'
is "$(link)" "@${two#llama@}" 'the link moves'
cmp -s "$mnt/llama/prod/w.bin" "$tmp/m/w.bin"
ok $? 'to the new bytes'
cat <&7 >>"$tmp/got"
cmp -s "$tmp/got" "$tmp/first.bin"
ok $? 'what was open is read to its end as it was'
is "$(sessions | jq length)" 2 'by a session of its own'
exec 7<&-
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions | length == 1'"
ok $? 'which ends with it'
is "$(grep -c " $mnt " /proc/self/mountinfo)" 1 'one mount is there'

# Who opens it by its path meanwhile finds one version or the other, each time.
cat >"$tmp/opens.py" <<'PY'
import os, sys
path, stop, went, seen = sys.argv[1], sys.argv[2], 0, set()
while not os.path.exists(stop):
    try:
        with open(path, "rb") as f:
            seen.add(f.read(16))
        open(f"{stop}.{len(seen)}", "w").close()
        for _ in range(200):  # without asking who serves it
            os.close(os.open(path, os.O_PATH))
        went += 1
    except OSError as e:
        print("after", went, e, flush=True)
        open(stop + ".found", "w").close()
        sys.exit(1)
print(went > 0 and len(seen) == 2, went)
PY
mv "$tmp/m/w.bin" "$tmp/second.bin"
# shellcheck disable=SC2317 # by way of wait_for
saw_or_gone()
{
	[ -e "$tmp/stop.2" ] || ended "$opener"
}
# refreshed N: one version and the other in turn, while somebody opens
refreshed()
{
	rm -f "$tmp"/stop*
	python3 "$tmp/opens.py" "$mnt/llama/prod/w.bin" "$tmp/stop" \
	    >"$tmp/opened" 2>&1 &
	opener=$!
	wait_for 60 test -e "$tmp/stop.1"
	n=0
	while [ $n -lt "$1" ]; do
		n=$((n + 1))
		[ "$(link)" = "@${one#llama@}" ] && next=$two || next=$one
		promoted "$next" prod
		weir session refresh "$mnt" 2>"$tmp/.err"
		ok $? "refresh $n, while somebody opens" ||
		    diag "$(cat "$tmp/.err")"
		wait_for 60 saw_or_gone
	done
	: >"$tmp/stop"
	wait $opener
}

# Only root mounts one beneath the other.
if [ "$(id -u)" -eq 0 ]; then
	exec 7<"$mnt/llama/prod/w.bin"
	refreshed "${REFRESHES:-4}"
	ok $? 'each open finds a file'
	like "$(cat "$tmp/opened")" '^True ' 'of the one version or the other' ||
	    diag "$(cat "$tmp/opened")"
	is "$(sha256sum <&7)" "$(sha256sum <"$tmp/second.bin")" \
	    'what was open is read to its end'
	exec 7<&-
	is "$(grep -c " $mnt " /proc/self/mountinfo)" 1 'one mount is there'
	is "$(link)" "@${two#llama@}" 'of the second version'
fi

# What is refused leaves the mount as it is.
head -c 5000000 /dev/urandom >"$tmp/m/w.bin"
three=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$three" prod
exits 0 'a revocation' weir revoke "$three" --key carol --reason poisoned --yes
exits 3 'a refresh to what was revoked' weir session refresh "$mnt"
like "$err" 'stays as it is: llama:prod is refused: .* was revoked' \
    'is refused, and says why'
is "$(link)" "@${two#llama@}" 'the mount stays'
exits 0 'rolled back' weir rollback llama prod --to 1 --key carol --reason x \
    --yes
exits 0 'it goes back' weir session refresh "$mnt"
is "$(link)" "@${one#llama@}" 'to the first'
exits 0 'umount' weir umount "$mnt"
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
ok $? 'closes the last session'
# shellcheck disable=SC2317 # by way of wait_for
no_socket()
{
	[ "$(find "$WEIR_STATE_DIR/mounts" -type s | wc -l)" -eq 0 ]
}
wait_for 60 no_socket
ok $? 'no socket is left'

# A mount that leaves its place before the next one is there must be found out.
if [ "$(id -u)" -eq 0 ] && mkdir "$tmp/bin" &&
    cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/" &&
    cp "$BUILD/tests/mutants/weir-mount-gap" "$tmp/bin/weir-mount"; then
	WEIR_TEST_SEEN=$tmp/stop.found
	export WEIR_TEST_SEEN
	: >"$WEIR_TEST_SEEN"
	exits 0 'one that leaves first' "$tmp/bin/weir" mount llama:prod "$mnt"
	! refreshed 1
	ok $? 'is found out' || diag "$(cat "$tmp/opened")"
	like "$(cat "$tmp/opened")" 'No such file' 'by nothing being there'
	exits 0 'umount' weir umount "$mnt"
	wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
fi

# Around a command the mount may be refreshed, too, and lasts as long.
promoted "$(echo a >"$tmp/m/a" && weir put llama "$tmp/m" 2>/dev/null)" prod
cat >"$tmp/job" <<'JOB'
[ ! -e "$WEIR_MOUNTPOINT/llama/prod/b" ] || exit 10
: >"$1/up"
until [ -e "$1/on" ]; do sleep 0.1; done
[ -e "$WEIR_MOUNTPOINT/llama/prod/b" ] || exit 11
exit 42
JOB
weir mount llama:prod "$mnt" -- sh "$tmp/job" "$tmp" >"$tmp/log" 2>&1 &
job=$!
wait_for 60 test -e "$tmp/up"
promoted "$(echo b >"$tmp/m/b" && weir put llama "$tmp/m" 2>/dev/null)" prod
exits 0 'around a command' weir session refresh "$mnt"
: >"$tmp/on"
wait $job
is $? 42 'the command sees the new version, and its status is returned' ||
    diag "$(cat "$tmp/log")"
is "$(ls "$mnt")" '' 'and nothing stays mounted'
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
ok $? 'nor does any session'
done_testing
