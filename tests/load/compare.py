"""Holds `liaison load` and other load generators against one server, one after another.

Three questions: what does a call cost the generator, does it keep a rate, and does it tell the truth about a
server that stalls? The server is `target` of these tests; its stall is arithmetic, so the truth is known beforehand. Build first:

    cargo build --profile dist -p tests --bin target
    cargo build --profile dist -p liaison
    python3 tests/load/compare.py [--quick] [--json]

A generator that is not here and cannot be installed is skipped, with the reason.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

# Its modules lie beside it in the clone, which stays as it is.
sys.dont_write_bytecode = True

import clients
from running import ROOT, Failed, Target

FULL = {
    "rounds": 3, "calls": 200_000, "closed_s": 15,
    "rate": 10_000, "rate_s": 20,
    "stalled_rate": 1_000, "stalled_s": 30, "stall_at_s": 14, "stall_for_s": 2,
}
QUICK = {
    "rounds": 1, "calls": 30_000, "closed_s": 4,
    "rate": 10_000, "rate_s": 4,
    "stalled_rate": 1_000, "stalled_s": 8, "stall_at_s": 4, "stall_for_s": 1,
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def attempt(name, what, measure):
    """A run that fails is told, and the others go on."""
    say(f"{name}: {what}")
    try:
        return measure()
    except Failed as error:
        say(f"{name}: {what} FAILED: {error}")
        return None


def closed_loop(found, program, plan):
    """(a) Each client in turn, in rounds; the round with the median cost of each."""
    rounds = {client.name: [] for client in found}
    with Target(program) as target:
        for number in range(plan["rounds"]):
            for client in found:
                measure = lambda: client.closed(target.address, plan["calls"], plan["closed_s"])
                figures = attempt(client.name, f"{clients.IN_FLIGHT} in flight, round {number + 1}", measure)
                rounds[client.name].append(figures)
    rows = {}
    for name, several in rounds.items():
        done = sorted((figures for figures in several if figures), key=lambda figures: figures["cpu_us"])
        if not done:
            continue
        rows[name] = {**done[len(done) // 2], "rounds_cpu_us": [figures["cpu_us"] for figures in done]}
        # Rounds are compared with the round they ran in: the machine drifts.
        pairs = zip(several, rounds.get("liaison", []))
        ratios = [theirs["cpu_us"] / ours["cpu_us"] for theirs, ours in pairs if theirs and ours]
        if ratios:
            rows[name]["of_liaison"] = statistics.median(ratios)
    return rows


def constant_rate(found, program, plan):
    """(b)"""
    rows = {}
    with Target(program) as target:
        for client in found:
            measure = lambda: client.constant(target.address, plan["rate"], plan["rate_s"])
            figures = attempt(client.name, f"{plan['rate']:,} calls/s for {plan['rate_s']} s", measure)
            if figures:
                rows[client.name] = figures
    return rows


def stall(found, program, plan):
    """(c) A server for each run, since its stall is counted from its first call."""
    stall_options = ("--stall-at", f"{plan['stall_at_s']}s", "--stall-for", f"{plan['stall_for_s']}s")
    rate, seconds = plan["stalled_rate"], plan["stalled_s"]
    run_options = ("--expected-rate", str(rate), "--expected-duration", f"{seconds}s")
    expected = subprocess.run([program, *stall_options, *run_options], capture_output=True, text=True, check=True)
    rows = {"arithmetic": {"percentiles": json.loads(expected.stdout)}}
    targets = []

    def fresh():
        stop()
        targets.append(Target(program, *stall_options))
        return targets[0].address

    def stop():
        while targets:
            targets.pop().__exit__()

    try:
        for client in found:
            measure = lambda: rows.update(client.stalled(fresh, rate, seconds))
            attempt(client.name, f"{rate:,} calls/s for {seconds} s, with a stall", measure)
    finally:
        stop()
    return rows


def table(head, rows):
    """Columns as wide as they need be, the first to the left."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        first, *others = zip(row, widths)
        justified = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print("  ".join(justified).rstrip()[:100])
    print()


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def milliseconds(latencies, name):
    value = (latencies or {}).get(name)
    return "-" if value is None else f"{value / 1000:,.2f}"


def print_closed(rows, plan):
    print(f"(a) Unary calls of 100 bytes, {clients.IN_FLIGHT} in flight: CPU of the generator a call", end="")
    print(f" (median of {plan['rounds']})")
    table(
        ["", "CPU µs", "to liaison", "calls/s", "calls", "errors"],
        [
            [
                name, number(row["cpu_us"], 1), number(row.get("of_liaison"), 2),
                *(number(row[count]) for count in ("rate", "calls", "errors")),
            ]
            for name, row in rows.items()
        ],
    )


def print_constant(rows, plan):
    print(f"(b) {plan['rate']:,} calls/s for {plan['rate_s']} s (latencies in ms, as each reports them)")
    table(
        ["", "CPU µs", "calls/s", "p50", "p99", "max", "lag p99", "errors", "unsent", ""],
        [
            [
                name, number(row["cpu_us"], 1), number(row["rate"]),
                *(milliseconds(row.get("percentiles"), name) for name in ("p50_us", "p99_us", "max_us")),
                milliseconds(row, "lag_p99_us"),
                number(row["errors"]), number(row.get("unsent")), row.get("note", ""),
            ]
            for name, row in rows.items()
        ],
    )


def print_stall(rows, plan):
    rate, seconds, at, lasts = (plan[name] for name in ("stalled_rate", "stalled_s", "stall_at_s", "stall_for_s"))
    print(f"(c) {rate:,} calls/s for {seconds} s, nothing answered for {lasts} s from {at} s on (latencies in ms)")
    lines = []
    for name, row in rows.items():
        told = [("", row["percentiles"])]
        if "service" in row:
            told = [(" response", row["percentiles"]), (" service", row["service"])]
        for kind, latencies in told:
            values = [milliseconds(latencies, percentile) for percentile in clients.PERCENTILES]
            lines.append([name + kind, *values, *(number(row.get(count)) for count in ("calls", "errors", "unsent"))])
    table(["", "p50", "p90", "p95", "p99", "p99.9", "max", "calls", "errors", "unsent"], lines)


TABLES = {
    "closed": (closed_loop, print_closed),
    "constant": (constant_rate, print_constant),
    "stall": (stall, print_stall),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works, not for figures")
    parser.add_argument("--json", action="store_true", help="print one object instead of tables")
    parser.add_argument("--skip", action="append", default=[], choices=[client.name for client in clients.ALL])
    parser.add_argument("--only", action="append", choices=TABLES, help="these tables")
    parser.add_argument("--liaison", metavar="PATH", help="the program; target/dist/liaison otherwise")
    parser.add_argument("--target", metavar="PATH", default=ROOT / "target/dist/target")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL

    found, skipped = [], {}
    for client in clients.ALL:
        try:
            if client.name in arguments.skip:
                raise clients.Missing("as asked")
            found.append(client(arguments.liaison) if client is clients.Liaison else client())
        except clients.Missing as reason:
            skipped[client.name] = str(reason)
    for name, reason in skipped.items():
        say(f"skipped {name}: {reason}")

    busy = os.getloadavg()[0]
    if busy > os.cpu_count() / 2:
        say(f"the machine is busy with something else (load {busy:.1f}): rates and latencies will not be the clients'")
    result = {"plan": plan, "skipped": skipped, "load_before": busy}
    for name in arguments.only or TABLES:
        result[name] = TABLES[name][0](found, arguments.target, plan)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    for name in arguments.only or TABLES:
        TABLES[name][1](result[name], plan)


if __name__ == "__main__":
    main()
