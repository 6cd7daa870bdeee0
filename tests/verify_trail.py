#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on a trail, from its files and the verifier key alone: verify_trail.py TRAIL_DIR VKEY.

Recomputes every leaf from the entry bundles, the root from the leaves, each hash tile, and the checkpoint's Ed25519
signature (RFC 8032, by its equation).  Shares no code with weir.
"""
import base64, hashlib, pathlib, sys

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
sha = lambda b: hashlib.sha256(b).digest()


def add(a, b):
    (x, y), (u, v) = a, b
    k = D * x * u * y * v % P
    return (x * v + y * u) * pow(1 + k, P - 2, P) % P, (y * v + x * u) * pow(1 - k, P - 2, P) % P


def mul(n, a):
    r = (0, 1)
    while n:
        r, a, n = add(r, a) if n & 1 else r, add(a, a), n >> 1
    return r


def point(b):
    y = int.from_bytes(b, "little") & (1 << 255) - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == xx, "not a point of the curve"
    return P - x if x & 1 != b[31] >> 7 else x, y


def signed(key, message, signature):
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    s, base = int.from_bytes(signature[32:], "little"), point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    return s < L and mul(s, base) == add(point(signature[:32]), mul(h, point(key)))


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1" + root(hashes[:k]) + root(hashes[k:]))


def place(kind, n, width):
    digits = f"{n:0{-(-len(str(n)) // 3) * 3}}"
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    return f"tile/{kind}/" + "/".join(["x" + g for g in groups[:-1]] + groups[-1:]) + (f".p/{width}" if width < 256 else "")


def tiles(size):
    return [(n, min(256, size - 256 * n)) for n in range(-(-size // 256))]


def main():
    trail, (name, _, key) = pathlib.Path(sys.argv[1]), sys.argv[2].split("+", 2)
    text, _, signatures = (trail / "checkpoint").read_text().partition("\n\n")
    origin, size, want = text.split("\n")
    size, leaves = int(size), []
    for n, width in tiles(size):
        data = (trail / place("entries", n, width)).read_bytes()
        while data:
            end = 2 + int.from_bytes(data[:2], "big")
            leaves.append(sha(b"\0" + data[2:end]))
            data = data[end:]
    assert len(leaves) == size, f"{len(leaves)} entries, {size} in the checkpoint"
    level, hashes = 0, leaves
    while hashes:
        for n, width in tiles(len(hashes)):
            assert (trail / place(level, n, width)).read_bytes() == b"".join(hashes[256 * n:256 * n + width]), "a tile differs"
        hashes = [root(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    assert (root(leaves) if leaves else sha(b"")) == base64.b64decode(want), "the root differs"
    line = next(s for s in signatures.split("\n") if s.startswith(f"\u2014 {name} "))
    assert origin == name and signed(base64.b64decode(key)[1:], f"{text}\n".encode(), base64.b64decode(line.split(" ")[2])[4:]), \
        "the signature is another's"
    print(size, base64.b64decode(want).hex())


if __name__ == "__main__":
    main()
