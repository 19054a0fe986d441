"""Runs the target and the clients, and takes the time the clients' processes took of the machine."""

import base64
import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHOD = "relay.v1.RelayService/Pass"
REQUEST_ID = "0191f2c4-7a3b-7cde-8f01-23456789abcd"
PAYLOAD = b"x" * 60
MESSAGE = {"request_id": REQUEST_ID, "payload": base64.b64encode(PAYLOAD).decode()}


def encoded():
    """The same message as protobuf: 100 bytes."""
    fields = ((0x0A, REQUEST_ID.encode()), (0x12, PAYLOAD))
    return b"".join(bytes([tag, len(value)]) + value for tag, value in fields)


class Failed(Exception):
    """A client that did not do its run."""


class Target:
    """The server under test, as a process."""

    def __init__(self, program, *options):
        command = [str(program), "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            raise Failed(f"the target did not start: {line!r}")
        self.address = line.split()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run(command, environment=None, timeout_s=300, judges=False):
    """What a command printed, and its seconds of CPU: user and system, all its threads.

    One that judges its own run may tell of it and exit with a failure.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
        with watchdog(process, timeout_s):
            # Popen.wait would reap the process without its usage.
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
        if process.returncode != 0 and not (judges and text):
            errors.seek(0)
            last = (errors.read() + text).strip().splitlines()[-3:]
            raise Failed(f"{command[0]} exited with {process.returncode}: {' | '.join(last)}")
    return text, usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def watchdog(process, timeout_s):
    """Ends a client that does not end."""
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
