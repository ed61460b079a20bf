"""The quickstart's service over grpcio, as a server and as a client: typed messages on both sides, of two libraries.

    peer.py server            prints `listening on 127.0.0.1:PORT`
    peer.py client ADDRESS    exits 0, or says what was wrong
"""

import concurrent.futures
import pathlib
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

SERVICE = "greeter.v1.Greeter"
PROTO = pathlib.Path(__file__).resolve().parents[2] / "examples/quickstart/proto"


def messages():
    """Request and reply, compiled at run time by the reference compiler."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch, "greeter.pb")
        if protoc.main(["protoc", f"-I{PROTO}", f"--descriptor_set_out={out}", "greeter.proto"]) != 0:
            raise SystemExit("greeter.proto does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    named = (pool.FindMessageTypeByName(f"greeter.v1.{name}") for name in ("HelloRequest", "HelloReply"))
    return [message_factory.GetMessageClass(message) for message in named]


Request, Reply = messages()
CODING = {"request_deserializer": Request.FromString, "response_serializer": Reply.SerializeToString}
STUB = {"request_serializer": Request.SerializeToString, "response_deserializer": Reply.FromString}


def hello(name, context):
    if not name:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nobody to say hello to")
    return Reply(text=f"hello {name}")


def serve():
    def often(request, context):
        reply = hello(request.name, context)
        yield from [reply] * 3

    def to_all(requests, context):
        return hello(", ".join(request.name for request in requests), context)

    def to_each(requests, context):
        for request in requests:
            yield hello(request.name, context)

    methods = {
        "SayHello": grpc.unary_unary_rpc_method_handler(lambda one, context: hello(one.name, context), **CODING),
        "SayHelloOften": grpc.unary_stream_rpc_method_handler(often, **CODING),
        "SayHelloToAll": grpc.stream_unary_rpc_method_handler(to_all, **CODING),
        "SayHelloToEach": grpc.stream_stream_rpc_method_handler(to_each, **CODING),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def check(what, expected):
    if what != expected:
        raise SystemExit(f"{what!r} is not {expected!r}")


def call(address):
    with grpc.insecure_channel(address) as channel:
        one = channel.unary_unary(f"/{SERVICE}/SayHello", **STUB)
        check(one(Request(name="world"), timeout=10).text, "hello world")
        often = channel.unary_stream(f"/{SERVICE}/SayHelloOften", **STUB)
        check([reply.text for reply in often(Request(name="echo"), timeout=10)], ["hello echo"] * 3)
        to_all = channel.stream_unary(f"/{SERVICE}/SayHelloToAll", **STUB)
        names = [Request(name="Ada"), Request(name="Grace")]
        check(to_all(iter(names), timeout=10).text, "hello Ada, Grace")
        to_each = channel.stream_stream(f"/{SERVICE}/SayHelloToEach", **STUB)
        check([reply.text for reply in to_each(iter(names), timeout=10)], ["hello Ada", "hello Grace"])
        try:
            one(Request(), timeout=10)
        except grpc.RpcError as error:
            check((error.code(), error.details()), (grpc.StatusCode.INVALID_ARGUMENT, "nobody to say hello to"))
        else:
            raise SystemExit("a hello to nobody")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["server"]:
            serve()
        case ["client", address]:
            call(address)
        case _:
            raise SystemExit(__doc__)
