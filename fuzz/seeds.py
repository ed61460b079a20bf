#!/usr/bin/env python3
"""Makes the seeds of corpus/ from those of other projects: seeds.py SOURCE

SOURCE holds the folders that corpus/README.md names, and `recorded/` what tap.py wrote. Wire seeds get the two octets appended that steer a run (see
src/control.rs), drawn from the seed's own hash; texts are taken as they are.
"""

import hashlib
import json
import pathlib
import sys

source = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).resolve().parent
corpus = here / "corpus"


def put(target, name, octets):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def steered(octets):
    return octets + hashlib.sha256(octets).digest()[:2]


def files(folder, pattern="*"):
    return sorted(path for path in (source / folder).glob(pattern) if path.is_file())


for path in files("hpack/grpc-hpack_parser", "*.bin"):
    put("hpack_decode", "grpc-" + path.stem[-20:], steered(path.read_bytes()))
for path in files("hpack/grpc-decode_huff"):
    # as the value of a literal without indexing: name "a", then a string in Huffman code
    coded = path.read_bytes()
    if len(coded) < 127:
        put("hpack_decode", "huffman-" + path.name[-20:], steered(b"\x00\x01a" + bytes([0x80 | len(coded)]) + coded))
for folder, target, prefix in [
    ("http2/grpc-server_fuzzer", "http2_server", "grpc-"),
    ("http2/nghttp2-h2spec", "http2_server", "h2spec-"),
    ("http2/grpc-client_fuzzer", "http2_client", "grpc-"),
]:
    for path in files(folder):
        put(target, prefix + path.name[-20:], steered(path.read_bytes()))
for path in files("recorded"):
    target = "server" if path.suffix == ".up" else "client"
    put(target, "recorded-" + path.stem.removesuffix("-0"), steered(path.read_bytes()))
for folder in ["percent_decode", "percent_encode"]:
    for path in files("grpc/" + folder):
        put("grpc_fields", folder + "-" + path.name[-20:], path.read_bytes())
for path in files("grpc/bad_client-headers"):
    put("grpc_fields", path.stem, path.read_bytes())
for path in sorted((here.parent / "tests/data/http2-frame-test-case").rglob("*.json")):
    wire = bytes.fromhex(json.loads(path.read_text())["wire"])
    put("frames", f"{path.parent.name}-{path.stem}", wire)

# Bodies of messages, by hand: good ones, then what is wrong with the others.
message = lambda flag, payload: bytes([flag]) + len(payload).to_bytes(4, "big") + payload
for name, body in {
    "empty": b"",
    "one": message(0, b"hello"),
    "zero-length": message(0, b"") * 3,
    "compressed": message(0, b"a") + message(1, b"\x1f\x8b\x08") + message(0, b"b"),
    "reserved-flag": message(0, b"a") + message(2, b"b"),
    "cut-prefix": message(0, b"a") + b"\0\0\0",
    "cut-payload": message(0, b"a" * 40)[:20],
    "too-large": b"\0\xff\xff\xff\xff" + b"a" * 20,
}.items():
    put("grpc_messages", name, body + b"\x20\x05")
    put("grpc_messages", name + "-no-limit", body + b"\xff\x01")
