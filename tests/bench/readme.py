#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of figures in the README and in docs/performance.md, made from docs/bench.json.

usage: readme.py FILE.json    keep what a bench has written as docs/bench.json, and write the tables anew
       readme.py --write      write the tables anew
       readme.py --check      exit 1, and say which, where a table is not what is made of docs/bench.json

The table of the README lies between lines `<!-- bench -->` and `<!-- /bench -->`, the growth tables in docs/performance.md
between `<!-- growth -->` and `<!-- /growth -->`.  No figure between them is typed by hand.
"""
import json, pathlib, sys

KEPT = pathlib.Path("docs/bench.json")
TABLES = {"README.md": "bench", "docs/performance.md": "growth"}
ROWS = {
    "mmap": "cold mmap", "processes": "8 processes map one file, cold", "read": "1 MiB reads, cold",
    "threads": "16 threads, 2 MiB reads, cold", "pieces": "16 threads, 16 MiB reads, cold",
    "direct": "O_DIRECT, 4 MiB reads", "random": "4 KiB reads at random, cold", "warm": "mmap again in the session",
    "put": "put", "reput": "put again, unchanged", "change": "put again, 1 % changed",
    "check": "check --read-data", "rss": "worker's anonymous memory, 16 readers",
    "first": "version of {chunks:,} chunks", "releases": "durable releases",
    "keys": "chunk keys, hosts that open 140 GB at once", "fleet": "first keys of the last of them",
    "keyd": "keyd, most in memory",
}
NAMES = {"constant": "constant bytes", "gocryptfs16m": "gocryptfs, read-ahead 16 MiB", "plain": "plain file"}


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.3g}"


def figure(e):
    spread = "" if e["min"] == e["max"] else f" ({number(e['min'])}–{number(e['max'])})"
    cpu = f", {number(e['cpu_seconds_a_gb'])} CPU-s" if "cpu_seconds_a_gb" in e else ""
    return f"{number(e['median'])} {e['unit']}{spread}{cpu}"


def row(name, whos, about):
    """weir's own figure, each other one beside it with weir's ratio to it."""
    ours = whos.get("weir")
    label = ROWS[name].format(**about)
    if ours is None:
        return f"| {label} | {'; '.join(f'{who}: {figure(e)}' for who, e in whos.items())} | |"
    others = [f"{NAMES.get(who, who)} {figure(e)}: **{ours['median'] / e['median']:.2f}** x"
              for who, e in whos.items() if who != "weir"]
    return f"| {label} | {figure(ours)} | {'; '.join(others)} |"


def bench(d):
    core = d["rows"].get("core", {})
    lines = [f"`{d['command']}`, {d['date']}, on {d['machine']}: load average {d['load']}, stores on {d['stores']}, "
             f"{d['size_mb']:,} MiB of random bytes, {d['rounds']} rounds interleaved. Medians (smallest–largest); CPU-s are "
             "CPU-seconds a GB of reader, kernel and server together.", ""]
    if d["load"] > 2:
        lines += ["Others wanted the processors at the same time, which is in all that is measured by the clock: the CPU-seconds "
                  "are what to go by.", ""]
    if core:
        lines += ["One core does, in GB/s: " + ", ".join(f"{who} {number(e['median'])}" for who, e in core.items()) + ".", ""]
    lines += ["| row | weir | beside it, and weir's ratio to it |", "|---|---|---|"]
    return lines + [row(name, d["rows"][name], d) for name in ROWS if name in d["rows"]]


def growth(d):
    lines = []
    for rows in d["growth"].values():
        lines += ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += ["| " + " | ".join(f"{v:,}" if isinstance(v, int) else number(v) for v in r.values()) + " |" for r in rows]
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
        KEPT.write_text(pathlib.Path(sys.argv[1]).read_text())
    data, status = json.loads(KEPT.read_text()), 0
    for path, name in TABLES.items():
        text = pathlib.Path(path).read_text()
        new = replaced(text, name, {"bench": bench, "growth": growth}[name](data))
        if new == text:
            continue
        if sys.argv[1] == "--check":
            print(f"{path}: its table is not what docs/bench.json says: python3 tests/bench/readme.py --write")
            status = 1
        else:
            pathlib.Path(path).write_text(new)
    return status


sys.exit(main())
