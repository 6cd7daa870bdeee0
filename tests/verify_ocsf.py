#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold events, one JSON object a line, against the field tables of OCSF.

    verify_ocsf.py TABLES [FILE]

Says each thing that is wrong, with its line, and how many events of each class there
were.  Exit status 1 when something is wrong, or when there is no event.
"""
import collections
import json
import sys

NAMES = {"string": str, "integer": int, "boolean": bool}


class Wrong(Exception):
    pass


def no_twice(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key is there twice")
    return dict(pairs)


class Tables:
    def __init__(self, tables):
        self.t = tables

    def value(self, where, kind, v):
        if kind == "any":
            return
        if isinstance(kind, list):
            if not isinstance(v, list) or not v:
                raise Wrong(f"{where}: no list, or an empty one")
            for i, one in enumerate(v):
                self.value(f"{where}[{i}]", kind[0], one)
        elif kind in NAMES:
            # True is an int, too.
            if type(v) is not NAMES[kind]:
                raise Wrong(f"{where}: {v!r} is no {kind}")
            if kind == "string" and v == "":
                raise Wrong(f"{where}: empty")
        else:
            self.object(where, self.t["objects"][kind], v)
        leaf = where.rsplit(".", 1)[-1]
        if leaf in self.t["enums"] and v not in self.t["enums"][leaf]:
            raise Wrong(f"{where}: {v} is none of the values")
        if leaf.endswith("time") and not 0 < v < 1 << 47:
            raise Wrong(f"{where}: {v} are no milliseconds since 1970")

    def object(self, where, table, v):
        if not isinstance(v, dict):
            raise Wrong(f"{where}: no object")
        required = table.get("required", {})
        optional = table.get("optional", {})
        for key in required:
            if key not in v:
                raise Wrong(f"{where}.{key} is missing")
        one = table.get("at_least_one")
        if one and not any(k in v for k in one):
            raise Wrong(f"{where} has none of {', '.join(one)}")
        for key in v:
            kind = required.get(key, optional.get(key))
            if kind is None:
                raise Wrong(f"{where}.{key} is in no table")
            self.value(f"{where}.{key}", kind, v[key])

    def event(self, e):
        if not isinstance(e, dict):
            raise Wrong("no object")
        uid = e.get("class_uid")
        c = self.t["classes"].get(str(uid))
        if c is None or type(uid) is not int:
            raise Wrong(f"class_uid: {uid!r}")
        for key in c["required"] + c["recommended"]:
            if key not in e:
                raise Wrong(f"{key} is missing")
        known = (c["required"] + c["recommended"] + c["optional"] +
                 self.t["every"]["optional"])
        for key, v in e.items():
            if key not in known:
                raise Wrong(f"{key} is in no table")
            self.field(c, key, v)
        if e["category_uid"] != c["category"]:
            raise Wrong(f"category_uid: {e['category_uid']}")
        if e["activity_id"] not in c["activities"]:
            raise Wrong(f"activity_id: {e['activity_id']}")
        if e["type_uid"] != uid * 100 + e["activity_id"]:
            raise Wrong(f"type_uid: {e['type_uid']}")
        if e["status_id"] not in self.t["status_id"][str(uid)]:
            raise Wrong(f"status_id: {e['status_id']}")
        if e["metadata"]["version"] != self.t["version"]:
            raise Wrong(f"metadata.version: {e['metadata']['version']}")
        self.profiles(e)
        return c["name"]

    def field(self, c, key, v):
        if key in c.get("objects", {}):
            self.value(key, c["objects"][key], v)
        elif key in c.get("lists", {}):
            self.value(key, [c["lists"][key]], v)
        elif key == "metadata":
            self.value(key, "metadata", v)
        elif key == "unmapped":
            if not isinstance(v, dict):
                raise Wrong("unmapped: no object")
        elif key == "is_alert":
            self.value(key, "boolean", v)
        elif key.endswith(("_id", "_uid", "time")) or key in ("count",
                                                             "duration"):
            self.value(key, "integer", v)
        else:
            self.value(key, "string", v)

    def profiles(self, e):
        used = e["metadata"].get("profiles", [])
        for profile, fields in self.t["profiles"].items():
            there = [f for f in fields if f in e]
            if (profile in used) != bool(there) or \
                    (there and len(there) < len(fields)):
                raise Wrong(f"profile {profile} and {', '.join(fields)} do "
                            "not agree")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        tables = Tables(json.load(f))
    source = open(sys.argv[2], encoding="utf-8") if len(sys.argv) > 2 \
        else sys.stdin
    counts = collections.Counter()
    bad = 0
    seen = set()
    for n, line in enumerate(source, 1):
        try:
            e = json.loads(line, object_pairs_hook=no_twice)
            counts[tables.event(e)] += 1
            uid = e["metadata"].get("uid")
            if uid in seen:
                raise Wrong(f"metadata.uid {uid} was there before")
            seen.add(uid)
        except (Wrong, ValueError) as why:
            print(f"line {n}: {why}")
            bad += 1
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    return 1 if bad or not counts else 0


sys.exit(main())
