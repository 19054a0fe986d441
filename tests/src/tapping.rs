//! A tap between clients and an office: what it shows, what it keeps, and what it must not keep.

use std::os::unix::fs::PermissionsExt as _;

use office::Place;
use protocol::pb::office as pb;
use serde_json::Value;

use crate::harness::{Clients, Pair, Process, acknowledge, liaison, liaison_command, send};

const DOCUMENTS: usize = 20;

/// The objects that a command prints, one a line.
fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(object).collect()
}

/// A recording is its owner's alone, and what was to be blanked never reached it.
fn keeps_no_subject(recording: &str) {
    let bytes = std::fs::read(recording).expect("it is there");
    let has = |text: &[u8]| bytes.windows(text.len()).any(|it| it == text);
    assert!(has(b"****************") && !has(b"a secret subject"));
    let metadata = std::fs::metadata(recording).expect("it is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_passes_is_recorded_and_what_must_not_be_kept_is_not() {
    let pair = Pair::start().await;
    let office = pair.process(Place::South).address.to_string();
    let file = pair.path("calls.pcapng").display().to_string();
    let tapping = liaison_command(
        &pair.path(""),
        &[
            "tap",
            "--to",
            &office,
            "--record",
            &file,
            "--redact",
            "document.subject",
        ],
    );
    let started = Process::start(tapping, &pair.path("tap.log")).await;
    let tap = started.expect("it listens");
    let clients = Clients::of(tap.address);
    for _ in 0..DOCUMENTS {
        send(&clients, "a secret subject", pb::Wait::Delivered).await;
    }
    let unknown = acknowledge(&clients, "offices/south/documents/999").await;
    unknown.expect_err("it is not known");
    drop(clients);
    let ended = tap.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(
        ended.log.contains("21 calls: 20 answered, 1 otherwise"),
        "{}",
        ended.log
    );
    assert_eq!(
        pair.clients(Place::South).tally().await.documents,
        DOCUMENTS as u64
    );

    keeps_no_subject(&file);
    let show = ["tap", "show", &file, "--output", "json"];
    let shown = liaison(&pair.path(""), &show).await;
    let calls = objects(&shown.stdout);
    let ended = |status: &str| calls.iter().filter(|call| call["status"] == status).count();
    assert_eq!(
        (ended("OK"), ended("NOT_FOUND")),
        (DOCUMENTS, 1),
        "{}",
        shown.stdout
    );
    let in_full = liaison(&pair.path(""), &["tap", "show", &file, "--call", "1"]).await;
    assert!(
        in_full.stdout.contains(r#""subject": "****************""#),
        "{}",
        in_full.stdout
    );
    let bytes = ["tap", "show", &file, "--call", "1", "--bytes"];
    let dumped = liaison(&pair.path(""), &bytes).await.stdout;
    assert!(
        dumped.contains("a message of") && dumped.contains("flags END_STREAM END_HEADERS"),
        "{dumped}"
    );

    // The same once more as pcapng: nothing is lost on the way.
    let again = pair.path("again.pcapng").display().to_string();
    let exported = liaison(&pair.path(""), &["tap", "export", &file, &again]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let shown_again = liaison(&pair.path(""), &["tap", "show", &again, "--output", "json"]).await;
    assert_eq!(shown_again.stdout, shown.stdout);

    // A recording is not written over by itself.
    let second = ["tap", "--to", &office, "--record", &file];
    let refused = liaison(&pair.path(""), &second).await;
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    pair.finish().await;
}
