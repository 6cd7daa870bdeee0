#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a CycloneDX 1.6 BOM keeps the rules of its JSON schema, for the parts that weir writes.

usage: cyclonedx.py FILE    prints each rule that is broken; exit 1 if there is one

The schema forbids unknown keys in each of these objects; so does this.
"""
import datetime, json, re, sys

TOP = {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies", "properties"}
COMPONENT = {"type", "mime-type", "bom-ref", "supplier", "manufacturer", "authors", "publisher", "group", "name", "version",
             "description", "scope", "hashes", "licenses", "copyright", "cpe", "purl", "pedigree", "externalReferences",
             "components", "evidence", "releaseNotes", "modelCard", "data", "cryptoProperties", "properties", "tags", "signature"}
TYPES = {"application", "framework", "library", "container", "platform", "operating-system", "device", "device-driver",
         "firmware", "file", "machine-learning-model", "data", "cryptographic-asset"}
ALGS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}
bad = []


def rule(ok, text):
    if not ok:
        bad.append(text)


def keys(o, allowed, required, where):
    rule(isinstance(o, dict), f"{where} is an object")
    if isinstance(o, dict):
        rule(not set(o) - allowed, f"{where} has unknown keys: {sorted(set(o) - allowed)}")
        rule(not required - set(o), f"{where} lacks {sorted(required - set(o))}")


def text(o, key, where):
    rule(key not in o or isinstance(o[key], str), f"{where}.{key} is text")


def component(c, where, refs):
    keys(c, COMPONENT, {"type", "name"}, where)
    rule(c.get("type") in TYPES, f"{where}.type is one of the enumeration")
    for key in ("name", "version", "group", "bom-ref"):
        text(c, key, where)
    if "bom-ref" in c:
        rule(len(c["bom-ref"]) > 0 and c["bom-ref"] not in refs, f"{where}.bom-ref is unique")
        refs.add(c["bom-ref"])
    for h in c.get("hashes", []):
        keys(h, {"alg", "content"}, {"alg", "content"}, f"{where}.hashes")
        n = ALGS.get(h.get("alg"))
        rule(n and re.fullmatch(r"[a-fA-F0-9]{%d}" % n, h["content"]), f"{where}.hashes: content fits its algorithm")
    for lic in c.get("licenses", []):
        keys(lic, {"license", "expression", "bom-ref"}, set(), f"{where}.licenses")
        rule(("license" in lic) != ("expression" in lic), f"{where}.licenses: a license or an expression")
        if "license" in lic:
            rule(("id" in lic["license"]) != ("name" in lic["license"]), f"{where}.licenses: an id or a name")
    for p in c.get("properties", []):
        keys(p, {"name", "value"}, {"name"}, f"{where}.properties")
        text(p, "name", where + ".properties")
        text(p, "value", where + ".properties")
    for i, inner in enumerate(c.get("components", [])):
        component(inner, f"{where}.components[{i}]", refs)


def bom(b):
    refs = set()
    keys(b, TOP, {"bomFormat", "specVersion"}, "the BOM")
    rule(b.get("bomFormat") == "CycloneDX", "bomFormat is CycloneDX")
    rule(b.get("specVersion") == "1.6", "specVersion is 1.6")
    rule(re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", b.get("serialNumber", "")),
         "serialNumber is a URN of a UUID")
    rule(isinstance(b.get("version"), int) and b["version"] >= 1, "version is a number from 1")
    meta = b.get("metadata", {})
    keys(meta, {"timestamp", "lifecycles", "tools", "authors", "component", "manufacturer", "supplier", "licenses", "properties"},
         set(), "metadata")
    try:
        datetime.datetime.fromisoformat(meta.get("timestamp", "").replace("Z", "+00:00"))
    except ValueError:
        bad.append("metadata.timestamp is a date and time")
    keys(meta.get("tools", {}), {"components", "services"}, set(), "metadata.tools")
    for i, c in enumerate(meta.get("tools", {}).get("components", [])):
        component(c, f"metadata.tools.components[{i}]", refs)
    if "component" in meta:
        component(meta["component"], "metadata.component", refs)
    for i, c in enumerate(b.get("components", [])):
        component(c, f"components[{i}]", refs)
    seen = [json.dumps(c, sort_keys=True) for c in b.get("components", [])]
    rule(len(seen) == len(set(seen)), "components are unique")
    for d in b.get("dependencies", []):
        keys(d, {"ref", "dependsOn", "provides"}, {"ref"}, "dependencies")
        rule(d.get("ref") in refs, "dependencies: ref is a bom-ref of this BOM")
        on = d.get("dependsOn", [])
        rule(len(on) == len(set(on)) and set(on) <= refs, "dependencies: dependsOn are unique bom-refs of this BOM")


with open(sys.argv[1], encoding="utf-8") as f:
    bom(json.load(f))
for line in bad:
    print(line)
sys.exit(bool(bad))
