#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost, over hours: random puts, mounts, kills and full disks on one vault.

usage: soak.py BUILD [--seconds 7200] [--seed N] [--full [--lie]] [--damage]

The vault lies on a file system of its own that is filled up now and then.  An act is drawn at random, over and over; after
each, what was reported as put must be there, and what is read must be what was put.  The vault is checked whole
(`check --read-data`, `audit verify`) after each kill and each full disk, and at the end.
--full draws little else than disks that fill up at a random moment of a put.  With --lie it draws
nothing else, and a write that finds no space says that it wrote (lying_disk.c): then the run passes only if that is found.
--damage takes an object away first: then the run passes only if that is found.
"""
import argparse, collections, json, os, pathlib, random, shutil, signal, subprocess, sys, tempfile, time

DISK_MB = 192
VERSIONS = 24  # then no more is put


class Wrong(Exception):
    """What must not be, in a sentence."""


class Soak:
    def __init__(self, args, top):
        self.args, self.top, self.random = args, top, random.Random(args.seed)
        self.bin, self.disk, self.mnt = pathlib.Path(args.build).resolve(), top / "disk", top / "mnt"
        self.vault, self.number = self.disk / "vault", 0
        self.trees = {}  # what was reported as put: reference -> its source
        self.done = collections.Counter()
        for d in (self.disk, self.mnt, top / "trees"):
            d.mkdir()
        (top / "key").write_bytes(self.random.randbytes(32))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "weir-soak", self.disk], check=True)
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(top / "key"), WEIR_STATE_DIR=str(top / "state"))
        if args.lie:
            self.env.update(LD_PRELOAD=str(self.bin / "tests/crash/lying_disk.so"), LYING_DISK="full")

    # --- what commands are run by ---

    def start(self, *argv):
        return subprocess.Popen([str(self.bin / "weir"), *map(str, argv)], env=self.env, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def weir(self, *argv):
        p = self.start(*argv)
        try:
            out, said = p.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            p.kill()
            raise Wrong(f"weir {' '.join(map(str, argv))} hangs")
        return p.returncode, out, said

    def must(self, *argv):
        status, out, said = self.weir(*argv)
        if status != 0:
            raise Wrong(f"weir {' '.join(map(str, argv))}: exit {status}: {said.strip()[-400:]}")
        return out

    # --- what holds at any time ---

    def sound(self):
        self.must("check", "--read-data")
        self.must("audit", "verify")
        self.all_there()

    def all_there(self):
        have = {f"{m['model']}@{v['version']}" for m in json.loads(self.must("ls", "--json"))["models"] for v in m["versions"]}
        lost = [ref for ref in self.trees if ref not in have]
        if lost:
            raise Wrong(f"lost: {lost}")

    def same(self, source, copy):
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            if (copy / path.relative_to(source)).read_bytes() != path.read_bytes():
                raise Wrong(f"{path} is not what was put")

    # --- acts ---

    def tree(self):
        self.number += 1
        tree = self.top / f"trees/{self.number}"
        (tree / "sub").mkdir(parents=True)
        shared = random.Random(self.random.randrange(3)).randbytes(500000)  # what other versions have, too
        (tree / "shared.bin").write_bytes(shared)
        (tree / "own.data").write_bytes(self.random.randbytes(self.random.choice((1, 65536, 1500000))))
        (tree / "sub/text.txt").write_text(f"{self.number}\n")
        return tree

    def model(self):
        return f"model-{self.random.randrange(3)}"

    def put(self):
        if len(self.trees) < VERSIONS:
            tree = self.tree()
            self.trees[self.must("put", self.model(), tree, "--quiet").strip()] = tree

    def killed_put(self):
        """The same command again puts what a kill left half done."""
        if len(self.trees) >= VERSIONS:
            return
        tree, model = self.tree(), self.model()
        p = self.start("put", model, tree, "--quiet")
        time.sleep(self.random.random() * 0.15)
        p.kill()
        p.communicate()
        self.trees[self.must("put", model, tree, "--quiet").strip()] = tree
        self.sound()

    def full_disk(self):
        """A full disk refuses a put, and nothing else is lost.

        A small one may still find room: a keyd that ends gives back that of its write-ahead log.  Then it must be there.
        """
        tree = self.tree()
        filler = self.disk / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(bytes(1 << 20)):
                    pass
            except OSError:
                pass
        try:
            status, out, said = self.weir("put", "model-0", tree, "--quiet")
        finally:
            filler.unlink()
        if status == 0:
            self.trees[out.strip()] = tree
            self.read(out.strip())
        elif "space" not in said:
            raise Wrong(f"a put on a full disk does not say so: {said.strip()[-400:]}")
        self.sound()

    def fill(self):
        """To the last page; whoever gives room back meanwhile has it taken, too."""
        with open(self.disk / "filler", "ab", buffering=0) as f:
            for n in (1 << 20, 4096):
                try:
                    while f.write(bytes(n)):
                        pass
                except OSError:
                    pass

    def filling_disk(self):
        """The disk fills up while a put is under way, stays full, and keyd is killed then: what it said holds."""
        tree = self.tree()
        keyd = json.loads(self.must("status", "--json"))["keyd"]["pid"]
        p = self.start("put", "model-0", tree, "--quiet")
        time.sleep(self.random.random() * self.random.choice((0.05, 0.3)))
        try:
            while p.poll() is None:
                self.fill()
                time.sleep(0.01)
            out, said = p.communicate()
            if self.random.randrange(2):
                try:
                    os.kill(keyd, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        finally:
            (self.disk / "filler").unlink(missing_ok=True)
        if p.returncode == 0:
            self.trees[out.strip()] = tree
            self.sound()
            self.read(out.strip())
        elif "space" not in said:
            raise Wrong(f"a put on a disk that fills up does not say so: {said.strip()[-400:]}")
        else:
            self.sound()
            self.must("gc", "--grace", "0")
        self.thin()

    def thin(self):
        """Room for more: versions go, and what they alone needed."""
        while len(self.trees) > VERSIONS // 2:
            ref = next(iter(self.trees))
            self.must("rm", ref, "--grace", "0", "--reason", "soak")
            del self.trees[ref]
            self.must("gc", "--grace", "0")

    def get(self):
        self.read(self.random.choice(list(self.trees)))

    def read(self, ref):
        copy = self.top / "copy"
        self.must("get", "--allow-unsigned", ref, copy)
        self.same(self.trees[ref], copy)
        shutil.rmtree(copy)

    def mounted(self, act):
        ref = self.random.choice(list(self.trees))
        self.must("mount", "--quiet", "--allow-unsigned", ref, self.mnt)
        try:
            act(ref, self.mnt / ref.replace("@", "/@"))
        finally:
            self.weir("umount", self.mnt)
            subprocess.run(["umount", "-l", self.mnt], stderr=subprocess.DEVNULL)

    def mount(self):
        self.mounted(lambda ref, at: self.same(self.trees[ref], at))

    def killed_mount(self):
        """After a kill of keyd a mount goes on; after one of its own it ends, and the next one works."""
        def act(ref, at):
            keyd = json.loads(self.must("status", "--json"))["keyd"]["pid"]
            monitor = json.loads(self.must("session", "ls", "--json"))["sessions"][-1]["pid"]
            children = subprocess.run(["pgrep", "-P", str(monitor)], text=True, stdout=subprocess.PIPE).stdout.split()
            victim = self.random.choice([keyd, monitor, *(int(c) for c in children if int(c) != keyd)])
            os.kill(victim, signal.SIGKILL)
            try:
                self.same(self.trees[ref], at)
            except OSError:
                if victim == keyd:
                    raise Wrong("a mount does not go on after a kill of keyd")
        self.mounted(act)
        self.sound()

    # --- the run ---

    def prepare(self):
        self.must("init", self.vault)
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        for i in range(3):
            tree = self.tree()
            self.trees[self.must("put", f"model-{i}", tree, "--quiet").strip()] = tree
            self.must("grant", "add", f"model-{i}", "--to", f"user:{user}", "--loads", 1000000, "--export", "--reason", "soak")

    def damage(self):
        objects = sorted(p for p in (self.vault / "objects").rglob("*") if p.is_file())
        max(objects, key=lambda p: p.stat().st_size).unlink()

    def run(self):
        acts = (self.put, self.put, self.get, self.get, self.mount, self.mount, self.killed_put, self.killed_mount, self.full_disk)
        if self.args.full:
            acts = (self.put, self.get, *6 * (self.filling_disk,), self.full_disk)
        if self.args.lie:
            acts = (self.filling_disk,)
        until = time.monotonic() + self.args.seconds
        while time.monotonic() < until or len(self.done) < len(set(acts)):
            act = self.random.choice(acts)
            try:
                act()
            except Wrong as e:
                raise Wrong(f"{act.__name__}, act {sum(self.done.values()) + 1}: {e}")
            self.done[act.__name__] += 1
        self.sound()

    def close(self):
        for where in (self.mnt, self.disk):
            for _ in range(600):
                if subprocess.run(["mountpoint", "-q", where]).returncode != 0:
                    break
                subprocess.run(["umount", where], stderr=subprocess.DEVNULL)
                time.sleep(0.1)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--seconds", type=float, default=7200)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--full", action="store_true")
    p.add_argument("--lie", action="store_true")
    p.add_argument("--damage", action="store_true")
    args = p.parse_args()
    print(f"# seed {args.seed}", flush=True)
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-soak."))
    soak = Soak(args, top)
    try:
        soak.prepare()
        if args.damage:
            soak.damage()
        try:
            soak.run()
        except Wrong as e:
            print(f"# {e}")
            sys.exit(not (args.damage or args.lie))
        if args.damage or args.lie:
            raise SystemExit("what is wrong was not found: this test cannot fail")
        print("# " + ", ".join(f"{n} x {act}" for act, n in sorted(soak.done.items())))
    finally:
        soak.close()
        shutil.rmtree(top, ignore_errors=True)


main()
