#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir beside its peers, in one run: interleaved, repeated, medians and spread.

usage: bench.py BUILD [--size-mb 4096] [--rounds 5] [--chunks 250000] [--json FILE] [--only ROW,...] [--growth HOW]

Rows, cold unless they say otherwise, beside gocryptfs (at its own read-ahead and at weir's), securefs and a FUSE server of
constant bytes: mmap, processes (8 that map one file), read (1 MiB), threads (16 x 2 MiB), pieces (16 x 16 MiB), direct
(O_DIRECT, 4 MiB), random (4 KiB), warm (read again in the session, beside the plain file).  Beside restic and borg: put,
reput (unchanged), change (1 %).  bf16: cold mmap of weights as weights.c draws them, beside gocryptfs and weir's own
without compression; bf16slow: the same with the stores on a disk of 400 MB/s (root only, and only when asked for).
Alone: check (--read-data), rss, first (first byte of a large version), releases (durable releases a second), keys, fleet
and keyd (chunk keys a second, the last host's first keys, and keyd's memory, with 64 and 1,000 hosts), core (what one core
does).

Each reading or putting row has its CPU seconds for a GB beside it (reader, server and all): on a machine that others
use, too, that is the figure to go by.  Stores lie beneath $BENCH_DIR, or /dev/shm when it has room: the disk is not
what is measured.  The JSON is written beside the build unless --json says where; tests/bench/readme.py makes the
README's table from it.  --growth small (minutes), medium (a quarter of an hour) or full (an hour, 50 GB of disk) adds
growth.py's; --only growth runs nothing else.
"""
import argparse, json, os, pathlib, resource, shutil, statistics, subprocess, sys, tempfile, threading, time

import fleet, growth, weights
from peers import Borg, Peers, Restic, cpu_of, machine, run, servers, wait_for

BLOCK = 1 << 20
READS = {"mmap": "mmap", "processes": "processes:8", "read": "read", "threads": f"threads:16:{2 * BLOCK}",
         "pieces": f"threads:16:{16 * BLOCK}", "direct": f"direct:{4 * BLOCK}", "random": "random:4000"}
PUTS = ("put", "reput", "change")
WEIGHTS = ("bf16", "bf16slow")
PEER = dict.fromkeys((*READS, *WEIGHTS), "gocryptfs") | dict.fromkeys(PUTS, "restic") | {"warm": "plain"}
UNITS = {"rss": "MB", "first": "ms", "releases": "/s", "keys": "/s", "fleet": "s", "keyd": "MB"}


def drop_caches(top):
    """A new mount's are cold; what remains are the store's, which tmpfs has no second copy of."""
    if fstype(top) == "tmpfs":
        return
    run("sync", "-f", top)
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


def children_cpu():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


class Bench:
    random_file, drop_caches = staticmethod(random_file), staticmethod(drop_caches)

    def __init__(self, args, top):
        self.args, self.top, self.rows, self.cpu, self.out = args, top, {}, {}, {}
        self.build = pathlib.Path(args.build).resolve()
        self.env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"))
        self.source, self.mount = top / "source", top / "mnt"
        for d in (self.source, self.mount):
            d.mkdir()
        (top / "key").write_bytes(os.urandom(32))
        self.peers = Peers(self.build, top)

    def weir(self, *argv, **env):
        try:
            return run(self.build / "weir", *argv, env=self.env | env, stderr=subprocess.PIPE)
        except subprocess.CalledProcessError as e:
            raise SystemExit(f"bench: weir {argv[0]} failed ({e.returncode}): {e.stderr}") from e

    def sample(self, row, who, value, cpu=None):
        self.rows.setdefault(row, {}).setdefault(who, []).append(value)
        if cpu is not None:
            self.cpu.setdefault(row, {}).setdefault(who, []).append(cpu)
        beside = f"{cpu:8.3f} CPU s/GB" if cpu is not None else ""
        print(f"  {row:9} {who:12} {value:10.3f} {beside}", file=sys.stderr, flush=True)

    def weir_mount(self, reference):
        self.weir("mount", "--allow-unsigned", reference, self.mount)
        return self.mount / reference.replace("@", "/@"), lambda: self.weir("umount", self.mount)

    # -- rows ------------------------------------------------------------

    def prepare(self):
        random_file(self.source / "model.bin", self.args.size_mb)
        self.size = (self.source / "model.bin").stat().st_size
        self.weir("init", self.top / "vault")
        self.reference = self.weir("put", "bench", self.source, "--quiet").strip()
        self.grant("bench")
        if wanted(self.args, *READS):
            self.peers.prepare(self.source / "model.bin")

    def grant(self, model):
        user = run("id", "-un").strip()
        self.weir("grant", "add", model, "--to", f"user:{user}", "--loads", 100000, "--reason", "bench")

    def time_reader(self, row, who, path, mount, how):
        """GB/s, or what of it is read; and the CPU seconds of reader and servers."""
        pids = servers(mount)
        before = cpu_of(pids)
        seconds, cpu = map(float, run(self.build / "tests/bench/reader", how, path).split())
        read = 4096 * int(how.split(":")[1]) if how.startswith("random") else self.size
        self.sample(row, who, read / 1e9 / seconds, (cpu + cpu_of(pids) - before) / (read / 1e9))

    def reads(self):
        """A new mount each time: a session's page cache must be cold."""
        ways = {
            "gocryptfs": lambda: self.peers.gocryptfs(0),
            "gocryptfs16m": lambda: self.peers.gocryptfs(16384),
            "securefs": self.peers.securefs,
            "constant": lambda: self.peers.constant(self.args.size_mb),
            "weir": lambda: self.weir_mount(self.reference),
        }
        for _ in range(self.args.rounds):
            for row in [r for r in READS if wanted(self.args, r)]:
                for who, mount in ways.items():
                    place, close = mount()
                    drop_caches(self.top)
                    self.time_reader(row, who, place / "model.bin", place if who != "weir" else self.mount, READS[row])
                    close()
        shutil.rmtree(self.top / "sealed")  # memory, on tmpfs

    def warm(self):
        """The second time, beside the plain file on the disk's file system."""
        disk = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench.", dir="/var/tmp"))
        shutil.copy(self.source / "model.bin", disk)
        place, close = self.weir_mount(self.reference)
        try:
            for _ in range(self.args.rounds):
                for who, path in (("plain", disk), ("weir", place)):
                    run(self.build / "tests/bench/reader", "mmap", path / "model.bin")
                    self.time_reader("warm", who, path / "model.bin", self.mount, "mmap")
        finally:
            close()
            shutil.rmtree(disk)

    def time_put(self, row, who, put):
        start, before = time.monotonic(), children_cpu()
        put()
        seconds = time.monotonic() - start
        self.sample(row, who, self.size / 1e9 / seconds, (children_cpu() - before) / (self.size / 1e9))

    def change(self, number):
        """One per cent of the file, in one place."""
        n = self.size // 100
        with open(self.source / "model.bin", "r+b") as f:
            f.seek(number % 50 * 2 * n)
            f.write(os.urandom(n))

    def puts(self):
        for i in range(self.args.rounds):
            stores = self.top / "stores"
            stores.mkdir()
            shutil.copy(self.top / "password", stores)
            vault = stores / "vault"
            self.weir("init", vault)
            ways = {
                "restic": Restic(stores).put,
                "borg": Borg(stores).put,
                "weir": lambda source, _: self.weir("put", "bench", source, "--quiet", WEIR_VAULT=str(vault)),
            }
            for row in PUTS:
                if row == "change":
                    self.change(i)
                for who, put in ways.items():
                    self.time_put(row, who, lambda: put(self.source, row != "put"))
            shutil.rmtree(stores)

    def weights(self):
        asked = self.args.only.split(",") if self.args.only else ["bf16"]
        weights.measure(self, [row for row in WEIGHTS if row in asked])

    def check(self):
        for _ in range(self.args.rounds):
            self.time_put("check", "weir", lambda: self.weir("check", "--read-data"))

    def core(self):
        for _ in range(self.args.rounds):
            for line in run(self.build / "tests/bench/ceiling").splitlines():
                who, rate = line.split()
                self.sample("core", who, float(rate))

    def worker_peak(self, readers):
        """The most anonymous memory that the mount's worker has until the readers are done."""
        peak, done = 0, threading.Event()
        pid = json.loads(self.weir("session", "ls", "--json"))["sessions"][-1]["pid"]
        workers = [int(p) for p in run("pgrep", "-P", pid).split()]
        threading.Thread(target=lambda: ([r.wait() for r in readers], done.set())).start()
        while not done.wait(0.05):
            peak = max(peak, max(anonymous(w) for w in workers))
        return peak / 1e6

    def start_reader(self, how, path):
        return subprocess.Popen([str(self.build / "tests/bench/reader"), how, str(path)], stdout=subprocess.DEVNULL)

    def rss(self):
        place, close = self.weir_mount(self.reference)
        peak = self.worker_peak([self.start_reader("read", place / "model.bin") for _ in range(16)])
        close()
        self.sample("rss", "weir", peak)

    def put_many(self, model, chunks):
        """A version of so many chunks, in a thousand files of a hundred tensors, or fewer; nothing of it is large."""
        large = self.top / model
        files = min(1000, max(1, chunks // 10))
        run(sys.executable, pathlib.Path(__file__).parent / "many.py", large, files, 100, chunks // files * 65536)
        reference = self.weir("put", model, large, "--quiet").strip()
        shutil.rmtree(large)
        self.grant(model)
        return reference, f"part-{files // 2:04}.safetensors", chunks // files * 32768

    def first_byte(self, reference, name, offset):
        """Milliseconds of the mount, and of one byte then; nothing is cached."""
        drop_caches(self.top)
        start = time.monotonic()
        place, close = self.weir_mount(reference)
        mounted = time.monotonic()
        with open(place / name, "rb", buffering=0) as f:
            f.seek(offset)
            f.read(1)
        ended = time.monotonic()
        close()
        return (mounted - start) * 1000, (ended - mounted) * 1000

    def first(self):
        many = self.put_many("large", self.args.chunks)
        for _ in range(self.args.rounds):
            for who, ms in zip(("mount", "first byte"), self.first_byte(*many)):
                self.sample("first", who, ms)

    def releases(self):
        """keyd as a service; the one that the commands before started leaves when they have."""
        for _ in range(200):
            keyd = subprocess.Popen([str(self.build / "weir-keyd"), "--vault", str(self.top / "vault")], env=self.env,
                                    stderr=subprocess.DEVNULL)
            time.sleep(0.3)
            if keyd.poll() is None:
                break
        try:
            wait_for((self.top / "vault/run/keyd.sock").exists)
            self.release_rates()
        finally:
            keyd.terminate()
            keyd.wait()

    def release_rates(self):
        for _ in range(self.args.rounds):
            for threads in (1, 16, 64):
                rate = run(self.build / "tests/bench/releases", self.top / "vault", self.top / "key", self.reference,
                           threads, 3, env=self.env)
                self.sample("releases", f"{threads} clients", float(rate))

    def fleets(self):
        """64 sessions, and as many hosts as keyd takes, that open 140 GB at once; see fleet.py."""
        many = 1000 if os.geteuid() == 0 else 200
        for _ in range(self.args.rounds):
            for r in fleet.measure(self.build, [64, many], 140, 3):
                who = f"{r['hosts']} hosts"
                self.sample("keys", who, r["keys_a_second"])
                self.sample("fleet", who, r["last_first_keys"])
                self.sample("keyd", who, r["keyd_mb"])

    # -- the table -------------------------------------------------------

    def about(self):
        """What was run, where and when: beside the figures of a run, for who reads them."""
        return {"command": command(self.args), "machine": machine(), "date": time.strftime("%Y-%m-%d", time.gmtime()),
                "size_mb": self.args.size_mb, "rounds": self.args.rounds, "chunks": self.args.chunks,
                "stores": fstype(self.top), "load": round(os.getloadavg()[1], 1)}

    def report(self):
        out = self.about() | {"rows": {}}
        print(f"\n{out['machine']}; {self.args.size_mb} MiB of random bytes; {self.args.rounds} rounds, interleaved; "
              f"stores on {out['stores']}; load average {out['load']:.1f}\n")
        print(f"{'row':9} {'who':12} {'median':>9} {'min':>9} {'max':>9} {'unit':5} {'CPU s/GB':>8}  ratio to peer")
        for row, whos in self.rows.items():
            peer = PEER.get(row)
            base = statistics.median(whos[peer]) if peer in whos else None
            for who, v in whos.items():
                m, cpu = statistics.median(v), self.cpu.get(row, {}).get(who)
                entry = {"median": m, "min": min(v), "max": max(v), "unit": UNITS.get(row, "GB/s")}
                if cpu:
                    entry["cpu_seconds_a_gb"] = statistics.median(cpu)
                if base and who != peer:
                    entry |= {"peer": peer, "ratio": m / base}
                out["rows"].setdefault(row, {})[who] = entry
                print_row(row, who, entry)
        self.write(out)

    def write(self, more):
        """Rows and growth lie side by side in the file, each with what was run for it."""
        self.out |= more
        path = pathlib.Path(self.args.json or self.build / "bench.json")
        path.write_text(json.dumps(self.out, indent=1) + "\n")
        print(f"\n{path}", file=sys.stderr)


def command(args):
    """What to type to do it again."""
    how = [f"--size-mb {args.size_mb} --rounds {args.rounds} --chunks {args.chunks}"]
    how += [f"--{k} {getattr(args, k)}" for k in ("only", "growth") if getattr(args, k)]
    return f"make bench BENCH='{' '.join(how)}'"


def print_row(row, who, e):
    cpu = f"{e['cpu_seconds_a_gb']:8.3f}" if "cpu_seconds_a_gb" in e else " " * 8
    ratio = f"{e['ratio']:.2f} x {e['peer']}" if "ratio" in e else ""
    print(f"{row:9} {who:12} {e['median']:9.3f} {e['min']:9.3f} {e['max']:9.3f} {e['unit']:5} {cpu}  {ratio}".rstrip())


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


def main():
    p = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    p.add_argument("build")
    p.add_argument("--size-mb", type=int, default=4096)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--chunks", type=int, default=250000)
    p.add_argument("--json")
    p.add_argument("--only", default="")
    p.add_argument("--growth", choices=("small", "medium", "full"))
    args = p.parse_args()
    where = os.environ.get("BENCH_DIR") or ("/dev/shm" if shutil.disk_usage("/dev/shm").free > 16 << 30 else None)
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench.", dir=where))
    try:
        touch_memory(min(args.size_mb, 4096))
        b = Bench(args, top)
        b.prepare()
        for names, work in ((READS, b.reads), (("warm",), b.warm), (PUTS, b.puts), (WEIGHTS, b.weights),
                            (("check",), b.check), (("core",), b.core), (("rss",), b.rss), (("first",), b.first),
                            (("releases",), b.releases), (("keys", "fleet", "keyd"), b.fleets)):
            if wanted(args, *names):
                work()
        if b.rows:
            b.report()
        if args.growth:
            b.write({"growth": b.about() | {"tables": growth.measure(b, args.growth)}})
    finally:
        for mount in (top / "mnt", top / "plain", top / "constant"):
            subprocess.run(["umount", "-l", str(mount)], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
