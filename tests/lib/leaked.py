#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many bytes of a safetensors file's weights are in what somebody took away, whatever it was put into.

  leaked.py ORIGINAL LOOT...

Blocks of 512 bytes are looked for, at every place that is a multiple of 512 in the loot; what stands there twice
counts once.  Weights are random, so that no two blocks are equal."""
import os, struct, sys

BLOCK = 512


def blocks(path):
    with open(path, "rb") as f:
        while len(block := f.read(BLOCK)) == BLOCK:
            yield block


def main():
    with open(sys.argv[1], "rb") as f:
        header = 8 + struct.unpack("<Q", f.read(8))[0]
    weights = {b for i, b in enumerate(blocks(sys.argv[1])) if i * BLOCK >= header}
    taken = set()
    for name in sys.argv[2:]:
        files = [os.path.join(d, n) for d, _, names in os.walk(name) for n in names] or [name]
        for path in files:
            if os.path.isfile(path):
                taken.update(b for b in blocks(path) if b in weights)
    print(len(taken) * BLOCK)


main()
