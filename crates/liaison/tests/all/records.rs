//! `liaison import` and `liaison ledger export`, as a user has them: files in, files out, exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::command;

/// A directory to work in, with what is in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("there is room");
    }

    /// Runs a command here; words are split at spaces, except between single quotes.
    fn run(&self, line: &str) -> Output {
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
    fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --output json"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    /// The exit code of a command that must fail, and its error.
    fn refused(&self, line: &str) -> (i32, String) {
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

const NAMED: &str = "--header --time time:rfc3339 --from from --to to --south-when 'from =~ /^s/'";
const HEADER: &str = "time,from,to,subject\n";

/// A row a day, from South.
fn rows(count: u32, subject: &str) -> String {
    (1..=count)
        .map(|day| format!("2024-03-{day:02}T10:00:00+09:00,s{day},n{day},{subject}\n"))
        .collect()
}

#[test]
fn what_is_replaced_goes_once_the_new_ledgers_are_whole() {
    let desk = Desk::new();
    desk.write("good.csv", &format!("{HEADER}{}", rows(3, "a")));
    desk.write(
        "bad.csv",
        &format!("{HEADER}{}", rows(1, "a").replace("2024", "soon")),
    );
    desk.json(&format!("import good.csv {NAMED} --out o"));
    let tally = desk.json("tally o");
    for wrong in [
        "bad.csv --header --time time:rfc3339 --from from --to to --south-when '1 == 1'",
        "bad.csv --strict --header --time time:rfc3339 --from from --to to --south-when '1 == 1'",
        "good.csv --header --time when:rfc3339 --from from --to to --south-when '1 == 1'",
        "good.csv",
    ] {
        desk.refused(&format!("import {wrong} --out o --force"));
        assert_eq!(desk.json("tally o"), tally, "{wrong}");
    }
    desk.write("good.csv", &format!("{HEADER}{}", rows(2, "b")));
    desk.json(&format!("import good.csv {NAMED} --out o --force"));
    assert_eq!(desk.json("tally o")["documents"], 2);
    let names: Vec<_> = fs::read_dir(desk.path(""))
        .expect("it lists")
        .flatten()
        .collect();
    assert_eq!(names.len(), 3, "nothing is left beside them: {names:?}");
}

#[test]
fn text_is_read_in_the_encoding_that_is_named_or_marked() {
    let desk = Desk::new();
    // 개성 in CP949.
    let mut cp949 = HEADER.as_bytes().to_vec();
    cp949.extend(b"2024-03-01T10:00:00+09:00,s,n,\xb0\xb3\xbc\xba\n");
    fs::write(desk.path("cp949.csv"), &cp949).expect("there is room");
    let text = format!("{HEADER}2024-03-01T10:00:00+09:00,s,n,개성\n");
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(desk.path("utf16.csv"), utf16).expect("there is room");
    let (_, error) = desk.refused(&format!("import cp949.csv {NAMED} --out o"));
    assert!(error.contains("--encoding, such as cp949"), "{error}");
    for (file, name) in [
        ("cp949.csv --encoding cp949", "EUC-KR"),
        ("utf16.csv", "UTF-16LE"),
    ] {
        let told = desk.json(&format!(
            "import {file} {NAMED} --subject subject --out o --force"
        ));
        assert_eq!(
            (&told["documents"], &told["encoding"]),
            (&1.into(), &name.into())
        );
        let shown = desk.run("ledger show o/south --limit 3");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("개성"), "{file}: {shown}");
    }
}

#[test]
fn most_rows_skipped_is_a_failure_that_says_so() {
    let desk = Desk::new();
    let text = format!(
        "{HEADER}{}{}",
        rows(2, "a"),
        rows(3, "b").replace("2024", "soon")
    );
    desk.write("rows.csv", &text);
    let output = desk.run(&format!("import rows.csv {NAMED} --out o"));
    assert_eq!(output.status.code(), Some(99));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("most rows were skipped, 3 of 5, the first: rows.csv:4:1:"),
        "{error}"
    );
    assert_eq!(desk.json("tally o")["documents"], 2);
    let text = format!(
        "{HEADER}{}{}",
        rows(2, "a"),
        rows(2, "b").replace("2024", "soon")
    );
    desk.write("rows.csv", &text);
    desk.json(&format!("import rows.csv {NAMED} --out o --force"));
}

#[test]
fn what_is_not_read_is_named_with_the_way_out() {
    let desk = Desk::new();
    for (name, text, part) in [
        (
            "log.mxml",
            "<WorkflowLog/>",
            "log.mxml is an MXML log, which is not read; convert it to XES",
        ),
        (
            "log.sqlite",
            "SQLite format 3\0",
            "is a SQLite database, which is not read; an OCEL in it is written as JSON",
        ),
        ("rows.xlsx", "PK\u{3}\u{4}", "save the sheet as CSV"),
    ] {
        desk.write(name, text);
        let (code, error) = desk.refused(&format!("import {name} --south-when '1 == 1'"));
        assert!(code == 2 && error.contains(part), "{error}");
    }
}

#[test]
fn local_times_are_where_the_flags_say() {
    let desk = Desk::new();
    desk.write(
        "rows.csv",
        "time,way\n2024-03-31 01:59:59,out\n2024-03-31 03:00:00,in\n",
    );
    let line = "import rows.csv --header --time 'time:%Y-%m-%d %H:%M:%S' --south-when 'way == \"out\"' --out o --force";
    for (flag, first, last) in [
        ("", "2024-03-30T16:59:59Z", "2024-03-30T18:00:00Z"),
        (
            "--utc-offset -07:00",
            "2024-03-31T08:59:59Z",
            "2024-03-31T10:00:00Z",
        ),
        (
            "--time-zone Europe/Berlin",
            "2024-03-31T00:59:59Z",
            "2024-03-31T01:00:00Z",
        ),
    ] {
        let told = desk.json(&format!("{line} {flag}"));
        assert_eq!(
            (&told["first"], &told["last"]),
            (&first.into(), &last.into()),
            "{flag}"
        );
        assert_eq!(told["local_times"], 2);
    }
    let (code, error) = desk.refused(&format!("{line} --time-zone Mars/Olympus"));
    assert!(code == 2 && error.contains("knows no time zone"), "{error}");
}

#[test]
fn a_calendar_without_meetings_and_a_diagram_that_is_too_long_are_told() {
    let desk = Desk::new();
    desk.write(
        "rows.csv",
        &format!("{HEADER}{}", rows(28, &"x".repeat(60)).repeat(40)),
    );
    desk.json(&format!(
        "import rows.csv {NAMED} --subject subject --out o"
    ));
    let note = |line: &str| String::from_utf8_lossy(&desk.run(line).stderr).into_owned();
    let told = note("ledger export o/south --format ics");
    assert!(
        told.contains("the calendar is empty: the ledger has no meeting"),
        "{told}"
    );
    let told = note("ledger export o/south --format mermaid");
    assert!(
        told.contains("more than Mermaid draws by default (50,000, its maxTextSize)"),
        "{told}"
    );
    let told = note("ledger export o/south --format mermaid --first 200");
    assert_eq!(told, "");
}

#[test]
fn days_are_those_of_the_ledger_or_of_the_zone_that_is_named() {
    let desk = Desk::new();
    // Three moments around the change of clocks in Berlin, at 2024-03-31 01:00 UTC.
    let times = [
        "2024-03-30T22:30:00Z",
        "2024-03-30T23:30:00Z",
        "2024-03-31T21:30:00Z",
        "2024-03-31T22:30:00Z",
    ];
    let rows = times.map(|time| format!("{time},s,n,a\n")).concat();
    desk.write("rows.csv", &format!("{HEADER}{rows}"));
    desk.json(&format!("import rows.csv {NAMED} --out seoul"));
    desk.json(&format!(
        "import rows.csv {NAMED} --time-zone Europe/Berlin --out berlin"
    ));
    let days = |line: &str| -> Vec<(String, u64)> {
        let told = desk.json(&format!("tally {line} --by day"));
        let rows = told["rows"].as_array().expect("a list").clone();
        let row = |row: &Value| {
            let documents = row["tally"]["documents"].as_u64().expect("a number");
            (
                row["key"].as_str().expect("a day")[5..].to_owned(),
                documents,
            )
        };
        rows.iter().map(row).collect()
    };
    let told = |days: &[(&str, u64)]| -> Vec<(String, u64)> {
        days.iter()
            .map(|(day, count)| ((*day).to_owned(), *count))
            .collect()
    };
    let seoul = told(&[("03-31", 2), ("04-01", 2)]);
    let berlin = told(&[("03-30", 1), ("03-31", 2), ("04-01", 1)]);
    assert_eq!(days("seoul"), seoul);
    assert_eq!(days("berlin"), berlin);
    assert_eq!(days("seoul --time-zone Europe/Berlin"), berlin);
    assert_eq!(days("berlin --utc-offset +09:00"), seoul);
    assert_eq!(
        days("berlin --utc-offset -01:30"),
        told(&[("03-30", 2), ("03-31", 2)])
    );
    assert!(
        !desk.path("seoul/south/time-zone").exists(),
        "nothing is new in a ledger at UTC+9"
    );
    // What is made of it keeps it.
    desk.json("ledger backup berlin --out copy");
    desk.json("ledger cut berlin --from 2024-03-31 --until 2024-04-01 --out cut");
    assert_eq!(days("copy"), berlin);
    assert_eq!(days("cut"), told(&[("03-31", 2)]));
    let text = |line: &str| String::from_utf8_lossy(&desk.run(line).stdout).into_owned();
    let shown = text("ledger show berlin/south --from 2024-04-01");
    assert!(
        shown.starts_with("Mon 2024-04-01\n") && shown.contains("  00:30:00  →"),
        "{shown}"
    );
    assert!(text("tally berlin --by week").ends_with("\ndays at Europe/Berlin\n"));
    let diagram = text("ledger export berlin/south --format mermaid");
    assert!(
        diagram.contains("Sat 2024-03-30") && diagram.contains(": 23:30 "),
        "{diagram}"
    );
    let csv = text("ledger export berlin/north --format csv");
    assert!(
        csv.lines()
            .nth(1)
            .expect("a row")
            .contains(",document,2024-03-30,south,"),
        "{csv}"
    );
}

#[test]
fn a_scenario_at_another_offset_has_its_own_days() {
    let desk = Desk::new();
    let text = desk.run("scenario show workshop").stdout;
    let text = String::from_utf8(text).expect("it is text");
    desk.write(
        "west.toml",
        &text.replace("utc_offset = \"+09:00\"", "utc_offset = \"-07:00\""),
    );
    let days = |ledger: &str| desk.json(&format!("tally {ledger} --by day"))["rows"].clone();
    desk.json("simulate workshop --out east");
    desk.json("simulate west.toml --out west");
    assert_eq!(days("west"), days("east"));
    let replayed = desk.json("replay west --simulated --verify --out again");
    assert_eq!(replayed["verified"]["differences"], serde_json::json!([]));
    assert_eq!(days("again"), days("west"));
}
