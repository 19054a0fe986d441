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

/// Rows that nobody has sent: sessions in a day's hours, each some mails a few seconds to minutes apart, many of them to several
/// at once, some with a reply.
fn made(days: u64, sessions: u64) -> String {
    let mut state = 20_040_415_u64;
    let mut below = |count: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % count
    };
    let mut rows = Vec::new();
    for _ in 0..sessions {
        let day = below(days);
        let opens = if day % 7 < 5 { 8 } else { 12 };
        let mut at =
            1_072_915_200 + day * 86_400 + (opens + below(5) + below(6)) * 3_600 + below(3_600);
        for _ in 0..=below(3) * below(4) {
            let from = below(90);
            for to in 1..=1 + below(2) * below(6) {
                rows.push((at, from, (from + to) % 90));
                if below(3) == 0 {
                    rows.push((
                        at + 2 + below(60) * below(60) * below(9),
                        (from + to) % 90,
                        from,
                    ));
                }
            }
            at += 3 + below(9) * below(9) * below(4);
        }
    }
    rows.sort_unstable();
    let rows = rows
        .iter()
        .map(|(at, from, to)| format!("{from},{to},{at}\n"));
    format!("src,dst,time\n{}", rows.collect::<String>())
}

/// A fit is as near to the weeks that it has not seen as the record's own weeks are to each other.
#[test]
fn bursts_nights_and_mails_to_many_are_fitted_in_records_of_any_length() {
    for (days, sessions) in [(196, 4_000), (4_200, 4_000)] {
        let directory = tempfile::tempdir().expect("a directory");
        let run = |line: &str| liaison(directory.path(), line);
        std::fs::write(directory.path().join("made.csv"), made(days, sessions))
            .expect("it is written");
        let rule = "--header --time time:unix --from src --to dst --out pair --south-when";
        let mut import: Vec<&str> = "import made.csv"
            .split(' ')
            .chain(rule.split(' '))
            .collect();
        import.push("from < to");
        let imported = command()
            .args(import)
            .current_dir(directory.path())
            .output();
        printed(&imported.expect("the binary is built"));
        let told = json(&run(
            "scenario fit pair --utc-offset +00:00 --check --tolerance 1 --output json",
        ));
        let distances = |part: &str| -> Vec<Value> {
            let part = &told[part];
            let fitted = part["fitted"].as_array().expect("a list").iter();
            fitted.chain([&part["gaps"]]).cloned().collect()
        };
        for (fit, own) in distances("held_out").iter().zip(distances("own_weeks")) {
            let (Some(fit_ks), Some(own_ks)) = (fit["ks"].as_f64(), own["ks"].as_f64()) else {
                assert_eq!(fit["what"], "response: acknowledged or refused", "{told}");
                continue;
            };
            println!(
                "{days} days: {}: {fit_ks:.3}, own weeks {own_ks:.3}",
                fit["what"]
            );
            assert!(fit_ks <= own_ks + 0.02, "{days} days: {fit} and {own}");
        }
    }
}
