#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The exit status of a mount and of its command: 0 only for what was done.
. "$(dirname "$0")/lib.sh"
requires fuse

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
head -c 300000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"

# shellcheck disable=SC2317 # by way of wait_for
gone()
{
	! runs "$1"
}

is_mounted()
{
	grep -q " $mnt .* fuse.weir " /proc/self/mountinfo
}

# A mount that failed is told as one.
exits 1 '--json to a full disk' sh -c \
    "weir mount --json --allow-unsigned '$ref' '$mnt' >/dev/full"
wait_for 60 sh -c "! grep -q ' $mnt ' /proc/self/mountinfo"
ok $? 'leaves no mount'
exits 1 'the same in the foreground' \
    sh -c "weir mount --json --foreground --allow-unsigned '$ref' \
    '$mnt' >/dev/full"

# A path that JSON has no way to say.
odd=$tmp/$(printf 'm\377t')
mkdir "$odd"
exits 0 '--json at a path that is not UTF-8' weir mount \
    --json --allow-unsigned "$ref" "$odd"
json '.mountpoint | endswith("/m\\xfft")' 'says it escaped'
exits 0 'and can be unmounted' weir umount "$odd"

# A command that never ran has not ended well: it is told to end when it has
# just started its worker.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	rm -f "$tmp/ran"
	weir mount --allow-unsigned "$ref" "$mnt" -- touch "$tmp/ran" >"$tmp/log" 2>&1 &
	m=$!
	children=
	while [ -z "$children" ] && runs $m; do
		# The first one is the worker.
		read -r children <"/proc/$m/task/$m/children"
	done
	kill -TERM $m
	wait $m
	status=$?
	[ -e "$tmp/ran" ] || break
done
if [ -e "$tmp/ran" ]; then
	diag 'the command was faster each time'
else
	is "$status" 143 'SIGTERM before the command runs: 143'
fi

# Unmounted while the command runs: it is told, and its status is ours.
# shellcheck disable=SC2016 # for the inner shell
weir mount --allow-unsigned "$ref" "$mnt" -- sh -c 'trap "exit 7" TERM; : >"$0"
    while :; do sleep 0.1; done' "$tmp/began" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$tmp/began"
wait_for 60 weir umount "$mnt"
wait $m
is $? 7 'umount while the command runs: its status'
rm "$tmp/began"
# shellcheck disable=SC2016 # for the inner shell
weir mount --allow-unsigned "$ref" "$mnt" -- sh -c ': >"$0"; exec sleep 600' \
    "$tmp/began" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$tmp/began"
wait_for 60 weir umount "$mnt"
wait $m
is $? 143 'or 128 and its signal'
rm "$tmp/began"

# One that does not want to end is killed.
# shellcheck disable=SC2016 # for the inner shell
weir mount --allow-unsigned "$ref" "$mnt" -- sh -c 'trap "" TERM; : >"$0"
    while :; do sleep 0.1; done' "$tmp/began" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$tmp/began"
wait_for 60 weir umount "$mnt"
wait_for 60 gone $m
ok $? 'a command that ignores SIGTERM does not hold up the end' ||
    kill -9 $m
wait $m
is $? 137 'it is killed'
rm "$tmp/began"
# shellcheck disable=SC2016 # for the inner shell
weir mount --allow-unsigned "$ref" "$mnt" -- sh -c 'trap "" TERM; trap "exit 9" INT; : >"$0"
    while :; do sleep 0.1; done' "$tmp/began" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$tmp/began"
wait_for 60 weir umount "$mnt"
sleep 1
kill -INT $m
wait_for 60 gone $m
ok $? 'and it gets the signals that come meanwhile' || kill -9 $m
wait $m
is $? 9 'so that its status is known'

# A worker that speaks out of order is not believed.
mkdir "$tmp/bin"
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/"
if cp "$BUILD/tests/mutants/weir-mount-unruly" "$tmp/bin/weir-mount"; then
	for say in R PP PRR PRP; do
		rm -f "$tmp/ran"
		# shellcheck disable=SC2016 # for the inner shell
		WEIR_TEST_SAY=$say timeout -k 1 120 "$tmp/bin/weir" mount \
		    --allow-unsigned "$ref" "$mnt" -- sh -c 'touch "$0"; exec sleep 20' "$tmp/ran" \
		    >"$tmp/log" 2>&1
		is $? 1 "a worker that says $say is not believed"
		like "$(cat "$tmp/log")" 'out of order' 'and it is said'
		! is_mounted
		ok $? 'nothing is left'
		case $say in R | PP) [ ! -e "$tmp/ran" ] ;; esac
		ok $? 'and no command ran for one that was not ready'
	done
fi

# Not enough threads: a mount, or an error; never a mount that hangs.
if cp "$BUILD/tests/mutants/weir-mount-few" "$tmp/bin/weir-mount"; then
	stood=0
	refused=0
	n=0
	while [ $n -lt 40 ] && [ $stood -eq 0 ]; do
		WEIR_TEST_THREADS=$n timeout -k 1 120 \
		    "$tmp/bin/weir" mount --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1
		status=$?
		case $status in
		0) stood=1 ;;
		1) refused=$((refused + 1)) ;;
		*) diag "with $n threads: exit $status: $(cat "$tmp/log")" ;;
		esac
		[ $stood -eq 1 ] || ! is_mounted || break
		n=$((n + 1))
	done
	[ $stood -eq 1 ] && [ $refused -gt 4 ] && [ $refused -eq $((n - 1)) ]
	ok $? "with fewer than $n threads ($refused times) it is refused, and nothing is left"
	cmp -s "$mnt/llama/@${ref#*@}/w.bin" "$tmp/m/w.bin"
	ok $? 'with so many it is read'
	wait_for 60 weir umount "$mnt"
fi
done_testing
