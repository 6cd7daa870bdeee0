#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on a C2SP tlog-proof, from it, the log's verifier key and, if given, the entry: verify_tlog_proof.py FILE VKEY [ENTRY].

Without ENTRY the entry is what `extra` holds; it is printed.  Shares no code with weir.
"""
import base64, sys
from verify_trail import sha, signed


def b64(text):
    return base64.b64decode(text, validate=True)


def climb(index, size, leaf, path):
    """RFC 9162, section 2.1.3.2."""
    assert index < size, "index"
    here, last, root = index, size - 1, leaf
    for other in path:
        assert last > 0, "too many hashes"
        if here % 2 or here == last:
            root = sha(b"\1" + other + root)
            while not here % 2 and here:
                here, last = here >> 1, last >> 1
        else:
            root = sha(b"\1" + root + other)
        here, last = here >> 1, last >> 1
    assert last == 0, "too few hashes"
    return root


def main():
    proof, _, checkpoint = open(sys.argv[1], encoding="utf-8", newline="").read().partition("\n\n")
    lines = proof.split("\n")
    assert lines.pop(0) == "c2sp.org/tlog-proof@v1", "the first line"
    extra = b64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
    word, number = lines.pop(0).split(" ")
    assert word == "index" and str(int(number)) == number, "index"
    path = [b64(line) for line in lines]
    assert all(len(h) == 32 for h in path), "a hash"

    name, _, key = sys.argv[2].split("+", 2)
    text, _, signatures = checkpoint.partition("\n\n")
    origin, size, root = text.split("\n")
    line = next(s for s in signatures.split("\n") if s.startswith(f"\u2014 {name} "))
    assert origin == name and signed(b64(key)[1:], f"{text}\n".encode(), b64(line.split(" ")[2])[4:]), "another's signature"

    entry = open(sys.argv[3], "rb").read() if len(sys.argv) > 3 else extra
    assert climb(int(number), int(size), sha(b"\0" + entry), path) == b64(root), "it is not in the log"
    print(number, entry.decode())


main()
