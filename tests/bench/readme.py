#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of figures in the README and in docs/performance.md, made from docs/bench.json.

usage: readme.py FILE.json    keep what a bench has written in docs/bench.json, and write the tables anew; a run of rows
                              leaves the growth that is there, and a run of growth the rows
       readme.py --write      write the tables anew
       readme.py --check      exit 1, and say which, where a table is not what is made of docs/bench.json

The README has medians and ratios between lines `<!-- bench -->` and `<!-- /bench -->`; docs/performance.md has the spread and
CPU-seconds as well between those of `rows`, and the growth tables between those of `growth`.  No figure between them is typed
by hand.
"""
import json, pathlib, sys

KEPT = pathlib.Path("docs/bench.json")
README, PERFORMANCE = pathlib.Path("README.md"), pathlib.Path("docs/performance.md")
ROWS = {
    "mmap": "cold mmap", "processes": "8 processes map one file, cold", "read": "1 MiB reads, cold",
    "threads": "16 threads, 2 MiB reads, cold", "pieces": "16 threads, 16 MiB reads, cold",
    "direct": "O_DIRECT, 4 MiB reads", "random": "4 KiB reads at random, cold", "warm": "mmap again in the session",
    "put": "put", "reput": "put again, unchanged", "change": "put again, 1 % changed",
    "bf16": "cold mmap of bf16 weights, drawn at random", "bf16slow": "the same, stores limited to 400 MB/s",
    "check": "check --read-data", "rss": "worker's anonymous memory, 16 readers",
    "first": "version of {chunks:,} chunks", "releases": "durable releases",
    "keys": "chunk keys, hosts that open 140 GB at once", "fleet": "first keys of the last of them",
    "keyd": "keyd, most in memory",
}
NAMES = {"constant": "constant bytes", "gocryptfs16m": "gocryptfs, read-ahead 16 MiB", "plain": "plain file", "off": "itself, without compression"}


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.3g}"


def median(e):
    return f"{number(e['median'])} {e['unit']}"


def figure(e):
    """A median, its spread and what it took of the processors."""
    spread = "" if e["min"] == e["max"] else f" ({number(e['min'])}–{number(e['max'])})"
    cpu = f", {number(e['cpu_seconds_a_gb'])} CPU-s" if "cpu_seconds_a_gb" in e else ""
    return f"{median(e)}{spread}{cpu}"


def row(name, d, say):
    """weir's own figure, and its ratio to each that was measured beside it."""
    whos = d["rows"][name]
    ours, label = whos.get("weir"), ROWS[name].format(**d)
    if ours is None:
        return f"| {label} | {'; '.join(f'{who}: {say(e)}' for who, e in whos.items())} | |"
    others = [f"**{ours['median'] / e['median']:.2f}** x {NAMES.get(who, who)}" + (f" {say(e)}" if say is figure else "")
              for who, e in whos.items() if who != "weir"]
    return f"| {label} | {say(ours)} | {'; '.join(others)} |"


def rows(d, say):
    return ["| row | weir | beside it |", "|---|---|---|"] + [row(name, d, say) for name in ROWS if name in d["rows"]]


def how(d):
    return [f"`{d['command']}`, {d['date']}, on {d['machine']}: load average {d['load']}, its own included, stores on "
            f"{d['stores']}, {d['size_mb']:,} MiB of random bytes, medians of {d['rounds']} rounds, interleaved.", ""]


def bench(d):
    return how(d) + rows(d, median)


def spread(d):
    core = d["rows"].get("core", {})
    lines = how(d) + ["In brackets: smallest–largest. CPU-s: CPU-seconds a GB, of reader, kernel and server together.", ""]
    if core:
        lines += ["One core does, in GB/s: " + ", ".join(f"{who} {number(e['median'])}" for who, e in core.items()) + ".", ""]
    return lines + rows(d, figure)


def growth(d):
    g = d["growth"]
    lines = [f"`{g['command']}`, {g['date']}, on {g['machine']}: load average {g['load']}, stores on {g['stores']}.", ""]
    for table in g["tables"].values():
        lines += ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0])]
        lines += ["| " + " | ".join(f"{v:,}" if isinstance(v, int) else number(v) for v in r.values()) + " |" for r in table]
        lines.append("")
    return lines[:-1]


def replaced(text, name, lines):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        sys.exit(f"readme.py: no place for the table {name}")
    return text[:text.index(begin)] + begin + "\n".join(lines) + "\n" + text[text.index(end):]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not sys.argv[1].startswith("--"):
        kept = json.loads(KEPT.read_text()) | json.loads(pathlib.Path(sys.argv[1]).read_text())
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    data, status = json.loads(KEPT.read_text()), 0
    for path, name, make in (README, "bench", bench), (PERFORMANCE, "rows", spread), (PERFORMANCE, "growth", growth):
        text = path.read_text()
        new = replaced(text, name, make(data))
        if new == text:
            continue
        if sys.argv[1] == "--check":
            print(f"{path}: its table is not what docs/bench.json says: python3 tests/bench/readme.py --write")
            status = 1
        else:
            path.write_text(new)
    return status


sys.exit(main())
