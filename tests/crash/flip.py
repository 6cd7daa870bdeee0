#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""signed-or-nothing, the hash half, through a real mount: damage the store, read, expect EIO or identical bytes.

usage: flip.py BUILD [--flips 300] [--seed N] [--all] [--mount PROGRAM]

A small vault with chunks on each side of a segment is mounted.  Every damage is done to the store while the mount is
up, the kernel's pages of the file are dropped, and the file is read: the bytes are the source's, or the read
fails with EIO and the trail gets a `fault` entry.  Damages: a bit flipped, a byte zeroed, truncation, growth, two objects
swapped.  --all takes every byte of every object instead of a sample.  --mount runs another weir-mount: a mutant that does
not check, which this test must find out.
"""
import argparse, errno, json, os, pathlib, random, shutil, subprocess, sys, tempfile, time


class Flip:
    def __init__(self, args, top):
        self.args, self.top, self.random = args, top, random.Random(args.seed)
        self.env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"))
        self.mount, self.tree, self.bin = top / "mnt", top / "tree", top / "bin"
        self.bin.mkdir()
        for name in ("weir", "weir-keyd", "weir-mount"):
            shutil.copy2(pathlib.Path(args.build) / name, self.bin / name)
        if args.mount:
            shutil.copy2(args.mount, self.bin / "weir-mount")
        (top / "key").write_bytes(os.urandom(32))
        self.mount.mkdir()
        self.tree.mkdir()
        self.sources = {"one.bin": b"x", "edge.bin": os.urandom(65536), "over.bin": os.urandom(65537),
                        "two.bin": os.urandom(150000), "text.txt": b"compressible " * 9000}
        for name, data in self.sources.items():
            (self.tree / name).write_bytes(data)
        self.eio = self.same = 0

    def weir(self, *argv):
        p = subprocess.run([str(self.bin / "weir"), *map(str, argv)], env=self.env, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        if p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        return p.stdout

    def open_vault(self):
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        self.weir("init", self.top / "vault")
        self.reference = self.weir("put", "small", self.tree, "--quiet").strip()
        self.weir("grant", "add", "small", "--to", f"user:{user}", "--loads", 1000, "--reason", "flip")
        self.objects = sorted(p for p in (self.top / "vault/objects").rglob("*") if p.is_file())

    def remount(self):
        subprocess.run(["umount", str(self.mount)], stderr=subprocess.DEVNULL)
        self.weir("mount", "--allow-unsigned", self.reference, self.mount)

    def read_all(self, what):
        """Read every file; returns whether all came back identical."""
        identical = True
        for name, data in self.sources.items():
            fd = os.open(self.mount / self.reference.replace("@", "/@") / name, os.O_RDONLY)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                got = os.pread(fd, len(data) + 1, 0)
                if got != data and (not data.startswith(got) or not got):
                    raise SystemExit(f"{what}: wrong bytes in {name}")
                if got != data:
                    # a page read well and the next one must fail: a file that ends early is a wrong one
                    os.pread(fd, 1, len(got))
                    raise SystemExit(f"{what}: {name} ends after {len(got)} bytes, and no error")
            except OSError as e:
                if e.errno != errno.EIO:
                    raise SystemExit(f"{what}: {name}: {e}")
                identical = False
            finally:
                os.close(fd)
        return identical

    def judge(self, what):
        if self.read_all(what):
            self.same += 1
        else:
            self.eio += 1

    def damage(self, path, data, what):
        good = path.read_bytes()
        try:
            path.chmod(0o644)  # a worker is not the owner
            path.write_bytes(data)
            self.judge(f"{path.name[:12]}: {what}")
        finally:
            path.write_bytes(good)

    def one(self, path, at):
        good = path.read_bytes()
        flipped = bytearray(good)
        flipped[at] ^= 1 << self.random.randrange(8)
        self.damage(path, bytes(flipped), f"bit flipped in byte {at}")

    def sample(self):
        for i in range(self.args.flips):
            path = self.random.choice(self.objects)
            size = path.stat().st_size
            # headers are small and hold most rules: half of the flips go there
            self.one(path, self.random.randrange(min(size, 256) if i % 2 else size))

    def all(self):
        for path in self.objects:
            for at in range(path.stat().st_size):
                self.one(path, at)

    def cuts(self):
        for path in self.objects:
            good = path.read_bytes()
            for n in {0, 1, 103, 104, len(good) // 2, len(good) - 1}:
                self.damage(path, good[:n], f"cut to {n}")
            self.damage(path, good + b"\0", "one byte longer")
            self.damage(path, bytes(len(good)), "all zero")

    def swaps(self):
        for a in self.objects:
            for b in self.objects:
                if a < b:
                    self.damage(a, b.read_bytes(), f"holds {b.name[:12]}")

    def fresh(self):
        """With a new mount for each: what the worker keeps in memory does not help."""
        for path in self.objects:
            good = path.read_bytes()
            for at in (8, 40, 72, 104, 112, 130, len(good) - 1):
                if at >= len(good):
                    continue
                flipped = bytearray(good)
                flipped[at] ^= 1
                path.chmod(0o644)  # a worker is not the owner
                path.write_bytes(flipped)
                try:
                    p = subprocess.run([str(self.bin / "weir"), "mount", "--allow-unsigned", self.reference, str(self.mount)],
                                       env=self.env, stdin=subprocess.DEVNULL, capture_output=True)
                    if p.returncode == 0:
                        self.judge(f"{path.name[:12]}: byte {at}, new mount")
                        subprocess.run(["umount", str(self.mount)])
                    elif p.returncode == 3 and b"died of signal" not in p.stderr:
                        self.eio += 1
                    else:
                        raise SystemExit(f"{path.name[:12]}: byte {at}, new mount: exit {p.returncode}, not 3\n"
                                         f"{p.stderr.decode(errors='replace')}")
                finally:
                    path.write_bytes(good)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--flips", type=int, default=300)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--all", action="store_true")
    p.add_argument("--mount")
    args = p.parse_args()
    print(f"# seed {args.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-flip."))
    try:
        f = Flip(args, top)
        f.open_vault()
        f.remount()
        if not f.read_all("undamaged"):
            raise SystemExit("the undamaged vault does not read")
        f.all() if args.all else f.sample()
        f.cuts()
        f.swaps()
        if not f.read_all("mended"):
            raise SystemExit("the mended vault does not read")
        subprocess.run(["umount", str(f.mount)])
        f.fresh()
        faults = f.weir("audit", "ls", "--kind", "fault", "--json").count("\n")
        print(f"# {f.eio} x EIO, {f.same} x identical bytes, 0 silent; {faults} fault entries")
        if f.eio == 0 or faults == 0:
            raise SystemExit("no damage was seen: this test cannot fail")
        print("# damaged bytes never reach a reader")
    finally:
        subprocess.run(["umount", "-l", str(top / "mnt")], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
