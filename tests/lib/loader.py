#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""loader.py DIR [SOURCE]: load sharded safetensors from DIR as the safetensors library does, with the standard library alone.

Each shard is opened and mapped (private, read-only), its header parsed, its tensors' places checked, and every tensor's bytes touched through
the mapping. With SOURCE each tensor is compared with the same one there. Nothing in here knows of weir.
"""
import json, mmap, pathlib, struct, sys, time

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64}


class Shard:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        (n,) = struct.unpack("<Q", self.map[:8])
        if n > 100_000_000 or 8 + n > len(self.map):
            raise ValueError(f"{path}: header of {n} bytes")
        header = json.loads(self.map[8:8 + n].decode("utf-8"))
        header.pop("__metadata__", None)
        self.base, self.tensors = 8 + n, {}
        at = 0
        for name, t in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = t["data_offsets"]
            count = 1
            for d in t["shape"]:
                count *= d
            if begin != at or (end - begin) * 8 != count * BITS[t["dtype"]]:
                raise ValueError(f"{path}: tensor {name} is not where it should be")
            self.tensors[name], at = (begin, end), end
        if self.base + at != len(self.map):
            raise ValueError(f"{path}: {len(self.map)} bytes, not {self.base + at}")

    def tensor(self, name):
        begin, end = self.tensors[name]
        return memoryview(self.map)[self.base + begin:self.base + end]


def shards(directory):
    paths = sorted(pathlib.Path(directory).glob("*.safetensors"))
    if not paths:
        raise SystemExit(f"{directory}: no safetensors")
    return {p.name: Shard(p) for p in paths}


def main():
    start = time.monotonic()
    loaded = shards(sys.argv[1])
    source = shards(sys.argv[2]) if len(sys.argv) > 2 else {}
    tensors = size = 0
    for name, shard in loaded.items():
        for t in shard.tensors:
            data = shard.tensor(t)
            if source and data != source[name].tensor(t):
                raise SystemExit(f"{name}: tensor {t} is not what it was")
            if not source:
                bytes(data)
            tensors, size = tensors + 1, size + len(data)
    print(f"{len(loaded)} shards, {tensors} tensors, {size / 1e6:.1f} MB in {time.monotonic() - start:.2f} s"
          + (": every tensor is right" if source else ""))


main()
