#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What budgets and the watch add to a cold load: keyd beside one without them (weir-keyd-bare), in one run.

usage: cost.py BUILD [--size-mb 1024] [--rounds 15]

Each round is a cold mmap of the whole model with each of the two, the one that goes first by turns: a keyd, a mount, a
read, all of them new.  Prints seconds of the read and keyd's CPU-seconds in it: medians and spread, and the median of
the rounds' ratios.  Stores lie beneath $BENCH_DIR, or /dev/shm.
"""
import argparse, os, pathlib, platform, shutil, statistics, subprocess, tempfile, time


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--size-mb", type=int, default=1024)
    p.add_argument("--rounds", type=int, default=15)
    args = p.parse_args()
    build = pathlib.Path(args.build).resolve()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-cost.", dir=os.environ.get("BENCH_DIR", "/dev/shm")))
    keyds = {"keyd": build / "weir-keyd", "bare": build / "tests/mutants/weir-keyd-bare"}
    vault, key, mount = top / "vault", top / "key", top / "mnt"
    env = dict(os.environ, WEIR_VAULT=str(vault), WEIR_KEY_FILE=str(key), WEIR_STATE_DIR=str(top / "state"))
    tick = os.sysconf("SC_CLK_TCK")

    def weir(*argv):
        return subprocess.run([build / "weir", *map(str, argv)], env=env, text=True, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout.strip()

    def serve(program):
        for _ in range(200):  # the one before may be about to leave
            with open(top / "log", "w") as log:
                keyd = subprocess.Popen([program, "--vault", vault, "--key-file", key], stderr=log, env=env)
            while keyd.poll() is None and ": serves" not in (top / "log").read_text():
                time.sleep(0.01)
            if keyd.poll() is None:
                return keyd
            time.sleep(0.1)
        raise SystemExit((top / "log").read_text())

    def cpu(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / tick

    def load(who, reference):
        keyd = serve(keyds[who])
        weir("mount", "--allow-unsigned", reference, mount)
        before = cpu(keyd.pid)
        out = subprocess.run([build / "tests/bench/reader", "mmap", mount / reference.replace("@", "/@") / "model.bin"],
                             text=True, check=True, stdout=subprocess.PIPE).stdout
        used = cpu(keyd.pid) - before
        weir("umount", mount)
        keyd.terminate()
        keyd.wait()
        return float(out.split()[0]), used

    try:
        mount.mkdir()
        (top / "source").mkdir()
        key.write_bytes(os.urandom(32))
        with open(top / "source/model.bin", "wb") as f:
            for _ in range(args.size_mb):
                f.write(os.urandom(1 << 20))
        weir("init", vault)
        reference = weir("put", "bench", top / "source", "--quiet")
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        weir("grant", "add", "bench", "--to", f"user:{user}", "--loads", 100000, "--reason", "bench")
        rows = {who: [] for who in keyds}
        load("keyd", reference)  # not counted: pages that the host has not backed yet
        for n in range(args.rounds):
            for who in (("keyd", "bare"), ("bare", "keyd"))[n % 2]:
                rows[who].append(load(who, reference))
        print(f"{os.cpu_count()} cores, Linux {platform.release()}; {args.size_mb} MiB, {args.rounds} rounds, interleaved")
        for who, row in rows.items():
            s = [seconds for seconds, _ in row]
            print(f"{who}: {statistics.median(s):.3f} s ({min(s):.3f} to {max(s):.3f}), keyd's own "
                  f"{statistics.median(used for _, used in row):.3f} CPU-seconds")
        ratios = sorted(a / b for (a, _), (b, _) in zip(rows["keyd"], rows["bare"]))
        print(f"keyd / bare, round by round: median {statistics.median(ratios):.4f}, quartiles "
              f"{ratios[len(ratios) // 4]:.4f} and {ratios[len(ratios) * 3 // 4]:.4f}")
    finally:
        subprocess.run(["fusermount3", "-uqz", str(mount)], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
