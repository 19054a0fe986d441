//! Commands that cannot be meant: each says what is wrong, where, and what to do, and ends with the code that says so.

use std::fs;
use std::path::PathBuf;

use office::Place;
use serde_json::Value;
use tonic::Code;

use crate::harness::{Pair, Ran, liaison};

/// What a command that failed said in JSON.
#[track_caller]
fn error(ran: &Ran) -> Value {
    assert_eq!(ran.stdout, "", "data goes to stdout, and there is none");
    let told: Value = serde_json::from_str(&ran.stderr).expect("the error is JSON");
    assert_eq!(told["error"]["exit_code"], Value::from(ran.code));
    told["error"].clone()
}

#[tokio::test]
async fn a_scenario_that_does_not_exist_lists_those_that_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let ran = liaison(directory.path(), &["simulate", "panmunjom-1953"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("panmunjom-1953") && ran.stderr.contains("kaesong-2018"),
        "{}",
        ran.stderr
    );
    assert!(
        !directory.path().join("liaison-data").exists(),
        "nothing was begun"
    );
}

#[tokio::test]
async fn mistakes_in_a_scenario_are_told_all_at_once_with_line_and_column() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
    let wrong = text
        .replace("first_day = 2018-09-14", "first_day = \"soon\"")
        .replace("contacts = 285", "contacts = 286")
        .replace("[office_hours]", "[office_hour]");
    fs::write(directory.path().join("mine.toml"), &wrong).expect("it is ours");
    let ran = liaison(directory.path(), &["simulate", "mine.toml"]).await;
    assert_eq!(ran.code, Some(2));
    let line_of = |what: &str| {
        wrong
            .lines()
            .position(|line| line.contains(what))
            .expect("it is there")
            + 1
    };
    for what in ["first_day = \"soon\"", "[office_hour]"] {
        let place = format!("mine.toml:{}:", line_of(what));
        assert!(ran.stderr.contains(&place), "{place}: {}", ran.stderr);
    }
    // What is no TOML at all.
    fs::write(directory.path().join("mine.toml"), "[scenario\nname = \n").expect("it is ours");
    let ran = liaison(directory.path(), &["simulate", "mine.toml"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("mine.toml:1:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("mine.toml:2:"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_run_does_not_write_over_another_unless_it_is_meant() {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = [
        "simulate",
        "kaesong-2018",
        "--out",
        "run",
        "--output",
        "json",
    ];
    let first = liaison(directory.path(), &arguments).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let told: Value = serde_json::from_str(&first.stdout).expect("it is JSON");
    let wanted: Value = serde_json::from_str(
        r#"{"contacts":{"total":285,
             "meetings":{"total":46,"government_officials":5,"working_level":5,"chiefs":36},
             "consultations":{"regular":188,"on_demand":49},"unspecified":2},
             "documents":173,"exchanges":458}"#,
    )
    .expect("it is JSON");
    for (key, value) in wanted.as_object().expect("an object") {
        assert_eq!(&told["tally"][key], value, "{key}");
    }
    assert_eq!(told["reconciled"]["agreed"], true);
    let again = liaison(directory.path(), &arguments).await;
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    let forced = [&arguments[..], &["--force"]].concat();
    let forced = liaison(directory.path(), &forced).await;
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
}

struct Office {
    _pair: Pair,
    directory: PathBuf,
    address: String,
}

/// South alone, for the command line to talk to.
async fn south() -> Office {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    Office {
        directory: pair.path(""),
        address: pair.process(Place::South).address.to_string(),
        _pair: pair,
    }
}

impl Office {
    async fn liaison(&self, arguments: &[&str]) -> Ran {
        let office = [
            "--office",
            "south",
            "--south",
            &self.address,
            "--output",
            "json",
        ];
        liaison(&self.directory, &[arguments, &office].concat()).await
    }
}

#[tokio::test]
async fn a_subject_that_is_empty_or_endless_is_refused_by_the_office() {
    let office = south().await;
    let ran = office
        .liaison(&["send", "--subject", "", "--text", "x"])
        .await;
    assert_eq!(ran.code, Some(64 + Code::InvalidArgument as i32));
    let told = error(&ran);
    assert_eq!(told["code"], "INVALID_ARGUMENT");
    assert!(ran.stderr.contains("document.subject"), "{}", ran.stderr);
    // As long as an argument may be on this system; the office allows 1 KiB.
    let long = "s".repeat(100_000);
    let ran = office
        .liaison(&["send", "--subject", &long, "--text", "x"])
        .await;
    assert_eq!(
        ran.code,
        Some(64 + Code::InvalidArgument as i32),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.len() < 10_000, "the subject is not told back");
    assert!(ran.stderr.contains("1024"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_document_of_ten_megabytes_goes_through_and_one_of_seventeen_is_told_its_limit() {
    let office = south().await;
    let file = office.directory.join("body.bin");
    fs::write(&file, vec![7; 10_000_000]).expect("it is ours");
    let file = file.display().to_string();
    let ran = office
        .liaison(&["send", "--subject", "ten", "--file", &file])
        .await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    fs::write(&file, vec![7; 17 * 1024 * 1024]).expect("it is ours");
    let ran = office
        .liaison(&["send", "--subject", "seventeen", "--file", &file])
        .await;
    assert!(ran.code == Some(1), "{:?}: {}", ran.code, ran.stderr);
    assert!(ran.stderr.contains("16.0 MiB"), "{}", ran.stderr);
}

#[tokio::test]
async fn an_office_that_is_unknown_or_away_is_told_with_the_remedy() {
    let office = south().await;
    let arguments = ["send", "--subject", "x", "--text", "x", "--office", "west"];
    let ran = liaison(&office.directory, &arguments).await;
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("south") && ran.stderr.contains("north"),
        "{}",
        ran.stderr
    );
    // The discard port: nobody listens there.
    let ran = liaison(
        &office.directory,
        &[
            "send",
            "--subject",
            "x",
            "--text",
            "x",
            "--office",
            "north",
            "--north",
            "127.0.0.1:9",
        ],
    )
    .await;
    assert_eq!(
        ran.code,
        Some(64 + Code::Unavailable as i32),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("127.0.0.1:9"), "{}", ran.stderr);
}

#[tokio::test]
async fn what_an_office_refuses_ends_with_its_code() {
    let office = south().await;
    let cases: [(&[&str], Code); 2] = [
        (
            &["document", "show", "offices/south/documents/99"],
            Code::NotFound,
        ),
        (
            &["meeting", "accept", "offices/north/meetings/4"],
            Code::NotFound,
        ),
    ];
    for (arguments, code) in cases {
        let ran = office.liaison(arguments).await;
        assert_eq!(
            ran.code,
            Some(64 + code as i32),
            "{arguments:?}: {}",
            ran.stderr
        );
        error(&ran);
    }
    // A name that is none is not even asked for.
    let ran = office
        .liaison(&["document", "show", "offices/west/documents/1"])
        .await;
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("offices/south/documents/1"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_path_that_is_no_ledger_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in ["verify", "reconcile"] {
        let ran = liaison(directory.path(), &["ledger", command, "."]).await;
        assert!(matches!(ran.code, Some(1 | 2)), "{command}: {:?}", ran.code);
        assert!(ran.stderr.contains("ledger"), "{command}: {}", ran.stderr);
    }
    let ran = liaison(directory.path(), &["tally", "nowhere"]).await;
    assert!(matches!(ran.code, Some(1 | 2)), "{:?}", ran.code);
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    let ran = liaison(directory.path(), &["tally", "--frobnicate"]).await;
    assert_eq!(ran.code, Some(2));
}
