#!/usr/bin/env python3
"""Makes the seeds of corpus/ from those of other projects: seeds.py SOURCE

SOURCE holds the folders that corpus/README.md names, and `recorded/` what tap.py wrote. Wire seeds get the two octets appended that steer a run (see
src/control.rs), drawn from the seed's own hash; texts are taken as they are.
"""

import gzip
import hashlib
import json
import pathlib
import sys
import zlib

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

# gRPC-Web, by hand: HTTP/1.1 in all its forms, HTTP/2 with a request of either kind, and what is neither.
def post(content_type, body, more=b"", path=b"/d.D/Say"):
    head = b"POST " + path + b" HTTP/1.1\r\nhost: d\r\ncontent-type: " + content_type + b"\r\n" + more
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def http2(content_type, body):
    frame = lambda kind, flags, stream, payload: (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )
    literal = lambda name, value: b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    fields = b"\x83\x86" + literal(b":path", b"/d.D/Say") + literal(b":authority", b"d")
    fields += literal(b"content-type", content_type) + literal(b"te", b"trailers")
    start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(6, 0, 0, b"pingping")
    return start + frame(1, 4, 1, fields) + frame(4, 1, 0, b"") + frame(0, 1, 1, body) + frame(4, 1, 0, b"")


binary, text, message = b"application/grpc-web+proto", b"application/grpc-web-text", b"\0\0\0\0\5hello"
chunked = b"POST /d.D/Say HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\ntransfer-encoding: chunked\r\n\r\n"
for name, octets in {
    "binary": post(binary, message),
    "text": post(text, b"AAAAAAVoZWxsbw=="),
    "text-in-two-pieces": post(text, b"AAAAAA==BWhlbGxv"),
    "broken-text": post(text, b"AAAAAAV!aGVsbG8="),
    "pipelined": post(binary, message) + post(binary, message, b"connection: close\r\n") + post(binary, message),
    "chunked": chunked + b"5;a=b\r\n\0\0\0\0\5\r\n5\r\nhello\r\n0\r\na: b\r\n\r\n" + post(binary, message),
    "smuggled": chunked.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n") + b"0\r\n\r\n" + post(binary, message),
    "folded": post(binary, message, b"x-a: b\r\n c\r\n"),
    "bare-lf": post(binary, message).replace(b"\r\n", b"\n"),
    "expect": post(binary, message, b"expect: 100-continue\r\n"),
    "http-1.0": post(binary, message).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "absolute": post(binary, message, path=b"http://e:1/d.D/Say?x"),
    "preflight": b"OPTIONS /d.D/Say HTTP/1.1\r\nhost: d\r\norigin: https://a\r\naccess-control-request-method: POST\r\n\r\n",
    "page": b"\r\nGET /?x HTTP/1.1\r\nhost: d\r\n\r\nHEAD / HTTP/1.1\r\nhost: d\r\n\r\n",
    "trailers": b"grpc-status: 0\r\nX-A:b\r\n",
    "http2-web": http2(binary, message),
    "http2-text": http2(text, b"AAAAAAVoZWxsbw=="),
    "http2-native": http2(b"application/grpc", message),
}.items():
    put("web", name, steered(octets))
    put("web", name + "-in-pieces", octets + bytes([0x34, 0x77]))

# What messages carry, by hand: each coding, a bomb of each, requests of the services, details, trace context.
field = lambda number, octets: bytes([number << 3 | 2]) + len(octets).to_bytes(1, "big") + octets
rpc = "type.googleapis.com/google.rpc."
detail = lambda name, octets: field(3, field(1, (rpc + name).encode()) + field(2, octets))
zstd = lambda block: b"\x28\xb5\x2f\xfd\0\x58" + block
parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
for name, octets in {
    "empty": b"",
    "gzip": gzip.compress(b"hello, hello, hello", mtime=0),
    "gzip-bomb": gzip.compress(bytes(2_000_000), mtime=0),
    "gzip-wrong-sum": gzip.compress(b"hello, hello, hello", mtime=0)[:-8] + bytes(8),
    "deflate": zlib.compress(b"hello, hello, hello"),
    "deflate-bomb": zlib.compress(bytes(2_000_000)),
    "zstd-raw": zstd(b"\x29\0\0hello"),
    "zstd-bomb": zstd(b"\x02\0\x10a" * 30 + b"\x03\0\x10a"),
    "zstd-long-window": b"\x28\xb5\x2f\xfd\0\xff\x09\0\0a",
    "zstd-announced": b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x09\0\0a",
    "health": field(1, b"a.B"),
    "health-unknown": field(1, b"c.D"),
    "reflection-file": field(3, b"grpc/health/v1/health.proto"),
    "reflection-symbol": field(4, b"grpc.health.v1.Health"),
    "reflection-extension": field(5, field(1, b"google.rpc.Status") + b"\x10\x01"),
    "reflection-numbers": field(6, b"google.rpc.Status"),
    "reflection-list": field(7, b""),
    "details": b"\x08\x03" + detail("BadRequest", field(1, field(1, b"title") + field(2, b"empty"))),
    "details-retry": b"\x08\x0e" + detail("RetryInfo", field(1, b"\x08\x01\x10\x02")) + detail("Other", b"x"),
    "details-map": detail("ErrorInfo", field(1, b"R") + field(3, field(1, b"k") + field(2, b"v")) * 2),
    "trace": parent + b"\na=b,c=d",
    "trace-later": b"01" + parent[2:] + b"-more",
    "trace-zero": parent.replace(b"4bf92f3577b34da6a3ce929d0e0e4736", b"0" * 32),
}.items():
    put("payloads", name, octets + b"\2\0")
    put("payloads", name + "-in-little", octets + b"\1\0")
