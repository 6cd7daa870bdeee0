#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sealed chunks leave the host's page cache when a load has read them: the plain
# bytes are there.  A reader at random finds them there when it comes back.  The
# store lies on a disk's file system, since memory's has nowhere to put them.
TMPDIR=${WEIR_TEST_DISK:-/var/tmp}
export TMPDIR
. "$(dirname "$0")/lib.sh"
requires fuse jq python3 fincore
case $(stat -f -c %T "$tmp") in
tmpfs | ramfs | overlayfs) skip_all "$TMPDIR is no disk" ;;
esac

mkvault vault
mkdir "$tmp/tree" "$tmp/mnt"
cleanup_fn unmount "$tmp/mnt"
head -c 25165824 /dev/urandom >"$tmp/tree/model.bin"
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
weir grant add llama --to "$me" --loads 9 --reason t >/dev/null 2>&1
file=$tmp/mnt/llama/@${ref#*@}/model.bin

# MiB of the store that are in memory.
resident()
{
	find "$vault/objects" -type f -exec fincore -b -n -o RES {} + |
	    awk '{ n += $1 } END { print int(n / 1048576) }'
}
# shellcheck disable=SC2317 # wait_for calls it
at_most()
{
	[ "$(resident)" -le "$1" ]
}
cat >"$tmp/drop.py" <<'END'
import os, sys
for d, _, names in os.walk(sys.argv[1]):
    for n in names:
        f = os.open(os.path.join(d, n), os.O_RDONLY)
        os.fsync(f)
        os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(f)
END
cat >"$tmp/random.py" <<'END'
import os, random, sys
f = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(f, 0, 0, os.POSIX_FADV_RANDOM)
rows = list(range(os.fstat(f).st_size // 65536))
random.seed(1)
random.shuffle(rows)
for row in rows:
    assert len(os.pread(f, 4096, row * 65536 + 61440)) == 4096
END

find "$vault/objects" -type f -exec cat {} + >/dev/null
[ "$(resident)" -ge 23 ]
ok $? 'who reads the store has it in memory' || diag "$(resident) MiB"
exits 0 'a load begins' weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt"
cmp "$file" "$tmp/tree/model.bin"
ok $? 'and reads all of it'
wait_for 60 at_most 2
ok $? 'then the sealed bytes are there no more' || diag "$(resident) MiB"
exits 0 'it ends' weir umount "$tmp/mnt"

python3 "$tmp/drop.py" "$vault/objects"
exits 0 'another one' weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt"
exits 0 'reads the end of each chunk, anywhere' python3 "$tmp/random.py" "$file"
exits 0 'and ends' weir umount "$tmp/mnt"
[ "$(resident)" -ge 12 ]
ok $? 'what it may come back to stays' || diag "$(resident) MiB"
done_testing
