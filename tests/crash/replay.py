#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost: power cuts at every place, on a disk that remembers its writes.

usage: replay.py BUILD [--states 12 | --every N] [--jobs N] [--seed N] [--seconds N] [--mutant file|directory | --hold]

A vault lies on ext4 on a loop device over blocklog's file.  While the acts of a vault's life run (Record.run), every write and
flush of the disk is logged, and after each that reported success the position in the log is noted.  Then disks are built as
a power cut would leave them: all records up to a place, or all up to the last flush before it and a random subset of the
sectors written since.  On each the vault must open, `check --read-data` and `audit verify` must pass, all that was reported
done before the last flush must be as it was left (Oracle), and the act that was cut off can be run again.

--states takes that many, chosen at random; --every N takes all: each write is a place, and each flush has N subsets, or all
there are.
--seconds ends after that time, and says how far it came.  --mutant runs the acts after init with an fsync of files or
directories that does nothing (lying_disk.c), --hold has somebody else hold the file systems of these disks: then the run
passes only if that is found.

A disk whose whole tree (names, modes, bytes) is one that was judged already, with as much done, is not judged again.
"""
import argparse, json, multiprocessing, os, pathlib, queue, random, shutil, subprocess, tempfile, time

import disks
from disks import run
from tally import Tally

BLOCK = 24  # disks that a job takes at a time
WINDOW = 30  # places in a row: most of their disks have the same few trees


class Record:
    """Runs the acts on the remembering disk; keeps what began and ended where."""

    def __init__(self, args, top):
        self.args, self.top, self.random = args, top, random.Random(args.seed)
        self.bin = pathlib.Path(args.build).resolve()
        self.vault, self.user = top / "fs/vault", run("id", "-un").stdout.strip()
        self.acts = []  # in order: {"op", "argv", "begin", "end", what is to be seen of it}
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(top / "key"), WEIR_STATE_DIR=str(top / "host"))
        for d in ("blk", "fs", "trees", "mnt", "notes"):
            (top / d).mkdir()
        (top / "key").write_bytes(os.urandom(32))

    def position(self):
        return int((self.top / "blk/position").read_text())

    def weir(self, *argv, honest=False):
        env = dict(self.env)
        if self.args.mutant and not honest:
            env.update(LD_PRELOAD=str(self.bin / "tests/crash/lying_disk.so"), LYING_DISK=self.args.mutant)
        return run(self.bin / "weir", *argv, env=env).stdout.strip()

    def act(self, op, *argv, honest=False, **seen):
        begin = self.position()
        out = self.weir(*argv, honest=honest)
        self.acts.append(dict(seen, op=op, argv=argv, begin=begin, end=self.position()))
        return out

    def put(self, name):
        tree = self.top / "trees" / name
        for file, size in (("a.bin", 300000), ("b.bin", 70000 + len(self.acts)), ("sub/c.txt", 10)):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            (tree / file).write_bytes(self.random.randbytes(size))
        reference = self.act("put", "put", "model", tree, "--quiet")
        self.acts[-1]["reference"] = reference
        return reference

    def session(self, reference):
        at = self.top / "mnt" / reference.replace("@", "/@") / "b.bin"
        self.act("session", "mount", "--quiet", "--allow-unsigned", reference, self.top / "mnt", "--", "cksum", at)

    def checkpoint(self):
        begin, note = self.position(), self.top / f"notes/{len(self.acts)}"
        note.write_text(self.weir("audit", "checkpoint") + "\n")
        self.acts.append({"op": "integrate", "argv": ("audit", "checkpoint"), "begin": begin, "end": self.position(), "note": note})

    def objects(self):
        return {p.name for p in (self.vault / "objects").rglob("*") if p.is_file()}

    def gc(self):
        before = self.objects()
        self.act("gc", "gc", "--grace", 0)
        self.acts[-1]["gone"] = before - self.objects()

    def shred(self, reference):
        old, certificate = (self.vault / "epoch").read_bytes(), self.top / "certificate"
        self.act("shred", "shred", reference, "--yes", "--certificate", certificate, removes=reference, epoch=old,
                 certificate=certificate)

    def life(self):
        """What is recorded.  A new command of the owner is one more line here, and what it promises one in Oracle."""
        self.act("init", "init", self.vault, honest=True)
        first = self.put("first")
        self.act("grant", "grant", "add", "model", "--to", f"user:{self.user}", "--loads", 9, "--export", "--reason", "replay",
                 reason="replay")
        self.act("session", "get", "--allow-unsigned", first, self.top / "got")
        doomed, gone = self.put("doomed"), self.put("gone")
        self.act("append", "role", "add", "reviewer", "--to", "user:nobody", role="user:nobody")
        self.checkpoint()
        self.session(doomed)
        self.act("backup", "backup", self.top / "fs/backup", "--quiet")
        self.act("rm", "rm", gone, "--grace", 0, "--quiet", removes=gone)
        self.gc()
        self.shred(doomed)
        self.act("rekey", "rekey", "--drop-others", "--quiet")
        self.act("backup", "backup", self.top / "fs/backup", "--quiet", backup=True)
        self.checkpoint()
        self.act("grant", "grant", "add", "model", "--to", "user:nobody", "--loads", 1, "--reason", "late", reason="late")
        self.put("last")

    def run(self):
        disk = subprocess.Popen([str(self.bin / "tests/crash/blocklog"), str(self.top / "blk"), str(disks.SIZE),
                                 str(self.top / "log")])
        try:
            while not (self.top / "blk/disk").exists():
                time.sleep(0.05)
            run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.top / "blk/disk")
            fs = disks.FileSystem(self.top / "blk/disk", self.top / "fs")
            try:
                run("sync", "-f", self.top / "fs")
                self.life()
                self.end = self.position()
            finally:
                fs.close()
        finally:
            disks.retry("umount", self.top / "blk")
            disk.wait()

    def at(self, place):
        """The act that is under way at a place, or was the last to be."""
        return next((a for a in reversed(self.acts) if a["begin"] < place), self.acts[0])


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
        self.said = self.process.communicate(timeout=300)[1].strip()
        return self.process.returncode


class Oracle:
    """What is wrong with a vault in which `done` is certain, and `begun` may be half done: sentences in bad."""

    def __init__(self, rec, top, begun, done):
        self.rec, self.top, self.begun, self.done, self.bad = rec, top, begun, done, []
        self.vault = top / "state/vault"
        self.env = dict(rec.env, WEIR_VAULT=str(self.vault), WEIR_STATE_DIR=str(top / "host"))

    def weir(self, *argv):
        return run(self.rec.bin / "weir", *argv, check=False, env=self.env)

    def must(self, *argv):
        p = self.weir(*argv)
        if p.returncode != 0:
            self.bad.append(f"weir {' '.join(map(str, argv))}: exit {p.returncode}: {p.stderr.strip()[-400:]}")
        return p.stdout

    def listed(self, *argv):
        return json.loads(self.must(*argv, "--json") or "{}")

    def look(self):
        self.must("check", "--read-data")
        self.must("audit", "verify")
        have = {f"{m['model']}@{v['version']}" for m in self.listed("ls").get("models", []) for v in m["versions"]}
        grants = {g["reason"] for g in self.listed("grant", "ls").get("grants", [])}
        doubtful = {a["removes"] for a in self.begun if "removes" in a}
        for a in self.done:
            if a["op"] == "put" and a["reference"] not in have | doubtful:
                self.bad.append(f"lost: {a['reference']}")
            if a.get("removes") in have:
                self.bad.append(f"back again: {a['removes']}")
            if "reason" in a and a["reason"] not in grants:
                self.bad.append(f"lost: the grant '{a['reason']}'")
        self.look_at_trail()
        self.look_at_removal()

    def look_at_trail(self):
        closed = self.weir("audit", "ls", "--kind", "session.close", "--json").stdout.count("\n")
        if closed < sum(a["op"] == "session" for a in self.done):
            self.bad.append("lost: entries of a session")
        roles = {a["role"] for a in self.done if "role" in a}
        if roles and not all(r in self.must("role", "ls", "--json") for r in roles):
            self.bad.append("lost: a role")
        notes = [a["note"] for a in self.done if "note" in a]
        if notes:
            self.must("audit", "verify", "--since", notes[-1])

    def look_at_removal(self):
        there = {p.name for p in (self.vault / "objects").rglob("*")}
        for a in self.done:
            if a["op"] == "gc" and a["gone"] & there:
                self.bad.append(f"back again: {len(a['gone'] & there)} objects")
            if a["op"] == "shred":
                if (self.vault / "epoch").read_bytes() == a["epoch"]:
                    self.bad.append("the epoch that was destroyed is there")
                key = self.listed("audit", "checkpoint").get("vkey", "")
                self.must("audit", "verify", "--certificate", a["certificate"], "--log-key", key)

    def run_again(self):
        """What was cut off, as its owner would."""
        cut = self.begun[-1]
        if len(self.begun) == len(self.done) or cut["op"] in ("init", "session"):
            return
        argv = [self.top / "state/backup" if a == self.rec.top / "fs/backup" else a for a in cut["argv"]]
        p, until = self.weir(*argv), time.monotonic() + 120
        while p.returncode != 0 and "try again" in p.stderr and time.monotonic() < until:
            time.sleep(0.1)  # the verifier reads it back
            p = self.weir(*argv)
        # 6: it was done, and nobody had been told
        if p.returncode != 0 and (p.returncode != 6 or cut["op"] not in ("append", "rm")):
            self.bad.append(f"{cut['op']} again: exit {p.returncode}: {p.stderr.strip()[-400:]}")
        if "removes" in cut and self.weir("show", cut["removes"]).returncode != 5:
            self.bad.append(f"still there: {cut['removes']}")
        left = [n for n in os.listdir(self.vault) if n.startswith(("epoch.", ".tmp-"))] if cut["op"] == "shred" else []
        if left:
            self.bad.append(f"{left[0]} lies about")

    def restore(self):
        """The backup that was reported done: after a shred, the one that was made after it."""
        argv = ("restore", self.top / "state/backup", self.top / "state/restored", "--epoch", self.vault / "epoch")
        self.must(*argv)
        self.env["WEIR_VAULT"] = str(self.top / "state/restored")
        with_keyd(self, self.top / "state/restored", lambda: self.must("check", "--read-data"))

    def judge(self):
        if not self.done:
            p = self.weir("init", self.vault)
            # once it is whole it stays
            if p.returncode not in (0, 6):
                self.bad.append(f"init again: exit {p.returncode}: {p.stderr.strip()[-400:]}")
                return
        with_keyd(self, self.vault, self.look, self.run_again)
        if not self.bad and self.done and self.done[-1].get("backup") and self.begun[-1] is self.done[-1]:
            self.restore()


def with_keyd(oracle, vault, *steps):
    keyd = Keyd(oracle.rec, vault)
    try:
        for step in steps:
            step()
    finally:
        if keyd.close() != 0:
            oracle.bad.append(f"weir-keyd: exit {keyd.process.returncode}: {keyd.said[-400:]}")


def hold_mounts():
    """A process that has a copy of each mount that there is now."""
    p = subprocess.Popen(["unshare", "-m", "sh", "-c", "echo held; exec sleep infinity"], stdout=subprocess.PIPE)
    p.stdout.readline()
    return p


class Job:
    """Looks at disks, in a process of its own."""

    def __init__(self, rec, log, number):
        self.rec, self.log, self.top = rec, log, rec.top / f"job{number}"
        self.known = set()
        (self.top / "state").mkdir(parents=True)

    def examine(self, place, kept):
        """What is wrong with this disk, and whether it was judged."""
        image = self.top / "image"
        certain = disks.build(image, self.log, place, kept)
        begun = [a for a in self.rec.acts if a["begin"] < place] or self.rec.acts[:1]
        done = [a for a in begun if a["end"] <= certain]
        hold = self.rec.args.hold
        fs = disks.FileSystem(image, self.top / "state", once=True, patience=3 if hold else 60)
        holder = hold_mounts() if hold else None
        try:
            key = disks.tree_digest(self.top / "state"), len(begun), len(done)
            if key in self.known:
                return [], False
            oracle = Oracle(self.rec, self.top, begun, done)
            oracle.judge()
            if not oracle.bad:
                self.known.add(key)
            return oracle.bad, True
        finally:
            try:
                fs.close()
            finally:
                if holder is not None:
                    holder.kill()
                    holder.wait()

    def run(self, blocks, results):
        while (block := blocks.get()) is not None:
            for place, kept in block:
                try:
                    bad, judged = self.examine(place, kept)
                except (SystemExit, Exception) as e:
                    bad, judged = [f"{type(e).__name__}: {e}"], True
                    (self.top / "image").unlink(missing_ok=True)
                results.put((place, kept is not None, bad, judged))
        results.put(None)


def at_place(rec, log, place, subsets):
    """The disks of one place, all different: (record, which of the sectors since the last flush are there or None)."""
    yield place, None
    if log[place - 1][1] is None or place == rec.end:
        for kept in disks.subsets(log, place - 1, subsets, rec.random):
            yield place - 1, kept


def some(rec, log, count):
    """Some of them: one after each acknowledgement, where a lie shows, and all in windows that are drawn at random."""
    out = [(a["end"], None) for a in rec.acts]
    if len(out) > count:
        return sorted(rec.random.sample(out, count), key=lambda p: p[0])
    first = list(range(rec.acts[0]["begin"], rec.end - WINDOW, WINDOW))
    rec.random.shuffle(first)
    while len(out) < count and first:
        start = first.pop()
        for place in range(start, start + WINDOW):
            out += at_place(rec, log, place, 8)
    return sorted(out[:count], key=lambda p: p[0])


def all_of(rec, log, subsets):
    for place in range(rec.acts[0]["begin"], rec.end + 1):
        yield from at_place(rec, log, place, subsets)


class Sweep:
    """The disks, shared out among jobs."""

    def __init__(self, rec, log, places):
        self.rec, self.args, self.places, self.tally, self.found, self.judged = rec, rec.args, places, Tally(), 0, 0
        self.blocks, self.results = multiprocessing.Queue(), multiprocessing.Queue()
        blocks = [places[at:at + BLOCK] for at in range(0, len(places), BLOCK)]
        rec.random.shuffle(blocks)  # so that what --seconds leaves undone lies everywhere
        for block in blocks:
            self.blocks.put(block)
        self.running = [multiprocessing.Process(target=Job(rec, log, n).run, args=(self.blocks, self.results))
                        for n in range(self.args.jobs)]
        for p in self.running:
            self.blocks.put(None)

    def stop(self):
        """What is not begun stays undone; the jobs end by themselves."""
        try:
            while True:
                self.blocks.get(timeout=0.2)
        except queue.Empty:
            pass
        for _ in self.running:
            self.blocks.put(None)

    def run(self):
        until, ended, stopped = time.monotonic() + self.args.seconds, 0, False
        for p in self.running:
            p.start()
        while ended < len(self.running):
            result = self.results.get(timeout=600)
            if result is None:
                ended += 1
                continue
            self.take(*result)
            if not stopped and (time.monotonic() > until or (self.found and (self.args.mutant or self.args.hold))):
                stopped = True
                self.stop()
        for p in self.running:
            p.join()

    def take(self, place, subset, bad, judged):
        self.judged += judged
        self.found += bool(bad)
        act = self.rec.at(place)["op"]
        self.tally.add(act, "power-cut-subset" if subset else "power-cut", bad)
        expected = self.args.mutant or self.args.hold
        for line in bad[:1] if expected else bad:
            line = line.replace("\n", "; ")
            print(f"# {act}, cut at {place} of {self.rec.end}{', subset' if subset else ''}: {line}", flush=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--states", type=int, default=12)
    p.add_argument("--every", type=int)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--seconds", type=float, default=1e9)
    p.add_argument("--mutant", choices=("file", "directory"))
    p.add_argument("--hold", action="store_true")
    args = p.parse_args()
    print(f"# seed {args.seed}")
    disks.private_mounts()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-replay.", dir="/dev/shm"))
    try:
        rec = Record(args, top)
        rec.run()
        log = disks.read_log(top / "log")
        sweep = Sweep(rec, log, some(rec, log, args.states) if args.every is None else list(all_of(rec, log, args.every)))
        sweep.run()
        looked = sum(sweep.tally.states.values())
        print(f"# {looked} of {len(sweep.places)} disks of {len(log)} records ({sweep.tally}), {sweep.judged} of them unlike "
              f"those before, {sweep.found} bad")
        if args.mutant or args.hold:
            print("# it is found" if sweep.found else "# it was not found: this test cannot fail")
            raise SystemExit(not sweep.found)
        sweep.tally.keep()
        print("# nothing lost" if not sweep.found else "# a loss")
        raise SystemExit(sweep.found != 0)
    finally:
        shutil.rmtree(top, ignore_errors=True)


main()
