#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write many sparse safetensors files: many.py DIR FILES TENSORS SIZE.

Each 32 KiB holds its own number and zeros, so that no chunk is equal to another, and source and store stay small.
"""
import json, pathlib, struct, sys

top, files, tensors, size = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
top.mkdir()
number = 0
for i in range(files):
    each = size // tensors // 4 * 4
    header = {f"t{j}": {"dtype": "F32", "shape": [each // 4], "data_offsets": [j * each, (j + 1) * each]}
              for j in range(tensors)}
    text = json.dumps(header).encode()
    with open(top / f"part-{i:04}.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for at in range(0, each * tensors - 8, 32768):
            number += 1
            f.seek(8 + len(text) + at)
            f.write(struct.pack("<Q", number))
        f.truncate(8 + len(text) + each * tensors)
