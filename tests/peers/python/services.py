"""The standard services of a server, asked by the libraries that grpcio has for them.

    services.py --server_port P --test_case C   exits 0, or prints why not and exits 1
"""

import argparse
import pathlib
import sys
import tempfile

import grpc
import grpc_tools
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVICE = "grpc.testing.TestService"
DEADLINE = 20


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.300}, want {want!r:.300}")


def messages(channel):
    """Classes for the messages of a server, from its reflection alone."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    return pool, lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))


def call(channel, method, request, response_class, **options):
    stub = channel.unary_unary(f"/{SERVICE}/{method}", type(request).SerializeToString, response_class.FromString)
    return stub(request, timeout=DEADLINE, **options)


def health(channel):
    """Check, List, and Watch through changes, which a call of EmptyCall makes."""
    stub = health_pb2_grpc.HealthStub(channel)
    status = health_pb2.HealthCheckResponse
    ask = lambda service: health_pb2.HealthCheckRequest(service=service)
    _, message = messages(channel)
    empty = message("Empty")
    set_health = lambda number: call(channel, "EmptyCall", empty(), empty, metadata=[("x-test-set-health", str(number))])
    equal("the server", stub.Check(ask(""), timeout=DEADLINE).status, status.SERVING)
    equal("the service", stub.Check(ask(SERVICE), timeout=DEADLINE).status, status.SERVING)
    try:
        stub.Check(ask("unknown"), timeout=DEADLINE)
        raise AssertionError("an unknown service has a status")
    except grpc.RpcError as error:
        equal("an unknown service", error.code(), grpc.StatusCode.NOT_FOUND)
    listed = stub.List(health_pb2.HealthListRequest(), timeout=DEADLINE).statuses
    equal("all", {name: said.status for name, said in listed.items()}, {"": 1, SERVICE: 1})

    watch, other = stub.Watch(ask(SERVICE), timeout=DEADLINE), stub.Watch(ask("later"), timeout=DEADLINE)
    equal("at once", (next(watch).status, next(other).status), (status.SERVING, status.SERVICE_UNKNOWN))
    for number in (status.NOT_SERVING, status.UNKNOWN, status.SERVING):
        set_health(number)
        equal("after a change", next(watch).status, number)
    watch.cancel()
    other.cancel()


def reflection(channel):
    """Services, files with their imports, symbols, and a call by what was found."""
    database = ProtoReflectionDescriptorDatabase(channel)
    own = [f"grpc.reflection.{version}.ServerReflection" for version in ("v1", "v1alpha")]
    equal("services", sorted(database.get_services()), sorted(["grpc.health.v1.Health", SERVICE, *own]))
    equal("a file", database.FindFileByName("grpc/testing/empty.proto").package, "grpc.testing")
    by_symbol = database.FindFileContainingSymbol(f"{SERVICE}.UnaryCall")
    equal("the file of a symbol", by_symbol.name, "grpc/testing/test.proto")
    try:
        database.FindFileContainingSymbol("grpc.testing.None")
        raise AssertionError("there is what is not there")
    except KeyError:
        pass
    pool, message = messages(channel)
    equal("methods", len(pool.FindServiceByName(SERVICE).methods), 8)
    request = message("SimpleRequest")(response_size=1000)
    reply = call(channel, "UnaryCall", request, message("SimpleResponse"))
    equal("a call by what was found", len(reply.payload.body), 1000)


def details(channel):
    """Rich error details, read by grpcio-status."""
    _, message = messages(channel)
    request = message("SimpleRequest")()
    request.response_status.code, request.response_status.message = 9, "not now"
    try:
        call(channel, "UnaryCall", request, message("SimpleResponse"), metadata=[("x-test-details", "1")])
        raise AssertionError("the call did not fail")
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)  # raises where code or message disagree
    equal("status", (status.code, status.message), (9, "not now"))
    info, retry, bad = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
    equal("types", [any.Unpack(into) for any, into in zip(status.details, (info, retry, bad))], [True] * 3)
    equal("info", (info.reason, info.domain, dict(info.metadata)), ("WANTED", "grpc.testing", {"service": "test"}))
    equal("retry", retry.retry_delay.ToMilliseconds(), 1500)
    equal("field", bad.field_violations[0].field, "response_status.code")


def descriptors(_):
    """The descriptors in the crate are still what protoc makes of its .proto files."""
    for include, made, files in (
        ("proto", "src/services/health.bin", ["grpc/health/v1/health.proto"]),
        (
            "proto",
            "src/services/reflection/descriptors.bin",
            ["grpc/reflection/v1/reflection.proto", "grpc/reflection/v1alpha/reflection.proto"],
        ),
        (
            "proto",
            "src/services/details/descriptors.bin",
            ["google/rpc/status.proto", "google/rpc/error_details.proto"],
        ),
        ("tests/peers/proto", "examples/testservice/descriptors.bin", ["grpc/testing/test.proto"]),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch, "set")
            arguments = ["protoc", f"-I{ROOT / include}", "--include_imports", f"--descriptor_set_out={out}", *files]
            arguments.insert(1, f"-I{pathlib.Path(grpc_tools.__file__).parent / '_proto'}")
            equal(f"protoc {files}", protoc.main(arguments), 0)
            equal(made, (ROOT / made).read_bytes(), out.read_bytes())


CASES = {case.__name__: case for case in (health, reflection, details, descriptors)}


def channel_to(options):
    """A channel, with certificates on both sides if it is to be under TLS."""
    target = f"{options.server_host}:{options.server_port}"
    if options.use_tls == "false":
        return grpc.insecure_channel(target)
    credentials = grpc.ssl_channel_credentials(
        options.ca_file.read_bytes(), options.tls_key_file.read_bytes(), options.tls_cert_file.read_bytes()
    )
    name = ("grpc.ssl_target_name_override", options.server_host_override)
    return grpc.secure_channel(target, credentials, [name])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server_host", default="127.0.0.1")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--test_case", required=True, choices=CASES)
    parser.add_argument("--use_tls", choices=["true", "false"], default="false")
    parser.add_argument("--server_host_override", default="localhost")
    for name in ("ca_file", "tls_cert_file", "tls_key_file"):
        parser.add_argument("--" + name, type=pathlib.Path)
    options = parser.parse_args()
    with channel_to(options) as channel:
        try:
            CASES[options.test_case](channel)
        except (AssertionError, grpc.RpcError, KeyError, StopIteration, ValueError) as error:
            sys.exit(f"{options.test_case}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
