#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a sweep looked at: a table of states by operation and kind.

usage: totals.py TALLY [--at-least N]

TALLY is what tally.py collected.  Fails if a state was bad, or if there were fewer than N.
"""
import argparse, collections


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("tally")
    p.add_argument("--at-least", type=int, default=0)
    args = p.parse_args()
    states, bad = collections.Counter(), 0
    with open(args.tally) as f:
        for line in f:
            operation, kind, n, wrong = line.split()
            states[operation, kind] += int(n)
            bad += int(wrong)
    kinds = sorted({kind for _, kind in states})
    rows = [[operation, *(states[operation, kind] or "-" for kind in kinds), sum(n for (o, _), n in states.items() if o == operation)]
            for operation in sorted({o for o, _ in states})]
    rows.append(["all", *(sum(n for (_, k), n in states.items() if k == kind) for kind in kinds), sum(states.values())])
    rows.insert(0, ["operation", *kinds, "all"])
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).rjust(w) if i else str(cell).ljust(w) for i, (cell, w) in enumerate(zip(row, widths))))
    total = sum(states.values())
    print(f"{total} states, {bad} bad")
    if bad:
        raise SystemExit("bad states: the lines above say which")
    if total < args.at_least:
        raise SystemExit(f"fewer than {args.at_least} states")


main()
