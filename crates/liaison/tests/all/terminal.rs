//! What made people stop at the terminal.

use std::process::Stdio;

use jiff::Timestamp;
use serde_json::Value;

use crate::harness::{Offices, command, wait_until};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn line_has_two_meanings_and_is_no_command() {
    for line in [&["line", "cut"][..], &["line"], &["line", "--help"]] {
        let output = command().args(line).output().expect("the binary is built");
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        let error = text(&output.stderr);
        for part in ["liaison telephone cut", "up --control", "liaison proxy"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn a_cut_line_holds_what_is_sent_and_a_cut_telephone_does_not() {
    let offices = Offices::start_with(&["--control", "127.0.0.1:0"], Stdio::inherit());
    offices.json("telephone cut");
    let sent = offices.json("send --subject A --text A --wait delivered");
    assert_eq!(sent["state"], "DOCUMENT_STATE_DELIVERED");

    assert_eq!(offices.line("cut"), "ok");
    let (error, _) = offices.refused("send --subject B --text B --wait delivered --timeout 500ms");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(
        hint.contains("waited until the north office has it"),
        "{hint}"
    );
    assert_eq!(offices.line("restore"), "ok");
    let sent = offices.json("send --subject C --text C --wait delivered");
    assert_eq!(sent["state"], "DOCUMENT_STATE_DELIVERED");
    offices.stop();
}

#[test]
fn lines_to_copy_name_what_comes_next() {
    let offices = Offices::start();
    offices.json("send --subject A --text A --wait delivered");
    offices.json("telephone cut");
    let examples = text(&offices.run("up --examples").stdout);
    let line = examples
        .lines()
        .find(|line| line.contains("document acknowledge"))
        .expect("there is one");
    assert!(line.contains("offices/south/documents/3 "), "{line}");
    // They do what they say, one after another.
    offices.json("send --subject B --text B --wait delivered");
    let name = line.split_whitespace().nth(3).expect("a name");
    let acknowledged = offices.json(&format!("document acknowledge {name}"));
    assert_eq!(acknowledged["state"], "DOCUMENT_STATE_ACKNOWLEDGED");
    offices.stop();
}

#[test]
fn a_tally_of_nothing_named_is_of_the_offices_that_are_up() {
    let offices = Offices::start();
    // No wait: South is a moment ahead, and that is no disagreement.
    offices.json("send --subject A --text A");
    assert_eq!(offices.json("tally")["documents"], 1);
    assert_eq!(offices.json("tally --by office")["by"], "office");
    let alone = offices
        .command()
        .args(["tally", "--north", "127.0.0.1:1"])
        .output()
        .expect("it runs");
    assert!(alone.status.success());
    let note = text(&alone.stderr);
    assert!(note.contains("only the south office"), "{note}");
    offices.stop();
    let none = command()
        .args(["tally", "--south", "127.0.0.1:1", "--north", "127.0.0.1:1"])
        .output()
        .expect("it runs");
    assert_eq!(none.status.code(), Some(78));
}

#[test]
fn a_pipe_gets_every_column_whole() {
    let offices = Offices::start();
    let subject = "Roads-and-rails-".repeat(12);
    offices.json(&format!(
        "send --subject {subject} --text A --wait delivered"
    ));
    offices.json(&format!(
        "meeting propose --kind chiefs --begins-at 2h --topic {subject}"
    ));
    offices.json(&format!(
        "contact record --kind regular --begun-at 2018-09-17T10:00 --topic {subject}"
    ));
    wait_until(|| {
        let inbox = text(&offices.run("inbox --office north").stdout);
        inbox.matches(&subject).count() == 3
    });
    for line in [
        "document list",
        "meeting list",
        "contact list",
        "ledger show south",
    ] {
        let told = text(&offices.run(line).stdout);
        assert!(
            told.contains(&subject) && !told.contains('…'),
            "{line}: {told}"
        );
    }
    offices.stop();
}

#[test]
fn a_while_is_one_of_the_play() {
    let flags = ["--play", "north=workshop", "--speed", "6000"];
    let offices = Offices::start_with(&flags, Stdio::inherit());
    let moment = |time: &Value| -> Timestamp {
        let parsed = time.as_str().and_then(|it| it.parse().ok());
        parsed.unwrap_or_else(|| panic!("{time} is no time"))
    };
    let propose = "meeting propose --kind working-level --begins-at 2h --answer-by 1h";
    let proposed = offices.json(propose);
    let now = moment(&proposed["steps"][0]["authored_at"]);
    for (term, most_ms) in [("begins_at", 1_200), ("answer_by", 600)] {
        let ahead = moment(&proposed["terms"][term]).duration_since(now);
        assert!(
            (-100..=most_ms).contains(&ahead.as_millis()),
            "{term}: {ahead}"
        );
    }
    // Whoever plays the other office convenes it when it begins, and not before.
    let name = proposed["name"].as_str().expect("a name").to_owned();
    let shown = || offices.json(&format!("meeting show {name}"));
    wait_until(|| shown()["counted"] == true);
    let meeting = shown();
    let steps = meeting["steps"].as_array().expect("a list");
    let convened = steps
        .iter()
        .find(|step| step["kind"] == "STEP_KIND_MEETING_CONVENED")
        .expect("it was convened");
    let early =
        moment(&meeting["terms"]["begins_at"]).duration_since(moment(&convened["authored_at"]));
    assert!(
        early.as_millis() <= 1_000,
        "{early} before it begins: {meeting}"
    );
    // A time is one by the clock all the same.
    let proposed = offices.json("meeting propose --kind chiefs --begins-at 2038-01-01T10:00");
    assert_eq!(proposed["terms"]["begins_at"], "2038-01-01T01:00:00Z");
    offices.stop();
}

#[test]
fn a_wait_says_what_it_waits_for() {
    let offices = Offices::start();
    let output = offices.run("send --subject A --text A --wait acknowledged --timeout 3s");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64 + 4), "{said}");
    let first = said.lines().next().expect("it says something");
    assert!(
        first.starts_with("waiting until an officer of the north office"),
        "{said}"
    );
    assert!(said.contains("liaison inbox --office north"), "{said}");
    offices.stop();
}

#[test]
fn a_refusal_is_worded_once() {
    let offices = Offices::start();
    let told = |line: &str| text(&offices.run(line).stderr);
    let unknown = told("document show offices/north/documents/99");
    assert_eq!(unknown.lines().count(), 2, "{unknown}");
    let empty = told("send --subject  --text A");
    assert_eq!(empty.matches("subject").count(), 1, "{empty}");
    offices.stop();
}

#[test]
fn ghz_is_offered_where_it_works() {
    let help = |words: &[&str]| {
        let output = command().args(words).arg("--help").output();
        text(&output.expect("the binary is built").stdout)
    };
    for words in [&["send"][..], &["status"], &["tally"], &["ledger", "show"]] {
        assert!(!help(words).contains("ghz"), "{words:?}");
    }
    for words in [&["load"][..], &["load", "report"], &["load", "merge"]] {
        assert!(help(words).contains("text|json|ghz"), "{words:?}");
    }
    for words in [
        &["status"][..],
        &["load", "--list"],
        &["load", "compare", "a", "b"],
    ] {
        let output = command().args(words).args(["--output", "ghz"]).output();
        let output = output.expect("the binary is built");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(text(&output.stderr).contains("--output ghz"));
    }
}
