#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts that open one large version at once, against one keyd: real connections, sessions, chunk keys, durable records.

usage: fleet.py BUILD [--hosts 1,10,100] [--gb 140] [--seconds 5] [--json FILE]

The version has its manifest and its keys, and no chunks (ghost): what is measured is keyd, up to the keys of each
host's first window; that the host then reads and opens them is not in it.  All begin in the same moment, so
"first keys" has connecting, hello and session.open in it.  Up to 1,000 hosts, more than 250 only as root: they are
200 hosts of a user then, and sixteen of root's.  Each goes on for as many seconds, and what the trail has grown by is
held against what was asked for.  Stores lie beneath $BENCH_DIR, or /dev/shm: the journal's disk is not what is measured.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

from peers import cpu_of, machine, run, wait_for

FIRST_UID = 70001


class Fleet:
    def __init__(self, build, top):
        self.build, self.top, self.vault = pathlib.Path(build).resolve(), top, top / "vault"
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(top / "key"),
                        WEIR_STATE_DIR=str(top / "state"))
        top.chmod(0o755)
        (top / "key").write_bytes(os.urandom(32))
        self.weir("init", self.vault)

    def weir(self, *argv):
        return run(self.build / "weir", *argv, env=self.env, stderr=subprocess.DEVNULL).strip()

    def serve(self):
        with open(self.top / "log", "w") as log:
            self.keyd = subprocess.Popen([str(self.build / "weir-keyd"), "--vault", str(self.vault)], env=self.env,
                                         stderr=log)
        wait_for((self.vault / "run/keyd.sock").exists)

    def stop(self):
        self.keyd.terminate()
        self.keyd.wait()

    def put(self, gigabytes):
        said = run(self.build / "tests/bench/ghost", self.vault, self.top / "key", "fleet", gigabytes, env=self.env)
        self.reference, self.rows = said.split()
        for user in [run("id", "-un").strip(), *range(FIRST_UID, FIRST_UID + 5)]:
            self.weir("grant", "add", "fleet", "--to", f"user:{user}", "--loads", 100000, "--reason", "bench")

    def entries(self):
        return json.loads(self.weir("status", "--json"))["keyd"]["trail"]["entries"]

    def memory(self):
        """The most that keyd ever had in memory, in MB."""
        for line in open(f"/proc/{self.keyd.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6

    def open(self, hosts, seconds):
        before, cpu = self.entries(), cpu_of([self.keyd.pid])
        others = [FIRST_UID] if os.geteuid() == 0 else []
        out = json.loads(run(self.build / "tests/bench/fleet", self.vault, self.reference, self.rows, hosts, seconds,
                             *others, env=self.env))
        out["keyd_mb"], out["keyd_cpu_seconds"] = self.memory(), cpu_of([self.keyd.pid]) - cpu
        out["keys_a_second"], out["releases_a_second"] = (out[k] / out["seconds"] for k in ("keys", "releases"))
        least = out["hosts"] + out["releases"]
        if out["failed"] or self.entries() - before < least:
            raise SystemExit(f"fleet: {out}: of {least} sessions and releases {self.entries() - before} were recorded")
        return out


def measure(build, hosts, gigabytes, seconds):
    where = os.environ.get("BENCH_DIR", "/dev/shm")
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-fleet.", dir=where))
    rows = []
    try:
        fleet = Fleet(build, top)
        fleet.serve()
        try:
            fleet.put(gigabytes)
            for n in hosts:
                fleet.stop()  # so that each number of hosts has a keyd of its own
                fleet.serve()
                rows.append(fleet.open(n, seconds))
                print_row(rows[-1])
        finally:
            fleet.stop()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return rows


def print_row(r):
    print(f"{r['hosts']:5} hosts: last session {r['last_session']:.2f} s, first keys {r['median_first_keys']:.2f} s "
          f"(median) and {r['last_first_keys']:.2f} s (last); {r['keys_a_second']:,.0f} chunk keys and "
          f"{r['releases_a_second']:,.0f} durable releases a second; keyd {r['keyd_mb']:.0f} MB, "
          f"{r['keyd_cpu_seconds']:.1f} CPU-seconds", file=sys.stderr, flush=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--hosts", default="1,10,100")
    p.add_argument("--gb", type=int, default=140)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--json")
    args = p.parse_args()
    rows = measure(args.build, [int(n) for n in args.hosts.split(",")], args.gb, args.seconds)
    out = {"machine": machine(), "date": time.strftime("%Y-%m-%d", time.gmtime()), "gb": args.gb, "fleet": rows}
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
