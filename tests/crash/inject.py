#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost, nothing-half-done: a failing or killing system call at every place, by strace.

usage: inject.py BUILD [--places 60] [--seed N] [--only COMMAND]

`put`, `grant add`, `get`, `backup`, `gc`, `shred`, `rekey` and `secret passwd` run on a copy of a small vault with their keyd under strace, which makes
the nth call of a kind (fsync, fdatasync, write, pwrite64, renameat2, openat, mkdirat, close, read, unlinkat, linkat, renameat) fail with EIO or ENOSPC, or kills the process
there.  Afterwards, without strace: `audit verify` and `check --read-data` pass, what reported success is there, and the
same command works.  --places 0 takes every place; otherwise that many, chosen at random.
"""
import argparse, fcntl, hashlib, json, os, pathlib, random, re, shutil, subprocess, sys, tempfile, time

CALLS = ("fsync", "fdatasync", "write", "pwrite64", "renameat2", "openat", "mkdirat", "close", "read", "unlinkat", "linkat",
         "renameat")
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL")


class Injection:
    def __init__(self, args, top):
        self.bin, self.top = pathlib.Path(args.build).resolve(), top
        self.key, self.base = top / "key", top / "base"
        self.key.write_bytes(os.urandom(32))
        self.user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        for i in range(2):
            (top / f"tree{i}").mkdir()
            (top / f"tree{i}/a.bin").write_bytes(os.urandom(200000))
            (top / f"tree{i}/b.txt").write_text("text\n")
        self.must(self.base, "init", self.base)
        reference = self.must(self.base, "put", "first", top / "tree0", "--quiet").strip()
        self.must(self.base, "grant", "add", "first", "--to", f"user:{self.user}", "--loads", 9, "--export", "--reason", "x")
        # Versions that have a file of the first: one is to be shredded, one to be collected.
        for i in (2, 3):
            shutil.copytree(top / "tree0", top / f"tree{i}")
            (top / f"tree{i}/c.bin").write_bytes(os.urandom(150000))
        self.kept, self.doomed = reference, self.must(self.base, "put", "first", top / "tree2", "--quiet").strip()
        gone = self.must(self.base, "put", "first", top / "tree3", "--quiet").strip()
        self.must(self.base, "rm", gone, "--grace", 0, "--quiet")
        self.commands = {
            "put": ("put", "second", top / "tree1", "--quiet"),
            "grant": ("grant", "add", "first", "--to", "user:nobody", "--loads", 1, "--reason", "injected"),
            "get": ("get", "--allow-unsigned", reference, top / "out"),
            "backup": ("backup", top / "backup", "--quiet"),
            "gc": ("gc", "--grace", 0),
            "shred": ("shred", self.doomed, "--yes", "--certificate", top / "certificate"),
            # By itself: it is a change, and can be made again.
            "secret": ("secret", "passwd", "--new-key-file", self.key),
            # The recovery key that it replaces is not wanted.
            "rekey": ("rekey", "--drop-others", "--quiet"),
        }

    def weir(self, vault, *argv, strace=()):
        env = dict(os.environ, WEIR_VAULT=str(vault), WEIR_KEY_FILE=str(self.key), WEIR_STATE_DIR=str(self.top / "state"))
        return subprocess.run([*strace, str(self.bin / "weir"), *map(str, argv)], env=env, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def must(self, vault, *argv):
        p = self.weir(vault, *argv)
        if p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        return p.stdout

    def copy(self):
        vault = self.top / "vault"
        for used in (self.base, vault):
            self.wait_for_keyd(used)
        shutil.rmtree(vault, ignore_errors=True)
        for made in ("out", "backup", "restored"):
            shutil.rmtree(self.top / made, ignore_errors=True)
        shutil.copytree(self.base, vault, symlinks=True, ignore=shutil.ignore_patterns("run"))
        return vault

    def wait_for_keyd(self, vault):
        """An embedded keyd leaves a little after its last client; it holds the lock to its end."""
        if not (vault / "keyd.lock").exists():
            return
        deadline = time.monotonic() + 30
        with open(vault / "keyd.lock", "r+") as lock:
            while time.monotonic() < deadline:
                try:
                    return fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    time.sleep(0.02)
        raise SystemExit(f"a weir-keyd of {vault} does not end")

    def places(self):
        """Every call of every command, counted in each process of a clean run."""
        for name, argv in self.commands.items():
            vault, log = self.copy(), self.top / "trace"
            self.weir(vault, *argv, strace=("strace", "-ff", "-qq", "-e", "trace=" + ",".join(CALLS), "-o", str(log)))
            self.wait_for_keyd(vault)
            counts = {}
            for path in self.top.glob("trace.*"):
                text = path.read_text(errors="replace")
                for call in CALLS:
                    counts[call] = max(counts.get(call, 0), len(re.findall(rf"^{call}\(", text, re.M)))
                path.unlink()
            for call, n in counts.items():
                for nth in range(1, n + 1):
                    for fault in FAULTS:
                        yield name, call, nth, fault

    def one(self, name, call, nth, fault):
        """What is wrong after this fault: a list of sentences."""
        vault, bad = self.copy(), []
        log = self.top / "log"
        log.unlink(missing_ok=True)
        inject = f"inject={call}:{fault}:when={nth}"
        try:
            p = self.weir(vault, *self.commands[name], strace=("strace", "-f", "-qq", "-e", f"trace={call}", "-e", inject,
                                                              "-o", str(log)))
            status = p.returncode
        except subprocess.TimeoutExpired:
            return ["it hangs"]
        fired = "(INJECTED)" in log.read_text(errors="replace") or "SIGKILL" in log.read_text(errors="replace")
        for argv in (("audit", "verify"), ("check", "--read-data")):
            p = self.weir(vault, *argv)
            if p.returncode != 0:
                bad.append(f"{' '.join(argv)}: exit {p.returncode}: {p.stderr.strip()[-300:]}")
        if status == 0:
            bad += self.missing(vault, name)
        shutil.rmtree(self.top / "out", ignore_errors=True)
        again = self.weir(vault, *self.commands[name])
        if again.returncode != 0:
            bad.append(f"again: exit {again.returncode}: {again.stderr.strip()[-300:]}")
        bad += self.missing(vault, name)
        self.wait_for_keyd(vault)
        self.fired += fired
        return bad

    def missing(self, vault, name):
        if name == "put":
            models = json.loads(self.weir(vault, "ls", "--json").stdout or '{"models":[]}')["models"]
            return [] if "second" in {m["model"] for m in models} else ["the version is lost"]
        if name == "grant":
            grants = json.loads(self.weir(vault, "grant", "ls", "--json").stdout or '{"grants":[]}')["grants"]
            return [] if "injected" in {g["reason"] for g in grants} else ["the grant is lost"]
        if name == "secret":
            secrets = json.loads(self.weir(vault, "secret", "ls", "--json").stdout or '{"secrets":[]}')["secrets"]
            return [] if len(secrets) == 2 and not (vault / "keyring.next").exists() else ["a secret is lost, or left over"]
        if name == "backup":
            return self.not_restored(vault)
        if name in ("gc", "shred", "rekey"):
            return self.left(vault, name)
        same = (self.top / "out/a.bin").exists() and \
            (self.top / "out/a.bin").read_bytes() == (self.top / "tree0/a.bin").read_bytes()
        return [] if same else ["the copy is not the file"]

    def not_restored(self, vault):
        restored = self.top / "restored"
        shutil.rmtree(restored, ignore_errors=True)
        p = self.weir(vault, "restore", self.top / "backup", restored, "--epoch", vault / "epoch")
        if p.returncode == 0:
            p = self.weir(restored, "check", "--read-data")
            self.wait_for_keyd(restored)
        return [] if p.returncode == 0 else [f"the backup does not restore: {p.stderr.strip()[-300:]}"]

    def mixed(self, vault):
        """Whether some of a vault is of another root key than the rest: the trail's last word is the keyring's, and it takes in a
        version of the family that was there."""
        bad = [f"{n} lies about" for n in os.listdir(vault) if n.startswith(("epoch.", "keyring.", ".tmp-"))]
        rows = [json.loads(line) for line in self.weir(vault, "audit", "ls", "--json", "--kind", "rekey").stdout.splitlines()]
        held = hashlib.sha256((vault / "keyring").read_bytes()).hexdigest()
        if rows and rows[-1]["keyring"] != held:
            bad.append("the keyring is not the one that was recorded")
        if self.weir(vault, "put", "first", self.top / "tree1", "--quiet").returncode != 0:
            bad.append("the family's key is lost")
        return bad

    def left(self, vault, name):
        """What gc or shred left of what was to go, and whether what was to stay is there."""
        bad = []
        if name == "shred":
            if self.weir(vault, "show", self.doomed).returncode != 5:
                bad.append("what was shredded is there")
            key = json.loads(self.weir(vault, "audit", "checkpoint", "--json").stdout or "{}").get("vkey", "")
            p = self.weir(vault, "audit", "verify", "--certificate", self.top / "certificate", "--log-key", key)
            if p.returncode != 0:
                bad.append(f"the certificate: {p.stderr.strip()[-300:]}")
            if [n for n in os.listdir(vault) if n.startswith(("epoch.", ".tmp-"))]:
                bad.append("another epoch lies about")
        elif name == "rekey":
            bad += self.mixed(vault)
        elif json.loads(self.weir(vault, "gc", "--dry-run", "--grace", 0, "--json").stdout or "{}").get("removed") != 0:
            bad.append("gc left something")
        shutil.rmtree(self.top / "out", ignore_errors=True)
        p = self.weir(vault, "get", "--allow-unsigned", self.kept, self.top / "out")
        if p.returncode != 0 or (self.top / "out/a.bin").read_bytes() != (self.top / "tree0/a.bin").read_bytes():
            bad.append("what was to stay is not there")
        shutil.rmtree(self.top / "out", ignore_errors=True)
        return bad

    fired = 0


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--places", type=int, default=60)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--only", help="places of this command alone")
    args = p.parse_args()
    print(f"# seed {args.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-inject."))
    failures = 0
    try:
        injection = Injection(args, top)
        if args.only:
            injection.commands = {args.only: injection.commands[args.only]}
        places = list(injection.places())
        chosen = places if args.places == 0 else random.Random(args.seed).sample(places, min(args.places, len(places)))
        for place in chosen:
            for line in injection.one(*place):
                failures += 1
                print(f"# {' '.join(map(str, place))}: {line}")
        print(f"# {len(chosen)} of {len(places)} places, {injection.fired} faults came, {failures} wrong")
        if injection.fired < len(chosen) // 2:
            raise SystemExit("most faults never came: this test shows little")
        sys.exit(failures != 0)
    finally:
        shutil.rmtree(top, ignore_errors=True)


main()
