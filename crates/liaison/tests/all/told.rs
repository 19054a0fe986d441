//! What a ledger is told by: whose days its are, and what its offices and ranks are called; and what `--force` leaves.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::Offices;
use crate::records::Desk;

/// The workshop with other words in it.
fn workshop(desk: &Desk, replace: &[(&str, &str)]) {
    let text = desk.run("scenario show workshop").stdout;
    let mut text = String::from_utf8(text).expect("it is text");
    for (old, new) in replace {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    desk.write("mine.toml", &text);
}

/// The offices whose ledgers a simulated run of it left.
fn played(desk: &Desk) -> Offices {
    let data = tempfile::tempdir().expect("a directory");
    let out = data.path().display();
    desk.json(&format!("simulate mine.toml --out {out}"));
    Offices::again(data, "127.0.0.1:0", "127.0.0.1:0")
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn running_offices_are_told_by_their_ledgers_days_or_those_that_are_named() {
    let desk = Desk::new();
    // At 10:00 there it is the next day at UTC+9.
    workshop(
        &desk,
        &[("utc_offset = \"+09:00\"", "utc_offset = \"-10:00\"")],
    );
    let offices = played(&desk);
    let day = |line: &str| offices.json(line)["rows"][0]["key"].clone();
    assert_eq!(day("tally --by day"), "2024-05-06");
    assert_eq!(day("tally south --by day"), "2024-05-06");
    assert_eq!(day("tally --by day --utc-offset +09:00"), "2024-05-07");
    assert_eq!(
        offices.json("tally --by day")["rows"][0]["tally"],
        offices.json("tally --by day --utc-offset +09:00")["rows"][0]["tally"]
    );
    assert_eq!(
        day("tally north --by week --time-zone Pacific/Auckland"),
        "2024-05-06"
    );
    for (line, told) in [
        ("document list", "sent (UTC-10)"),
        ("document list --utc-offset +05:30", "sent (UTC+5:30)"),
        (
            "meeting list --time-zone Europe/Berlin",
            "begins (Europe/Berlin)",
        ),
        ("contact list", "begun (UTC-10)"),
        ("ledger show south", "Mon 2024-05-06"),
        ("ledger show south --utc-offset +09:00", "Tue 2024-05-07"),
    ] {
        let shown = text(&offices.run(line));
        assert!(shown.contains(told), "{line}: {shown}");
    }
}

#[test]
fn a_fit_and_a_replay_take_the_ledgers_own_clocks() {
    let desk = Desk::new();
    workshop(
        &desk,
        &[("utc_offset = \"+09:00\"", "utc_offset = \"-10:00\"")],
    );
    desk.json("simulate mine.toml --out o");
    let fitted = |line: &str| text(&desk.run(line));
    let own = fitted("scenario fit o");
    assert!(own.contains("utc_offset = \"-10:00\""), "{own}");
    assert!(own.contains("first_day = 2024-05-06"), "{own}");
    let other = fitted("scenario fit o --utc-offset +09:00");
    assert!(other.contains("first_day = 2024-05-07"), "{other}");
    // All of it is before ten past ten, by its own clocks.
    let steps = |line: &str| text(&desk.run(line)).lines().count();
    assert!(steps("replay o --dry-run --until 2024-05-06T10:05") > 2);
    assert!(steps("replay o --dry-run --until 2024-05-06T10:00 --utc-offset +09:00") <= 2);
    let short = desk.json("simulate mine.toml --until 2024-05-06T10:01 --out short");
    assert_eq!(short["tally"]["documents"], 1);
}

#[test]
fn labels_are_what_people_read_and_never_what_programs_do() {
    let desk = Desk::new();
    workshop(
        &desk,
        &[(
            "south = { chiefs = [\"Chief of South\"], ",
            "south = { label = \"the ministry\", rank_labels = { chiefs = \"director\" }, chiefs = [\"Kim\"], ",
        )],
    );
    let offices = played(&desk);
    let plain = "--output json";
    let simulated = text(&desk.run("simulate mine.toml --out o"));
    assert!(
        simulated.contains("between chiefs and deputy chiefs (director)"),
        "{simulated}"
    );
    for told in [
        text(&desk.run("tally o")),
        text(&offices.run("tally south")),
    ] {
        assert!(told.contains("(director)"), "{told}");
    }
    let shown = text(&desk.run("tally o --by office"));
    assert!(shown.contains("the ministry"), "{shown}");
    desk.json("ledger backup o --out copy");
    for shown in [
        text(&desk.run("ledger show copy/north")),
        text(&offices.run("ledger show north")),
    ] {
        assert!(shown.contains("Kim, director"), "{shown}");
    }
    let mut watch = offices.command();
    watch.args(["watch", "--office", "south", "--after", "0"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("it is built");
    let mut lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let first = lines.next().expect("a step").expect("it is text");
    assert!(first.contains("  the ministry  "), "{first}");
    watch.kill().and_then(|()| watch.wait()).expect("it ends");
    for line in [
        "tally o --by office --output json",
        "ledger show o/south --output json",
        "ledger export o/south --format csv",
        "ledger export o/south --format ocel",
    ] {
        let told = text(&desk.run(line));
        assert!(
            !told.contains("director") && !told.is_empty(),
            "{line} {plain}"
        );
    }
}

#[test]
fn what_is_forced_stays_until_the_new_is_whole() {
    let desk = Desk::new();
    for out in ["torn", "out"] {
        desk.json(&format!("simulate workshop --out {out}"));
    }
    desk.json("ledger backup out/south --out single");
    desk.write("steps.jsonl", "mine\n");
    for place in ["south", "north"] {
        let ledger = desk.path(&format!("torn/{place}"));
        let names = fs::read_dir(&ledger).expect("it lists").flatten();
        let mut names = names.map(|name| name.path());
        let segment = names.find(|path| path.extension().is_some_and(|it| it == "segment"));
        let segment = segment.expect("it has a segment");
        let mut bytes = fs::read(&segment).expect("it reads");
        bytes[1_500] ^= 0xff;
        fs::write(&segment, bytes).expect("it is ours");
    }
    let figures = |ledger: &str| desk.json(&format!("tally {ledger}"));
    let (pair, single): (Value, Value) = (figures("out"), figures("single"));
    for line in [
        "ledger backup torn --out out",
        "ledger backup torn/south --out single",
        "ledger convert torn --out out",
        "ledger convert torn/north --out single",
        "ledger fork torn --at 20 --out out",
        "ledger fork torn/south --at 20 --out single",
        "ledger cut torn --from 2024-05-06 --out out",
        "replay torn --simulated --out out",
        "simulate nothing --out out",
        "ledger export torn/south --format jsonl --out steps.jsonl",
    ] {
        desk.refused(&format!("{line} --force"));
        assert_eq!(figures("out"), pair, "{line}");
        assert_eq!(figures("single"), single, "{line}");
        let left = fs::read_dir(desk.path("out")).expect("it lists").count();
        assert_eq!(left, 2, "{line} leaves something beside them");
    }
    assert_eq!(
        fs::read_to_string(desk.path("steps.jsonl")).ok().as_deref(),
        Some("mine\n")
    );
    desk.json("ledger cut out --until 2024-05-06T10:01 --out torn --force");
    assert_eq!(figures("torn")["documents"], 1);
}
