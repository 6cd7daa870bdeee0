#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the kernel drops what it keeps of a mount whose session is closed.

usage: invalidate.py BUILD [--size-mb 1024] [--rounds 5]

Each round mounts, reads a file into the page cache, by read or through a mapping that stays, and closes the session.  From
the start of `weir session close` on cachestat(2) says how much is left (Linux 6.5).  Medians, and the slowest round: GB/s
while it was dropped, and ms from that start until the last page was gone.  Stores lie beneath $BENCH_DIR or /dev/shm.
"""
import argparse, ctypes, json, mmap, os, pathlib, statistics, subprocess, sys, tempfile, time

MIB, PAGE, SYS_CACHESTAT = 1 << 20, 4096, 451
PATIENCE = 60
libc = ctypes.CDLL(None, use_errno=True)


def resident(fd):
    """Pages of the file that the kernel keeps."""
    all_of_it, out = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    if libc.syscall(SYS_CACHESTAT, fd, all_of_it, out, 0) != 0:
        sys.exit("cachestat: " + os.strerror(ctypes.get_errno()))
    return out[0]


def read_all(fd, size, mapped):
    if not mapped:
        for at in range(0, size, MIB):
            os.pread(fd, MIB, at)
        return None
    page = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
    for at in range(0, size, PAGE):
        page[at]
    return page


def time_drop(fd, all_pages, close):
    """Close the session: seconds that pages went for, and from the command's start until the last one had."""
    start = began = time.monotonic()
    command = close()
    while (left := resident(fd)) > 0:
        now = time.monotonic()
        if left == all_pages:
            began = now
        if now - start > PATIENCE:
            sys.exit(f"{left} pages are still there after {PATIENCE} s")
        time.sleep(0.0005)
    end = time.monotonic()
    if command.wait() != 0:
        sys.exit("weir session close failed")
    return end - began, end - start


class Bench:
    def __init__(self, build, top, megabytes):
        self.build, self.top = build, top
        self.env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"), WEIR_ALLOW_SWAP="yes")
        self.mount = top / "mnt"
        self.mount.mkdir()
        (top / "key").write_bytes(os.urandom(32))
        (top / "m").mkdir()
        with open(top / "m" / "w.bin", "wb") as f:
            for _ in range(megabytes):
                f.write(os.urandom(MIB))
        self.weir("init", top / "vault")
        self.ref = self.weir("put", "llama", top / "m").strip()
        self.weir("grant", "add", "llama", "--to", self.user(), "--loads", "999",
                  "--reason", "bench")

    @staticmethod
    def user():
        return "user:" + subprocess.run(["id", "-un"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def weir(self, *argv):
        return subprocess.run([self.build / "weir", *argv], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=True).stdout

    def close(self):
        session = json.loads(self.weir("session", "ls", "--json"))["sessions"][0]["session"]
        return lambda: subprocess.Popen([self.build / "weir", "session", "close", str(session), "--reason", "bench"],
                                        env=self.env, stderr=subprocess.DEVNULL)

    def round(self, mapped):
        self.weir("mount", "--allow-unsigned", self.ref, self.mount)
        path = self.mount / "llama" / ("@" + self.ref.split("@")[1]) / "w.bin"
        fd = os.open(path, os.O_RDONLY)
        size = os.fstat(fd).st_size
        page = read_all(fd, size, mapped)
        pages = resident(fd)
        dropping, whole = time_drop(fd, pages, self.close())
        if page is not None:
            page.close()
        os.close(fd)
        while str(self.mount) in pathlib.Path("/proc/self/mountinfo").read_text():
            time.sleep(0.05)
        return pages * PAGE / dropping / 1e9, whole * 1e3, pages * PAGE / size


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("--size-mb", type=int, default=1024)
    p.add_argument("--rounds", type=int, default=5)
    args = p.parse_args()
    where = os.environ.get("BENCH_DIR", "/dev/shm")
    with tempfile.TemporaryDirectory(prefix="weir-bench.", dir=where) as top:
        bench, out = Bench(args.build.resolve(), pathlib.Path(top), args.size_mb), {}
        for row, mapped in (("read", False), ("mapped", True)):
            rounds = [bench.round(mapped) for _ in range(args.rounds)]
            out[row] = {"GB/s": round(statistics.median(r[0] for r in rounds), 2), "slowest": round(min(r[0] for r in rounds), 2),
                        "gone_ms": round(statistics.median(r[1] for r in rounds), 1),
                        "gone_ms_most": round(max(r[1] for r in rounds), 1), "resident": round(min(r[2] for r in rounds), 3)}
        print(json.dumps({"size_mb": args.size_mb, "rounds": args.rounds, "invalidate": out}))


main()
