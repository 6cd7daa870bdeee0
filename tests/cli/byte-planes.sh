#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Floating-point weights are stored in byte planes: put, show and read back,
# whatever --compress says; what another choice does to deduplication.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/tree"

# Numbers near zero, as weights are, in bf16 and f32, and an int8 tensor.
python3 - "$tmp/tree/model.safetensors" <<'EOF' || exit 1
import json, random, struct, sys
random.seed(5)
numbers = [random.gauss(0, 0.02) for _ in range(65536)]
f32 = struct.pack("<65536f", *numbers)
bf16 = b"".join(f32[i + 2:i + 4] for i in range(0, len(f32), 4))
parts = (("a.bf16", "BF16", [65536], bf16), ("b.f32", "F32", [65536], f32),
         ("c.i8", "I8", [65536], random.randbytes(65536)))
head, data = {}, b""
for name, dtype, shape, part in parts:
    head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
    data += part
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data)
EOF
# The same numbers in a file whose tensors nobody knows.
python3 -c 'import sys; sys.stdout.buffer.write(open(sys.argv[1], "rb").read()[-65536 - 262144:-65536])' \
	"$tmp/tree/model.safetensors" >"$tmp/tree/other.onnx"

# put_as HOW: puts the tree, prints the digest
put_as()
{
	weir put "m$1" "$tmp/tree" --compress "$1" --quiet --json |
		jq -r .reference
}

ratio() { weir show "$1" --json | jq ".$2"; }
between() { jq -n "$1 >= $2 and $1 <= $3" | grep -qx true; }

auto=$(put_as auto) && off=$(put_as off) && max=$(put_as max)
ok $? 'put takes auto, off and max'
bf16='dtypes[] | select(.dtype == "bf16") | .ratio'
f32='dtypes[] | select(.dtype == "f32") | .ratio'
i8='dtypes[] | select(.dtype == "i8") | .ratio'
between "$(ratio "$auto" "$bf16")" 0.5 0.70
ok $? 'bf16 is stored in 0.70 of its bytes'
between "$(ratio "$auto" "$f32")" 0.5 0.86
ok $? 'f32 in 0.86'
between "$(ratio "$auto" "$i8")" 1 1.01
ok $? 'noise stays as it is'
between "$(ratio "$auto" 'stored.files[] | select(.path == "other.onnx") | .ratio')" \
	0.5 0.86
ok $? 'f32 that nobody called so, too'
between "$(ratio "$off" stored.ratio)" 1 1.01
ok $? 'off stores all as it is'
between "$(ratio "$max" stored.ratio)" 0.5 "$(ratio "$auto" stored.ratio)"
ok $? 'max takes no more than auto'
like "$(weir show "$auto")" 'bf16: 1 tensor, .* stored in 0\.6' \
	'show tells people by type'
like "$(weir show "$auto")" '0\.[78][0-9]* of .*: other.onnx' 'and by file'

is "$(weir put mauto "$tmp/tree" --compress auto --quiet)" "$auto" \
	'put again in the same way it is the same version'
weir put mauto "$tmp/tree" --json --quiet >"$tmp/again"
is "$(jq .new_bytes "$tmp/again")" 0 'and auto is what put does unasked'
weir put mauto "$tmp/tree" --compress off --json --quiet >"$tmp/again"
other=$(jq -r .reference "$tmp/again")
is "$(jq '.new_bytes > 300000' "$tmp/again")" true \
	'in another way it shares no weights with the first'

for ref in "$auto" "$off" "$max"; do
	weir grant add "$ref" --to "$me" --loads 1 --export \
		--reason test --quiet >/dev/null
	weir get --allow-unsigned "$ref" "$tmp/out" --quiet &&
		diff -r "$tmp/tree" "$tmp/out"
	ok $? "comes back to the byte: ${ref%@*}"
	rm -rf "$tmp/out"
done
exits 0 'check reads all of it' weir check --read-data
exits 2 'another word is refused' weir put mx "$tmp/tree" --compress best
like "$err" 'auto, off or max' 'and told which there are'

# The control: show counts what is there, and says what is not.
object=$(find "$WEIR_VAULT/objects" -type f -size +40k | head -n 1)
mv "$object" "$tmp/object"
is "$(for r in "$auto" "$off" "$max" "$other"; do ratio "$r" stored.missing; done |
	sort -n | tail -n 1 | jq '. > 0')" true 'a missing chunk is told of'
mv "$tmp/object" "$object"

done_testing
