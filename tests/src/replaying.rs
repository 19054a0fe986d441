//! A recorded ledger, played again at offices that run as processes.

use std::path::Path;

use office::Place;
use serde_json::Value;

use crate::harness::{Pair, Ran, liaison};

/// Runs a replay at the offices of `pair`, and reads what it printed.
async fn replay(pair: &Pair, arguments: &[&str]) -> (Ran, Value) {
    let addresses = Place::BOTH.map(|place| pair.process(place).address.to_string());
    let mut all = vec!["replay", "recorded", "--output", "json"];
    all.extend(["--south", &addresses[0], "--north", &addresses[1]]);
    all.extend(arguments);
    let ran = liaison(&directory(pair), &all).await;
    let printed = serde_json::from_str(&ran.stdout);
    let printed = printed.unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, printed)
}

fn directory(pair: &Pair) -> std::path::PathBuf {
    let data = pair.data(Place::South);
    data.parent().unwrap_or(Path::new(".")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_full_speed_it_comes_out_as_it_was_recorded_and_so_it_does_again() {
    let pair = Pair::start().await;
    let simulate = ["simulate", "kaesong-2018", "--out", "recorded"];
    let simulated = liaison(&directory(&pair), &simulate).await;
    assert_eq!(simulated.code, Some(0), "{simulated:?}");

    let (ran, printed) = replay(&pair, &["--speed", "max", "--verify"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(printed["made"], 1_163, "{printed}");
    assert_eq!(printed["verified"]["steps"], 1_163, "{printed}");
    assert_eq!(printed["contacts_rekeyed"], 0, "the offices were new");
    assert_eq!(printed["lag"]["steps"], 1_163);

    // The ledgers themselves say so too, and payloads are the bytes that were recorded.
    pair.quiet().await;
    let south = pair.data(Place::South).display().to_string();
    let diff = ["ledger", "diff", "recorded", &south];
    let diff = liaison(&directory(&pair), &diff).await;
    assert_eq!(diff.code, Some(0), "{diff:?}");

    // Again into the same offices: under other names, and contacts under other keys.
    let (ran, printed) = replay(&pair, &["--speed", "max", "--verify"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(printed["verified"]["steps"], 1_163, "{printed}");
    assert_eq!(printed["contacts_rekeyed"], 239, "{printed}");

    let tally = pair.finish().await;
    assert_eq!((tally.contacts(), tally.documents()), (2 * 285, 2 * 173));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_it_is_played_by_an_officer_of_each_office() {
    let pair = Pair::start().await;
    let simulate = ["simulate", "patterns", "--out", "recorded"];
    let simulated = liaison(&directory(&pair), &simulate).await;
    assert_eq!(simulated.code, Some(0), "{simulated:?}");
    let both = [
        pair.officer(Place::South).await,
        pair.officer(Place::North).await,
    ]
    .join(",");
    let (ran, printed) = replay(&pair, &["--speed", "max", "--verify", "--identity", &both]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(printed["verified"]["steps"], printed["made"], "{printed}");
    // Whose identity is given acts at his office, unless another is named.
    let north = pair.officer(Place::North).await;
    let at = pair.process(Place::North).address.to_string();
    let send = [
        "send",
        "--subject",
        "The river",
        "--text",
        "The river rises.",
        "--north",
        &at,
        "--identity",
        &north,
    ];
    let sent = liaison(&directory(&pair), &send).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.contains("offices/north/documents/"), "{sent:?}");
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_same_seed_a_replay_gives_its_first_answers_again() {
    let pair = Pair::start().await;
    let simulate = ["simulate", "kaesong-2018", "--out", "recorded"];
    let simulated = liaison(&directory(&pair), &simulate).await;
    assert_eq!(simulated.code, Some(0), "{simulated:?}");
    let documents = ["--speed", "max", "--seed", "5", "--only", "document-sent"];
    for _ in 0..2 {
        let (ran, printed) = replay(&pair, &documents).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(printed["made"], 173, "{printed}");
    }
    let tally = pair.finish().await;
    assert_eq!(tally.documents(), 173, "each was recorded once");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shipped_scenario_comes_out_as_it_was_simulated() {
    // The workshop in its rhythm; weeks and months as fast as they go.
    for (scenario, _) in scenario::shipped() {
        let speed = if *scenario == "workshop" {
            "3600"
        } else {
            "max"
        };
        let pair = Pair::start().await;
        let plot = liaison(&directory(&pair), &["scenario", "plot", scenario]).await;
        assert_eq!(plot.code, Some(0), "{scenario}: {plot:?}");
        let simulate = ["simulate", scenario, "--out", "recorded"];
        let simulated = liaison(&directory(&pair), &simulate).await;
        assert_eq!(simulated.code, Some(0), "{scenario}: {simulated:?}");
        let (ran, printed) = replay(&pair, &["--speed", speed, "--verify"]).await;
        assert_eq!(ran.code, Some(0), "{scenario}: {ran:?}");
        let nothing = Value::Array(Vec::new());
        assert_eq!(printed["verified"]["differences"], nothing, "{scenario}");
        assert_eq!(printed["verified"]["steps"], printed["made"], "{scenario}");
        pair.finish().await;
    }
}
