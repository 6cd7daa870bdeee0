#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost: power cuts at every place, on a disk that remembers its writes.

usage: replay.py BUILD [--states 12 | --every N] [--jobs N] [--seed N] [--mutant file|directory]

A vault lies on ext4 on a loop device over blocklog's file.  While `init`, `put`, `grant add` and reads through `get` run,
every write and flush of the disk is logged, and after each command that reported success the position in the log is
noted.  Then disks are built as a power cut would leave them: all records up to a place, or all up to the last
flush before it and a random subset of the writes since.  On each the vault must open, `check --read-data` and
`audit verify` must pass, and all that was reported done before the last flush must be there; before `init` was, it can be
run again.

--states takes that many, chosen at random; --every N takes all: each write is a place, and each flush has N subsets.
--mutant runs the commands after init with an fsync of files or directories that does nothing (lying_disk.c): then the run passes
only if a loss is found.
"""
import argparse, json, multiprocessing, os, pathlib, random, shutil, struct, subprocess, sys, tempfile, time

DISK = 96 << 20


def run(*argv, check=True, env=None):
    p = subprocess.run([str(a) for a in argv], text=True, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=120)
    if check and p.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
    return p


def retry(*argv):
    for _ in range(50):
        p = run(*argv, check=False)
        if p.returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"{' '.join(map(str, argv))}: {p.stderr}")


class Loop:
    """An ext4 file system mounted from a file."""

    def __init__(self, image, where):
        self.where = where
        self.device = run("losetup", "--show", "-f", image).stdout.strip()
        try:
            run("mount", "-o", "noatime", self.device, where)
        except SystemExit:
            run("losetup", "-d", self.device, check=False)
            raise

    def close(self):
        retry("umount", self.where)
        retry("losetup", "-d", self.device)


class Record:
    """Runs the commands on the remembering disk; keeps what was acknowledged where."""

    def __init__(self, args, top):
        self.args, self.top, self.random = args, top, random.Random(args.seed)
        self.bin = pathlib.Path(args.build).resolve()
        self.acknowledged = []  # (position, kind, what)
        self.newest = {}  # of each model, what was put last
        self.env = dict(os.environ, WEIR_KEY_FILE=str(top / "key"), WEIR_VAULT=str(top / "fs/vault"),
                        WEIR_STATE_DIR=str(top / "host"))
        for d in ("blk", "fs", "trees"):
            (top / d).mkdir()
        (top / "key").write_bytes(os.urandom(32))

    def position(self):
        return int((self.top / "blk/position").read_text())

    def weir(self, *argv, honest=False):
        env = dict(self.env)
        if self.args.mutant and not honest:
            env.update(LD_PRELOAD=str(self.bin / "tests/crash/lying_disk.so"), LYING_DISK=self.args.mutant)
        return run(self.bin / "weir", *argv, env=env).stdout.strip()

    def put(self, i):
        tree = self.top / f"trees/{i}"
        tree.mkdir()
        for name, size in (("a.bin", 300000), ("b.bin", 70000 + i), ("sub/c.txt", 10)):
            path = tree / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.random.randbytes(size))
        reference = self.weir("put", f"model-{i % 2}", tree, "--quiet")
        self.newest[i % 2] = reference
        self.acknowledged.append((self.position(), "put", reference))

    def grant(self, i):
        out = self.weir("grant", "add", f"model-{i % 2}", "--to", f"user:{user()}", "--loads", 9, "--export", "--reason",
                        f"replay-{i}")
        del out
        self.acknowledged.append((self.position(), "grant", f"replay-{i}"))

    def get(self, i):
        dest = self.top / f"got-{i}"
        self.weir("get", "--allow-unsigned", self.newest[i % 2], dest)
        shutil.rmtree(dest)
        self.acknowledged.append((self.position(), "release", i))

    def run(self):
        disk = subprocess.Popen([str(self.bin / "tests/crash/blocklog"), str(self.top / "blk"), str(DISK),
                                 str(self.top / "log")])
        try:
            while not (self.top / "blk/disk").exists():
                time.sleep(0.05)
            run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.top / "blk/disk")
            loop = Loop(self.top / "blk/disk", self.top / "fs")
            try:
                run("sync", "-f", self.top / "fs")
                self.start = self.position()
                self.weir("init", self.top / "fs/vault", honest=True)
                self.acknowledged.append((self.position(), "init", "the vault"))
                for i in range(4):
                    self.put(i)
                    self.grant(i)
                    self.get(i)
                self.end = self.position()
            finally:
                loop.close()
        finally:
            retry("umount", self.top / "blk")
            disk.wait()


def user():
    return run("id", "-un").stdout.strip()


def records(path):
    out = []
    with open(path, "rb") as f:
        while head := f.read(16):
            offset, length, kind = struct.unpack("<QII", head)
            out.append((offset, f.read(length) if kind == 0 else None))
    return out


def build(image, log, cut, subset):
    """The disk after a power cut at record cut.  Returns the place up to which all is certainly there."""
    flush = max((i for i in range(cut) if log[i][1] is None), default=0)
    with open(image, "wb") as f:
        f.truncate(DISK)
        for i in range(cut):
            offset, data = log[i]
            if data is not None and (i < flush or subset is None or subset.random() < 0.5):
                f.seek(offset)
                f.write(data)
    return flush


class Keyd:
    """One that runs as a service while a disk is looked at."""

    def __init__(self, rec, vault):
        self.socket = vault / "run/keyd.sock"
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen([str(rec.bin / "weir-keyd"), "--vault", str(vault), "--key-file", str(rec.top / "key")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not self.socket.exists() and self.process.poll() is None:
            time.sleep(0.002)

    def close(self):
        self.process.terminate()
        self.said = self.process.communicate(timeout=60)[1].strip()
        return self.process.returncode


def look(weir, done):
    """What is wrong with an open vault in which all this was done: a list of sentences."""
    bad = []
    for argv in (("check", "--read-data"), ("audit", "verify")):
        p = weir(*argv)
        if p.returncode != 0:
            bad.append(f"weir {' '.join(argv)}: exit {p.returncode}: {p.stderr.strip()[-400:]}")
    have = {f"{m['model']}@{v['version']}" for m in json.loads(weir("ls", "--json").stdout or '{"models":[]}')["models"]
            for v in m["versions"]}
    grants = {g["reason"] for g in json.loads(weir("grant", "ls", "--json").stdout or '{"grants":[]}')["grants"]}
    releases = weir("audit", "ls", "--kind", "session.close", "--json").stdout.count("\n")
    bad += [f"lost: {kind} {what}" for kind, what in done
            if (kind == "put" and what not in have) or (kind == "grant" and what not in grants)]
    if releases < sum(kind == "release" for kind, _ in done):
        bad.append("lost: entries of a session")
    return bad


def examine(rec, top, image, flush):
    """What is wrong with this disk: a list of sentences."""
    loop = Loop(image, top / "state")
    vault = top / "state/vault"
    env = dict(rec.env, WEIR_VAULT=str(vault), WEIR_STATE_DIR=str(top / "host"))
    weir = lambda *a: run(rec.bin / "weir", *a, check=False, env=env)
    done = [(kind, what) for position, kind, what in rec.acknowledged if position <= flush]
    try:
        if not done:
            p = weir("init", vault)
            # once it is whole it stays
            if p.returncode not in (0, 6):
                return [f"init again: exit {p.returncode}: {p.stderr.strip()[-400:]}"]
        keyd = Keyd(rec, vault)
        try:
            bad = look(weir, done)
        finally:
            status = keyd.close()
        return bad + ([f"weir-keyd: exit {status}: {keyd.said[-400:]}"] if status != 0 else [])
    finally:
        time.sleep(0.02)
        loop.close()


def some(rec, count):
    """Places of power cuts, chosen at random: (record, seed of a subset or None, how much is certain)."""
    for n in range(count):
        # half of the cuts right after an acknowledgement, where a lie shows
        place = rec.random.choice(rec.acknowledged)[0] if n % 2 else rec.random.randrange(rec.start, rec.end)
        yield place, rec.random.random() if n % 4 >= 2 else None


def all_of(rec, log, subsets):
    for place in range(rec.start, rec.end + 1):
        yield place, None
        if log[place - 1][1] is None or place == rec.end:
            for _ in range(subsets):
                yield place - 1, rec.random.random()


def share(rec, log, places, number, results):
    """Look at some of the disks, in a process of its own."""
    top = rec.top / f"job{number}"
    (top / "state").mkdir(parents=True)
    for place, seed in places:
        flush = build(top / "image", log, place, random.Random(seed) if seed is not None else None)
        # an acknowledged act is durable at once: the disk's cache was flushed before
        try:
            bad = examine(rec, top, top / "image", place if seed is None else flush)
        except (SystemExit, Exception) as e:
            bad = [f"{type(e).__name__}: {e}"]
        results.put((place, seed is not None, bad))


def look_at_all(rec, log, places, jobs):
    """How many of the disks are bad."""
    results, found = multiprocessing.Queue(), 0
    running = [multiprocessing.Process(target=share, args=(rec, log, places[n::jobs], n, results)) for n in range(jobs)]
    for p in running:
        p.start()
    for _ in places:
        place, subset, bad = results.get(timeout=300)
        for line in bad:
            print(f"# cut at {place} of {rec.end}{', subset' if subset else ''}: {line}", flush=True)
        found += bool(bad)
    for p in running:
        p.join()
    return found


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--states", type=int, default=12)
    p.add_argument("--every", type=int)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--mutant", choices=("file", "directory"))
    args = p.parse_args()
    print(f"# seed {args.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-replay.", dir="/dev/shm"))
    try:
        rec = Record(args, top)
        rec.run()
        log = records(top / "log")
        places = list(some(rec, args.states) if args.every is None else all_of(rec, log, args.every))
        found = look_at_all(rec, log, places, args.jobs)
        print(f"# {len(places)} states of {len(log)} records, {found} bad")
        if bool(found) != bool(args.mutant):
            raise SystemExit("a loss" if found else "the mutant lost nothing: this test cannot fail")
        print("# nothing lost" if not found else "# the mutant is found")
    finally:
        for d in ("fs", "blk", *(f"job{n}/state" for n in range(args.jobs))):
            subprocess.run(["umount", "-l", str(top / d)], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
