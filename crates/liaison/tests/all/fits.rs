//! `liaison scenario fit`, as a user has it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::command;

fn liaison(directory: &Path, line: &str) -> Output {
    command()
        .args(line.split(' '))
        .current_dir(directory)
        .output()
        .expect("the binary is built")
}

fn printed(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn a_fit_is_written_checked_and_played() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |line: &str| liaison(directory.path(), line);
    printed(&run("simulate steady --out pair"));

    let fitted = run("scenario fit pair --out fitted.toml --output json");
    printed(&fitted);
    assert_eq!(json(&fitted)["documents"], 1000);
    assert_eq!(json(&fitted)["contacts"], 62);
    printed(&run("scenario check fitted.toml"));
    printed(&run("simulate fitted.toml --seed 4 --out again"));
    let tally = json(&run("tally again/south --output json"));
    assert_eq!(tally["documents"], 1000);
    assert_eq!(tally["contacts"]["total"], 62);

    // What is there is not replaced unasked.
    let again = run("scenario fit pair --out fitted.toml");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    printed(&run("scenario fit pair --out fitted.toml --force"));
    let on_stdout = printed(&run("scenario fit pair/south"));
    assert!(on_stdout.contains("rhythm.hours_of_week"), "{on_stdout}");
}

#[test]
fn a_fit_further_away_than_allowed_fails_the_comparison() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |line: &str| liaison(directory.path(), line);
    printed(&run("simulate kaesong-2018 --out pair"));
    // 173 documents are too few for two halves to be alike.
    let strict = run("scenario fit pair --check --tolerance 0.001 --output json");
    assert_eq!(strict.status.code(), Some(99));
    let told = json(&strict);
    assert_eq!(told["within"], false);
    assert_eq!(told["held_out"]["fitted"][0]["what"], "hour of week");
    let easy = run("scenario fit pair --check --tolerance 1");
    let table = printed(&easy);
    assert!(table.contains("hour of week"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
}

#[test]
fn a_distance_from_utc_that_is_none_is_a_usage_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = liaison(directory.path(), "scenario fit pair --utc-offset 9");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("-07:00"));
}
