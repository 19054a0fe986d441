//! What was recorded at one pair of offices, made again at another.

use std::process::Stdio;

use crate::harness::{Offices, command};

const DOCUMENTS: usize = 8;

/// Documents that are acknowledged, and meetings that are called off: what is sent later names what was answered before.
fn traffic(offices: &Offices) {
    for number in 0..DOCUMENTS {
        let sent = offices.json(&format!(
            "send --subject Number{number} --text Hello --wait delivered"
        ));
        let name = sent["name"].as_str().expect("a name");
        offices.json(&format!("document acknowledge {name} --office north"));
    }
    for _ in 0..2 {
        let proposed = offices.json("meeting propose --kind chiefs --begins-at 2h");
        let name = proposed["name"].as_str().expect("a name");
        offices.json(&format!("meeting cancel {name}"));
    }
}

fn counted(offices: &Offices) -> (u64, u64) {
    let tally = offices.json("tally south");
    let number = |key: &str| tally[key].as_u64().unwrap_or_default();
    (number("documents"), number("exchanges"))
}

#[test]
fn what_was_recorded_is_made_again_under_other_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = directory.path().join("calls.pcapng");
    let recording = recording.to_str().expect("a text");
    let first = Offices::start_with(&["--tap", "--record", recording], Stdio::null());
    traffic(&first);
    let wanted = counted(&first);
    let (south, north) = (first.south.clone(), first.north.clone());
    first.stop();

    let second = Offices::start();
    // So that every name is another one.
    for _ in 0..3 {
        second.json("send --subject Other --text Hello --wait delivered");
    }
    let before = counted(&second);
    let again = |flags: &[&str]| {
        let mut again = command();
        again
            .args([
                "load",
                "--schedule",
                &format!("tap:{recording}"),
                "--speed",
                "max",
            ])
            .args(["--redirect", &format!("{south}={}", second.south)])
            .args(["--redirect", &format!("{north}={}", second.north)])
            .args([
                "--only",
                "liaison.office.v1.DocumentService",
                "--only",
                "liaison.office.v1.MeetingService",
            ])
            .args(["--output", "json"])
            .args(flags)
            .output()
            .expect("the binary is built")
    };
    let flags = [
        "--rekey",
        "request_id=uuid",
        "--correlate",
        "auto",
        "--compare",
    ];
    let differing = again(&flags);
    let told: serde_json::Value = serde_json::from_slice(&differing.stdout).expect("it is JSON");
    // Times are others, and nothing was told to leave them alone.
    assert_eq!(differing.status.code(), Some(99), "{told:#}");
    let calls = told["calls"].as_array().expect("a list");
    assert_eq!(calls.len(), 2 * DOCUMENTS + 4);
    assert!(calls.iter().all(|call| call["status"] == "OK"), "{told:#}");
    let found = told["values"].as_array().expect("a list");
    let repeated: u64 = found.iter().filter_map(|it| it["repeats"].as_u64()).sum();
    assert_eq!(repeated, DOCUMENTS as u64 + 2, "{told:#}");
    assert_eq!(told["values_lost"], 0);
    let after = counted(&second);
    assert_eq!((after.0 - before.0, after.1 - before.1), wanted);

    // Without new keys it is the same once more: everything is answered as it was, and nothing is counted.
    let held = again(&[]);
    assert_eq!(held.status.code(), Some(0));
    second.stop();
}
