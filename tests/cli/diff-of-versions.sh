#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What is different between two versions is told without reading a weight.
. "$(dirname "$0")/lib.sh"
requires jq python3

mkvault vault
python3 "$top/tests/lib/mkmodel.py" "$tmp/m" --mb 16 --shards 2 >/dev/null
one=$(weir put llama "$tmp/m" 2>/dev/null)
# One byte in the middle of one tensor, which the script names.
changed=$(python3 - "$tmp/m/model-00001-of-00002.safetensors" <<'EOP'
import json, struct, sys
path = sys.argv[1]
data = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
names = [k for k in head if k != "__metadata__"]
big = max(names, key=lambda k: head[k]["data_offsets"][1] - head[k]["data_offsets"][0])
data[8 + n + head[big]["data_offsets"][0] + 1000] ^= 1
open(path, "wb").write(data)
print(big)
EOP
)
rm "$tmp/m/README.md"
echo new >"$tmp/m/NEW.md"
chmod 600 "$tmp/m/config.json"
ln -s config.json "$tmp/m/link"
two=$(weir put llama "$tmp/m" 2>/dev/null)

exits 0 'diff' weir diff "$one" "$two"
like "$out" '^  \+ NEW.md  4 B$' 'a file that came'
like "$out" '^  - README.md ' 'one that went'
like "$out" '^  ~ config.json  mode or class only$' 'a mode'
like "$out" '^  ~ model-00001-of-00002.safetensors ' 'a content'
like "$out" "^  ~ model-00001-of-00002.safetensors: $changed " 'the tensor'
exits 0 'diff as JSON' weir diff "$one" "$two" --json
json '.added == 2 and .removed == 1 and .changed == 2' 'the numbers'
json "[.tensors[].name] == [\"$changed\"]" 'that tensor and no other'
json '[.tensors[].change] == ["changed"]' 'which changed'
json '.new_bytes < 2000000 and .shared_bytes > 10000000' 'most bytes are shared'
json '.shared_bytes + .new_bytes == .bytes' 'and they add up'
json '[.files[] | select(.path == "link")][0].kind == "link"' 'links are told'
exits 0 'the other way round' weir diff "$two" "$one" --json
json '.added == 1 and .removed == 2 and .changed == 2' 'is the other way round'
exits 0 'a version and itself' weir diff "$two" "$two" --json
json '.files == [] and .tensors == [] and .new_bytes == 0' 'do not differ'
exits 0 'latest' weir diff "$one" llama --json
is "$(printf '%s' "$out" | jq -r .to)" "$two" 'is shown in full'

# A tensor more, one less, one of another shape.
python3 - "$tmp/m/extra.safetensors" <<'EOP'
import json, struct, sys
def write(path, tensors):
    head, at = {}, 0
    for name, n in tensors:
        head[name] = {"dtype": "F32", "shape": [n], "data_offsets": [at, at + 4 * n]}
        at += 4 * n
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
write(sys.argv[1], [("stays", 100000), ("goes", 10), ("grows", 10)])
EOP
three=$(weir put llama "$tmp/m" 2>/dev/null)
python3 - "$tmp/m/extra.safetensors" <<'EOP'
import json, struct, sys
tensors, head, at = [("stays", 100000), ("comes", 10), ("grows", 12)], {}, 0
for name, n in tensors:
    head[name] = {"dtype": "F32", "shape": [n], "data_offsets": [at, at + 4 * n]}
    at += 4 * n
text = json.dumps(head).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
EOP
four=$(weir put llama "$tmp/m" 2>/dev/null)
exits 0 'a new file of tensors' weir diff "$two" "$three" --json
json '[.tensors[].change] == ["added", "added", "added"]' 'has all of them new'
exits 0 'other tensors in it' weir diff "$three" "$four" --json
json '[.tensors[] | select(.name != "stays") | [.name, .change]] == [
    ["comes", "added"], ["goes", "removed"], ["grows", "changed"]]' \
    'are told one by one'

exits 5 'a version that is not there' weir diff "$one" llama@00000000
exits 2 'one argument' weir diff "$one"
exits 2 'what is no reference' weir diff "$one" 'x y'
# Weights are not read: diff works when a chunk is gone.
chunk=$(find "$vault/objects" -type f -printf '%s %p\n' | sort -n | tail -n 1)
rm "${chunk#* }"
exits 3 'a chunk is missing' weir check
exits 0 'which does not matter' weir diff "$one" "$two"
done_testing
