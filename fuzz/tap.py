#!/usr/bin/env python3
"""Records what two peers say to each other: tap.py --to PORT --record FOLDER/NAME

Listens on a free port of this machine, says which, and passes everything on to PORT. Each connection leaves two files,
NAME-N.up and NAME-N.down: what the client sent, and what the server sent, up to --most octets each. `seeds.py` makes
seeds of them; corpus/README.md says whose conversations are there.
"""

import argparse
import itertools
import pathlib
import socket
import threading

PIECE = 65_536


def passes_on(source, sink, record, most):
    """Copies one direction until its end; `record` gets the first `most` octets."""
    with record.open("wb") as file:
        try:
            while octets := source.recv(PIECE):
                file.write(octets[:most])
                file.flush()
                most -= min(most, len(octets))
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # a peer that closes early is a conversation too


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--record", type=pathlib.Path, required=True)
    parser.add_argument("--most", type=int, default=8_192)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    for number in itertools.count():
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", options.to))
        for source, sink, direction in [(client, server, "up"), (server, client, "down")]:
            record = options.record.with_name(f"{options.record.name}-{number}.{direction}")
            threading.Thread(target=passes_on, args=(source, sink, record, options.most), daemon=True).start()


main()
