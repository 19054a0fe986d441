"""The table that `liaison ledger export --format parquet` writes, counted by DuckDB.

Run it from the project's root after `cargo build -p liaison --features liaison/parquet`, with
DuckDB installed. It plays the scenario of 2018, exports South's ledger, and groups the steps with
SQL to the tally that `liaison tally` gives; the rows are those of JSON lines.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIAISON = ROOT / "target" / ("release" if "--release" in sys.argv else "debug") / "liaison"

TYPES = {
    "sequence": "UBIGINT",
    "recorded_at": "TIMESTAMP WITH TIME ZONE",
    "what": "VARCHAR",
    "request_id": "UUID",
    "inert": "BOOLEAN",
    "counted_day": "DATE",
    "payload": "BLOB",
}


def liaison(*arguments):
    command = [str(LIAISON), *map(str, arguments), "--output", "json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def tally(counts):
    """The tally as `liaison tally --output json` has it, from a count for each word."""
    meetings = {
        "government_officials": counts.get("government officials", 0),
        "working_level": counts.get("working level", 0),
        "chiefs": counts.get("chiefs", 0),
    }
    consultations = {
        "regular": counts.get("regular consultation", 0),
        "on_demand": counts.get("on-demand consultation", 0),
    }
    unspecified, documents = counts.get("not stated", 0), counts.get("document", 0)
    held = sum(meetings.values())
    contacts = held + sum(consultations.values()) + unspecified
    return {
        "contacts": {
            "total": contacts,
            "meetings": {"total": held, **meetings},
            "consultations": consultations,
            "unspecified": unspecified,
        },
        "documents": documents,
        "calls": counts.get("call", 0),
        "exchanges": contacts + documents,
    }


def main():
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory)
        liaison("simulate", "kaesong-2018", "--out", out / "pair")
        files = {form: out / f"steps.{form}" for form in ["jsonl", "parquet"]}
        for form, path in files.items():
            liaison("ledger", "export", out / "pair" / "south", "--format", form, "--out", path)
        table = duckdb.read_parquet(str(files["parquet"]))
        types = dict(zip(table.columns, map(str, table.types)))
        assert {name: types[name] for name in TYPES} == TYPES, types

        grouped = "SELECT counted, count(*) FROM table_read WHERE counted IS NOT NULL GROUP BY counted"
        counts = dict(table.query("table_read", grouped).fetchall())
        expected = liaison("tally", out / "pair")
        assert tally(counts) == expected, (tally(counts), expected)

        steps = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]
        rows = table.project("sequence, step, what, inert").fetchall()
        assert rows == [
            (step["sequence"], step["step"], step["what"], step["inert"]) for step in steps
        ], "the rows are not those of JSON lines"
        print(f"DuckDB groups all {len(rows)} steps to the same tally: {expected['exchanges']} exchanges")


main()
