#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on statements: verify_statement.py ROOT ENVELOPE...

ROOT is the envelope of a trust root, taken as it is.  For each ENVELOPE: every signature under a key of the root is
checked over the bytes that DSSE says (Ed25519 by its equation), and the keys of the rule's role are counted.  Prints what
it is about and "have of need"; exits 1 where that is too few.  Shares no code with weir.
"""
import base64, fnmatch, hashlib, json, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from verify_trail import signed

TYPE = "application/vnd.in-toto+json"


def no_twins(pairs):
    assert len(dict(pairs)) == len(pairs), "a key is there twice"
    return dict(pairs)


def load(path):
    envelope = json.loads(pathlib.Path(path).read_bytes(), object_pairs_hook=no_twins)
    assert set(envelope) == {"payload", "payloadType", "signatures"} and envelope["payloadType"] == TYPE
    payload = base64.b64decode(envelope["payload"], validate=True)
    statement = json.loads(payload, object_pairs_hook=no_twins)
    assert statement["_type"] == "https://in-toto.io/Statement/v1" and len(statement["subject"]) == 1
    about = statement["predicateType"].removeprefix("https://weir.local/").removesuffix("/v1")
    return payload, about, statement["predicate"], envelope["signatures"]


def raw(key):
    blob = base64.b64decode(key.removeprefix("ssh-ed25519 "), validate=True)
    assert blob[:19] == b"\0\0\0\x0bssh-ed25519\0\0\0\x20" and len(blob) == 51
    return blob[19:]


def role(root, about, p):
    match = lambda rule, what, name: fnmatch.fnmatchcase(name, rule[what])
    if about == "trust":
        return root["root"], set()
    if about != "promotion":
        rule = next(r for r in root["models"] if match(r, "models", p["model"]))
        return rule["sign" if about == "version" else "revoke"], set()
    rule = next(r for r in root["channels"] if match(r, "models", p["model"]) and match(r, "channels", p["channel"]))
    own = {k["name"] for k in root["keys"] if k.get("principal") == p["put_by"]}
    return rule[p["act"]], set() if rule["uploader_may_approve"] else own


def main():
    _, about, root, _ = load(sys.argv[1])
    assert about == "trust"
    keys = {hashlib.sha256(raw(k["key"])).hexdigest(): (k["name"], raw(k["key"])) for k in root["keys"]}
    enough = True
    for path in sys.argv[2:]:
        payload, about, predicate, signatures = load(path)
        assert predicate["vault"] == root["vault"], "another vault"
        who = set()
        for s in signatures:
            if s["keyid"] not in keys:
                continue
            name, key = keys[s["keyid"]]
            message = f"DSSEv1 {len(TYPE)} {TYPE} {len(payload)} ".encode() + payload
            assert signed(key, message, base64.b64decode(s["sig"], validate=True)), f"{path}: not by {name}"
            who.add(name)
        rule, own = role(root, about, predicate)
        have = len((who & set(rule["keys"])) - own)
        enough &= have >= rule["threshold"]
        print(about, have, "of", rule["threshold"])
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
