//! Parts of ledgers on the command line: forks and cuts.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::command;

fn liaison(directory: &Path, line: &str) -> Output {
    command()
        .current_dir(directory)
        .args(line.split(' '))
        .output()
        .expect("the binary is built")
}

/// What a command prints as JSON; it must succeed.
#[track_caller]
fn json(directory: &Path, line: &str) -> Value {
    let output = liaison(directory, &format!("{line} --output json"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// What a command says that fails, and its exit code.
#[track_caller]
fn refused(directory: &Path, line: &str) -> (String, i32) {
    let output = liaison(directory, line);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (error, output.status.code().expect("it exits"))
}

/// A directory with a simulated pair in `pair`.
fn simulated() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    json(directory.path(), "simulate kaesong-2018 --out pair");
    directory
}

#[test]
fn a_pair_is_forked_at_an_entry_of_either_office() {
    let directory = simulated();
    let directory = directory.path();
    for office in ["south", "north"] {
        for at in [1, 2, 3, 100, 555] {
            let fork = format!("ledger fork pair --at {at} --office {office} --out fork --force");
            let told = json(directory, &fork);
            assert_eq!((&told["office"], &told["at"]), (&office.into(), &at.into()));
            let kept = told[office]["entries"].as_u64().expect("a number");
            assert!(kept <= at && kept + 5 > at, "{told}");
            for place in ["south", "north"] {
                assert_eq!(told[place]["epoch"], 2, "{told}");
            }
            json(directory, "ledger verify fork");
            assert_eq!(json(directory, "ledger reconcile fork")["agreed"], true);
        }
    }
    let text = String::from_utf8(liaison(directory, "ledger fork pair --at 9 --out text").stdout);
    let text = text.expect("it is text");
    assert!(text.contains("next: liaison up --data text"), "{text}");
}

#[test]
fn one_ledger_is_forked_at_the_very_entry() {
    let directory = simulated();
    let directory = directory.path();
    let told = json(directory, "ledger fork pair/north --at 321 --out alone");
    assert_eq!(told["north"]["entries"], 321);
    assert_eq!(told["south"], Value::Null);
    json(directory, "ledger verify alone");
    let (error, code) = refused(
        directory,
        "ledger fork pair/north --at 1 --office south --out a",
    );
    assert!(
        code == 2 && error.contains("the north office's ledger"),
        "{error}"
    );
}

#[test]
fn a_fork_that_cannot_be_is_refused_before_anything_is_removed() {
    let directory = simulated();
    let directory = directory.path();
    json(directory, "ledger fork pair --at 50 --out fork");
    let (error, code) = refused(directory, "ledger fork pair --at 50 --out fork");
    assert!(code == 2 && error.contains("--force"), "{error}");
    let (error, code) = refused(directory, "ledger fork pair --at 99999 --out fork --force");
    assert!(code == 2 && error.contains("write --at 1 to "), "{error}");
    let (error, code) = refused(directory, "ledger fork pair --at 50 --out pair --force");
    assert!(code == 2 && error.contains("read from"), "{error}");
    for whole in ["fork", "pair"] {
        json(directory, &format!("ledger verify {whole}"));
    }
    let (error, code) = refused(directory, "ledger fork nowhere --at 1 --out fork");
    assert!(code == 1 && error.contains("no such directory"), "{error}");
}

#[test]
fn a_month_is_cut_out_and_stands_alone() {
    let directory = simulated();
    let directory = directory.path();
    let month = "--from 2018-10-01 --until 2018-11-01";
    let of_pair = json(directory, &format!("ledger cut pair {month} --out october"));
    let left_out = &of_pair["left_out"];
    assert_eq!(left_out["not_received"], 0);
    json(directory, "ledger verify october");
    assert_eq!(json(directory, "ledger reconcile october")["agreed"], true);
    assert_eq!(json(directory, "tally october"), of_pair["tally"]);

    // Every document is counted on the day that it was sent.
    let days = json(directory, "tally pair --by day");
    let days = days["rows"].as_array().expect("it is a list");
    let october = days.iter().filter(|day| is_in_october(day));
    let documents: u64 = october
        .filter_map(|day| day["tally"]["documents"].as_u64())
        .sum();
    assert_eq!(of_pair["tally"]["documents"], documents);
    let replayed = json(directory, "replay october --simulated --out again --verify");
    assert_eq!(
        replayed["verified"]["differences"],
        Value::Array(Vec::new())
    );

    // Either ledger alone holds the same steps.
    for place in ["south", "north"] {
        let of_one = format!("ledger cut pair/{place} {month} --out {place}-alone");
        assert_eq!(json(directory, &of_one)["tally"], of_pair["tally"]);
        json(directory, &format!("ledger diff october {place}-alone"));
    }

    // At noon some exchanges are under way.
    let noon = json(
        directory,
        "ledger cut pair --from 2018-10-02T12:00 --out noon",
    );
    let left_out = &noon["left_out"];
    for (what, some) in [("before", true), ("begun_before", true), ("after", false)] {
        assert_eq!(left_out[what].as_u64() > Some(0), some, "{what}: {noon}");
    }
    assert_eq!(json(directory, "ledger reconcile noon")["agreed"], true);
}

fn is_in_october(row: &Value) -> bool {
    row["key"].as_str().expect("a day").starts_with("2018-10-")
}

#[test]
fn a_cut_that_cannot_be_is_refused_before_anything_is_removed() {
    let directory = simulated();
    let directory = directory.path();
    json(directory, "ledger cut pair --until 2018-10-01 --out part");
    for (line, told) in [
        ("--out part", "--force"),
        (
            "--from 2019-06-01 --out part --force",
            "the ledger's steps are from 2018-09-1",
        ),
        (
            "--from 2018-10-02 --until 2018-10-01 --out part --force",
            "is not before --until",
        ),
        ("--out pair/south --force", "read from"),
        ("--from yesterdayish --out part --force", "yesterdayish"),
    ] {
        let (error, code) = refused(directory, &format!("ledger cut pair {line}"));
        assert!(code == 2 && error.contains(told), "{line}: {code}: {error}");
    }
    for whole in ["part", "pair"] {
        json(directory, &format!("ledger verify {whole}"));
    }
}

#[test]
fn a_replay_that_asks_no_office_does_not_mind_where_the_environment_says_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let replay = "replay pair --simulated --verify --out";
    let simulated = liaison(directory.path(), "simulate workshop --out pair");
    assert!(simulated.status.success());
    let run = |line: String, variable: &str, address: &str| {
        let mut command = command();
        command.current_dir(directory.path()).args(line.split(' '));
        let command = command.env(variable, address);
        command.output().expect("the binary is built")
    };
    for variable in ["LIAISON_SOUTH", "LIAISON_NORTH"] {
        let line = format!("{replay} {variable}");
        let output = run(line, variable, "127.0.0.1:1");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
    }
    for flag in ["--south", "--north"] {
        let line = format!("{replay} out {flag} 127.0.0.1:2");
        let output = run(line, "LIAISON_SOUTH", "127.0.0.1:1");
        assert_eq!(output.status.code(), Some(2), "{flag}");
    }
    assert!(
        !directory.path().join("out").exists(),
        "nothing was written"
    );
}
