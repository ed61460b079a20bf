"""The gRPC interop cases over grpcio, as a server and as a client.

    interop.py server --port 0                        prints `listening on 127.0.0.1:PORT`
    interop.py client --server_port P --test_case C   exits 0, or prints why not and exits 1

The server prints one line per finished call, `call METHOD CODE IN OUT BYTES` (messages in and out, payload bytes in),
so that a test of a client can also look at what arrived here.
"""

import argparse
import asyncio
import contextlib
import pathlib
import queue
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

SERVICE = "grpc.testing.TestService"
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
REQUESTS = [27182, 8, 1828, 45904]
REPLIES = [31415, 9, 2653, 58979]
# Far above what a healthy case needs and below the runner's own limit, so that a hang is named here.
DEADLINE = 20


def load_messages():
    """Classes for every message of test.proto. Compiled at run time: nothing generated needs to be kept."""
    proto = pathlib.Path(__file__).resolve().parent.parent / "proto"
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch, "test.pb")
        args = ["protoc", f"-I{proto}", "--include_imports", f"--descriptor_set_out={out}", "grpc/testing/test.proto"]
        if protoc.main(args) != 0:
            raise SystemExit("test.proto does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name for file in files.file], pool)
    return pool, {name.removeprefix("grpc.testing."): cls for name, cls in classes.items()}


POOL, MESSAGES = load_messages()
BoolValue = MESSAGES["BoolValue"]
Empty = MESSAGES["Empty"]
EchoStatus = MESSAGES["EchoStatus"]
Payload = MESSAGES["Payload"]
ResponseParameters = MESSAGES["ResponseParameters"]
SimpleRequest = MESSAGES["SimpleRequest"]
SimpleResponse = MESSAGES["SimpleResponse"]
StreamingInputCallRequest = MESSAGES["StreamingInputCallRequest"]
StreamingInputCallResponse = MESSAGES["StreamingInputCallResponse"]
StreamingOutputCallRequest = MESSAGES["StreamingOutputCallRequest"]
StreamingOutputCallResponse = MESSAGES["StreamingOutputCallResponse"]


def payload(size):
    return Payload(body=bytes(size))


def methods(service):
    """(name, shape, request class, response class) of each method; shape names grpcio's function, as unary_stream."""
    for method in POOL.FindServiceByName(service).methods:
        shape = "_".join("stream" if side else "unary" for side in (method.client_streaming, method.server_streaming))
        yield method.name, shape, MESSAGES[method.input_type.name], MESSAGES[method.output_type.name]


# --- server


class Seen:
    """What one call brought, for the line printed at its end."""

    def __init__(self):
        self.requests = self.replies = self.bytes = 0

    def take(self, request):
        self.requests += 1
        self.bytes += len(request.payload.body) if "payload" in request.DESCRIPTOR.fields_by_name else 0


@contextlib.contextmanager
def reported(method, context):
    seen, code = Seen(), 2
    try:
        yield seen
        code = 0
    except asyncio.CancelledError:
        code = 1
        raise
    except grpc.aio.AbortError:
        code = context.code().value[0]
        raise
    finally:
        print("call", method, code, seen.requests, seen.replies, seen.bytes, flush=True)


async def echo_metadata(context):
    sent = dict(context.invocation_metadata())
    if INITIAL in sent:
        await context.send_initial_metadata([(INITIAL, sent[INITIAL])])
    if TRAILING in sent:
        context.set_trailing_metadata([(TRAILING, sent[TRAILING])])


async def echo_status(request, context):
    wanted = request.response_status
    if wanted.code:
        code = next(code for code in grpc.StatusCode if code.value[0] == wanted.code)
        await context.abort(code, wanted.message)


async def requests(context):
    while (request := await context.read()) is not grpc.aio.EOF:
        yield request
    # A cancelled request stream ends like a finished one; the cancellation itself arrives a little later.
    await asyncio.sleep(0.05)


async def reply_to(request, context, seen):
    for wanted in request.response_parameters:
        await asyncio.sleep(wanted.interval_us / 1e6)
        # Counted first: a client may cancel on it before the write returns.
        seen.replies += 1
        if not wanted.compressed.value:
            context.disable_next_message_compression()
        await context.write(StreamingOutputCallResponse(payload=payload(wanted.size)))


async def empty_call(request, context, seen):
    seen.take(request)
    seen.replies += 1
    return Empty()


async def unary_call(request, context, seen):
    seen.take(request)
    await echo_status(request, context)
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
        # The coding gets into metadata that are sent by themselves only.
        await context.send_initial_metadata(())
    seen.replies += 1
    return SimpleResponse(payload=payload(request.response_size))


async def streaming_output_call(request, context, seen):
    seen.take(request)
    if any(wanted.compressed.value for wanted in request.response_parameters):
        context.set_compression(grpc.Compression.Gzip)
    await reply_to(request, context, seen)
    await echo_status(request, context)


async def streaming_input_call(_, context, seen):
    async for request in requests(context):
        seen.take(request)
    seen.replies += 1
    return StreamingInputCallResponse(aggregated_payload_size=seen.bytes)


async def full_duplex_call(_, context, seen):
    async for request in requests(context):
        seen.take(request)
        await reply_to(request, context, seen)
        await echo_status(request, context)


HANDLERS = {
    "EmptyCall": empty_call,
    "UnaryCall": unary_call,
    "StreamingOutputCall": streaming_output_call,
    "StreamingInputCall": streaming_input_call,
    "FullDuplexCall": full_duplex_call,
}


def handler(method, body):
    async def handle(request, context):
        with reported(method, context) as seen:
            await echo_metadata(context)
            return await body(request, context, seen)

    return handle


def read(path):
    return pathlib.Path(path).read_bytes()


async def serve(args):
    table = {}
    for name, shape, request, response in methods(SERVICE):
        if name in HANDLERS:
            wrap = getattr(grpc, f"{shape}_rpc_method_handler")
            table[name] = wrap(handler(name, HANDLERS[name]), request.FromString, response.SerializeToString)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, table)])
    address = f"127.0.0.1:{args.port}"
    if args.use_tls == "true":
        # Mutual: a client without a certificate of this authority is not let in.
        pair = (read(args.tls_key_file), read(args.tls_cert_file))
        credentials = grpc.ssl_server_credentials([pair], read(args.ca_file), require_client_auth=True)
        bound = server.add_secure_port(address, credentials)
    else:
        bound = server.add_insecure_port(address)
    await server.start()
    print(f"listening on 127.0.0.1:{bound}", flush=True)
    await server.wait_for_termination()


# --- client


class Stub:
    """One attribute per method of a service."""

    def __init__(self, channel, service):
        for name, shape, request, response in methods(service):
            path = f"/{service}/{name}"
            setattr(self, name, getattr(channel, shape)(path, request.SerializeToString, response.FromString))


class Requests:
    """A request stream fed while the replies are read; `close` half-closes."""

    def __init__(self):
        self.queue = queue.Queue()

    def send(self, request):
        self.queue.put(request)

    def close(self):
        self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.200}, want {want!r:.200}")


def check_payload(reply, size):
    equal("payload type", reply.payload.type, 0)
    equal("payload size", len(reply.payload.body), size)
    equal("payload bytes other than zero", reply.payload.body.strip(b"\0"), b"")


def check_end(call, code, details=None):
    equal("status", call.code(), code)
    if details is not None:
        equal("status message", call.details(), details)


def fails(call, code, details=None):
    """Runs a unary call that has to fail."""
    try:
        call()
    except grpc.RpcError as error:
        check_end(error, code, details)
    else:
        raise AssertionError(f"OK, want {code}")


def output_request(request_size, *sizes):
    parameters = [ResponseParameters(size=size) for size in sizes]
    return StreamingOutputCallRequest(response_parameters=parameters, payload=payload(request_size))


def large_request():
    return SimpleRequest(response_size=314159, payload=payload(271828))


def empty_unary(stub):
    reply, call = stub.EmptyCall.with_call(Empty(), timeout=DEADLINE)
    equal("reply", reply, Empty())
    check_end(call, grpc.StatusCode.OK)


def large_unary(stub):
    check_payload(stub.UnaryCall(large_request(), timeout=DEADLINE), 314159)


def client_streaming(stub):
    stream = (StreamingInputCallRequest(payload=payload(size)) for size in REQUESTS)
    equal("aggregated size", stub.StreamingInputCall(stream, timeout=DEADLINE).aggregated_payload_size, 74922)


def server_streaming(stub):
    parameters = [ResponseParameters(size=size) for size in REPLIES]
    call = stub.StreamingOutputCall(StreamingOutputCallRequest(response_parameters=parameters), timeout=DEADLINE)
    replies = list(call)
    equal("number of replies", len(replies), 4)
    for reply, size in zip(replies, REPLIES):
        check_payload(reply, size)
    check_end(call, grpc.StatusCode.OK)


def ping_pong(stub):
    stream = Requests()
    call = stub.FullDuplexCall(iter(stream), timeout=DEADLINE)
    for request, reply in zip(REQUESTS, REPLIES):
        stream.send(output_request(request, reply))
        check_payload(next(call), reply)
    stream.close()
    equal("further replies", list(call), [])
    check_end(call, grpc.StatusCode.OK)


def empty_stream(stub):
    call = stub.FullDuplexCall(iter(()), timeout=DEADLINE)
    equal("replies", list(call), [])
    check_end(call, grpc.StatusCode.OK)


def custom_metadata(stub):
    initial, trailing = (INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab")

    def check(call):
        equal("initial metadata", dict(call.initial_metadata()).get(INITIAL), initial[1])
        equal("trailing metadata", dict(call.trailing_metadata()).get(TRAILING), trailing[1])
        check_end(call, grpc.StatusCode.OK)

    options = {"metadata": (initial, trailing), "timeout": DEADLINE}
    reply, call = stub.UnaryCall.with_call(large_request(), **options)
    check_payload(reply, 314159)
    check(call)
    call = stub.FullDuplexCall(iter([output_request(271828, 314159)]), **options)
    replies = list(call)
    equal("number of replies", len(replies), 1)
    check_payload(replies[0], 314159)
    check(call)


def status_code_and_message(stub):
    status = EchoStatus(code=2, message="test status message")
    want = grpc.StatusCode.UNKNOWN, status.message
    fails(lambda: stub.UnaryCall(SimpleRequest(response_status=status), timeout=DEADLINE), *want)
    stream = iter([StreamingOutputCallRequest(response_status=status)])
    fails(lambda: list(stub.FullDuplexCall(stream, timeout=DEADLINE)), *want)


def special_status_message(stub):
    message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    request = SimpleRequest(response_status=EchoStatus(code=2, message=message))
    fails(lambda: stub.UnaryCall(request, timeout=DEADLINE), grpc.StatusCode.UNKNOWN, message)


def unimplemented_method(stub):
    fails(lambda: stub.UnimplementedCall(Empty(), timeout=DEADLINE), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(stub):
    stub = Stub(stub.channel, "grpc.testing.UnimplementedService")
    fails(lambda: stub.UnimplementedCall(Empty(), timeout=DEADLINE), grpc.StatusCode.UNIMPLEMENTED)


def cancel_after_begin(stub):
    call = stub.StreamingInputCall.future(iter(Requests()), timeout=DEADLINE)
    call.cancel()
    equal("cancelled", call.cancelled(), True)
    check_end(call, grpc.StatusCode.CANCELLED)


def cancel_after_first_response(stub):
    stream = Requests()
    call = stub.FullDuplexCall(iter(stream), timeout=DEADLINE)
    stream.send(output_request(27182, 31415))
    check_payload(next(call), 31415)
    call.cancel()
    fails(lambda: next(call), grpc.StatusCode.CANCELLED)
    stream.close()


def timeout_on_sleeping_server(stub):
    stream = Requests()
    call = stub.FullDuplexCall(iter(stream), timeout=0.001)
    stream.send(StreamingOutputCallRequest(payload=payload(27182)))
    fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
    stream.close()


# grpcio compresses calls, not messages, and does not show whether a message came compressed: the cases are as far as that
# goes. A message that was compressed and is read here was decompressed.


def client_compressed_unary(stub):
    yes, no = BoolValue(value=True), BoolValue(value=False)

    def call(expected, compression):
        request = SimpleRequest(response_size=314159, payload=payload(271828), expect_compressed=expected)
        return stub.UnaryCall(request, timeout=DEADLINE, compression=compression)

    fails(lambda: call(yes, grpc.Compression.NoCompression), grpc.StatusCode.INVALID_ARGUMENT)
    check_payload(call(yes, grpc.Compression.Gzip), 314159)
    check_payload(call(no, grpc.Compression.NoCompression), 314159)


def server_compressed_unary(stub):
    for wanted in (True, False):
        request = large_request()
        request.response_compressed.value = wanted
        check_payload(stub.UnaryCall(request, timeout=DEADLINE), 314159)


def server_compressed_streaming(stub):
    wanted = [(31415, True), (92653, False)]
    parameters = [ResponseParameters(size=size, compressed=BoolValue(value=flag)) for size, flag in wanted]
    call = stub.StreamingOutputCall(StreamingOutputCallRequest(response_parameters=parameters), timeout=DEADLINE)
    replies = list(call)
    equal("number of replies", len(replies), 2)
    for reply, (size, _) in zip(replies, wanted):
        check_payload(reply, size)


CASES = [
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    custom_metadata,
    status_code_and_message,
    special_status_message,
    unimplemented_method,
    unimplemented_service,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    client_compressed_unary,
    server_compressed_unary,
    server_compressed_streaming,
]


def connect(args):
    address = f"{args.server_host}:{args.server_port}"
    if args.use_tls != "true":
        return grpc.insecure_channel(address)
    files = map(read, (args.ca_file, args.tls_key_file, args.tls_cert_file))
    options = [("grpc.ssl_target_name_override", args.server_host_override)]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*files), options)


def run_case(args, case):
    with connect(args) as channel:
        stub = Stub(channel, SERVICE)
        stub.channel = channel
        try:
            case(stub)
        except (AssertionError, grpc.RpcError, StopIteration) as error:
            sys.exit(f"{case.__name__}: {type(error).__name__}: {error}")


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("server")
    server.add_argument("--port", type=int, default=0)
    client = roles.add_parser("client")
    client.add_argument("--server_host", default="127.0.0.1")
    client.add_argument("--server_port", type=int, required=True)
    client.add_argument("--test_case", required=True, choices=[case.__name__ for case in CASES])
    client.add_argument("--server_host_override", default="localhost")
    for role in (server, client):
        role.add_argument("--use_tls", choices=["true", "false"], default="false")
        for file in ("--ca_file", "--tls_cert_file", "--tls_key_file"):
            role.add_argument(file)
    args = parser.parse_args()
    if args.role == "server":
        asyncio.run(serve(args))
    else:
        run_case(args, next(case for case in CASES if case.__name__ == args.test_case))


if __name__ == "__main__":
    main()
