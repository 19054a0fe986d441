//! Runs of `liaison load` over time: saved, told once more, compared.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::{Offices, command};

const RUN: [&str; 8] = [
    "load",
    "call",
    "--rate",
    "100",
    "--duration",
    "200ms",
    "--plain",
    "--save",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(offices: &Offices, save: &Path, more: &[&str]) -> Output {
    let mut command = offices.command();
    command.args(RUN).arg(save).args(more);
    command.output().expect("the binary is built")
}

fn load(words: &[&str], paths: &[&Path]) -> Output {
    let mut command = command();
    command.arg("load").args(words).args(paths);
    command.output().expect("the binary is built")
}

/// A saved run whose responses took so many times as long.
fn slower(path: &Path, times: f64, repeats: usize) -> Value {
    let saved = std::fs::read_to_string(path).expect("it was saved");
    let mut saved: Value = serde_json::from_str(&saved).expect("it is JSON");
    let report = &mut saved["report"];
    let longer = |latencies: &mut Value| {
        for key in ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"] {
            let us = latencies[key].as_f64().expect("a number");
            latencies[key] = ((us * times) as u64).into();
        }
    };
    longer(&mut report["response"]);
    // Every repeat took the same, whatever the machine did meanwhile: the
    // median of four of them may otherwise be twice that of five.
    let response = report["response"].clone();
    let all = report["repeats"].as_array_mut().expect("a list");
    all.truncate(repeats);
    for repeat in all {
        repeat["valid"] = true.into();
        repeat["response"] = response.clone();
    }
    saved
}

#[test]
fn a_run_that_is_worse_than_before_fails() {
    let offices = Offices::start();
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    let made = run(
        &offices,
        &file("now.json"),
        &["--repeat", "5", "--lag-max", "10s"],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    let write = |name: &str, saved: &Value| {
        std::fs::write(file(name), saved.to_string()).expect("it can be written");
        file(name)
    };
    let now = write("now.json", &slower(&file("now.json"), 1.0, 5));
    let slow = write("slow.json", &slower(&now, 50.0, 5));
    let few = write("few.json", &slower(&now, 50.0, 4));

    let worse = load(&["compare"], &[&now, &slow]);
    assert_eq!(worse.status.code(), Some(99), "{}", text(&worse.stdout));
    assert!(
        text(&worse.stdout).contains("✗ worse"),
        "{}",
        text(&worse.stdout)
    );
    let better = load(&["compare"], &[&slow, &now]);
    assert_eq!(better.status.code(), Some(0), "{}", text(&better.stderr));
    let unjudged = load(&["compare"], &[&now, &few]);
    assert_eq!(
        unjudged.status.code(),
        Some(0),
        "{}",
        text(&unjudged.stderr)
    );
    let told = text(&unjudged.stdout);
    assert!(
        told.contains("too few to judge") && told.contains("--repeat 5"),
        "{told}"
    );
    let several = load(&["compare", "--output", "json"], &[&now, &few, &slow]);
    let several: Value = serde_json::from_slice(&several.stdout).expect("it is JSON");
    assert_eq!(several["runs"].as_array().map(Vec::len), Some(2));

    for (condition, code) in [("p99>baseline+10%", 99), ("p99>baseline+9000%", 0)] {
        let judged = load(&["compare", "--fail-if", condition], &[&now, &few]);
        assert_eq!(judged.status.code(), Some(code), "{condition}");
    }

    // The same beside a run that is made.
    let fast = write("fast.json", &slower(&now, 0.001, 5));
    let fast = fast.to_str().expect("it is text");
    let flags = ["--repeat", "5", "--lag-max", "10s", "--baseline", fast];
    let made = run(&offices, &file("next.json"), &flags);
    assert_eq!(made.status.code(), Some(99), "{}", text(&made.stdout));
    assert!(
        text(&made.stderr).contains("worse than"),
        "{}",
        text(&made.stderr)
    );
    let flags = ["--baseline", fast, "--fail-if", "p99>baseline+10%"];
    let made = run(&offices, &file("one.json"), &flags);
    assert_eq!(made.status.code(), Some(99), "{}", text(&made.stdout));
    assert!(text(&made.stdout).contains("in the baseline"));
    let made = run(
        &offices,
        &file("two.json"),
        &["--fail-if", "p99>baseline+10%"],
    );
    assert_eq!(made.status.code(), Some(2), "there is none");
    offices.stop();
}

#[test]
fn a_saved_run_is_kept_with_what_made_it() {
    let offices = Offices::start();
    let directory = tempfile::tempdir().expect("a directory");
    let saved = directory.path().join("run.json");
    let secret = [
        "-H",
        "authorization: Bearer hunter2",
        "-H",
        "x-user:hunter2",
    ];
    let labels = ["--label", "commit=abc", "--label", "night"];
    let made = run(&offices, &saved, &[&secret[..], &labels].concat());
    let kept = std::fs::read_to_string(&saved).unwrap_or_default();
    assert!(!kept.contains("hunter2") && !text(&made.stdout).contains("hunter2"));
    let kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    let setup = &kept["report"]["setup"];
    let line = setup["command"].as_str().expect("it is kept");
    let wanted = "liaison load call --rate 100 --duration 200ms --plain --save ";
    assert!(line.starts_with(wanted), "{line}");
    assert!(
        line.contains("-H 'authorization: …' -H 'x-user: …' --label commit=abc"),
        "{line}"
    );
    assert_eq!(setup["labels"], serde_json::json!(["commit=abc", "night"]));

    let again = run(&offices, &saved, &[]);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
    assert!(
        text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
    offices.stop();
}

#[test]
fn a_saved_run_is_told_once_more() {
    let offices = Offices::start();
    let directory = tempfile::tempdir().expect("a directory");
    let saved = directory.path().join("run.json");
    run(&offices, &saved, &["--label", "night"]);
    let again = run(&offices, &saved, &["--force", "--label", "day"]);
    assert!(
        !text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
    offices.stop();

    let told = text(&load(&["report"], &[&saved]).stdout);
    assert!(
        told.contains("labels: day") && told.contains("liaison load call"),
        "{told}"
    );
    let told = text(&load(&["report", "--markdown", "-"], &[&saved]).stdout);
    assert!(
        told.starts_with("# ") && told.contains("| response |"),
        "{told}"
    );
    let told = text(&load(&["report", "--html", "-"], &[&saved]).stdout);
    assert!(told.starts_with("<!DOCTYPE html>"), "{told}");
    let told = load(&["report", "--output", "json"], &[&saved]).stdout;
    let told: Value = serde_json::from_slice(&told).expect("it is JSON");
    assert_eq!(told["setup"]["labels"], serde_json::json!(["day"]));
    let page = directory.path().join("run.html");
    let html = page.to_str().expect("it is text");
    assert!(
        load(&["report", "--html", html], &[&saved])
            .status
            .success()
    );
    let again = load(&["report", "--html", html], &[&saved]);
    assert_eq!(again.status.code(), Some(2));
}
