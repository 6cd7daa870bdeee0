#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every loader's way of reading gives the bytes that were put.  The programs
# are those of tests/load; each one has a mount of its own, so that what it
# reads comes from the worker and not from pages that another one left.
. "$(dirname "$0")/lib.sh"
requires fuse

load=$BUILD/tests/load
[ -x "$load/whole" ] || skip_all "build them first: make tests"

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"
# Of no round size; and half of it compresses.
head -c 40000001 /dev/urandom >"$tmp/m/model.bin"
head -c 30000002 /dev/zero | tr '\0' 'w' >>"$tmp/m/model.bin"
head -c 4097 /dev/urandom >"$tmp/m/small.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
hash=$(sha256sum <"$tmp/m/model.bin" | cut -d ' ' -f 1)
hash_small=$(sha256sum <"$tmp/m/small.bin" | cut -d ' ' -f 1)

# loads NAME PROGRAM [ARGUMENT]: both files
loads()
{
	name=$1
	program=$load/$2
	shift 2
	got=$(weir mount --quiet --allow-unsigned "$ref" "$mnt" -- \
	    "$program" "$mnt/llama/@${ref#*@}/model.bin" "$@" 2>"$tmp/.err")
	is "$got" "$hash" "$name" || diag "$(cat "$tmp/.err")"
	got=$(weir mount --quiet --allow-unsigned "$ref" "$mnt" -- \
	    "$program" "$mnt/llama/@${ref#*@}/small.bin" "$@" 2>"$tmp/.err")
	is "$got" "$hash_small" "$name, a small file" ||
	    diag "$(cat "$tmp/.err")"
}

loads 'safetensors: private mapping' mmap_private
loads 'llama.cpp: shared mapping, populated' mmap_populate
loads 'torch: writable private mapping' mmap_writable
loads 'TensorRT-LLM: MADV_POPULATE_READ in windows' populate_windows
loads 'Run:ai: 16 threads of 2 MiB' threads_lseek
loads 'fastsafetensors: 16 preads of 16 MiB' pread_threads
loads 'O_DIRECT, 1 MiB' direct 1048576
loads 'O_DIRECT, 4 MiB' direct 4194304
loads 'O_DIRECT, aligned to nothing' direct_unaligned
loads 'torch.load of a zip: the end first' end_first
loads 'transformers: the whole file by one read' whole
loads 'vLLM: eight ranks on one shard' processes
loads 'random preads of 4 KiB' random 4096
loads 'random preads of 1 MiB' random 1048576
loads 'cp: 128 KiB' sequential 131072
loads 'sha256sum: 32 KiB' sequential 32768
loads 'tar: 10 KiB' sequential 10240

# All of them at once, on one mount.
exits 0 'one mount for all' weir mount --quiet --allow-unsigned "$ref" "$mnt"
file=$mnt/llama/@${ref#*@}/model.bin
# Without a batch of children that outlive it: each writes its line.
for program in mmap_private mmap_populate mmap_writable populate_windows \
    threads_lseek pread_threads direct direct_unaligned end_first whole \
    processes sequential; do
	"$load/$program" "$file" >"$tmp/sum.$program" 2>&1 &
done
wait
is "$(cat "$tmp"/sum.* | sort -u)" "$hash" 'twelve loaders side by side'
exits 0 'and it is unmounted' weir umount "$mnt"

# What the trail holds covers the file, and no chunk was released twice to
# one session.
for session in $(weir audit ls --kind session.open --json |
    jq -r '.session'); do
	weir audit ls --kind release --json | jq -r \
	    "select(.session == $session) | range(.first; .first + .count)" |
	    sort | uniq -d
done >"$tmp/twice"
is "$(cat "$tmp/twice")" '' 'no session was given a chunk twice'

# A browse grant: a chunk a release, the same bytes, as far as they go.
for grant in $(weir grant ls --json | jq -r '.grants[].grant'); do
	weir grant rm "$grant" --reason t 2>/dev/null
done
weir grant add llama --to "$me" --browse --reason t >/dev/null 2>&1
before=$(weir audit ls --kind release --json 2>/dev/null | wc -l)
weir mount --allow-unsigned "$ref" "$mnt" 2>/dev/null
fails 'browsing goes not to the end' "$load/sequential" "$file" 131072
weir umount "$mnt" 2>/dev/null
is "$(weir audit ls --kind release --json | tail -n +$((before + 1)) |
    jq -r '.count' | sort -u)" 1 'and is one chunk a release'
done_testing
