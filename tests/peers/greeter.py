"""A service that shares no code and no file with us, to be driven by reflection: gRPC's own example, the greeter.

`greeter.py [LISTEN]` serves helloworld.Greeter with grpcio, and reflection; it prints `listening ADDR` once it
serves, and ends with SIGTERM or SIGINT. A bidirectional stream answers each message. The file is described in
code: nothing is compiled. What servers elsewhere are set to, it can be too: connections that end at an age, few streams
at once, compressed answers, a token that every call must bring, reflection too.
"""

import argparse
import signal
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection

SERVICE = "helloworld.Greeter"
REPLIES = 3


def describe():
    """helloworld.proto of gRPC's examples."""
    file = descriptor_pb2.FileDescriptorProto(name="helloworld.proto", package="helloworld", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    string, optional = kind.TYPE_STRING, kind.LABEL_OPTIONAL
    for message, field in (("HelloRequest", "name"), ("HelloReply", "message")):
        described = file.message_type.add(name=message)
        described.field.add(name=field, number=1, type=string, label=optional, json_name=field)
    service = file.service.add(name="Greeter")
    for method, client_streaming, server_streaming in (
        ("SayHello", False, False),
        ("SayHelloStreamReply", False, True),
        ("SayHelloBidiStream", True, True),
    ):
        service.method.add(
            name=method,
            input_type=".helloworld.HelloRequest",
            output_type=".helloworld.HelloReply",
            client_streaming=client_streaming,
            server_streaming=server_streaming,
        )
    return file


def messages():
    """HelloRequest and HelloReply."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(describe().SerializeToString())
    found = [pool.FindMessageTypeByName(f"helloworld.{name}") for name in ("HelloRequest", "HelloReply")]
    return [message_factory.GetMessageClass(message) for message in found]


def handlers(greeting):
    # Reflection looks here.
    descriptor_pool.Default().AddSerializedFile(describe().SerializeToString())
    hello_request, hello_reply = messages()
    codec = {"request_deserializer": hello_request.FromString, "response_serializer": hello_reply.SerializeToString}

    def say_hello(request, _context):
        return hello_reply(message=f"Hello, {request.name}!")

    def say_hello_stream_reply(request, _context):
        for number in range(1, REPLIES + 1):
            yield hello_reply(message=f"{greeting} {number}, {request.name}!")

    def say_hello_bidi_stream(requests, _context):
        for request in requests:
            yield hello_reply(message=f"Hello, {request.name}!")

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "SayHello": grpc.unary_unary_rpc_method_handler(say_hello, **codec),
            "SayHelloStreamReply": grpc.unary_stream_rpc_method_handler(say_hello_stream_reply, **codec),
            "SayHelloBidiStream": grpc.stream_stream_rpc_method_handler(say_hello_bidi_stream, **codec),
        },
    )


class Guard(grpc.ServerInterceptor):
    """Lets in who brings the token."""

    def __init__(self, token):
        self.wanted = ("authorization", f"Bearer {token}")

    def intercept_service(self, continuation, details):
        if self.wanted in [tuple(entry) for entry in details.invocation_metadata]:
            return continuation(details)
        handler = continuation(details)

        def refuse(_request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "bring a token")

        if handler is not None and handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(refuse)
        if handler is not None and handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refuse)
        return grpc.unary_unary_rpc_method_handler(refuse)


def main():
    parser = argparse.ArgumentParser(description="gRPC's greeter, for load to be driven against")
    parser.add_argument("listen", nargs="?", default="127.0.0.1:0")
    parser.add_argument("--age", type=int, help="end connections at this age, in milliseconds")
    parser.add_argument("--streams", type=int, help="streams at once on a connection")
    parser.add_argument("--gzip", action="store_true", help="compress answers")
    parser.add_argument("--greeting", default="Hello", help="how each reply of a stream begins: another version of it")
    parser.add_argument("--token", help="what every call must bring")
    arguments = parser.parse_args()
    listen, options = arguments.listen, []
    if arguments.age:
        options += [("grpc.max_connection_age_ms", arguments.age), ("grpc.max_connection_age_grace_ms", 5_000)]
    if arguments.streams:
        options.append(("grpc.max_concurrent_streams", arguments.streams))
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=64),
        options=options,
        compression=grpc.Compression.Gzip if arguments.gzip else None,
        interceptors=[Guard(arguments.token)] if arguments.token else [],
    )
    server.add_generic_rpc_handlers((handlers(arguments.greeting),))
    reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port(listen)
    # Blocked before the server's threads start, so that the signal comes to the wait below and to nobody else.
    ending = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    server.start()
    print(f"listening {listen.rsplit(':', 1)[0]}:{port}", flush=True)
    signal.sigwait(ending)
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
