"""A tap between a service and a client that share no code with us, and what it recorded, made again.

grpcio's greeter, and a client of grpcio's that counts what it sends and gets: the tap tells as many calls and messages.
What was recorded is made again at twice the speed, with the same answers; at another version of the greeter each answer
that is another is told (exit code 99). Where tshark is, it reads the recording as gRPC, and finds as many messages.
"""

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import greeter
import grpc

ROUNDS = 340
MESSAGES = 4
TOKEN = ("authorization", "Bearer a-secret")
BINARY = pathlib.Path("target/debug/liaison").resolve()


@contextlib.contextmanager
def running(command, directory):
    """A process that says where it listens, and ends with SIGTERM."""
    with open(directory / "log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield process, process.stdout.readline().split()[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def greeter_at(directory, *options):
    script = pathlib.Path(greeter.__file__).resolve()
    return running([sys.executable, str(script), "127.0.0.1:0", *options], directory)


def greet(address):
    """Calls of three kinds; gives how many, and how many messages went and came."""
    hello_request, hello_reply = greeter.messages()
    codec = {"request_serializer": hello_request.SerializeToString, "response_deserializer": hello_reply.FromString}
    calls = messages = 0
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary("/helloworld.Greeter/SayHello", **codec)
        replies = channel.unary_stream("/helloworld.Greeter/SayHelloStreamReply", **codec)
        both = channel.stream_stream("/helloworld.Greeter/SayHelloBidiStream", **codec)
        for number in range(ROUNDS):
            unary(hello_request(name=f"one {number}"), metadata=(TOKEN,))
            came = len(list(replies(hello_request(name=f"many {number}"))))
            said = [hello_request(name=f"both {number}.{part}") for part in range(MESSAGES)]
            came += len(list(both(iter(said))))
            calls, messages = calls + 3, messages + 2 + 1 + MESSAGES + came
    return calls, messages


def made_again(recording, address, *options):
    schedule = ["--schedule", f"tap:{recording}", "--target", address, "--speed", "2", "--compare"]
    command = [BINARY, "load", *schedule, "--output", "json", *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return ran.returncode, json.loads(ran.stdout)


def read_by_tshark(recording, port):
    """How many messages and statuses tshark finds."""
    read = ["tshark", "-r", recording, "-d", f"tcp.port=={port},http2", "-T", "fields"]

    def found(only, field):
        ran = subprocess.run([*read, "-Y", only, "-e", field], capture_output=True, text=True, timeout=120, check=True)
        return [value for line in ran.stdout.split() for value in line.split(",")]

    assert not found("_ws.malformed", "frame.number"), "tshark finds something malformed"
    statuses = [name for name in found('http2.header.name == "grpc-status"', "http2.header.name") if name == "grpc-status"]
    return len(found("grpc", "grpc.message_length")), len(statuses)


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        recording = directory / "calls.pcapng"
        with greeter_at(directory) as (_, address):
            tap = [BINARY, "tap", "--to", address, "--record", recording, "--output", "text"]
            with running(tap, directory) as (process, tapped):
                # What is shown is read by nobody, and keeps nobody waiting.
                calls, messages = greet(tapped)
            log = (directory / "log").read_text(encoding="utf-8")
            told = f"{calls:,} calls: {calls:,} answered, 0 otherwise; {messages:,} messages"
            assert process.returncode == 0 and told in log, f"{told}, and not: {log}"
            assert TOKEN[1].encode() not in recording.read_bytes(), "a secret is in the recording"
            print(f"told as made: {calls:,} calls, {messages:,} messages")

            code, again = made_again(recording, address, "-H", ": ".join(TOKEN))
            assert code == 0 and not again["differences"] and len(again["calls"]) == calls, again["differences"][:3]
            print(f"made again, and answered as then: {calls:,} calls")
        with greeter_at(directory, "--greeting", "Hi") as (_, other):
            code, again = made_again(recording, other)
            differing = {difference["call"] for difference in again["differences"]}
            assert code == 99 and len(differing) == ROUNDS, f"{code}, {len(differing)} calls"
            print(f"another version: {len(differing)} calls answered otherwise")
        if shutil.which("tshark"):
            found = read_by_tshark(recording, address.rsplit(":", 1)[1])
            assert found == (messages, calls), f"tshark finds {found}"
            print(f"tshark reads {found[0]:,} messages of gRPC, and {found[1]:,} statuses")
        else:
            print("skipped: tshark is missing, so it does not read the recording")


if __name__ == "__main__":
    main()
