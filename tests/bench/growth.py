# SPDX-License-Identifier: Apache-2.0
"""How weir grows: with a model's size, readers, sessions, the trail's entries, a version's chunks.

Each row is one run, not a median: what is looked for is the shape.  `small` takes minutes, `medium` some more and
8 GB of memory or disk, `full` is up to 16 GB, 64 readers, 1,000 sessions, 10^7 entries and 10^6 chunks.
"""
import shutil, time

import fleet
from peers import run

STEPS = {
    "small": {"size": (256, 512, 1024), "readers": (1, 4, 16), "sessions": (1, 10, 100), "entries": (10**4, 10**5),
              "chunks": (10**3, 10**4)},
    "medium": {"size": (256, 1024, 2048), "readers": (1, 4, 16, 64), "sessions": (1, 10, 100, 1000),
               "entries": (10**4, 10**5, 10**6), "chunks": (10**3, 10**4, 10**5)},
    "full": {"size": (1024, 2048, 4096, 8192, 16384), "readers": (1, 4, 16, 64), "sessions": (1, 10, 100, 1000),
             "entries": (10**4, 10**5, 10**6, 10**7), "chunks": (10**3, 10**4, 10**5, 10**6)},
}


def read(b, reference, how):
    """Seconds of a cold read, and the worker's memory in MB."""
    b.drop_caches(b.top)
    place, close = b.weir_mount(reference)
    start = time.monotonic()
    peak = b.worker_peak([b.start_reader(how, place / "model.bin")])
    seconds = time.monotonic() - start
    close()
    return seconds, peak


def size(b, megabytes):
    source = b.top / "grown"
    source.mkdir()
    b.random_file(source / "model.bin", megabytes)
    start = time.monotonic()
    reference = b.weir("put", "grown", source, "--quiet").strip()
    put = time.monotonic() - start
    shutil.rmtree(source)
    b.grant("grown")
    seconds, peak = read(b, reference, "mmap")
    b.weir("rm", reference, "--grace", "0")
    b.weir("gc", "--grace", "0")
    gigabytes = megabytes * 2**20 / 1e9
    return {"MiB": megabytes, "put GB/s": gigabytes / put, "cold mmap GB/s": gigabytes / seconds, "worker MB": peak}


def readers(b, count):
    seconds, peak = read(b, b.reference, f"processes:{count}")
    return {"readers": count, "seconds till all have the file": seconds, "worker MB": peak}


def sessions(b, count):
    r = fleet.measure(b.build, [count], 140, 3)[0]
    return {"sessions": count, "last first keys s": r["last_first_keys"], "chunk keys/s": r["keys_a_second"],
            "releases/s": r["releases_a_second"], "keyd MB": r["keyd_mb"]}


def entries(b, count):
    """`audit ls` for one principal and model: with the index to be made, and with it there."""
    vault = b.top / "trail"
    b.weir("init", vault, WEIR_VAULT=str(vault))
    run(b.build / "tests/bench/trail", vault, b.top / "key", 1000, count)
    took = []
    for _ in range(2):
        start = time.monotonic()
        b.weir("audit", "ls", "--by", "user:u3", "--model", "m3", "--offline", "--json", WEIR_VAULT=str(vault))
        took.append(time.monotonic() - start)
    shutil.rmtree(vault)
    return {"entries": count, "audit ls s": took[1], "the first time s": took[0]}


def chunks(b, count):
    mount, first = b.first_byte(*b.put_many(f"chunks-{count}", count))
    return {"chunks": count, "mount ms": mount, "first byte ms": first}


def measure(b, how):
    """The tables by name, row after row; what was made for a row is gone after it, but for the chunks of the last."""
    tables = {}
    for what in (size, readers, sessions, entries, chunks):
        for step in STEPS[how][what.__name__]:
            row = what(b, step)
            tables.setdefault(what.__name__, []).append(row)
            print("  " + ", ".join(f"{k} {v:,.6g}" for k, v in row.items()), flush=True)
    return tables
