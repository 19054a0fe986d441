//! `liaison import` and `liaison ledger export`, as a user has them: files in, files out, exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::command;

/// A directory to work in, with what is in it.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("there is room");
    }

    /// Runs a command here; words are split at spaces, except between single quotes.
    pub(crate) fn run(&self, line: &str) -> Output {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace()),
                _ => words.push(part),
            }
        }
        let mut command = command();
        command.args(words).current_dir(self.0.path());
        command.output().expect("the binary is built")
    }

    /// What a command prints as JSON; it must succeed.
    pub(crate) fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --output json"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    /// The exit code of a command that must fail, and its error.
    pub(crate) fn refused(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        assert!(!output.status.success(), "{line} was to fail");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().expect("it exits"), error)
    }
}

const MAPPED: &str = "--time 3:unix --from 1 --to 2 --south-when 'from < to'";

#[test]
fn what_was_exported_comes_back_with_the_same_tally() {
    let desk = Desk::new();
    for scenario in ["kaesong-2018", "workshop"] {
        desk.json(&format!("simulate {scenario} --out {scenario}"));
        let tally = desk.json(&format!("tally {scenario}"));
        for (format, file) in [
            ("jsonl", "steps.jsonl"),
            ("csv", "steps.csv"),
            ("ocel", "steps.json"),
            ("xes", "steps.xes"),
        ] {
            let ledger = format!("{scenario}/north");
            let written = desk.json(&format!(
                "ledger export {ledger} --format {format} --out {file} --force"
            ));
            let imported = desk.json(&format!("import {file} --out again --force"));
            assert_eq!(imported["steps"], written["steps"], "{format}");
            assert_eq!(imported["skipped"], 0);
            assert_eq!(imported["reconciled"]["agreed"], true);
            assert_eq!(imported["tally"], tally);
            assert_eq!(imported["documents"], tally["documents"]);
            assert_eq!(desk.json("tally again"), tally);
            // The same steps, with the payloads' bytes.
            let diff = desk.run(&format!("ledger diff {scenario} again --strict"));
            assert!(
                diff.status.success(),
                "{format}: {}",
                String::from_utf8_lossy(&diff.stdout)
            );
        }
    }
}

#[test]
fn other_peoples_rows_become_documents() {
    let desk = Desk::new();
    desk.write("mail.txt", "src dst time\n1 2 1082040961\n3 1 1082155839\n");
    let line = "import mail.txt --delimiter ' ' --header --time time:unix --from src --to dst \
                --south-when 'from < to' --out mail";
    let imported = desk.json(line);
    assert_eq!(
        (
            &imported["rows"],
            &imported["documents"],
            &imported["skipped"]
        ),
        (&2.into(), &2.into(), &0.into())
    );
    let (code, error) = desk.refused(line);
    assert_eq!(code, 2);
    assert!(
        error.contains("mail is not empty; name another --out"),
        "{error}"
    );
    desk.json(&format!("{line} --force"));
}

#[test]
fn rows_that_cannot_be_read_are_told_by_line() {
    let desk = Desk::new();
    desk.write("rows.csv", "1,2,10\n1,2,soon\n2,1\n2,1,12\n");
    let imported = desk.json(&format!("import rows.csv {MAPPED} --out rows"));
    assert_eq!(
        (&imported["documents"], &imported["unreadable"]),
        (&2.into(), &2.into())
    );
    let told = &imported["skipped_rows"];
    assert_eq!(
        (&told[0]["line"], &told[0]["column"]),
        (&2.into(), &5.into())
    );
    assert_eq!(
        (&told[1]["line"], &told[1]["why"]),
        (&3.into(), &"unreadable".into())
    );
    let output = desk.run(&format!("import rows.csv {MAPPED} --out rows --force"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("  rows.csv:2:5: column 3: \"soon\" is no unix time"),
        "{text}"
    );

    let (code, error) = desk.refused(&format!("import rows.csv {MAPPED} --out strict --strict"));
    assert_eq!(code, 1);
    assert!(error.contains("rows.csv:2:5: column 3"), "{error}");
    assert!(
        !desk.path("strict/south").exists(),
        "nothing was to be written"
    );
}

#[test]
fn steps_that_cannot_be_taken_are_told_by_line() {
    let desk = Desk::new();
    desk.json("simulate workshop --out pair");
    desk.json("ledger export pair/south --format jsonl --out whole.jsonl");
    let whole = fs::read_to_string(desk.path("whole.jsonl")).expect("it is text");
    let lines: Vec<&str> = whole.lines().collect();
    let cut = format!(
        "{}\n{{\"sequence\": 4\n{}\n",
        lines[0],
        lines[2..].join("\n")
    );
    desk.write("cut.jsonl", &cut);
    let output = desk.run("import cut.jsonl --out cut --output json");
    assert_eq!(output.status.code(), Some(99), "most of them do not follow");
    let imported: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(imported["unreadable"], 1);
    assert_eq!(imported["skipped_rows"][0]["line"], 2);
    let rows = imported["rows"].as_u64().expect("a number");
    let taken = imported["steps"].as_u64().expect("a number");
    assert_eq!(Some(rows - taken), imported["skipped"].as_u64());
    assert!(
        imported["refused"].as_u64() > Some(0),
        "its author's later steps do not follow"
    );
    let (code, error) = desk.refused("import cut.jsonl --out strict --strict");
    assert_eq!(code, 1);
    assert!(error.contains("cut.jsonl:2:"), "{error}");
}

#[test]
fn events_of_others_need_no_more_than_a_rule() {
    let desk = Desk::new();
    let event = |who: &str, minute: u32| {
        format!(
            "<event><string key=\"concept:name\" value=\"decide\"/><string key=\"org:resource\" value=\"{who}\"/>\
             <date key=\"time:timestamp\" value=\"2018-09-14T10:{minute}:00+09:00\"/></event>\n"
        )
    };
    let events = [event("anna", 10), event("bo", 11), event("", 12)].concat();
    desk.write(
        "log.xml",
        &format!("<?xml version=\"1.0\"?>\n<log><trace>\n{events}</trace></log>\n"),
    );
    let imported = desk.json("import log.xml --south-when 'from == \"anna\"' --out log");
    assert_eq!(
        (&imported["rows"], &imported["documents"]),
        (&3.into(), &2.into())
    );
    assert_eq!(imported["skipped_rows"][0]["line"], 5);
    let (code, error) = desk.refused("import log.xml --south-when 'from < to' --out log --force");
    assert_eq!(code, 2);
    assert!(error.contains("name one with --to"), "{error}");
    let (code, error) = desk.refused("import log.xml --format ocel --out log --force");
    assert_eq!(code, 1);
    assert!(
        error.contains("log.xml:1:1: the log is no OCEL 2.0 in JSON"),
        "{error}"
    );
}

#[test]
fn a_command_that_cannot_be_meant_says_what_to_write() {
    let desk = Desk::new();
    desk.write("rows.csv", "1,2,10\n");
    for (line, part) in [
        (
            "import none.csv --out x".to_owned(),
            "failed to read none.csv",
        ),
        ("import . --out x".to_owned(), "name a file of records"),
        (
            format!("import rows.csv {MAPPED} --format ozel --out x"),
            "'ocel'",
        ),
        (
            "import rows.csv --time 3:unix --out x".to_owned(),
            "need --south-when too",
        ),
        (
            format!("import rows.csv {MAPPED} --delimiter :: --out x"),
            "comma, tab or space",
        ),
        ("ledger export pair --format ocell".to_owned(), "'ocel'"),
        (
            "ledger export pair --format jsonl --force".to_owned(),
            "--out",
        ),
    ] {
        let (code, error) = desk.refused(&line);
        assert_eq!(code, 2, "{line}: {error}");
        assert!(error.contains(part), "{line}: {error}");
    }
    assert!(
        !desk.path("x").exists(),
        "none of them was to write anything"
    );
    let (code, error) = desk.refused("import rows.csv --out x");
    assert_eq!(code, 1);
    let told = "rows.csv:1:1: the header has no column \"sequence\"; if it is no export of ours, say who is who";
    assert!(error.contains(told), "{error}");
}

#[test]
fn an_export_replaces_nothing_unless_it_is_told_to() {
    let desk = Desk::new();
    desk.json("simulate workshop --out pair");
    desk.write("steps.csv", "mine\n");
    let line = "ledger export pair/south --format csv --out steps.csv";
    let (code, error) = desk.refused(line);
    assert_eq!(code, 2);
    assert!(error.contains("steps.csv is there already"), "{error}");
    let read = |path: &Path| fs::read_to_string(path).expect("it is text");
    assert_eq!(read(&desk.path("steps.csv")), "mine\n");
    let written = desk.json(&format!("{line} --force"));
    let lines = read(&desk.path("steps.csv")).lines().count() as u64;
    assert_eq!(
        written["items"].as_u64(),
        Some(lines - 1),
        "a row a step, and the header"
    );
    let piped = desk.run("ledger export pair/south --format csv");
    assert_eq!(piped.stdout, read(&desk.path("steps.csv")).into_bytes());
    let (code, error) = desk.refused("ledger export pair --format csv");
    assert_eq!(code, 2);
    assert!(
        error.contains("both ledgers of a pair; name one"),
        "{error}"
    );
    let (code, _) = desk.refused("ledger export none --format csv");
    assert_eq!(code, 1);
}

#[test]
fn parquet_is_written_or_told_how_to_get() {
    let desk = Desk::new();
    desk.json("simulate workshop --out pair");
    let line = "ledger export pair/south --format parquet --out steps.parquet";
    if cfg!(feature = "parquet") {
        let written = desk.json(line);
        assert_eq!(written["items"], written["steps"]);
        let table = fs::read(desk.path("steps.parquet")).expect("it is there");
        assert!(table.starts_with(b"PAR1") && table.ends_with(b"PAR1"));
    } else {
        let (code, error) = desk.refused(line);
        assert_eq!(code, 2);
        assert!(
            error.contains("cargo build --release --features parquet"),
            "{error}"
        );
        assert!(
            !desk.path("steps.parquet").exists(),
            "nothing was to be written"
        );
    }
}
