# SPDX-License-Identifier: Apache-2.0
"""What weir is measured beside: file systems that encrypt, backup programs, and what the machine can do.

A file system is opened by a function that returns what closes it.  The CPU time of whoever serves it is found by the
mount point in the command line.
"""
import os, pathlib, platform, subprocess, time

TICKS = os.sysconf("SC_CLK_TCK")


def run(*argv, **kw):
    kw.setdefault("check", True)
    kw.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([str(a) for a in argv], text=True, **kw).stdout


def wait_for(true):
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise SystemExit("bench: waited in vain")


def servers(mount):
    """Processes that have the mount point among their arguments, and their children."""
    pids = set()
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(mount).encode() in (p / "cmdline").read_bytes():
                pids.add(int(p.name))
        except OSError:
            pass
    pids.discard(os.getpid())
    for pid in list(pids):
        pids.update(int(c) for c in run("pgrep", "-P", pid, check=False).split())
    return pids


def cpu_of(pids):
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICKS


def set_readahead(path, kilobytes):
    device = os.stat(path).st_dev
    pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb").write_text(f"{kilobytes}\n")


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    flags = next((l.split(":")[1].split() for l in open("/proc/cpuinfo") if l.startswith("flags")), [])
    kinds = [k for k in ("sha_ni", "vaes", "avx2", "avx512f") if k in flags]
    return f"{os.cpu_count()} cores of {model} ({', '.join(kinds)}), Linux {platform.release()}"


class Peers:
    """File systems over the same plain file; `top` holds their stores and mount points."""

    def __init__(self, build, top):
        self.build, self.top = build, top
        for d in ("cipher", "plain", "sealed", "secure", "constant"):
            (top / d).mkdir()
        (top / "password").write_text("bench\n")
        self.seal = ("-q", "-nosyslog", "-passfile", top / "password")

    def prepare(self, source):
        run("gocryptfs", *self.seal, "-init", self.top / "cipher")
        run("securefs", "create", "--pass", "bench", self.top / "sealed", stderr=subprocess.DEVNULL)
        for mount, close in (self.gocryptfs(0), self.securefs()):
            run("cp", source, mount)
            close()

    def gocryptfs(self, readahead_kb):
        mount = self.top / "plain"
        run("gocryptfs", *self.seal, self.top / "cipher", mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if readahead_kb:
            set_readahead(mount, readahead_kb)
        return mount, lambda: run("fusermount3", "-u", mount)

    def securefs(self):
        """As `securefs create` makes one."""
        mount = self.top / "secure"
        run("securefs", "mount", "-b", "--pass", "bench", self.top / "sealed", mount, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_for(mount.is_mount)
        return mount, lambda: run("fusermount3", "-u", mount)

    def constant(self, megabytes):
        """The server of constant bytes, at weir's read-ahead."""
        mount = self.top / "constant"
        served = subprocess.Popen([str(self.build / "tests/bench/constant"), str(mount), str(megabytes)])
        wait_for(lambda: (mount / "model.bin").exists())
        set_readahead(mount, 16384)

        def close():
            run("fusermount3", "-u", mount)
            served.wait()
        return mount, close


class Restic:
    name = "restic"

    def __init__(self, top):
        self.repo, self.more = top / "restic", ("-q", "-p", top / "password", "--no-cache")
        run("restic", "init", "-r", self.repo, *self.more)

    def put(self, source, again):
        run("restic", "backup", "-r", self.repo, *self.more, *(["--force"] if again else []), source)


class Borg:
    name = "borg"

    def __init__(self, top):
        self.repo, self.count = top / "borg", 0
        self.env = dict(os.environ, BORG_PASSPHRASE="bench", BORG_BASE_DIR=str(top / "borg-home"),
                        BORG_RELOCATED_REPO_ACCESS_IS_OK="yes", BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
        run("borg", "init", "-e", "repokey", self.repo, env=self.env, stderr=subprocess.DEVNULL)

    def put(self, source, again):
        """Its index of files would let it skip what has not changed: it is to read it, as the others do."""
        self.count += 1
        run("borg", "create", *(["--files-cache=disabled"] if again else []), f"{self.repo}::{self.count}", source,
            env=self.env, stderr=subprocess.DEVNULL)
