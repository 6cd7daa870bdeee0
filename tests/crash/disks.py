# SPDX-License-Identifier: Apache-2.0
"""Disks that power cuts leave, for replay.py: what blocklog logged, what of it is there after a cut, and the file system on it."""
import ctypes, hashlib, os, pathlib, stat, struct, subprocess, time

SIZE = 96 << 20
SECTOR = 4096  # what a disk writes wholly or not at all


def run(*argv, check=True, env=None):
    p = subprocess.run([str(a) for a in argv], text=True, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=600)
    if check and p.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
    return p


def retry(*argv):
    for _ in range(1200):
        p = run(*argv, check=False)
        if p.returncode == 0:
            return
        time.sleep(0.05)
    raise SystemExit(f"{' '.join(map(str, argv))}: {p.stderr}")


def private_mounts():
    """Mount from here on where no other process looks.

    Whoever makes a mount namespace of his own gets a copy of each mount that he sees.  A file system lives until the last
    copy is gone, whatever umount(8) says, and writes to its disk until then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise SystemExit(f"a mount namespace: {os.strerror(ctypes.get_errno())}")


class Held(Exception):
    """A file system that goes on after its umount."""


class FileSystem:
    """An ext4 mounted from a file.  once: the file is of no use to anybody afterwards."""

    def __init__(self, image, where, once=False, patience=60):
        self.where, self.patience = where, patience
        run("mount", "-t", "ext4", "-o", "loop,noatime", image, where)
        device = os.stat(where).st_dev
        self.loop = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/loop")
        if once:
            os.unlink(image)

    def close(self):
        """Nothing writes to the file any more when this returns."""
        retry("umount", self.where)
        until = time.monotonic() + self.patience
        while self.loop.exists():
            if time.monotonic() > until:
                raise Held(f"somebody holds the file system that was at {self.where}")
            time.sleep(0.005)


def read_log(path):
    """The records of blocklog: (offset, bytes), bytes None for a flush."""
    out = []
    with open(path, "rb") as f:
        while head := f.read(16):
            offset, length, kind = struct.unpack("<QII", head)
            out.append((offset, f.read(length) if kind == 0 else None))
    return out


def last_flush(log, cut):
    """The last flush before record cut: all before it is certainly there."""
    return next((i for i in range(cut - 1, -1, -1) if log[i][1] is None), 0)


def sectors(log, cut):
    """What was written since the last flush before cut, as a disk takes it: (offset, bytes)."""
    return [(offset + at, data[at:at + SECTOR]) for offset, data in log[last_flush(log, cut):cut] if data is not None
            for at in range(0, len(data), SECTOR)]


def subsets(log, cut, most, random):
    """Some sets of the sectors since the last flush, by number; all that are neither empty nor whole if those are no more."""
    n = len(sectors(log, cut))
    if n == 0 or 1 << n <= most + 2:
        return [[i for i in range(n) if bits >> i & 1] for bits in range(1, (1 << n) - 1)]
    out = set()
    while len(out) < most:
        share = random.choice((0.1, 0.5, 0.5, 0.9))
        kept = tuple(i for i in range(n) if random.random() < share)
        if 0 < len(kept) < n:
            out.add(kept)
    return sorted(map(list, out))


def build(image, log, cut, kept=None):
    """The disk after a power cut at record cut.  Returns the place up to which all is certainly there.

    All that was logged is there; with kept, all before the last flush, and of the later sectors those.
    """
    certain = cut if kept is None else last_flush(log, cut)
    fd = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(fd, SIZE)
    for offset, data in log[:certain]:
        if data is not None:
            os.pwrite(fd, data, offset)
    later = sectors(log, cut)
    for i in kept or ():
        os.pwrite(fd, later[i][1], later[i][0])
    os.close(fd)
    return certain


def extents(fd, size):
    """What of a file was ever written: (offset, bytes).  Journal segments are long, and empty."""
    at = 0
    while at < size:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(fd, at, os.SEEK_HOLE)
        yield at, os.pread(fd, end - at, at)
        at = end


def tree_digest(top):
    """One value for all that a program can read below top: names, kinds, modes, links, bytes."""
    h = hashlib.blake2b()
    for directory, names, files in os.walk(top):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            st = os.lstat(path)
            h.update(f"{path}\0{st.st_mode}\0{st.st_size if stat.S_ISREG(st.st_mode) else 0}\0".encode())
            if stat.S_ISREG(st.st_mode):
                fd = os.open(path, os.O_RDONLY)
                for at, some in extents(fd, st.st_size):
                    h.update(f"{at}\0{len(some)}\0".encode() + some)
                os.close(fd)
            elif stat.S_ISLNK(st.st_mode):
                h.update(os.readlink(path).encode())
    return h.digest()
