#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir beside its peers, in one run: interleaved, repeated, medians and spread.

usage: bench.py BUILD [--size-mb 4096] [--rounds 5] [--chunks 250000] [--json FILE] [--only ROW,...]

Rows: mmap, read (cold, beside gocryptfs), put (beside restic), rss, first (first byte of a large version),
releases (durable releases a second).  Stores lie beneath $BENCH_DIR, or /dev/shm when it has room: the disk is
not what is measured.
"""
import argparse, json, os, pathlib, platform, shutil, statistics, subprocess, sys, tempfile, threading, time

BLOCK = 1 << 20


def run(*argv, **kw):
    kw.setdefault("check", True)
    kw.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([str(a) for a in argv], text=True, **kw).stdout


def drop_caches():
    run("sync")
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def touch_memory(megabytes):
    """Pages that the host has not backed yet cost ten times a warm one."""
    block = bytearray(megabytes * BLOCK)
    for i in range(0, len(block), 4096):
        block[i] = 1


def random_file(path, megabytes):
    with open(path, "wb") as f:
        for _ in range(megabytes):
            f.write(os.urandom(BLOCK))


class Bench:
    def __init__(self, args, top):
        self.args, self.top, self.rows = args, top, {}
        self.build = pathlib.Path(args.build).resolve()
        self.env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"))
        self.source, self.mount = top / "source", top / "mnt"
        for d in (self.source, self.mount, top / "cipher", top / "plain"):
            d.mkdir()
        (top / "key").write_bytes(os.urandom(32))
        (top / "password").write_text("bench\n")

    def weir(self, *argv):
        return run(self.build / "weir", *argv, env=self.env, stderr=subprocess.DEVNULL)

    def sample(self, row, who, value):
        self.rows.setdefault(row, {}).setdefault(who, []).append(value)
        print(f"  {row:9} {who:12} {value:10.3f}", file=sys.stderr, flush=True)

    def read_cold(self, how, who, path):
        drop_caches()
        seconds = float(run(self.build / "tests/bench/reader", how, path).split()[0])
        self.sample(how, who, path.stat().st_size / 1e9 / seconds)

    # -- peers -----------------------------------------------------------

    def gocryptfs(self, readahead_kb):
        run("gocryptfs", "-q", "-passfile", self.top / "password", self.top / "cipher", self.top / "plain")
        if readahead_kb:
            self.set_readahead(self.top / "plain", readahead_kb)
        return lambda: run("fusermount3", "-u", self.top / "plain")

    @staticmethod
    def set_readahead(path, kilobytes):
        device = os.stat(path).st_dev
        name = f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb"
        pathlib.Path(name).write_text(f"{kilobytes}\n")

    def weir_mount(self, reference):
        self.weir("mount", "--allow-unsigned", reference, self.mount)
        return lambda: self.weir("umount", self.mount)

    def shown(self, reference):
        return self.mount / reference.replace("@", "/@")

    # -- rows ------------------------------------------------------------

    def prepare(self):
        random_file(self.source / "model.bin", self.args.size_mb)
        self.weir("init", self.top / "vault")
        self.reference = self.weir("put", "bench", self.source, "--quiet").strip()
        self.grant("bench")
        if wanted(self.args, "mmap", "read"):
            run("gocryptfs", "-q", "-init", "-passfile", self.top / "password", self.top / "cipher")
            close = self.gocryptfs(0)
            shutil.copy(self.source / "model.bin", self.top / "plain/model.bin")
            close()

    def grant(self, model):
        user = run("id", "-un").strip()
        self.weir("grant", "add", model, "--to", f"user:{user}", "--loads", 100000, "--reason", "bench")

    def reads(self):
        """A new mount each time: a session's page cache must be cold."""
        for _ in range(self.args.rounds):
            for how in [h for h in ("mmap", "read") if wanted(self.args, h)]:
                for who, readahead in (("gocryptfs", 0), ("gocryptfs16m", 16384)):
                    close = self.gocryptfs(readahead)
                    self.read_cold(how, who, self.top / "plain/model.bin")
                    close()
                close = self.weir_mount(self.reference)
                self.read_cold(how, "weir", self.shown(self.reference) / "model.bin")
                close()

    def puts(self):
        size = (self.source / "model.bin").stat().st_size
        for i in range(self.args.rounds):
            repo, vault = self.top / "restic", self.top / "put-vault"
            run("restic", "-q", "init", "-r", repo, "-p", self.top / "password")
            start = time.monotonic()
            run("restic", "-q", "backup", "-r", repo, "-p", self.top / "password", "--no-cache", self.source)
            self.sample("put", "restic", size / 1e9 / (time.monotonic() - start))
            shutil.rmtree(repo)
            self.weir("init", vault)
            env = dict(self.env, WEIR_VAULT=str(vault))
            start = time.monotonic()
            run(self.build / "weir", "put", "bench", self.source, "--quiet", env=env)
            self.sample("put", "weir", size / 1e9 / (time.monotonic() - start))
            shutil.rmtree(vault)

    def rss(self):
        close = self.weir_mount(self.reference)
        path, peak, done = self.shown(self.reference) / "model.bin", 0, threading.Event()
        pid = json.loads(self.weir("session", "ls", "--json"))["sessions"][-1]["pid"]
        workers = [int(p) for p in run("pgrep", "-P", pid).split()]
        readers = [subprocess.Popen([str(self.build / "tests/bench/reader"), "read", str(path)],
                                    stdout=subprocess.DEVNULL) for _ in range(16)]
        threading.Thread(target=lambda: ([r.wait() for r in readers], done.set())).start()
        while not done.wait(0.05):
            peak = max(peak, max(anonymous(w) for w in workers))
        close()
        self.sample("rss", "weir", peak / 1e6)

    def first(self):
        """A version of many chunks, files and tensors; nothing of it cached."""
        large = self.top / "large"
        files, tensors = 1000, 100
        size = self.args.chunks // files * 65536
        run(sys.executable, pathlib.Path(__file__).parent / "many.py", large, files, tensors, size)
        reference = self.weir("put", "large", large, "--quiet").strip()
        shutil.rmtree(large)
        self.grant("large")
        for _ in range(self.args.rounds):
            drop_caches()
            start = time.monotonic()
            close = self.weir_mount(reference)
            mounted = time.monotonic()
            with open(self.shown(reference) / "part-0500.safetensors", "rb", buffering=0) as f:
                f.seek(size // 2)
                f.read(1)
            self.sample("first", "mount", (mounted - start) * 1000)
            self.sample("first", "first byte", (time.monotonic() - mounted) * 1000)
            close()

    def releases(self):
        keyd = subprocess.Popen([str(self.build / "weir-keyd"), "--vault", str(self.top / "vault")], env=self.env)
        try:
            while not (self.top / "vault/run/keyd.sock").exists():
                time.sleep(0.05)
            self.release_rates()
        finally:
            keyd.terminate()
            keyd.wait()

    def release_rates(self):
        for _ in range(self.args.rounds):
            for threads in (1, 16):
                rate = run(self.build / "tests/bench/releases", self.top / "vault", self.top / "key", "bench", threads, 3,
                           env=self.env)
                self.sample("releases", f"{threads} clients", float(rate))

    # -- the table -------------------------------------------------------

    def report(self):
        units = {"mmap": "GB/s", "read": "GB/s", "put": "GB/s", "rss": "MB", "first": "ms", "releases": "/s"}
        peers = {"mmap": "gocryptfs", "read": "gocryptfs", "put": "restic"}
        print(f"\n{machine()}; {self.args.size_mb} MiB of random bytes; {self.args.rounds} rounds, interleaved; "
              f"stores on {fstype(self.top)}\n")
        print(f"{'row':9} {'who':12} {'median':>9} {'min':>9} {'max':>9} unit  ratio to peer")
        for row, whos in self.rows.items():
            base = statistics.median(whos[peers[row]]) if peers.get(row) in whos else None
            for who, v in whos.items():
                m = statistics.median(v)
                ratio = f"{m / base:.2f} x {peers[row]}" if base and who != peers[row] else ""
                print(f"{row:9} {who:12} {m:9.3f} {min(v):9.3f} {max(v):9.3f} {units[row]:5} {ratio}")
        if self.args.json:
            pathlib.Path(self.args.json).write_text(json.dumps({"machine": machine(), "rows": self.rows}, indent=1))


def anonymous(pid):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def wanted(args, *rows):
    return not args.only or any(r in args.only.split(",") for r in rows)


def fstype(path):
    return run("stat", "-f", "-c", "%T", path).strip()


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}"


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--size-mb", type=int, default=4096)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--chunks", type=int, default=250000)
    p.add_argument("--json")
    p.add_argument("--only", default="")
    args = p.parse_args()
    where = os.environ.get("BENCH_DIR") or ("/dev/shm" if shutil.disk_usage("/dev/shm").free > 16 << 30 else None)
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench.", dir=where))
    try:
        touch_memory(min(args.size_mb, 4096))
        b = Bench(args, top)
        b.prepare()
        for names, work in ((("mmap", "read"), b.reads), (("put",), b.puts), (("rss",), b.rss), (("first",), b.first),
                            (("releases",), b.releases)):
            if wanted(args, *names):
                work()
        b.report()
    finally:
        for mount in (top / "mnt", top / "plain"):
            subprocess.run(["umount", "-l", str(mount)], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
