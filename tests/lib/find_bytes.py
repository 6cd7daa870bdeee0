#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""find_bytes.py HEX DIR...: name the files below DIR that hold these bytes; exit 0 when there are any."""
import os, pathlib, sys


def holds(path, needle):
    tail = b""
    with open(path, "rb") as f:
        while block := f.read(8 << 20):
            if needle in tail + block:
                return True
            tail = block[-(len(needle) - 1):]
    return False


def main():
    needle, found = bytes.fromhex(sys.argv[1]), 0
    for top in sys.argv[2:]:
        for path in sorted(pathlib.Path(top).rglob("*")):
            if path.is_file() and not path.is_symlink() and holds(path, needle):
                print(os.path.relpath(path, top))
                found += 1
    return 0 if found else 1


sys.exit(main())
