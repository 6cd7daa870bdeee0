# SPDX-License-Identifier: Apache-2.0
"""Rows of a model of bf16 numbers (weights.c), in a cold mmap: its stores as the others', and on a slow disk.

The disk is ext4 on a loop device whose reads the kernel holds to 400 MB/s: io.max of a control group for this process and
those that it starts, or, where there are the older ones, blkio.throttle.read_bps_device of all.
"""
import os, pathlib, shutil, subprocess

from peers import Peers, run

LIMIT = 400_000_000  # bytes a second


class Disk:
    """An ext4 of its own, in an image beneath `top`."""

    def __init__(self, top, megabytes):
        self.image, self.place, self.device = top / "disk.img", top / "disk", None
        self.place.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)

    def __enter__(self):
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.device = run("losetup", "-f", "--show", self.image).strip()
        run("mount", self.device, self.place)
        return self

    def limit(self):
        """None may read more from here on."""
        st = os.stat(self.device)
        number = f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}"
        old, new = pathlib.Path("/sys/fs/cgroup/blkio"), pathlib.Path("/sys/fs/cgroup")
        if (old / "blkio.throttle.read_bps_device").exists():
            (old / "blkio.throttle.read_bps_device").write_text(f"{number} {LIMIT}\n")
            self.undo = lambda: (old / "blkio.throttle.read_bps_device").write_text(f"{number} 0\n")
            return
        group = new / "weir-bench"
        group.mkdir()
        (new / "cgroup.subtree_control").write_text("+io\n")
        (group / "io.max").write_text(f"{number} rbps={LIMIT}\n")
        before = new / open("/proc/self/cgroup").read().split("::", 1)[1].strip().lstrip("/")
        (group / "cgroup.procs").write_text(f"{os.getpid()}\n")

        def undo():
            (before / "cgroup.procs").write_text(f"{os.getpid()}\n")
            group.rmdir()
        self.undo = undo

    undo = staticmethod(lambda: None)

    def __exit__(self, *_):
        try:
            self.undo()
        except OSError:
            pass  # a group that a keyd is in, which leaves by itself
        subprocess.run(["umount", "-l", str(self.place)])
        subprocess.run(["losetup", "-d", self.device])
        self.image.unlink()


class Stores:
    """The same file in a vault, packed and as it is, and in gocryptfs."""

    def __init__(self, b, top, source):
        self.b, self.top, self.vault = b, top, top / "weights-vault"
        b.weir("init", self.vault)
        self.references = {}
        for who, how in (("weir", "auto"), ("off", "off")):
            self.references[who] = b.weir("put", f"bf16-{who}", source, "--quiet", "--compress", how,
                                          WEIR_VAULT=str(self.vault)).strip()
            b.weir("grant", "add", f"bf16-{who}", "--to", f"user:{run('id', '-un').strip()}", "--loads", 100000,
                   "--reason", "bench", WEIR_VAULT=str(self.vault))
        (top / "peers").mkdir()
        self.peers = Peers(b.build, top / "peers")
        self.peers.prepare(source / "model.safetensors")

    def mount(self, who):
        if who == "gocryptfs":
            place, close = self.peers.gocryptfs(0)
            return place, place, close
        self.b.weir("mount", "--allow-unsigned", self.references[who], self.b.mount, WEIR_VAULT=str(self.vault))
        return (self.b.mount / self.references[who].replace("@", "/@"), self.b.mount,
                lambda: self.b.weir("umount", self.b.mount, WEIR_VAULT=str(self.vault)))

    def rows(self, row):
        for _ in range(self.b.args.rounds):
            for who in ("gocryptfs", "off", "weir"):
                place, server, close = self.mount(who)
                self.b.drop_caches(self.top)
                self.b.time_reader(row, who, place / "model.safetensors", server, "mmap")
                close()


def measure(b, rows):
    source, size = b.top / "weights", b.size
    source.mkdir()
    run(b.build / "tests/bench/weights", source / "model.safetensors", b.args.size_mb)
    b.size = (source / "model.safetensors").stat().st_size
    if "bf16" in rows:
        Stores(b, b.top, source).rows("bf16")
    if "bf16slow" in rows:
        with Disk(b.top, 4 * b.args.size_mb + 512) as disk:
            stores = Stores(b, disk.place, source)
            disk.limit()
            stores.rows("bf16slow")
    shutil.rmtree(source)
    b.size = size
