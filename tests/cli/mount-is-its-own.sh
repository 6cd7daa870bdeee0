#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A mount that ends takes itself away, wherever it is by then, and nothing
# else that stands where it stood.
. "$(dirname "$0")/lib.sh"
requires fuse jq

mkvault vault
mkdir "$tmp/m" "$tmp/up" "$tmp/up/mnt"
head -c 300000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/up/mnt
cleanup_fn unmount "$mnt"
cleanup_fn unmount "$tmp/moved/mnt"

mounts_at()
{
	grep -c " $1 .* fuse.weir " /proc/self/mountinfo
}

lazily()
{
	umount -l "$1" 2>/dev/null || fusermount3 -u -z "$1"
}

# Taken from the tree while a file is open, its worker goes on; then another
# mount stands there.
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
first=$!
wait_for 60 test -e "$mnt/llama/@${ref#*@}"
exec 7<"$mnt/llama/@${ref#*@}/w.bin"
lazily "$mnt"
exits 0 'a second mount, where the first one stood' weir mount \
    --allow-unsigned "$ref" "$mnt"
kill -TERM $first
wait $first
is "$(mounts_at "$mnt")" 1 'the end of the first leaves the second'
cmp -s "$mnt/llama/@${ref#*@}/w.bin" "$tmp/m/w.bin"
ok $? 'which goes on being read'
fails 'what the first one served fails' sh -c 'cat <&7'
exec 7<&-

# The same where the first one went wholly, its monitor does not know it yet,
# and the second one has the number that the first one had.
device()
{
	sed -n "s#^[0-9]* [0-9]* \\([0-9:]*\\) / $mnt .*#\\1#p" \
	    /proc/self/mountinfo
}
wait_for 60 weir umount "$mnt"
sleep 0.5
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
first=$!
wait_for 60 test -e "$mnt/llama/@${ref#*@}"
number=$(device)
kill -STOP $first
wait_for 60 umount "$mnt" || fusermount3 -u "$mnt"
exits 0 'a second mount, before the first knows' weir mount \
    --allow-unsigned "$ref" "$mnt"
diag "device $number, then $(device)" # the same one, most likely
kill -TERM $first
kill -CONT $first
wait $first
is "$(mounts_at "$mnt")" 1 'the end of the first leaves the second'

# And where the second one comes when the first has looked and is about to go.
if [ "$(id -u)" -eq 0 ]; then
	wait_for 60 weir umount "$mnt"
	mkdir "$tmp/bin"
	cp "$BUILD/weir-keyd" "$tmp/bin/"
	cp "$BUILD/tests/mutants/weir-mount-late" "$tmp/bin/weir-mount"
	WEIR_TEST_LATE=$tmp/late "$tmp/bin/weir-mount" --foreground \
	    --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
	first=$!
	wait_for 60 test -e "$mnt/llama/@${ref#*@}"
	weir session close "$(weir session ls --json |
	    jq '.sessions | map(.session) | max')" --reason t >/dev/null 2>&1
	wait_for 60 test -e "$tmp/late"
	ok $? 'the first is about to unmount' || diag "$(cat "$tmp/log")"
	umount -l "$mnt"
	exits 0 'a second mount, just before that' weir mount \
	    --allow-unsigned "$ref" "$mnt"
	rm "$tmp/late"
	wait $first
	is "$(mounts_at "$mnt")" 1 'the end of the first leaves the second'
	cmp -s "$mnt/llama/@${ref#*@}/w.bin" "$tmp/m/w.bin"
	ok $? 'which is read'
	unlike "$(cat "$tmp/log")" 'unmount|still mounted' \
	    'and the first complains of nothing' || diag "$(cat "$tmp/log")"
fi

# Its parent is renamed.
for how in TERM KILL; do
	wait_for 60 weir umount "$mnt"
	weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
	m=$!
	wait_for 60 test -e "$mnt/llama/@${ref#*@}"
	mv "$tmp/up" "$tmp/moved"
	if [ $how = KILL ]; then
		kill -9 "$(pgrep -P $m weir-mount)"
	else
		kill -TERM $m
	fi
	wait $m
	is "$(mounts_at "$tmp/moved/mnt")" 0 \
	    "$how: a mount whose parent was renamed goes"
	mv "$tmp/moved" "$tmp/up"
	[ $how = KILL ] || weir mount \
	    --allow-unsigned "$ref" "$mnt" 2>/dev/null
done

# Something is mounted over it.
if [ "$(id -u)" -eq 0 ]; then
	weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
	m=$!
	wait_for 60 test -e "$mnt/llama/@${ref#*@}"
	mount -t tmpfs none "$mnt" && cleanup_fn umount -q "$mnt"
	: >"$mnt/theirs"
	exits 6 'umount of what is covered is refused' weir umount "$mnt"
	like "$err" 'covered' 'and says why'
	kill -TERM $m
	wait $m
	is "$(ls "$mnt")" theirs 'the end of a mount leaves what covers it'
	like "$(cat "$tmp/log")" 'still mounted' 'and says that it is there'
	umount "$mnt"
	exits 0 'which can go afterwards' weir umount --force "$mnt"
fi
is "$(mounts_at "$mnt")" 0 'nothing is left'
done_testing
