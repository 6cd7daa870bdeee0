#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The owner's figures, on a disk: shred, backup beside cp -a, gc, and a keyd that restarts beneath a reader.

usage: owner.py BUILD [--size-mb 512] [--objects 100000] [--trail 0] [--rounds 3] [--only shred,backup,gc,restart]

  shred    a version of that many MiB, `weir shred` from its start to its end; nobody has it open.  Behind it: until a
           certificate says that no object is left
  backup   the first of such a vault; and, in turn, `cp -a` of it with a sync after it, since a backup is on the disk, too
  gc       that many objects that nobody needs, `weir gc` from its start to its end
  restart  a thread reads 4 KiB anywhere, new keys each time, while keyd is ended and started again: the longest read

Medians and spread, beside what is asked of each.  --trail has keyd record that many entries before the last row (releases,
by tests/bench/releases).  Stores lie beneath $BENCH_DIR, or /var/tmp: a file system in memory has no figure.
Writes BUILD/bench-owner.json.
"""
import argparse, base64, json, os, pathlib, platform, random, shutil, statistics, subprocess, sys, tempfile, threading, time

MIB = 1 << 20
ROWS = ("shred", "backup", "gc", "restart")
SHRED_S, BACKUP_RATIO, GC_S, RESTART_S = 1.0, 1.10, 60.0, 2.0


class Vault:
    """A vault of its own with a keyd beside it, which weir has not started: it stays until end()."""

    def __init__(self, build, top):
        self.build, self.top, self.keyd = build, top, None
        self.vault, self.mount = top / "vault", top / "mnt"
        self.mount.mkdir(parents=True)
        (top / "key").write_bytes(os.urandom(32))
        # Without a secret, or who finds keyd gone would start one of its own.
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_STATE_DIR=str(top / "state"), WEIR_ALLOW_SWAP="yes")
        self.weir("--key-file", top / "key", "init", self.vault)
        self.start()

    def weir(self, *argv):
        run = subprocess.run([self.build / "weir", *map(str, argv)], env=self.env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, cwd=self.top)
        if run.returncode != 0:
            sys.exit(f"weir {' '.join(map(str, argv))}: {run.stderr}")
        return run.stdout.strip()

    def timed(self, *argv):
        began = time.monotonic()
        self.weir(*argv)
        return time.monotonic() - began

    def start(self):
        """Until it says that it serves; another one may be about to leave."""
        for _ in range(200):
            with open(self.top / "log", "w") as log:
                self.keyd = subprocess.Popen([self.build / "weir-keyd", "--vault", self.vault, "--key-file", self.top / "key"],
                                             stderr=log, env=self.env)
            while self.keyd.poll() is None and ": serves" not in (self.top / "log").read_text():
                time.sleep(0.005)
            if self.keyd.poll() is None:
                return
            time.sleep(0.05)
        sys.exit((self.top / "log").read_text())

    def end(self):
        if self.keyd is not None:
            self.keyd.terminate()
            self.keyd.wait()
            self.keyd = None

    def put(self, path):
        """Put, and wait for the verifier, which reads all of it back."""
        ref = self.weir("put", "bench", path, "--quiet")
        while not (json.loads(self.weir("show", ref, "--json")).get("verified") or {}).get("ok"):
            time.sleep(0.1)
        return ref

    def entries(self):
        return json.loads(self.weir("status", "--json"))["keyd"]["trail"]["entries"]

    def clear(self):
        self.end()
        subprocess.run(["fusermount3", "-uqz", str(self.mount)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top, ignore_errors=True)


def source(path, megabytes):
    path.mkdir()
    with open(path / "model.bin", "wb") as f:
        for _ in range(megabytes):
            f.write(os.urandom(MIB))


def user():
    return "user:" + subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE, check=True).stdout.strip()


def objects(vault):
    return sum(len(files) for _, _, files in os.walk(vault.vault / "objects"))


def shred(build, top, args):
    """Versions of their own bytes, one a round; the first one stays, and has its keys wrapped anew each time."""
    v, seconds, behind, left = Vault(build, top / "shred"), [], [], []

    def objects_left(ref):
        payload = json.loads(v.weir("shred", ref, "--yes", "--json", "--certificate", v.top / "certificate"))["payload"]
        return json.loads(base64.b64decode(payload))["objects"].get("left", 0)

    try:
        for n in range(args.rounds + 1):
            source(v.top / f"m{n}", args.size_mb)
            ref = v.put(v.top / f"m{n}")
            shutil.rmtree(v.top / f"m{n}")
            if n == 0:
                continue
            before = objects(v)
            os.sync()
            seconds.append(v.timed("shred", ref, "--yes", "--reason", "bench"))
            began = time.monotonic()
            left.append(objects_left(ref))
            while objects_left(ref):
                time.sleep(0.1)
            behind.append(time.monotonic() - began if left[-1] else 0)
            went = before - objects(v)
        return {"seconds": seconds, "behind_seconds": behind, "left": left, "objects": went, "target": SHRED_S, "ok": statistics.median(seconds) <= SHRED_S}
    finally:
        v.clear()


def timed(*argv):
    began = time.monotonic()
    subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def backup(build, top, args):
    """To a new directory each time, and in turn with cp -a, whose copy is on the disk when the time is taken, as weir's is."""
    v, weir, copy = Vault(build, top / "backup"), [], []
    try:
        source(v.top / "m", args.size_mb)
        v.put(v.top / "m")
        shutil.rmtree(v.top / "m")
        for n in range(args.rounds):
            for who in (("weir", "cp"), ("cp", "weir"))[n % 2]:
                to = v.top / who
                os.sync()
                if who == "weir":
                    weir.append(v.timed("backup", to, "--quiet"))
                else:
                    copy.append(timed("sh", "-c", f"cp -a {v.vault} {to} && sync -f {to}"))
                shutil.rmtree(to)
        ratio = statistics.median(w / c for w, c in zip(weir, copy))
        return {"seconds": weir, "cp_seconds": copy, "ratio": ratio, "target": BACKUP_RATIO, "ok": ratio <= BACKUP_RATIO}
    finally:
        v.clear()


def gc(build, top, args):
    """Names of objects that nobody needs; what they hold is not looked at."""
    v, seconds = Vault(build, top / "gc"), []
    try:
        for _ in range(args.rounds):
            for i in range(256):
                (v.vault / "objects" / f"{i:02x}").mkdir(exist_ok=True)
            for _ in range(args.objects):
                name = os.urandom(32).hex()
                (v.vault / "objects" / name[:2] / name).write_bytes(bytes(512))
            os.sync()
            seconds.append(v.timed("gc", "--grace", "0s", "--quiet"))
            if objects(v) != 0:
                sys.exit("gc left objects")
        return {"seconds": seconds, "objects": args.objects, "target": GC_S, "ok": statistics.median(seconds) <= GC_S}
    finally:
        v.clear()


class Reader(threading.Thread):
    """Reads a chunk that it has not read yet, every few ms; keeps when each read began and how long it took."""

    def __init__(self, path):
        super().__init__()
        self.fd, self.reads, self.over = os.open(path, os.O_RDONLY), [], False
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_RANDOM)
        self.places = list(range(0, os.fstat(self.fd).st_size, MIB // 2))
        random.shuffle(self.places)

    def run(self):
        for at in self.places:
            if self.over:
                break
            began = time.monotonic()
            os.pread(self.fd, 4096, at)
            self.reads.append((began, time.monotonic() - began))
            time.sleep(0.005)

    def longest(self, since):
        return max((took for began, took in self.reads if began + took >= since), default=0.0)


def restart(build, top, args):
    """Each round: a mount, a reader, and keyd ended and started again while it reads."""
    v, seconds, served = Vault(build, top / "restart"), [], []
    try:
        source(v.top / "m", args.size_mb)
        ref = v.put(v.top / "m")
        v.weir("grant", "add", "bench", "--to", user(), "--loads", 1000000, "--reason", "bench")
        if args.trail:
            while v.entries() < args.trail:
                subprocess.run([build / "tests/bench/releases", v.vault, v.top / "key", ref, "16", "10"], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=v.env)
        for _ in range(args.rounds):
            v.weir("mount", "--allow-unsigned", ref, v.mount)
            reader = Reader(v.mount / ref.replace("@", "/@") / "model.bin")
            reader.start()
            time.sleep(0.3)
            began = time.monotonic()
            v.end()
            v.start()
            served.append(time.monotonic() - began)
            after = time.monotonic()
            while reader.is_alive() and not any(at > after for at, _ in reader.reads):
                time.sleep(0.01)
            reader.over = True
            reader.join()
            if not any(at > after for at, _ in reader.reads):
                sys.exit("the file was read before keyd was back: take a larger --size-mb")
            seconds.append(reader.longest(began))
            os.close(reader.fd)
            v.weir("umount", v.mount)
        return {"seconds": seconds, "keyd_seconds": served, "trail": v.entries(), "target": RESTART_S,
                "ok": statistics.median(seconds) <= RESTART_S}
    finally:
        v.clear()


def spread(values):
    return f"{statistics.median(values):.3g} s ({min(values):.3g}\u2013{max(values):.3g})"


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return {"cores": os.cpu_count(), "cpu": cpu, "kernel": platform.release(), "date": time.strftime("%Y-%m-%d")}


def show(name, row, args):
    said = {
        "shred": lambda: f"a version of {args.size_mb} MiB, {row['objects']} objects: {spread(row['seconds'])}; to be 1 s; "
                         f"{statistics.median(row['left']):.0f} of them behind it, in {spread(row['behind_seconds'])}",
        "backup": lambda: f"{spread(row['seconds'])}, cp -a {spread(row['cp_seconds'])}: {row['ratio']:.2f} times; to be 1.10",
        "gc": lambda: f"{row['objects']:,} objects: {spread(row['seconds'])}; to be 60 s",
        "restart": lambda: f"longest read {spread(row['seconds'])}, keyd away {spread(row['keyd_seconds'])}, a trail of "
                           f"{row['trail']:,}; to be 2 s",
    }[name]()
    print(f"{name:8} {said}{'' if row['ok'] else '   NOT MET'} (load average {row['load']:.1f})", flush=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("--size-mb", type=int, default=512)
    p.add_argument("--objects", type=int, default=100000)
    p.add_argument("--trail", type=int, default=0)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default=",".join(ROWS))
    args = p.parse_args()
    build, out = args.build.resolve(), {"machine": machine(), "size_mb": args.size_mb, "rounds": args.rounds, "rows": {}}
    m = out["machine"]
    print(f"{m['cores']} cores of {m['cpu']}, Linux {m['kernel']}, medians of {args.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="weir-owner.", dir=os.environ.get("BENCH_DIR", "/var/tmp")) as top:
        for name in args.only.split(","):
            row = {"shred": shred, "backup": backup, "gc": gc, "restart": restart}[name](build, pathlib.Path(top), args)
            row["load"] = os.getloadavg()[0]
            out["rows"][name] = row
            show(name, row, args)
    (build / "bench-owner.json").write_text(json.dumps(out, indent=1) + "\n")


main()
