#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost, nothing-half-done: a failing, killing or halved system call at every place.

usage: inject.py BUILD [--places 60] [--seed N] [--only ACT] [--kind KIND] [--nth N] [--jobs N] [--seconds N]

The acts of a vault's life (Acts) run on a copy of a small vault with their keyd, and one fault comes to them:

    EIO, ENOSPC    the nth call of a kind (CALLS) of a thread fails, by strace(1)
    kill           the process is killed there
    full           the nth that takes room (ROOM) fails with ENOSPC, and so do all later ones: a disk stays full
    short          the nth write to a file of a process takes half, by short_write.c
    short-full     and those after it find no space

Afterwards, without faults: `audit verify` and `check --read-data` pass, what reported success is there, a full disk was called
one, and the same command works.  --places 0 takes every place; otherwise that many, chosen at random.  --seconds ends after
that time, and says how far it came.  A place that a run found wrong is tried again by --only, --kind and --nth.
"""
import argparse, collections, concurrent.futures, fcntl, hashlib, json, os, pathlib, random, re, shutil, subprocess, sys, tempfile, threading, time

import disks
from tally import Tally

CALLS = ("fsync", "fdatasync", "syncfs", "write", "pwrite64", "ftruncate", "fallocate", "openat", "openat2", "close", "read", "pread64",
         "getdents64", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "linkat", "unlink", "unlinkat", "utimensat",
         "copy_file_range")
ROOM = "pwrite64,ftruncate,fallocate,mkdirat"
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "kill": "signal=KILL"}
SHORT = {"short": "", "short-full": "+"}


class Base:
    """A small vault to make copies of, and what is in it."""

    def __init__(self, args, top):
        self.bin, self.top, self.vault = pathlib.Path(args.build).resolve(), top, top / "base"
        self.key = top / "key"
        self.key.write_bytes(os.urandom(32))
        self.user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        for i in range(2):
            (top / f"tree{i}").mkdir()
            (top / f"tree{i}/a.bin").write_bytes(os.urandom(200000))
            (top / f"tree{i}/b.txt").write_text("text\n")
        self.must("init", self.vault)
        self.kept = self.must("put", "first", top / "tree0", "--quiet").strip()
        self.must("grant", "add", "first", "--to", f"user:{self.user}", "--loads", 9, "--export", "--reason", "x")
        # Versions that have a file of the first: one is to be shredded, one to be collected.
        for i in (2, 3):
            shutil.copytree(top / "tree0", top / f"tree{i}")
            (top / f"tree{i}/c.bin").write_bytes(os.urandom(150000))
        self.doomed = self.must("put", "first", top / "tree2", "--quiet").strip()
        gone = self.must("put", "first", top / "tree3", "--quiet").strip()
        self.must("rm", gone, "--grace", 0, "--quiet")
        wait_for_keyd(self.vault)

    def must(self, *argv):
        env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(self.key), WEIR_STATE_DIR=str(self.top / "state"))
        p = subprocess.run([str(self.bin / "weir"), *map(str, argv)], env=env, text=True, timeout=120, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        return p.stdout


def wait_for_keyd(vault):
    """An embedded keyd leaves a little after its last client; it holds the lock to its end."""
    if not (vault / "keyd.lock").exists():
        return
    deadline = time.monotonic() + 120
    with open(vault / "keyd.lock", "r+") as lock:
        while time.monotonic() < deadline:
            try:
                return fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.02)
    raise Exception(f"a weir-keyd of {vault} does not end")


class Slot:
    """A place for one copy of the vault, and one run at a time."""

    def __init__(self, base, number):
        self.base, self.top, self.key = base, base.top / f"slot{number}", base.key
        self.vault, self.mount = self.top / "vault", self.top / "mnt"
        self.mount.mkdir(parents=True)

    def weir(self, vault, *argv, prefix=(), **env):
        env = dict(os.environ, WEIR_VAULT=str(vault), WEIR_KEY_FILE=str(self.key), WEIR_STATE_DIR=str(self.top / "state"), **env)
        return subprocess.run([*prefix, str(self.base.bin / "weir"), *map(str, argv)], env=env, text=True, timeout=120, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def listed(self, *argv):
        return json.loads(self.weir(self.vault, *argv, "--json").stdout or "{}")

    def copy(self, act):
        wait_for_keyd(self.vault)
        self.key = self.base.key
        subprocess.run(["umount", "-l", str(self.mount)], stderr=subprocess.DEVNULL)
        for made in (self.vault, self.top / "out", self.top / "backup", self.top / "restored"):
            shutil.rmtree(made, ignore_errors=True)
        if act.needs_vault:
            shutil.copytree(self.base.vault, self.vault, symlinks=True, ignore=shutil.ignore_patterns("run"))

    # --- the faults ---

    def inject(self, act, call, nth, kind):
        """The run with its fault, and whether that came."""
        log = self.top / "log"
        log.unlink(missing_ok=True)
        if kind in SHORT:
            p = self.weir(self.vault, *act.argv(self), LD_PRELOAD=str(self.base.bin / "tests/crash/short_write.so"),
                          SHORT_WRITE=f"{nth}{SHORT[kind]}", SHORT_WRITE_LOG=str(log))
            wait_for_keyd(self.vault)
            return p, log.exists() and "half" in log.read_text()
        fault = f"error=ENOSPC:when={nth}+" if kind == "full" else f"{FAULTS[kind]}:when={nth}"
        p = self.weir(self.vault, *act.argv(self), prefix=("strace", "-f", "-qq", "-e", f"trace={call}", "-e",
                                                           f"inject={call}:{fault}", "-o", str(log)))
        text = log.read_text(errors="replace")
        return p, "(INJECTED)" in text or "SIGKILL" in text

    def one(self, act, call, nth, kind):
        """What is wrong after this fault: a list of sentences; and whether it came."""
        self.copy(act)
        try:
            p, came = self.inject(act, call, nth, kind)
        except subprocess.TimeoutExpired:
            return ["it hangs"], True
        bad = act.settle(self)
        if kind.endswith("full") and came and p.returncode > 0 and "space" not in p.stderr:
            bad.append(f"does not say that the disk is full: exit {p.returncode}: {p.stderr.strip()[-300:]}")
        if act.needs_vault or (self.vault / "vault.json").exists():
            bad += self.sound()
        if p.returncode == 0:
            bad += act.missing(self, p.stdout)
        shutil.rmtree(self.top / "out", ignore_errors=True)
        subprocess.run(["umount", "-l", str(self.mount)], stderr=subprocess.DEVNULL)
        again = self.weir(self.vault, *act.argv(self))
        bad += act.settle(self)
        if again.returncode not in act.again:
            bad.append(f"again: exit {again.returncode}: {again.stderr.strip()[-300:]}")
        bad += act.missing(self, again.stdout if again.returncode == 0 else p.stdout)
        if not act.needs_vault:
            bad += self.sound()
        wait_for_keyd(self.vault)
        return bad, came

    def sound(self):
        bad = []
        for argv in (("audit", "verify"), ("check", "--read-data")):
            p = self.weir(self.vault, *argv)
            if p.returncode != 0:
                bad.append(f"{' '.join(argv)}: exit {p.returncode}: {p.stderr.strip()[-300:]}")
        return bad

    # --- every place ---

    def places(self, act):
        """Every call of an act, counted in each thread of a clean run."""
        self.copy(act)
        log = self.top / "trace"
        self.weir(self.vault, *act.argv(self), prefix=("strace", "-ff", "-qq", "-e", "trace=" + ",".join(CALLS), "-o", str(log)))
        wait_for_keyd(self.vault)
        counts = collections.Counter()
        for path in self.top.glob("trace.*"):
            own = collections.Counter(re.findall(r"^(\w+)\(", path.read_text(errors="replace"), re.M))
            for call in CALLS:
                counts[call] = max(counts[call], own[call])
            counts[ROOM] = max(counts[ROOM], sum(own[call] for call in ROOM.split(",")))
            path.unlink()
        for call, n in counts.items():
            for nth in range(1, n + 1):
                for kind in (["full"] if call == ROOM else FAULTS):
                    yield act, call, nth, kind
        self.copy(act)
        log = self.top / "log"
        log.unlink(missing_ok=True)
        self.weir(self.vault, *act.argv(self), LD_PRELOAD=str(self.base.bin / "tests/crash/short_write.so"), SHORT_WRITE="0",
                  SHORT_WRITE_LOG=str(log))
        wait_for_keyd(self.vault)
        for nth in range(1, 1 + max(int(line.split()[0]) for line in log.read_text().splitlines())):
            for kind in SHORT:
                yield act, "write", nth, kind


# --- the acts ---


class Act:
    """One command: argv, what may be missing after it, and the exit codes of the same command again."""
    needs_vault, again = True, (0,)

    def missing(self, slot, out):
        return []

    def settle(self, slot):
        """What has to be found out before a vault can be asked."""
        return []


class Init(Act):
    # 6: it was made, and nobody had been told
    needs_vault, again = False, (0, 6)

    def argv(self, slot):
        return "init", slot.vault

    def missing(self, slot, out):
        return [] if (slot.vault / "vault.json").exists() else ["there is no vault"]


class Put(Act):
    def argv(self, slot):
        return "put", "second", slot.base.top / "tree1", "--quiet"

    def missing(self, slot, out):
        have = {m["model"] for m in slot.listed("ls").get("models", [])}
        return [] if "second" in have else ["the version is lost"]


class Grant(Act):
    def argv(self, slot):
        return "grant", "add", "first", "--to", "user:nobody", "--loads", 1, "--reason", "injected"

    def missing(self, slot, out):
        return [] if "injected" in {g["reason"] for g in slot.listed("grant", "ls").get("grants", [])} else ["the grant is lost"]


class Session(Act):
    """Opens by a mount, releases, closes."""

    def argv(self, slot):
        at = slot.mount / slot.base.kept.replace("@", "/@") / "a.bin"
        return "mount", "--quiet", "--allow-unsigned", "--stall", 5, slot.base.kept, slot.mount, "--", "cmp", at, slot.base.top / "tree0/a.bin"


class Get(Act):
    """A session without a mount."""

    def argv(self, slot):
        return "get", "--allow-unsigned", slot.base.kept, slot.top / "out"

    def missing(self, slot, out):
        copy = slot.top / "out/a.bin"
        same = copy.exists() and copy.read_bytes() == (slot.base.top / "tree0/a.bin").read_bytes()
        return [] if same else ["the copy is not the file"]


class Append(Act):
    again = (0, 6)

    def argv(self, slot):
        return "role", "add", "reviewer", "--to", "user:nobody"

    def missing(self, slot, out):
        return [] if "user:nobody" in slot.weir(slot.vault, "role", "ls", "--json").stdout else ["the role is lost"]


class Integrate(Act):
    """Publishes a checkpoint: what was given out is what the trail goes on from."""

    def argv(self, slot):
        return "audit", "checkpoint"

    def missing(self, slot, out):
        note = slot.top / "note"
        note.write_text(out)
        p = slot.weir(slot.vault, "audit", "verify", "--since", note)
        return [] if p.returncode == 0 else [f"the checkpoint: {p.stderr.strip()[-300:]}"]


def kept(slot):
    """Whether what was to stay is there."""
    shutil.rmtree(slot.top / "out", ignore_errors=True)
    slot.weir(slot.vault, "get", "--allow-unsigned", slot.base.kept, slot.top / "out")
    bad = Get().missing(slot, "")
    shutil.rmtree(slot.top / "out", ignore_errors=True)
    return ["what was to stay is not there"] if bad else []


class Gc(Act):
    def argv(self, slot):
        return "gc", "--grace", 0

    def missing(self, slot, out):
        left = slot.listed("gc", "--dry-run", "--grace", 0).get("removed") != 0
        return (["gc left something"] if left else []) + kept(slot)


class Shred(Act):
    def argv(self, slot):
        return "shred", slot.base.doomed, "--yes", "--certificate", slot.top / "certificate"

    def missing(self, slot, out):
        bad = []
        if slot.weir(slot.vault, "show", slot.base.doomed).returncode != 5:
            bad.append("what was shredded is there")
        key = slot.listed("audit", "checkpoint").get("vkey", "")
        p = slot.weir(slot.vault, "audit", "verify", "--certificate", slot.top / "certificate", "--log-key", key)
        if p.returncode != 0:
            bad.append(f"the certificate: {p.stderr.strip()[-300:]}")
        if [n for n in os.listdir(slot.vault) if n.startswith(("epoch.", ".tmp-"))]:
            bad.append("another epoch lies about")
        return bad + kept(slot)


class Backup(Act):
    def argv(self, slot):
        return "backup", slot.top / "backup", "--quiet"

    def missing(self, slot, out):
        restored = slot.top / "restored"
        shutil.rmtree(restored, ignore_errors=True)
        p = slot.weir(slot.vault, "restore", slot.top / "backup", restored, "--epoch", slot.vault / "epoch")
        if p.returncode == 0:
            p = slot.weir(restored, "check", "--read-data")
            wait_for_keyd(restored)
        return [] if p.returncode == 0 else [f"the backup does not restore: {p.stderr.strip()[-300:]}"]


class Secret(Act):
    """By itself: it is a change, and can be made again."""

    def argv(self, slot):
        """Two secrets are not to be the same: this one and that one by turns."""
        other = slot.top / "key"
        if not other.exists():
            other.touch(0o600)
            other.write_bytes(os.urandom(32))
        return "secret", "passwd", "--new-key-file", other if slot.key == slot.base.key else slot.base.key

    def settle(self, slot):
        """A change that was recorded is finished by the next start, which the old secret may be what begins."""
        wait_for_keyd(slot.vault)
        for slot.key in (slot.base.key, slot.top / "key", slot.base.key):
            opened = slot.weir(slot.vault, "secret", "ls").returncode == 0
            wait_for_keyd(slot.vault)
            if opened and slot.weir(slot.vault, "secret", "ls").returncode == 0:
                return []
        return ["no secret opens the vault"]

    def missing(self, slot, out):
        whole = len(slot.listed("secret", "ls").get("secrets", [])) == 2 and not (slot.vault / "keyring.next").exists()
        return [] if whole else ["a secret is lost, or left over"]


class Rekey(Act):
    """The recovery key that it replaces is not wanted."""

    def argv(self, slot):
        return "rekey", "--drop-others", "--quiet"

    def missing(self, slot, out):
        """Whether some of a vault is of another root key than the rest: the trail's last word is the keyring's, and it takes in a
        version of the family that was there."""
        bad = [f"{n} lies about" for n in os.listdir(slot.vault) if n.startswith(("epoch.", "keyring.", ".tmp-"))]
        said = slot.weir(slot.vault, "audit", "ls", "--json", "--kind", "rekey").stdout.splitlines()
        held = hashlib.sha256((slot.vault / "keyring").read_bytes()).hexdigest()
        if said and json.loads(said[-1])["keyring"] != held:
            bad.append("the keyring is not the one that was recorded")
        if slot.weir(slot.vault, "put", "first", slot.base.top / "tree1", "--quiet").returncode != 0:
            bad.append("the family's key is lost")
        return bad + kept(slot)


# A new command of the owner is one more class here.
ACTS = {"init": Init(), "put": Put(), "grant": Grant(), "session": Session(), "get": Get(), "append": Append(), "integrate": Integrate(),
        "gc": Gc(), "shred": Shred(), "backup": Backup(), "rekey": Rekey(), "secret": Secret()}


class Sweep:
    """The places, shared out among slots."""

    def __init__(self, args, base):
        self.args, self.tally, self.came, self.wrong = args, Tally(), 0, 0
        self.slots = [Slot(base, n) for n in range(args.jobs)]
        self.free, self.lock, self.until = list(self.slots), threading.Lock(), time.monotonic() + args.seconds
        acts = {args.only: ACTS[args.only]} if args.only else ACTS
        if os.geteuid() != 0:
            acts = {name: act for name, act in acts.items() if name != "session"}
        self.names = {act: name for name, act in acts.items()}
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            self.places = [p for places in pool.map(lambda act: self.with_slot(lambda s: list(s.places(act))), acts.values()) for p in places
                       if args.kind in (None, p[3]) and args.nth in (None, p[2])]

    def with_slot(self, f):
        with self.lock:
            slot = self.free.pop()
        try:
            return f(slot)
        finally:
            with self.lock:
                self.free.append(slot)

    def one(self, place):
        if time.monotonic() > self.until:
            return
        act, call, nth, kind = place
        try:
            bad, came = self.with_slot(lambda slot: slot.one(act, call, nth, kind))
        except Exception as e:
            bad, came = [f"{type(e).__name__}: {e}"], True
        with self.lock:
            self.came += came
            self.wrong += bool(bad)
            self.tally.add(self.names[act], kind, bad)
            for line in bad:
                line = line.replace("\n", "; ")
                print(f"# {self.names[act]}, {call} {nth}, {kind}: {line}", flush=True)

    def run(self):
        count, rng = self.args.places, random.Random(self.args.seed)
        chosen = rng.sample(self.places, min(count or len(self.places), len(self.places)))
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            list(pool.map(self.one, chosen))
        done = sum(self.tally.states.values())
        print(f"# {done} of {len(self.places)} places ({self.tally}), {self.came} faults came, {self.wrong} wrong")
        self.tally.keep()
        if self.came < done // 2:
            raise SystemExit("most faults never came: this test shows little")
        return self.wrong != 0


def memory():
    """A directory in memory that is large enough, or None: what a real disk makes of a sync is for replay.py."""
    try:
        st = os.statvfs("/dev/shm")
        return "/dev/shm" if st.f_bavail * st.f_frsize > 1 << 30 and os.access("/dev/shm", os.W_OK) else None
    except OSError:
        return None


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--places", type=int, default=60)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--only", choices=ACTS, help="places of this act alone")
    p.add_argument("--kind", help="faults of this kind alone")
    p.add_argument("--nth", type=int, help="the nth calls alone")
    p.add_argument("--jobs", type=int, default=4, help="most of the time of each is a wait for its keyd to leave")
    p.add_argument("--seconds", type=float, default=1e9)
    args = p.parse_args()
    print(f"# seed {args.seed}")
    if os.geteuid() == 0:
        disks.private_mounts()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-inject.", dir=memory()))
    try:
        sys.exit(Sweep(args, Base(args, top)).run())
    finally:
        shutil.rmtree(top, ignore_errors=True)


main()
