#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nothing-lost, on a file system that promises nothing: each name and each byte is synced before it is counted on.

usage: order.py BUILD [--mutant file|directory]

ext4 commits more than a program asks for: with the fsync of one file go the names that were made before it.  So power cuts
on ext4 do not show every fsync that is missing.  Here the commands of a vault's life and their keyd run under strace(1),
and from what they call follows what a disk must keep: a byte by an fsync of its file, a name by one of its directory, both by a
syncfs.  Wrong are

 - a rename of a file that has bytes that are not synced, over what is to last;
 - a file with bytes, or a name, that is not synced when all have ended.

--mutant runs them with an fsync of files or directories that does nothing (lying_disk.c): then the run passes only if that is
found.
"""
import argparse, collections, os, pathlib, re, shutil, subprocess, sys, tempfile

CALLS = ("openat,openat2,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlinkat,write,pwrite64,writev,pwritev,"
         "pwritev2,ftruncate,fallocate,copy_file_range,fsync,fdatasync,syncfs,unlink,unlinkat,rmdir")
WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate", "copy_file_range"}
# What is made anew at each start, or is of no use after a crash.
FLEETING = re.compile(r"/(run(/.*)?|keyd\.lock|catalogue\.db-(wal|shm|journal)|\.tmp-[^/]*|\.init|\.restore)$")
LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?")


class Disk:
    """What a disk may not have yet."""

    def __init__(self, roots):
        self.roots = [str(r) for r in roots]
        self.bytes = set()  # files with bytes that are not synced
        self.names = collections.defaultdict(set)  # directory -> names in it that are not
        self.bad, self.calls = [], collections.Counter()

    def ours(self, path):
        return any(path == r or path.startswith(r + "/") for r in self.roots)

    def named(self, path):
        if self.ours(path):
            self.names[os.path.dirname(path)].add(os.path.basename(path))

    def write(self, path):
        if self.ours(path):
            self.bytes.add(path)

    def sync(self, path):
        self.bytes.discard(path)
        self.names.pop(path, None)

    def sync_all(self):
        self.bytes.clear()
        self.names.clear()

    def forget(self, path):
        self.bytes.discard(path)
        self.names[os.path.dirname(path)].discard(os.path.basename(path))

    def move(self, old, new, keeps_old):
        if not self.ours(new):
            return
        if old in self.bytes and not FLEETING.search(new):
            self.bad.append(f"{os.path.basename(old)} is renamed to {new} before its bytes are synced")
        dirty = old in self.bytes
        if not keeps_old:
            self.forget(old)
        (self.bytes.add if dirty else self.bytes.discard)(new)
        self.named(new)

    def left(self):
        """What was never synced."""
        files = [f"the bytes of {p} are not synced" for p in sorted(self.bytes) if not FLEETING.search(p)]
        paths = sorted(f"{d}/{n}" for d, names in self.names.items() for n in names)
        return files + [f"the name {p} is not synced" for p in paths if not FLEETING.search(p)]

    # --- from the lines of strace -f -y -s 0 ---

    def take(self, line):
        m = LINE.match(line)
        if m is None or int(m[4]) < 0:
            return
        call, args, opened = m[2], m[3], m[5]
        self.calls[call] += 1
        if call in WRITES:
            held = re.findall(r"\d+<([^>]*)>", args)
            if held:
                self.write(held[-1].replace(" (deleted)", "") if call == "copy_file_range" else held[0])
        elif call in ("fsync", "fdatasync"):
            self.sync(re.search(r"<([^>]*)>", args)[1])
        elif call == "syncfs":
            self.sync_all()
        elif call.startswith("open") or call == "creat":
            self.open(args, opened)
        else:
            self.name(call, self.paths(args))

    def open(self, args, opened):
        if opened is None or not ("O_CREAT" in args or "O_TRUNC" in args):
            return
        if opened not in self.exist and "O_CREAT" in args:
            self.named(opened)
        if "O_TRUNC" in args:
            self.write(opened)
        self.exist.add(opened)

    def name(self, call, paths):
        if call.startswith(("unlink", "rmdir")):
            self.forget(paths[-1])
            self.exist.discard(paths[-1])
        elif call.startswith(("rename", "link")):
            self.move(paths[0], paths[1], call.startswith("link"))
            self.exist.add(paths[1])
        else:
            self.named(paths[-1])

    @staticmethod
    def paths(args):
        """The paths in the arguments, made whole by the directories that they begin at."""
        out = []
        for directory, path in re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"', args):
            out.append(os.path.normpath(os.path.join(directory, path)))
        return out

    def replay(self, log):
        """A call that others interrupt in the log counts where it ends."""
        begun = {}
        for line in log.read_text(errors="replace").splitlines():
            if m := re.match(r"^(\d+) +(.*) <unfinished \.\.\.>$", line):
                begun[m[1]] = f"{m[1]} {m[2]}"
            elif m := re.match(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$", line):
                self.take(begun.pop(m[1], m[1]) + m[2])
            else:
                self.take(line)


class Life:
    """The commands, each under strace with its keyd until both have ended."""

    def __init__(self, args, top):
        self.args, self.top, self.bin = args, top, pathlib.Path(args.build).resolve()
        self.vault = top / "vault"
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(self.key("key")), WEIR_STATE_DIR=str(top / "state"))
        self.bad, self.calls = [], collections.Counter()

    def key(self, name):
        path = self.top / name
        path.touch(0o600)
        path.write_bytes(os.urandom(32))
        return path

    def trace(self, *argv):
        log, env = self.top / "trace", dict(self.env)
        if self.args.mutant:
            env.update(LD_PRELOAD=str(self.bin / "tests/crash/lying_disk.so"), LYING_DISK=self.args.mutant)
        disk = Disk([self.vault, self.top / "backup", self.top / "restored"])
        disk.exist = {str(p) for r in disk.roots for p in pathlib.Path(r).rglob("*")}
        # strace stays until the last process has ended
        p = subprocess.run(["strace", "-f", "-y", "-qq", "-s", "0", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log),
                            str(self.bin / "weir"), *map(str, argv)], env=env, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        if p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        disk.replay(log)
        self.calls += disk.calls
        self.bad += [f"{argv[0]}: {line}" for line in disk.bad + disk.left()]
        return p.stdout.strip()

    def tree(self, name, sizes):
        tree = self.top / name
        tree.mkdir()
        for n, size in sizes.items():
            (tree / n).write_bytes(os.urandom(size))
        return tree

    def run(self):
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        self.trace("init", self.vault)
        kept = self.trace("put", "model", self.tree("one", {"a": 300000, "b": 10}), "--quiet")
        doomed = self.trace("put", "model", self.tree("two", {"a": 70000}), "--quiet")
        gone = self.trace("put", "model", self.tree("three", {"a": 80000}), "--quiet")
        self.trace("grant", "add", "model", "--to", f"user:{user}", "--loads", 9, "--export", "--reason", "order")
        self.trace("get", "--allow-unsigned", kept, self.top / "got")
        self.trace("audit", "checkpoint")
        self.trace("rm", gone, "--grace", 0, "--quiet")
        self.trace("gc", "--grace", 0)
        self.trace("shred", doomed, "--yes", "--certificate", self.top / "certificate")
        self.trace("secret", "passwd", "--new-key-file", self.key("next"))
        self.env["WEIR_KEY_FILE"] = str(self.top / "next")
        self.trace("rekey", "--drop-others", "--quiet")
        self.trace("backup", self.top / "backup", "--quiet")
        self.trace("restore", self.top / "backup", self.top / "restored", "--epoch", self.vault / "epoch")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--mutant", choices=("file", "directory"))
    args = p.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-order.")).resolve()
    try:
        life = Life(args, top)
        life.run()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for line in life.bad[:40]:
        print(f"# {line.replace(str(top) + '/', '')}")
    print(f"# {sum(life.calls.values())} calls, {life.calls['fsync'] + life.calls['fdatasync']} syncs, {len(life.bad)} wrong")
    if life.calls["rename"] + life.calls["renameat"] + life.calls["renameat2"] < 20:
        raise SystemExit("hardly any file got its name: this test shows little")
    if bool(life.bad) != bool(args.mutant):
        raise SystemExit("what is not synced" if life.bad else "the mutant is not found: this test cannot fail")


main()
