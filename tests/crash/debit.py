#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""budget-holds: keyd killed at each system call between a release's debit and its reply, by strace.

usage: debit.py BUILD [--places 0] [--seed N] [--keyd PROGRAM] [--expect-loss] [--browse]

A client (asks.c) has a session and asks for one more chunk; strace is attached to one thread of keyd, and kills keyd at
that thread's nth call of a kind.  keyd is started again: if the client got keys, the trail holds that release, and what
`grant show` says is used has grown by the chunk.  A place is a thread, a call and its number; all that a clean run makes
from the request until after its reply are known from a trace of every thread.  --places 0 takes every place, otherwise
that many, chosen at random.  --keyd runs another keyd (a mutant); --expect-loss turns the verdict round: the run passes
only if a debit is lost (a catalogue that knows more than its trail is one, too), and ends with the first.  --browse is
under a browse grant, whose budget another keyd (weir-keyd-moved) gives anew at each place: its clocks go on by 40 days.
"""
import argparse, json, os, pathlib, random, re, select, shutil, subprocess, sys, tempfile, time

CHUNK, CHUNKS = 65536, 512
DAYS = 40 * 86400
LINE = re.compile(r"^(?:\d+ +)?([a-z][a-z0-9_]*)\(")


class Refused(Exception):
    """keyd does not start on what the kill left behind."""


class Sweep:
    def __init__(self, args, top):
        self.args, self.top = args, top
        self.bin = pathlib.Path(args.build).resolve()
        self.vault, self.key = top / "vault", top / "key"
        self.keyd_program = args.keyd or self.bin / "weir-keyd"
        self.key.write_bytes(os.urandom(32))
        self.row = 0
        (top / "tree").mkdir()
        (top / "tree/w.bin").write_bytes(os.urandom(CHUNK * CHUNKS))
        self.moved = 0
        self.env = dict(os.environ, WEIR_VAULT=str(self.vault), WEIR_KEY_FILE=str(self.key),
                        WEIR_STATE_DIR=str(top / "state"), WEIR_MOVED=str(top / "moved"))
        self.weir("init", self.vault)
        self.keyd = None
        self.start()
        self.ref = self.weir("put", "llama", top / "tree", "--quiet").strip()
        user = subprocess.run(["id", "-un"], text=True, stdout=subprocess.PIPE).stdout.strip()
        kind = ["--browse"] if args.browse else ["--loads", "4000"]
        self.grant = self.weir("grant", "add", "llama", "--to", f"user:{user}", *kind, "--reason", "x").strip()
        while json.loads(self.weir("show", self.ref, "--json"))["verified"] is None:
            time.sleep(0.05)  # keyd reads it back in the background

    def weir(self, *argv):
        p = subprocess.run([str(self.bin / "weir"), *map(str, argv)], env=self.env, text=True, timeout=120,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode != 0:
            raise SystemExit(f"weir {' '.join(map(str, argv))}: exit {p.returncode}\n{p.stderr}")
        return p.stdout

    def start(self):
        """A keyd that serves; the one before has ended."""
        if self.keyd and self.keyd.poll() is None:
            return
        log = self.top / "keyd.log"
        for _ in range(50):  # an embedded one may be about to leave
            with open(log, "w") as err:
                self.keyd = subprocess.Popen([str(self.keyd_program), "--vault", str(self.vault), "--key-file",
                                              str(self.key)], stderr=err, stdin=subprocess.DEVNULL, env=self.env)
            while self.keyd.poll() is None and ": serves" not in log.read_text():
                time.sleep(0.005)
            if self.keyd.poll() is None:
                return
            if self.args.expect_loss and "the trail was cut" in log.read_text():
                raise Refused("the catalogue knows more than the trail")
            time.sleep(0.1)
        raise SystemExit(f"keyd does not start: {log.read_text()}")

    def used(self):
        versions = json.loads(self.weir("grant", "show", self.grant, "--json"))["versions"]
        if versions and self.args.browse:
            return round(versions[0]["used_ppm"] * versions[0]["weights"] / 1e6 / CHUNK) * CHUNK
        return versions[0]["loaded"] if versions else 0

    def move_on(self):
        """What browsers have read counts no more."""
        if self.args.browse:
            self.moved += DAYS
            (self.top / "moved.new").write_text(f"{self.moved}\n")
            (self.top / "moved.new").rename(self.top / "moved")

    def releases(self, session):
        return [e["first"] for e in map(json.loads, self.weir("audit", "ls", "--kind", "release", "--json").splitlines())
                if e["session"] == session] if self.row else []

    def client(self):
        c = subprocess.Popen([str(self.bin / "tests/crash/asks"), str(self.vault), str(self.key), self.ref], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=1)
        return c, int(c.stdout.readline())

    def threads(self):
        return sorted(int(t) for t in os.listdir(f"/proc/{self.keyd.pid}/task"))

    def attach(self, *argv):
        """strace at work; it says so before."""
        p = subprocess.Popen(["strace", *map(str, argv)], text=True, stderr=subprocess.PIPE, bufsize=1)
        while "attached" not in (line := p.stderr.readline()):
            if not line:
                raise SystemExit("strace does not attach")
        return p

    def ask(self, client, patience=120):
        """What the client got for one more chunk."""
        self.row += 1
        try:
            client.stdin.write(f"{self.row % CHUNKS} 1\n")
            client.stdin.flush()
        except BrokenPipeError:
            return "none"
        ready, _, _ = select.select([client.stdout], [], [], patience)
        return client.stdout.readline().split(" ")[0].strip() if ready else "silence"

    def places(self):
        """Every call that each thread makes for a release, and a little after."""
        self.keyd.terminate()  # as each place finds it: without what a put left behind
        self.keyd.wait()
        self.start()
        client, _ = self.client()
        self.ask(client)  # what is fetched once is there
        before = self.threads()
        tracer = self.attach("-ff", "-f", "-o", self.top / "trace", "-p", self.keyd.pid)
        if self.ask(client) != "keys":
            raise SystemExit("a release without faults gives no keys")
        time.sleep(0.3)
        tracer.terminate()
        tracer.wait()
        self.end_client(client)
        for thread, tid in enumerate(before):
            counts = {}
            for line in (self.top / f"trace.{tid}").read_text(errors="replace").splitlines():
                call = LINE.match(line)
                if call and call.group(1) != "restart_syscall":
                    counts[call.group(1)] = counts.get(call.group(1), 0) + 1
            for call, n in counts.items():
                for nth in range(1, n + 1):
                    yield thread, call, nth

    def end_client(self, client):
        client.stdin.close()
        client.wait()

    def one(self, thread, call, nth):
        """What is wrong after this kill: a list of sentences."""
        self.move_on()
        self.start()
        client, session = self.client()
        if self.ask(client) != "keys":
            return ["a release before the fault gives no keys"]
        before = self.used()
        threads = self.threads()
        tracer = self.attach("-o", self.top / "log", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}",
                             "-p", threads[thread])
        row = (self.row + 1) % CHUNKS
        got = self.ask(client)
        try:
            self.keyd.wait(timeout=1)
            self.killed += 1
        except subprocess.TimeoutExpired:
            pass
        tracer.terminate()
        tracer.wait()
        self.end_client(client)
        self.given += got == "keys"
        if got == "silence":
            return ["the client waits"]
        self.start()
        bad = []
        if got == "keys" and row not in self.releases(session):
            bad.append(f"chunk {row} was given, and stands in no release")
        if got == "keys" and self.used() < before + CHUNK:
            bad.append(f"chunk {row} was given, and {self.used()} is used as before ({before})")
        return bad

    killed = given = 0


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--places", type=int, default=0)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--keyd")
    p.add_argument("--expect-loss", action="store_true")
    p.add_argument("--browse", action="store_true")
    args = p.parse_args()
    print(f"# seed {args.seed}")
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-debit."))
    sweep, failures, done = None, 0, 0
    try:
        sweep = Sweep(args, top)
        places = list(sweep.places())
        chosen = random.Random(args.seed).sample(places, min(args.places or len(places), len(places)))
        for place in chosen:
            try:
                bad = sweep.one(*place)
            except Refused as e:
                bad = [str(e)]
            done += 1
            for line in bad:
                failures += 1
                print(f"# thread {place[0]}, {place[1]} {place[2]}: {line}")
            if failures and args.expect_loss:
                break
        print(f"# {done} of {len(places)} places, keyd killed at {sweep.killed}, keys came at {sweep.given}, {failures} lost")
        if not args.expect_loss and sweep.killed < done / 2:
            raise SystemExit("most kills never came: this test shows little")
        if not args.expect_loss:
            sweep.weir("audit", "verify")
        sys.exit((failures > 0) != args.expect_loss)
    finally:
        if sweep and sweep.keyd and sweep.keyd.poll() is None:
            sweep.keyd.terminate()
            sweep.keyd.wait()
        shutil.rmtree(top, ignore_errors=True)


main()
