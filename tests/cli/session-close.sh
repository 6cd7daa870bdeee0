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
	timeout 120 dd if="$mnt/llama/@${ref#*@}/$1" of=/dev/null bs=1M skip="$2" \
	    count=1 status=none 2>"$tmp/dd"
}

# What somebody still gets who has the file open and mapped, all of it in the
# page cache: asks once, waits until a file is there, then asks again and again.
# Says how long it took until neither gave a byte, or that one still does.
cat >"$tmp/probe.py" <<'PY'
import ctypes, mmap, os, sys, threading, time
path, go, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
fd = os.open(path, os.O_RDONLY)
size = os.fstat(fd).st_size
page = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
got = sum(len(os.pread(fd, 1 << 20, at)) for at in range(0, size, 1 << 20))
got = got == size and sum(page[at] for at in range(0, size, 4096))
base = ctypes.CDLL(None, use_errno=True)
base.mmap.restype, base.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
where = base.mmap(None, size, 1, 1, fd, 0)
seen = (ctypes.c_ubyte * ((size + 4095) // 4096))()
base.mincore(ctypes.c_void_p(where), ctypes.c_size_t(size), seen)
print("resident", sum(b & 1 for b in seen) == len(seen), flush=True)
while not os.path.exists(go):
    time.sleep(0.01)
began, stalled = time.monotonic(), 0.0


def watch():  # time in which nothing runs here is nobody's
    global stalled
    last = time.monotonic()
    while True:
        time.sleep(0.02)
        now = time.monotonic()
        stalled += now - last if now - last > 0.2 else 0
        last = now


threading.Thread(target=watch, daemon=True).start()


def by_read():  # one page may fail and another be there
    for at in range(0, size, 4096):
        try:
            if os.pread(fd, 1, at):
                return True
        except OSError:
            pass
    return False


def by_mapping():
    child = os.fork()
    if child == 0:  # SIGBUS where nothing is left
        os._exit(0 if page[0] + page[size // 2] >= 0 else 1)
    return os.waitpid(child, 0)[1] == 0


while by_read() or by_mapping():
    if time.monotonic() - began > limit + stalled:
        print("still there after %.1f s" % (time.monotonic() - began))
        sys.exit(1)
    time.sleep(0.05)
print("gone after %.2f s, stalled for %.2f" % (time.monotonic() - began, stalled))
PY

# end_it HOW GRANT: what happens while a reader has all of b.bin cached.  Its
# exit status is the reader's: 0 when that gets nothing any more.
end_it()
{
	rm -f "$tmp/go" "$tmp/probe"
	python3 "$tmp/probe.py" "$mnt/llama/@${ref#*@}/b.bin" "$tmp/go" "$3" \
	    >"$tmp/probe" 2>&1 &
	reader=$!
	wait_for 60 grep -q resident "$tmp/probe"
	if [ "$1" = close ]; then
		weir session close "$(weir session ls --json |
		    jq '.sessions[0].session')" --reason 'a test' >/dev/null
	else
		weir grant rm "$2" --reason 'a test' 2>/dev/null
	fi
	: >"$tmp/go"
	wait $reader
}

for how in close revoke; do
	grant=$(weir grant add llama --to "$me" --loads 9 --reason t 2>/dev/null)
	exits 0 "$how: mount" weir mount --allow-unsigned "$ref" "$mnt"
	reads a.bin 0
	ok $? 'it can be read'
	id=$(weir session ls --json | jq '.sessions[0].session')
	exec 8<"$mnt/llama/@${ref#*@}/b.bin"
	end_it $how "$grant" 2
	ok $? 'what was read is gone within two seconds, open and mapped'
	diag "$(tail -n 1 "$tmp/probe")"
	like "$(head -n 1 "$tmp/probe")" 'resident True' \
	    'all of it was in the page cache'
	fails 'nothing new is read' reads b.bin 40
	fails 'nor what was read before' reads a.bin 0
	fails 'nor through a file that was open' \
	    sh -c 'dd bs=1M count=1 <&8'
	exec 8<&-
	exits 0 'session show' weir session show "$id" --json
	is "$(printf '%s' "$out" | jq '.closed != null and .closed != ""')" \
	    true 'it is closed'
	weir umount --force "$mnt" 2>/dev/null || unmount "$mnt"
	wait_for 60 sh -c "! grep -q ' $mnt ' /proc/self/mountinfo"
	ok $? 'and can be unmounted'
	[ $how = revoke ] || weir grant rm "$grant" 2>/dev/null
done

# A mount that leaves the page cache as it is must be found out.
mkdir "$tmp/bin"
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/"
if cp "$BUILD/tests/mutants/weir-mount-forgetful" "$tmp/bin/weir-mount"; then
	weir grant add llama --to "$me" --loads 9 --reason t 2>/dev/null >&2
	exits 0 'a mount that forgets nothing' "$tmp/bin/weir" mount \
	    --allow-unsigned "$ref" "$mnt"
	fails 'is found out' end_it close '' 3
	like "$(tail -n 1 "$tmp/probe")" 'still there' \
	    'by what can still be read'
	unmount "$mnt"
fi

exits 5 'closing what is not open' weir session close 4711
exits 0 'the trail' weir audit ls --kind session.close
like "$out" 'a test' 'has the reason'
done_testing
