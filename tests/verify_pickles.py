#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether weir sees what Python imports.

usage: verify_pickles.py LISTER SEED COUNT [--blind]

Makes pickles out of pieces, most of them broken, has both of Python's unpicklers load them with nothing imported for it, and
LISTER (tests/load/imports.c) list them.  An import that weir neither names nor calls unknown, in a pickle that it claims to
follow, is missed: prints those, and "N pickles, N with imports, N missed"; exit status 1 when there are any.  --blind: as if
weir listed nothing.
"""
import io, pickle, random, re, resource, struct, subprocess, sys

lister, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
blind = sys.argv[4:] == ["--blind"]
rng = random.Random(seed)


class Anything:
    """What is called, built and filled in place of what was imported."""
    def __init__(self, *_, **__):
        pass

    def __call__(self, *_, **__):
        return "text"

    def take(self, *_):
        pass

    __setstate__ = __setitem__ = append = extend = add = take


def unpickler(base):
    class Counting(base):
        def __init__(self, file, seen):
            super().__init__(file)
            self.seen = seen

        def find_class(self, module, name):
            if "\0" in module or module == "":
                raise ModuleNotFoundError(module)    # as importing it would
            self.seen.add((module, name))
            return Anything

        def persistent_load(self, _):
            return "id"

    return Counting


UNPICKLERS = unpickler(pickle.Unpickler), unpickler(pickle._Unpickler)


def imported(data):
    seen = set()
    for load in UNPICKLERS:
        file = io.BytesIO(data)
        try:
            while file.tell() < len(data):    # one pickle behind another
                load(file, seen).load()
        except BaseException:    # whatever it stumbles over: it is over
            pass
    return seen


NUMBERS = [b"0", b"1", b"7", b"5\0x", b" 3", b"+2", b"-0", b"-1", b"1_0", b"_1", b"9" * 12, b"", b"\v4", b"4\f", b"00", b"5\x85", b"2 \0z"]
TEXTS = [b"os", b"system", b"a.b", b"q", b"o\xff", b""]
PLAIN = [b"N", b"K\1", b")", b"]", b"}", b"(", b"t", b"\x85", b"\x86", b"0", b"1", b"2", b"R", b"\x81", b"Q", b"a", b"e", b"s", b"u",
         b"b", b"o", b"l", b"d", b"\x88", b"\x8f", b"(\x91", b"C\2ab", b"I5\0\n", b"I01\n", b"F1.5\n", b"L5L\n", b"G" + bytes(8),
         b"\x8a\1\5"]
FRAMES = [0, 1, 3, 5, 8, 12, 20, 30, 60, 2**63, 2**64 - 1]
# Not those with a number of 4 bytes, which make the unpickler in C fill as many places.
OPCODES = [bytes([n]) for n in range(256) if n not in b"rj"]


def text():
    s = rng.choice(TEXTS)
    return rng.choice([b"\x8c" + bytes([len(s)]) + s, b"X" + struct.pack("<I", len(s)) + s, b"U" + bytes([len(s)]) + s,
                       b"V" + s + b"\n", b"S'" + s + b"'\n"])


PIECES = [
    (10, text),
    (6, lambda: rng.choice([b"p", b"g"]) + rng.choice(NUMBERS) + b"\n"),
    (4, lambda: rng.choice([b"q", b"h"]) + bytes([rng.randrange(4)])),
    (2, lambda: b"c" + rng.choice(TEXTS) + b"\n" + rng.choice(TEXTS) + b"\n"),
    (3, lambda: b"\x93"),
    (2, lambda: b"\x94"),
    (2, lambda: b"\x95" + struct.pack("<Q", rng.choice(FRAMES))),
    (1, lambda: b"."),
    (6, lambda: rng.choice(PLAIN)),
    (4, lambda: rng.choice(OPCODES) + rng.randbytes(rng.randrange(5))),
]
WEIGHTS, MAKERS = zip(*PIECES)


def case():
    middle = b"".join(make() for make in rng.choices(MAKERS, WEIGHTS, k=rng.randrange(1, 14)))
    return (rng.choice([b"", b"\x80\2", b"\x80\4", b"N", b"\x8c\2os\x8c\6system"]) + middle +
            rng.choice([b".", b".", b"", b"\x93."]))


cases = [case() for _ in range(count)]
said = subprocess.run([lister], input=b"".join(struct.pack("=I", len(c)) + c for c in cases), stdout=subprocess.PIPE,
                      check=True).stdout.decode("latin-1").split("\n")[:-1]
assert len(said) == count
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))    # a few bytes may ask for gigabytes
with_imports = missed = 0
for data, line in zip(cases, said):
    verdict, *names = line.split("\t")
    python = imported(data)
    with_imports += bool(python)
    if blind:
        verdict, names = "sound", []
    # Other names are escaped where weir lists them.
    lost = [i for i in python if re.fullmatch(r"[\w.]+ [\w.]+", " ".join(i), re.ASCII) and " ".join(i) not in names]
    if lost and verdict != "lost" and not any("?" in n for n in names):
        missed += 1
        if not blind:
            print(data, verdict, names, lost)
print(f"{count} pickles, {with_imports} with imports, {missed} missed")
sys.exit(missed > 0)
