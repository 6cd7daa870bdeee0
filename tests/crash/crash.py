#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recorded-before-read: kill -9 of worker, monitor and keyd at random under load.

usage: crash.py BUILD [--rounds 20] [--seed N] [--keyd PROGRAM] [--expect-loss]

What readers saw must be within what the trail holds.  Each round mounts, lets readers run, kills one of the three
processes, and when all is down compares every range that a read(2) returned with the release entries of that
session.  After a kill of keyd the mount must go on by itself.  --keyd runs another keyd (a mutant that answers before
it records); --expect-loss turns the verdict round: the run passes only if a loss is seen, be it a chunk that stands in
no release or a catalogue that knows more than its trail, and ends with the first.
"""
import argparse, json, os, pathlib, random, shutil, signal, subprocess, sys, tempfile, threading, time

SIZE = 64 << 20
CHUNK = 65536  # the chunk limit of a file of 64 MiB (FORMAT.md, "Cutting")


class Reader(threading.Thread):
    """Reads ranges at random or in order until it fails; keeps what it saw."""

    def __init__(self, path, source, seed, sequential):
        super().__init__(daemon=True)
        self.path, self.source, self.random, self.sequential = path, source, random.Random(seed), sequential
        self.seen, self.wrong, self.stop, self.reads = [], [], threading.Event(), 0

    def run(self):
        offset = self.random.randrange(SIZE)
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except OSError:
            return
        while not self.stop.is_set():
            n = self.random.choice((1, 4096, 65536, 300000))
            offset = (offset + n) % SIZE if self.sequential else self.random.randrange(SIZE)
            try:
                data = os.pread(fd, n, offset)
            except OSError:
                break
            self.seen.append((offset, len(data)))
            self.reads += 1
            if data != self.source[offset:offset + len(data)]:
                self.wrong.append((offset, n))
        try:
            os.close(fd)
        except OSError:
            pass


class Refused(Exception):
    """keyd does not start on what the kill left behind."""


class Sweep:
    def __init__(self, args, top):
        self.args, self.top, self.random = args, top, random.Random(args.seed)
        self.bin = top / "bin"
        self.bin.mkdir()
        for name in ("weir", "weir-keyd", "weir-mount"):
            shutil.copy2(pathlib.Path(args.build) / name, self.bin / name)
        if args.keyd:
            shutil.copy2(args.keyd, self.bin / "weir-keyd")
        (top / "key").write_bytes(os.urandom(32))
        (top / "mnt").mkdir()
        (top / "tree").mkdir()
        self.env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"))
        self.source = os.urandom(SIZE)
        (top / "tree/blob.bin").write_bytes(self.source)
        self.mount = top / "mnt"
        self.resumed = self.lost = 0

    def weir(self, *argv, check=True):
        p = subprocess.run([str(self.bin / "weir"), *map(str, argv)], env=self.env, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if self.args.expect_loss and p.returncode == 3 and "the trail was cut" in p.stderr:
            raise Refused(p.stderr.strip())
        if check and p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        return p.stdout

    def prepare(self):
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        self.weir("init", self.top / "vault")
        self.reference = self.weir("put", "blob", self.top / "tree", "--quiet").strip()
        self.weir("grant", "add", "blob", "--to", f"user:{user}", "--loads", 1000, "--reason", "crash test")

    def rounds(self):
        """How many chunks were read, and how often each program was killed."""
        read, killed = 0, {"monitor": 0, "worker": 0, "keyd": 0}
        try:
            for i in range(self.args.rounds):
                victim, seen = self.round(i)
                killed[victim] += 1
                read += seen
                if self.args.expect_loss and self.lost:
                    break
        except Refused as e:
            print(f"# {e}")
            self.lost += 1
        return read, killed

    def processes(self):
        sessions = json.loads(self.weir("session", "ls", "--json"))["sessions"]
        session = sessions[-1]
        monitor = session["pid"]
        children = subprocess.run(["pgrep", "-P", str(monitor)], text=True, stdout=subprocess.PIPE).stdout.split()
        keyd = json.loads(self.weir("status", "--json"))["keyd"]["pid"]
        # a keyd that the monitor started is its child until it daemonises
        workers = [int(c) for c in children if int(c) != keyd]
        return session["session"], {"monitor": monitor, "worker": workers[0], "keyd": keyd}

    def released(self, session):
        """(offset, end) of every chunk that the trail says this session was given."""
        rows = set()
        for line in self.weir("audit", "ls", "--kind", "release", "--json").splitlines():
            entry = json.loads(line)
            entry = entry.get("entry", entry)
            if entry["session"] == session:
                rows.update(range(entry["first"], entry["first"] + entry["count"]))
        return rows

    def round(self, number):
        self.weir("mount", "--allow-unsigned", self.reference, self.mount)
        session, pids = self.processes()
        path = self.mount / self.reference.replace("@", "/@") / "blob.bin"
        readers = [Reader(path, self.source, self.random.random(), i % 2 == 0) for i in range(4)]
        for r in readers:
            r.start()
        self.each(readers, 1, "a new mount is not read")
        time.sleep(self.random.random() * 0.4)
        victim = self.args.victim or self.random.choice(("monitor", "worker", "keyd"))
        os.kill(pids[victim], signal.SIGKILL)
        if victim == "keyd" and not self.args.expect_loss:
            self.goes_on(readers)
        else:
            time.sleep(0.2)
        for r in readers:
            r.stop.set()
        subprocess.run([str(self.bin / "weir"), "umount", str(self.mount)], env=self.env, stderr=subprocess.DEVNULL)
        subprocess.run(["umount", "-l", str(self.mount)], stderr=subprocess.DEVNULL)
        for r in readers:
            r.join(150)
            if r.is_alive():
                raise SystemExit(f"round {number}: a reader hangs after kill -9 of the {victim}")
            if r.wrong:
                raise SystemExit(f"round {number}: wrong bytes at {r.wrong[:3]}")
        self.settle(pids)
        return victim, self.judge(number, victim, session, readers)

    def each(self, readers, n, otherwise):
        """Until each has read so many more times; a mount that waits for keyd fails after a minute."""
        before = [r.reads for r in readers]
        deadline = time.monotonic() + 90
        while not all(r.reads >= b + n for r, b in zip(readers, before)):
            if time.monotonic() > deadline:
                raise SystemExit(otherwise)
            time.sleep(0.02)

    def goes_on(self, readers):
        """After a kill of keyd all must read on."""
        self.each(readers, 6, "the mount did not go on after kill -9 of keyd")
        self.resumed += 1

    def settle(self, pids):
        deadline = time.monotonic() + 60
        for pid in pids.values():
            while time.monotonic() < deadline and os.path.exists(f"/proc/{pid}"):
                if open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z":
                    break
                time.sleep(0.05)

    def judge(self, number, victim, session, readers):
        self.weir("audit", "verify")
        rows = self.released(session)
        seen = {(o + i) // CHUNK for r in readers for o, n in r.seen for i in range(0, n, CHUNK)}
        seen |= {(o + n - 1) // CHUNK for r in readers for o, n in r.seen if n}
        missing = sorted(seen - rows)
        self.lost += len(missing)
        if missing and not self.args.expect_loss:
            raise SystemExit(f"round {number}: kill -9 of the {victim}: chunks {missing[:5]} were read in session "
                             f"{session} and stand in no release")
        return len(seen)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--keyd")
    p.add_argument("--victim")
    p.add_argument("--expect-loss", action="store_true")
    args = p.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-crash."))
    print(f"# seed {args.seed}")
    try:
        sweep = Sweep(args, top)
        sweep.prepare()
        read, killed = sweep.rounds()
        print(f"# {sum(killed.values())} rounds, killed {killed}, {read} chunks read, went on after keyd died {sweep.resumed} x")
        if args.expect_loss and sweep.lost == 0:
            raise SystemExit("the mutant lost nothing: this test cannot fail")
        if read == 0 and not args.expect_loss:
            raise SystemExit("nothing was read: this test shows nothing")
        print("# what was read stands in the trail" if not args.expect_loss else
              f"# the mutant is found ({sweep.lost} losses)")
    finally:
        subprocess.run(["umount", "-l", str(top / "mnt")], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
