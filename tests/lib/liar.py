#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A weir-keyd that lies: it stands between a client and an honest one, and changes the replies that it is told to.

  liar.py LISTEN HONEST LIE [ARGUMENT...]

LISTEN and HONEST are sockets.  The lies (PROTOCOL.md has the messages):

  none                       change nothing
  version MODEL@DIGEST       answer each version.get with this one instead
  manifest MODEL@DIGEST      answer with the manifest object and key of this one, under the digest that was asked for
  uploader NAME              say that user:NAME put the version
  payload KEY VALUE          change a field of the payload that statement.get shows
  root-unsigned              show trust roots without the second signature
  root-threshold             show a trust root whose rules ask for one signature
  vault                      say hello as another vault
"""
import base64
import json
import os
import socket
import struct
import sys
import threading

HELLO, VERSION_GET, TRUST_GET, STATEMENT_GET = 1, 41, 70, 74


def receive(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def frame(sock):
    (length,) = struct.unpack("<I", receive(sock, 4))
    body = receive(sock, length)
    kind, _, number = struct.unpack("<HHQ", body[:12])
    return kind, number, body[12:]


def pack(kind, number, body):
    return struct.pack("<IHHQ", 12 + len(body), kind, 0, number) + body


def string(text):
    return struct.pack("<H", len(text)) + text.encode()


def read_string(body, at):
    (n,) = struct.unpack_from("<H", body, at)
    return body[at + 2:at + 2 + n].decode(), at + 2 + n


def ask(honest, kind, body):
    """A request of the liar's own, over a connection that it says hello on."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(honest)
        for number, (k, b) in enumerate([(HELLO, struct.pack("<H", 1) + string("liar")), (kind, body)]):
            sock.sendall(pack(k, number, b))
            _, _, reply = frame(sock)
        return reply


def change_payload(envelope, change):
    payload = json.loads(base64.b64decode(envelope["payload"]))
    change(payload)
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    envelope["payload"] = base64.b64encode(text).decode()


def lie_json(reply, change):
    """reply: status, blob."""
    value = json.loads(reply[5:])
    change(value)
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return reply[:1] + struct.pack("<I", len(text)) + text


def lie_version(lie, argument, honest, reply):
    model, at = read_string(reply, 1)
    if lie == "uploader":
        end = at + 32 + 32 + 32 + 8
        _, behind = read_string(reply, end)
        return reply[:end] + string("user:" + argument[0]) + reply[behind:]
    other = ask(honest, VERSION_GET, string(argument[0]))
    if lie == "version":
        return other
    _, there = read_string(other, 1)
    return reply[:at + 32] + other[there + 32:there + 96] + reply[at + 96:]


def set_field(payload, key, value):
    predicate = payload["predicate"]
    if key == "root":
        payload["subject"][0]["digest"]["sha256"] = value
    else:
        predicate[key] = int(value) if isinstance(predicate.get(key), int) else value


def lower(payload):
    for rule in payload["predicate"]["channels"]:
        rule["promote"]["threshold"] = 1


def lied(lie, argument, honest, kind, reply):
    if reply[:1] != b"\0":
        return reply
    if kind == VERSION_GET and lie in ("version", "manifest", "uploader"):
        return lie_version(lie, argument, honest, reply)
    if kind == STATEMENT_GET and lie == "payload":
        return lie_json(reply, lambda v: change_payload(v["envelope"], lambda p: set_field(p, *argument)))
    if kind == TRUST_GET and lie == "root-unsigned":
        return lie_json(reply, lambda v: [e["signatures"].__delitem__(slice(1, None)) for e in v["roots"]])
    if kind == TRUST_GET and lie == "root-threshold":
        return lie_json(reply, lambda v: [change_payload(e, lower) for e in v["roots"]])
    if kind == HELLO and lie == "vault":
        return reply[:3] + bytes(16) + reply[19:]
    return reply


def serve(client, how):
    honest, lie, argument = how
    with client, socket.socket(socket.AF_UNIX) as keyd:
        keyd.connect(honest)
        try:
            while True:
                kind, number, body = frame(client)
                keyd.sendall(pack(kind, number, body))
                reply_kind, number, reply = frame(keyd)
                client.sendall(pack(reply_kind, number, lied(lie, argument, honest, kind, reply)))
        except (EOFError, ConnectionError):
            return


def main():
    listen, honest, lie, *argument = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen + ".new")
    os.chmod(listen + ".new", 0o666)
    server.listen(16)
    os.rename(listen + ".new", listen)
    print("ready", flush=True)
    while True:
        client, _ = server.accept()
        threading.Thread(target=serve, args=(client, (honest, lie, argument)), daemon=True).start()


main()
