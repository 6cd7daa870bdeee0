#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on a proof file, from it and the verifier key alone: verify_proof.py FILE VKEY.

The checkpoint's signature, each entry's inclusion, and that no entry of the range is left out.  Shares no code with weir.
"""
import base64, sys
from verify_trail import sha, signed


def b64(text):
    return base64.b64decode(text, validate=True)


def node(left, right):
    return sha(b"\1" + left + right)


def half(n):
    return 1 << (n - 1).bit_length() - 1


def inclusion(i, n, leaf, path):
    if n == 1:
        return leaf
    if i < half(n):
        return node(inclusion(i, half(n), leaf, path[:-1]), path[-1])
    return node(path[-1], inclusion(i - half(n), n - half(n), leaf, path[:-1]))


def cover(lo, hi, first, end, leaves, around):
    if hi <= first or lo >= end:
        return around.pop(0)
    if hi - lo == 1:
        return leaves[lo]
    middle = lo + half(hi - lo)
    left = cover(lo, middle, first, end, leaves, around)
    return node(left, cover(middle, hi, first, end, leaves, around))


head, note = open(sys.argv[1]).read().split("\ncheckpoint\n")
name, _, key = sys.argv[2].split("+", 2)
text, _, signatures = note.partition("\n\n")
origin, size, root = text.split("\n")
size, root = int(size), b64(root)
line = next(s for s in signatures.split("\n") if s.startswith(f"\u2014 {name} "))
assert origin == name and signed(b64(key)[1:], f"{text}\n".encode(), b64(line.split(" ")[2])[4:]), "another's signature"

lines = [line.split(" ") for line in head.split("\n")]
say = {line[0]: line[1:] for line in lines}
leaves = {int(line[1]): sha(b"\0" + b64(line[2])) for line in lines if line[0] == "entry"}
for line, after in zip(lines, lines[1:]):
    if after[0] == "inclusion":
        assert inclusion(int(line[1]), size, leaves[int(line[1])], [b64(h) for h in after[1:]]) == root, "inclusion"
if say["answer"] == ["no"]:
    first, end = map(int, say["range"])
    around = [b64(h) for h in say["around"]]
    assert cover(0, size, first, end, leaves, around) == root and not around, "the range is not whole"
print(say["answer"][0], size, root.hex(), len(leaves))
