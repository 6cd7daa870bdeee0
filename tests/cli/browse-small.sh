#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A browse grant on a model so small that a chunk of it is more than 2 %: nothing
# of the weights is given, and everything that is none is read as ever, the
# header's last page included, in which the weights begin.
. "$(dirname "$0")/lib.sh"
requires fuse jq python3

mkvault vault
mkdir "$tmp/tree" "$tmp/mnt"
cleanup_fn unmount "$tmp/mnt"
model=$tmp/tree/model.safetensors
python3 "$top/tests/lib/mkmodel.py" safetensors "$model" --tensors 12 \
    --bytes 786432 >/dev/null
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
chunks=$(weir show "$ref" --json | jq .chunks)
[ "$chunks" -lt 50 ]
ok $? "a model of $chunks chunks"
weir grant add llama --to "$me" --browse --reason t >/dev/null 2>&1
file=$tmp/mnt/llama/@${ref#*@}/model.safetensors
header=$(python3 -c 'import struct, sys
print(8 + struct.unpack("<Q", open(sys.argv[1], "rb").read(8))[0])' "$model")
[ $((header % 4096)) -ne 0 ]
ok $? "whose header ends within a page ($header)"

exits 0 'mount' weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt"
cmp "$tmp/tree/config.json" "${file%/*}/config.json"
ok $? 'its configuration is read'
cat >"$tmp/header.py" <<'END'
import json, os, struct, sys
with open(sys.argv[1], "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    print(len(json.loads(f.read(n))))
f = os.open(sys.argv[1], os.O_RDONLY)
print(len(os.pread(f, 1 << 20, 0)), len(os.pread(f, 100, 8 + n - 10)))
END
exits 0 'its header is read, as libraries do' python3 "$tmp/header.py" "$file"
is "$out" "$(printf '13\n%s 10' "$header")" \
    'wholly, and a read that goes on behind it ends with it'
head -c "$header" "$file" | cmp - "$model" 2>"$tmp/.err"
like "$(cat "$tmp/.err")" "EOF on - after byte $header" 'byte for byte'
is "$(weir audit ls --kind release --json | jq -s 'map(.weights) | add')" 0 \
    'and no weights were given for it'
fails 'the first byte of the weights is not read' \
    dd "if=$file" of=/dev/null bs=1 count=1 "skip=$header"
fails 'nor by O_DIRECT' dd "if=$file" of=/dev/null bs=64k iflag=direct
sleep 1.1 # a worker keeps a refusal for a second
dd "if=$file" bs=64k 2>/dev/null | cmp - "$model" >"$tmp/.err" 2>&1
like "$(cat "$tmp/.err")" "EOF on - after byte $header" \
    'whoever copies it has the header'
is "$(weir audit ls --kind release --json | jq -s 'map(.weights) | add')" 0 \
    'and no weights'
weir umount "$tmp/mnt" 2>/dev/null

# Whoever wonders is told why, and what to do.
small='one chunk( of it)? is [0-9]+\.[0-9]+ %'
exits 0 'grant explain' weir grant explain "$me" "$ref"
like "$out" "budget .*no weights: $small.* may grant loads" \
    'says that nothing of the weights is to be had'
exits 0 'grant show' weir grant show 1
like "$out" "$small" 'says it too'
out=$(weir grant show 1 --json)
json '.versions[0].chunk_ppm > 20000' 'and in JSON'
is "$(weir audit ls --kind refused --json | jq -r .reason | sort -u)" \
    'budget spent: a chunk alone is more than 2 %' 'so does the trail'
wait_for 60 sh -c "weir alert ls --json | jq -e '.alerts | length > 0'"
like "$(weir alert ls 2>&1)" 'wants weights that nobody browses of llama' \
    'and the alert'
exits 4 'a copy is refused' weir get --allow-unsigned "$ref" "$tmp/copy"

# A load grant reads it as any other.
weir grant add llama --to "$me" --loads 1 --reason t >/dev/null 2>&1
weir mount --quiet --allow-unsigned "$ref" "$tmp/mnt" 2>/dev/null
cmp "$model" "$file"
ok $? 'with a load grant all of it is read'
weir umount "$tmp/mnt" 2>/dev/null
done_testing
