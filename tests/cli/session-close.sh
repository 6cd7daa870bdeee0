#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Closing a session, or taking its grant back, ends what its mount reads.
. "$(dirname "$0")/lib.sh"
requires fuse

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
head -c 60000000 /dev/urandom >"$tmp/m/a.bin"
cp "$tmp/m/a.bin" "$tmp/m/b.bin"
printf x >>"$tmp/m/b.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"

# reads FILE: 1 MiB of it, not from a page cache
reads()
{
	timeout 20 dd if="$mnt/llama/@${ref#*@}/$1" of=/dev/null bs=1M skip="$2" \
	    count=1 status=none 2>"$tmp/dd"
}

for how in close revoke; do
	grant=$(weir grant add llama --to "$me" --loads 9 --reason t 2>/dev/null)
	exits 0 "$how: mount" weir mount --allow-unsigned "$ref" "$mnt"
	reads a.bin 0
	ok $? 'it can be read'
	exec 8<"$mnt/llama/@${ref#*@}/b.bin"
	id=$(weir session ls --json | jq '.sessions[0].session')
	if [ $how = close ]; then
		exits 0 'session close' weir session close "$id" \
		    --reason 'a test'
	else
		exits 0 'grant rm' weir grant rm "$grant" --reason 'a test'
	fi
	sleep 2
	fails 'after two seconds nothing new is read' reads b.bin 40
	fails 'nor what was read before' reads a.bin 0
	fails 'nor through a file that was open' \
	    sh -c 'dd bs=1M count=1 <&8'
	exec 8<&-
	exits 0 'session show' weir session show "$id" --json
	is "$(printf '%s' "$out" | jq '.closed != null and .closed != ""')" \
	    true 'it is closed'
	weir umount --force "$mnt" 2>/dev/null || unmount "$mnt"
	wait_for 5 sh -c "! grep -q ' $mnt ' /proc/self/mountinfo"
	ok $? 'and can be unmounted'
	[ $how = revoke ] || weir grant rm "$grant" 2>/dev/null
done

exits 5 'closing what is not open' weir session close 4711
exits 0 'the trail' weir audit ls --kind session.close
like "$out" 'a test' 'has the reason'
done_testing
