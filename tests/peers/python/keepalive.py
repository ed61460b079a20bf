"""Keepalive by grpcio against a server that permits a PING each five minutes.

    keepalive.py --server_port P --test_case C   exits 0, or prints why not and exits 1
"""

import argparse
import queue
import sys
import time

import grpc

SERVICE = "/grpc.testing.TestService/"
DEADLINE = 25


def channel(address, seconds):
    options = [
        ("grpc.keepalive_time_ms", int(1000 * seconds)),
        ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.keepalive_permit_without_calls", 1),
        # grpcio by itself would send no more than two without data.
        ("grpc.http2.max_pings_without_data", 0),
    ]
    return grpc.insecure_channel(address, options=options)


def empty_call(channel):
    return channel.unary_unary(SERVICE + "EmptyCall")(b"", timeout=DEADLINE, wait_for_ready=True)


def silent_call(channel):
    """A call of FullDuplexCall on which nothing is said; and what to put its end into."""
    requests = queue.Queue()
    return channel.stream_stream(SERVICE + "FullDuplexCall")(iter(requests.get, None), timeout=DEADLINE), requests


def too_many_pings(address):
    """A PING a second while a call is silent: thrown out, told why, and let in again."""
    with channel(address, 1) as client:
        empty_call(client)
        call, requests = silent_call(client)
        try:
            next(call)
            raise AssertionError("the server said something")
        except grpc.RpcError as error:
            said = error.details().lower()
            if error.code() != grpc.StatusCode.UNAVAILABLE or ("too_many_pings" not in said and "too many pings" not in said):
                raise AssertionError(f"{error.code()}: {error.details()}")
        finally:
            requests.put(None)
        empty_call(client)


def pings_with_data(address):
    """A PING a second with a call for each: HEADERS of the server forgive them."""
    with channel(address, 1) as client:
        for _ in range(8):
            empty_call(client)
            time.sleep(1.2)
        call, requests = silent_call(client)
        # Two strikes at most until it ends.
        requests.put(None)
        list(call)


CASES = {case.__name__: case for case in (too_many_pings, pings_with_data)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server_host", default="127.0.0.1")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--test_case", required=True, choices=CASES)
    options = parser.parse_args()
    try:
        CASES[options.test_case](f"{options.server_host}:{options.server_port}")
    except (AssertionError, grpc.RpcError, StopIteration) as error:
        sys.exit(f"{options.test_case}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
