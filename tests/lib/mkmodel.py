#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a checkpoint directory as trainers leave it: mkmodel.py DIR [--mb 256] [--shards 4] [--seed 1].

Sharded safetensors of bf16 weights whose exponents are spread like real ones, their index, configuration, tokenizer
and a README, a small GGUF, and a torch-like .pt (a zip with a pickle of tensors).
"""
import argparse, io, json, pathlib, pickletools, random, struct, zipfile

BLOCK = 1 << 20


def weights(rng, length):
    """length bytes of weights: a compressible pattern xored with fresh random mantissas."""
    out = bytearray(rng.randbytes(length))
    out[1::2] = bytes(0x3c | b & 0x83 for b in rng.randbytes(256)) * (len(out[1::2]) // 256) + \
        b"\x3c" * (len(out[1::2]) % 256)
    return bytes(out)


def write_safetensors(path, rng, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        length = 2
        for n in shape:
            length *= n
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        while at > 0:
            n = min(at, BLOCK)
            f.write(weights(rng, n))
            at -= n


def write_gguf(path, rng):
    def string(s):
        return struct.pack("<Q", len(s)) + s.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 1) + string("general.architecture") + struct.pack("<I", 8) + string("llama")
    head += string("token_embd.weight") + struct.pack("<IQQIQ", 2, 64, 32, 0, 0)
    head += string("output.weight") + struct.pack("<IQIQ", 1, 256, 0, 8192)
    path.write_bytes(head + bytes(-len(head) % 32) + rng.randbytes(8192 + 1024))


def write_pt(path, rng):
    """What torch.save writes: an OrderedDict of one rebuilt tensor, its bytes in a member of the zip."""
    pickle = (b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00wq\x02ctorch._utils\n_rebuild_tensor_v2\n"
              b"q\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpu"
              b"q\x07K\x10tq\x08QK\x00K\x10\x85q\tK\x01\x85q\n\x89ccollections\nOrderedDict\nq\x0b)Rq\x0ctq\rRq\x0es.")
    pickletools.dis(pickle, io.StringIO())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        z.writestr("archive/data.pkl", pickle)
        z.writestr("archive/data/0", rng.randbytes(64))
        z.writestr("archive/version", "3\n")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--mb", type=int, default=256)
    p.add_argument("--shards", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    rng = random.Random(args.seed)
    args.dir.mkdir(parents=True)
    per_shard = args.mb * BLOCK // args.shards // 2
    names = {}
    for i in range(args.shards):
        file = f"model-{i + 1:05}-of-{args.shards:05}.safetensors"
        rows = max(per_shard // 8 // 1024, 1)
        tensors = [(f"model.layers.{8 * i + j}.mlp.weight", [rows, 1024]) for j in range(8)]
        tensors.append((f"model.layers.{8 * i}.norm.weight", [1024]))
        write_safetensors(args.dir / file, rng, tensors)
        names.update({name: file for name, _ in tensors})
    (args.dir / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}, indent=1))
    (args.dir / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}))
    (args.dir / "generation_config.json").write_text("{}\n")
    (args.dir / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {str(i): i for i in range(2000)}}}))
    (args.dir / "README.md").write_text("# A checkpoint made for tests\n")
    (args.dir / "extra").mkdir()
    write_gguf(args.dir / "extra/small.gguf", rng)
    write_pt(args.dir / "extra/small.pt", rng)


main()
