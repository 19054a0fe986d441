"""The event logs that `liaison ledger export` writes, read by tools that share no code with us.

Run it from the project's root after `cargo build -p liaison`, with PM4Py, jsonschema and
rfc3339-validator installed. It plays the scenario of 2018 and exports South's ledger as JSON lines,
OCEL 2.0 and XES. OCEL keeps to its published schema; PM4Py finds as many events in each log as
there are steps; and what PM4Py writes of them again, `liaison import` takes back to the same tally.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

os.environ["PM4PY_SHOW_PROGRESS_BAR"] = "false"

import jsonschema
import pm4py

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIAISON = ROOT / "target" / ("release" if "--release" in sys.argv else "debug") / "liaison"
SCHEMA = ROOT / "crates" / "formats" / "tests" / "ocel20-schema-json.json"


def liaison(*arguments):
    command = [str(LIAISON), *map(str, arguments), "--output", "json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def check_schema(log):
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    assert "date-time" in checker.checkers, "rfc3339-validator is missing"
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()), format_checker=checker)
    for error in validator.iter_errors(log):
        raise AssertionError(f"OCEL at {error.json_path}: {error.message}")


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory)
        liaison("simulate", "kaesong-2018", "--out", out / "pair")
        tally = liaison("tally", out / "pair")
        files = {form: out / f"steps.{form}" for form in ["jsonl", "ocel", "xes"]}
        for form, path in files.items():
            liaison("ledger", "export", out / "pair" / "south", "--format", form, "--out", path)
        steps = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]

        check_schema(json.loads(files["ocel"].read_text()))
        (out / "steps.json").write_bytes(files["ocel"].read_bytes())
        ocel = pm4py.read_ocel2_json(str(out / "steps.json"))
        xes = pm4py.read_xes(str(files["xes"]))
        assert len(ocel.events) == len(xes) == len(steps), (len(ocel.events), len(xes), len(steps))
        told = sorted(step["what"] for step in steps)
        assert sorted(ocel.events["ocel:activity"]) == told, "OCEL tells of other events"
        assert sorted(xes["concept:name"]) == told, "XES tells of other events"

        pm4py.write_ocel2_json(ocel, str(out / "again.json"))
        # As a table PM4Py would write "nan" for what an event does not have.
        xes = pm4py.read_xes(str(files["xes"]), return_legacy_log_object=True)
        pm4py.write_xes(xes, str(out / "again.xes"))
        for name in ["again.json", "again.xes"]:
            imported = liaison("import", out / name, "--out", out / f"{name}.pair")
            assert imported["skipped"] == 0, imported["skipped_rows"]
            assert imported["tally"] == tally, f"{name} came back as {imported['tally']}"
        print(
            f"PM4Py finds all {len(steps)} steps in OCEL 2.0, with {len(ocel.objects)} objects, and in XES;"
            " what it writes of them comes back to the same tally"
        )


main()
