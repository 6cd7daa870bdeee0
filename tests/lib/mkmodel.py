#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make models to test with; standard library only, and the same bytes for the same arguments.

  mkmodel.py DIR [--mb 256] [--shards 4] [--seed 1]
      a checkpoint directory as trainers leave it: sharded safetensors of bf16 weights, their index, configuration,
      tokenizer and a README, a small GGUF, and a torch-like .pt (a zip with a pickle of tensors)
  mkmodel.py sharded DIR [--shards K] and the options below
      the same without the GGUF and the .pt; --tensors and --bytes are for all shards together
  mkmodel.py safetensors|gguf|pt OUT [--tensors 8] [--bytes 1048576] [--dtype bf16] [--seed 1] [--compressible]
      one file; --bytes is about its weights, --compressible spreads exponents as real weights do
"""
import argparse, json, pathlib, random, struct, sys, zipfile

BLOCK = 1 << 20
DTYPES = {  # name: (bytes, safetensors, ggml, torch storage)
    "u8": (1, "U8", 24, "ByteStorage"), "i32": (4, "I32", 26, "IntStorage"), "f16": (2, "F16", 1, "HalfStorage"),
    "bf16": (2, "BF16", 30, "BFloat16Storage"), "f32": (4, "F32", 0, "FloatStorage"),
    "f64": (8, "F64", 28, "DoubleStorage"),
}
ALIGNMENT = 32


class Weights:
    """A stream of weights: random bytes, or mantissas that are random and exponents that repeat."""

    def __init__(self, seed, size, compressible):
        self.rng, self.size, self.compressible = random.Random(seed), size, compressible

    def block(self, n):
        out = self.rng.randbytes(n)
        if self.compressible and self.size > 1:
            out, step = bytearray(out), self.size
            high = len(out[step - 1::step])
            pattern = bytes(0x3c | b & 0x83 for b in self.rng.randbytes(256))
            out[step - 1::step] = (pattern * (high // 256 + 1))[:high]
        return bytes(out)

    def write(self, f, n):
        while n > 0:
            f.write(self.block(min(n, BLOCK)))
            n -= min(n, BLOCK)


def plan(count, total, size, first=0):
    """count tensors of total bytes: [(name, shape)], the last dimension a power of two, one long row where it is
    short."""
    tensors = []
    for i in range(count):
        elements = max(total // count // size, 1)
        row = 1024 if elements >= 2048 else elements
        shape = [elements // row, row] if row == 1024 else [elements]
        tensors.append((f"model.layers.{first + i}.mlp.weight", shape))
    return tensors


def length_of(shape, size):
    for n in shape:
        size *= n
    return size


def write_safetensors(path, tensors, dtype, weights):
    size, name, _, _ = DTYPES[dtype]
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for tensor, shape in tensors:
        length = length_of(shape, size)
        header[tensor] = {"dtype": name, "shape": shape, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        weights.write(f, at)


def write_gguf(path, tensors, dtype, weights):
    def string(s):
        return struct.pack("<Q", len(s)) + s.encode()

    size, _, ggml, _ = DTYPES[dtype]
    tokens = [f"<{i}>" for i in range(32)]
    head = [b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 4),
            string("general.architecture") + struct.pack("<I", 8) + string("llama"),
            string("general.alignment") + struct.pack("<II", 4, ALIGNMENT),
            string("llama.block_count") + struct.pack("<II", 4, len(tensors)),
            string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)) + b"".join(map(string, tokens))]
    at, lengths = 0, []
    for i, (_, shape) in enumerate(tensors):
        # ggml's first dimension is the one whose elements touch.
        head.append(string(f"blk.{i}.ffn_up.weight") + struct.pack("<I", len(shape)) +
                    b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", ggml, at))
        lengths.append(length_of(shape, size))
        at += lengths[-1] + -lengths[-1] % ALIGNMENT
    head = b"".join(head)
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % ALIGNMENT))
        for n in lengths:
            weights.write(f, n)
            f.write(bytes(-n % ALIGNMENT))


def tensor_pickle(tensors, storage):
    """What torch.save pickles for {name: tensor}, protocol 2: each tensor rebuilt from a storage of its own."""
    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def number(n):
        return b"J" + struct.pack("<i", n) if n < 1 << 31 else b"\x8a\x08" + struct.pack("<q", n)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    out = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for i, (name, shape) in enumerate(tensors):
        strides = [1]
        for n in reversed(shape[1:]):
            strides.insert(0, strides[0] * n)
        out.append(text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                   f"ctorch\n{storage}\n".encode() + text(str(i)) + text("cpu") + number(length_of(shape, 1)) + b"tQ" +
                   number(0) + numbers(shape) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR")
    return b"".join(out) + b"u."


def write_pt(path, tensors, dtype, weights):
    size, _, _, storage = DTYPES[dtype]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        def member(name):
            return z.open(zipfile.ZipInfo(name), "w", force_zip64=True)

        with member("archive/data.pkl") as f:
            f.write(tensor_pickle(tensors, storage))
        for i, (_, shape) in enumerate(tensors):
            with member(f"archive/data/{i}") as f:
                weights.write(f, length_of(shape, size))
        with member("archive/version") as f:
            f.write(b"3\n")


def write_sharded(path, shards, tensors, total, dtype, weights):
    path.mkdir(parents=True)
    size, names = DTYPES[dtype][0], {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        each = max(tensors // shards, 1)
        part = plan(each, total // shards, size, each * i)
        part.append((f"model.layers.{each * i}.norm.weight", [1024]))
        write_safetensors(path / file, part, dtype, weights)
        names.update({name: file for name, _ in part})
    kinds = {"bf16": "bfloat16", "f16": "float16"}
    for file, value in (
            ("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": names}),
            ("config.json", {"architectures": ["LlamaForCausalLM"], "torch_dtype": kinds.get(dtype, "float32")}),
            ("generation_config.json", {"do_sample": True}),
            ("tokenizer.json", {"model": {"vocab": {str(i): i for i in range(2000)}}})):
        (path / file).write_text(json.dumps(value, indent=1) + "\n")
    (path / "README.md").write_text("# A checkpoint made for tests\n")


def checkpoint(args):
    """The first form: DIR alone."""
    weights = Weights(args.seed, 2, True)
    write_sharded(args.out, args.shards, 8 * args.shards, args.mb * BLOCK, "bf16", weights)
    (args.out / "extra").mkdir()
    write_gguf(args.out / "extra/small.gguf", plan(2, 16384, 4), "f32", Weights(args.seed, 4, False))
    write_pt(args.out / "extra/small.pt", plan(2, 16384, 4), "f32", Weights(args.seed, 4, False))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    kinds = {"safetensors": write_safetensors, "gguf": write_gguf, "pt": write_pt, "sharded": None}
    kind = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in kinds else None
    if kind:
        p.add_argument("kind")
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--mb", type=int, default=256)
    p.add_argument("--shards", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--tensors", type=int, default=8)
    p.add_argument("--bytes", type=int, default=BLOCK)
    p.add_argument("--dtype", choices=sorted(DTYPES), default="bf16")
    p.add_argument("--compressible", action="store_true")
    args = p.parse_args()
    if not kind:
        return checkpoint(args)
    size = DTYPES[args.dtype][0]
    weights = Weights(args.seed, size, args.compressible)
    if kind == "sharded":
        return write_sharded(args.out, args.shards, args.tensors, args.bytes, args.dtype, weights)
    return kinds[kind](args.out, plan(args.tensors, args.bytes, size), args.dtype, weights)


main()
