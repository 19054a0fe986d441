//! The binary against two running offices, as a user has it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::harness::{Offices, command, wait_until};

fn offline(arguments: &[&str], path: &Path) -> Output {
    command()
        .args(arguments)
        .arg(path)
        .output()
        .expect("the binary is built")
}

#[test]
fn a_scenario_is_played_at_offices_that_are_up() {
    let flags = ["--play", "both=workshop", "--speed", "600"];
    let mut offices = Offices::start_with(&flags, Stdio::piped());
    let notes = BufReader::new(offices.up.stderr.take().expect("it is piped"));
    let over = notes
        .lines()
        .map_while(Result::ok)
        .find(|note| note.contains("is over") || note.contains("broken off"));
    let over = over.expect("it ends");
    assert!(over.contains("workshop is over: 33 acts"), "{over}");
    let tally = offices.json("tally south");
    assert_eq!(
        (&tally["documents"], &tally["exchanges"]),
        (&6.into(), &8.into()),
        "{tally}"
    );
    offices.stop();
}

#[test]
fn an_office_that_is_played_answers_people() {
    let flags = ["--play", "north=workshop", "--speed", "100000"];
    let offices = Offices::start_with(&flags, Stdio::inherit());
    let sent = offices.json("send --office south --subject Roads --text Hello --wait acknowledged");
    assert_eq!(sent["state"], "DOCUMENT_STATE_ACKNOWLEDGED");

    let before = offices.json("tally north");
    let proposed =
        offices.json("meeting propose --office south --kind working-level --begins-at 2h");
    let meeting = proposed["name"].as_str().expect("a name");
    let recorded =
        offices.json("contact record --office south --kind regular --begun-at 2018-09-17T10:00");
    assert!(recorded["name"].is_string());
    // It accepts, convenes and closes, and confirms: nobody at South does anything more.
    wait_until(|| offices.json(&format!("meeting show {meeting}"))["counted"] == true);
    wait_until(|| {
        let tally = offices.json("tally north");
        tally["contacts"]["consultations"]["regular"]
            != before["contacts"]["consultations"]["regular"]
    });
    offices.stop();
}

#[test]
fn an_exchange_of_each_kind_is_counted_once_in_both_ledgers() {
    let offices = Offices::start();

    let sent = offices.json("send --office south --subject Roads --text Hello --wait delivered");
    assert_eq!(sent["state"], "DOCUMENT_STATE_DELIVERED");
    let document = sent["name"].as_str().expect("a name");
    let acknowledged = offices.json(&format!("document acknowledge {document} --by Jon"));
    assert_eq!(acknowledged["state"], "DOCUMENT_STATE_ACKNOWLEDGED");
    let body = offices.run(&format!("document show {document} --office north --body"));
    assert_eq!(body.stdout, b"Hello");

    let proposed = offices.json("meeting propose --office north --kind chiefs --begins-at 2h");
    let meeting = proposed["name"].as_str().expect("a name");
    wait_until(|| {
        offices
            .run(&format!("meeting show {meeting}"))
            .status
            .success()
    });
    offices.json(&format!("meeting accept {meeting} --office south"));
    offices.json(&format!("meeting convene {meeting} --office south"));
    // It waits by itself until the convening is final.
    let closed = offices.json(&format!(
        "meeting close {meeting} --office south --duration 1h"
    ));
    assert_eq!(closed["counted"], true);

    let recorded = offices.json("contact record --kind regular --begun-at 2018-09-17T10:00");
    let contact = recorded["name"].as_str().expect("a name");
    wait_until(|| {
        offices
            .run(&format!("contact confirm {contact}"))
            .status
            .success()
    });
    offices.json("call open --office north --day 2018-09-17");

    wait_until(|| offices.run("tally south north").status.success());
    let live = offices.json("tally south north");
    assert_eq!(live["contacts"]["meetings"]["chiefs"], 1);
    assert_eq!(live["contacts"]["consultations"]["regular"], 1);
    assert_eq!((&live["documents"], &live["calls"]), (&1.into(), &1.into()));

    let data = offices.stop();
    for arguments in [&["ledger", "verify"][..], &["ledger", "reconcile"]] {
        assert!(
            offline(arguments, data.path()).status.success(),
            "{arguments:?}"
        );
    }
    let cold = offline(&["tally", "--output", "json"], data.path());
    let cold: Value = serde_json::from_slice(&cold.stdout).expect("it is JSON");
    assert_eq!(cold, live, "what was told live is what the ledgers hold");
}

#[test]
fn what_waits_for_an_officer_is_in_the_inbox_until_it_is_answered() {
    let offices = Offices::start();
    let waiting = |office: &str| -> Vec<(String, String)> {
        let told = offices.json(&format!("inbox --office {office}"));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let rows = told.as_array().expect("a list").iter();
        rows.map(|row| (text(&row["what"]), text(&row["name"])))
            .collect()
    };
    let names = |office: &str| -> Vec<String> {
        waiting(office).into_iter().map(|(_, name)| name).collect()
    };
    assert!(waiting("south").is_empty() && waiting("north").is_empty());

    let send = "send --text Hello --wait delivered --subject";
    let plain = offices.json(&format!("{send} A --deadline 1d"));
    let urgent = offices.json(&format!("{send} B --precedence flash"));
    let proposed = offices.json("meeting propose --kind chiefs --begins-at 2h");
    let recorded = offices.json("contact record --kind regular --begun-at 2018-09-17T10:00");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let [plain, urgent, meeting, contact] = [&plain, &urgent, &proposed, &recorded].map(name);
    // By precedence, then by what is due.
    let wanted = [&urgent, &meeting, &plain, &contact];
    wait_until(|| names("north").len() == wanted.len());
    assert_eq!(names("north").iter().collect::<Vec<_>>(), wanted);
    assert!(
        names("south").is_empty(),
        "an own offer waits for the other"
    );

    let first = offices.run("inbox --office north --limit 1");
    let text = String::from_utf8_lossy(&first.stdout);
    assert!(text.contains(&format!("{urgent}  acknowledge")), "{text}");
    assert!(!text.contains(&plain), "{text}");
    let more = String::from_utf8_lossy(&first.stderr);
    assert!(more.contains("--limit 0 shows all"), "{more}");

    for line in [
        format!("document acknowledge {urgent}"),
        format!("document refuse {plain} --reason No"),
        format!("contact confirm {contact}"),
        format!("meeting accept {meeting} --office north"),
    ] {
        offices.json(&line);
    }
    // What was accepted, either office may convene.
    assert_eq!(names("north"), std::slice::from_ref(&meeting));
    wait_until(|| names("south") == std::slice::from_ref(&meeting));
    offices.json(&format!("meeting convene {meeting} --office south"));
    offices.json(&format!("meeting close {meeting} --office south"));
    wait_until(|| names("north").is_empty());
    assert!(names("south").is_empty());
    offices.stop();
}

#[test]
fn a_request_id_makes_a_repeat_the_first_answer_again() {
    let offices = Offices::start();
    let send = "send --subject A --text A --request-id 0e6f1a52-92c5-4d4c-8a43-6d7f0f3a2b10";
    let first = offices.json(send);
    assert_eq!(offices.json(send)["name"], first["name"]);
    let (error, code) = offices.refused(&send.replace("--text A", "--text B"));
    assert_eq!(
        (error["reason"].as_str(), code),
        (Some("IDEMPOTENCY_CONFLICT"), 64 + 6)
    );
    offices.stop();
}

#[test]
fn a_document_that_no_request_holds_is_sent_all_the_same() {
    let offices = Offices::start();
    let directory = tempfile::tempdir().expect("a directory");
    let annex = directory.path().join("annex");
    let body: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let body = &body[..=6 * 1024 * 1024];
    std::fs::write(&annex, body).expect("it can be written");
    let sent = offices.json(&format!(
        "send --subject Annex --wait delivered --file {}",
        annex.display()
    ));
    assert_eq!(sent["state"], "DOCUMENT_STATE_DELIVERED");
    let name = sent["name"].as_str().expect("a name");
    let read = offices.run(&format!("document show {name} --office north --body"));
    assert!(read.stdout == body, "the body is another");
    offices.stop();
}

#[test]
fn a_watch_says_each_time_that_an_office_has_gone() {
    let mut offices = Offices::start();
    let mut watch = offices.command();
    watch.args(["watch", "--office", "south"]);
    let mut watch = watch
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut said = BufReader::new(watch.stderr.take().expect("it is piped")).lines();
    let mut says = |what: &str| {
        let line = said.next().expect("it goes on").expect("it is text");
        assert!(line.contains(what), "{line:?} where {what:?} belongs");
    };
    says("south: watching after entry");
    // Nothing is recorded in between, so that it has nothing to tell but this.
    for _ in 0..2 {
        let (south, north) = (offices.south.clone(), offices.north.clone());
        let data = offices.stop();
        says("connecting again");
        offices = Offices::again(data, &south, &north);
        says("south: watching after entry");
    }
    watch.kill().expect("it runs");
    watch.wait().expect("it ends");
}

#[test]
fn a_refusal_has_its_code_and_its_details() {
    let offices = Offices::start();
    let (error, code) = offices.refused("document show offices/north/documents/99");
    assert_eq!((error["code"].as_str(), code), (Some("NOT_FOUND"), 64 + 5));
    assert_eq!(error["resource"]["name"], "offices/north/documents/99");
    offices.stop();
}

#[test]
fn an_office_that_is_not_there_is_unavailable() {
    let nobody = ["--south", "127.0.0.1:1", "--north", "127.0.0.1:1"];
    for command_line in [&["status"][..], &["send", "--subject", "A", "--text", "A"]] {
        let output = command()
            .args(command_line)
            .args(nobody)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(64 + 14), "{command_line:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("liaison up"), "{error}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("run");
    let simulated = offline(&["simulate", "kaesong-2018", "--out"], &out);
    assert!(simulated.status.success());
    let mut show = command()
        .args(["ledger", "show"])
        .arg(out.join("south"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut first = String::new();
    let mut stdout = BufReader::with_capacity(16, show.stdout.take().expect("it is piped"));
    stdout.read_line(&mut first).expect("there is a line");
    drop(stdout);
    assert_eq!(show.wait().expect("it ends").code(), Some(0));
}
