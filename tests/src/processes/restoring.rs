//! Ledgers that lost something: restored from the peer, or noticed.

use std::fs;
use std::path::Path;

use office::Place;
use protocol::pb::office as pb;
use tonic::Code;

use crate::harness::meeting::{Move, comes_to, propose, step};
use crate::harness::{
    Clients, Pair, acknowledge, arrives, document, liaison, refused, send, sending, terms,
    try_send, until,
};
use crate::seen::{ADMIN, get, seen_at};

/// Documents both ways, some of them answered, and a meeting.
async fn traffic(south: &Clients, north: &Clients) {
    for number in 0..30 {
        for (from, to) in [(south, north), (north, south)] {
            let subject = format!("number {number}");
            let receipt = send(from, &subject, pb::Wait::Delivered).await;
            if number % 5 == 0 {
                acknowledge(to, &receipt.name).await.expect("it is taken");
            }
        }
    }
    let name = propose(south, terms("Roads"))
        .await
        .expect("it is taken")
        .name;
    comes_to(north, &name, pb::MeetingState::Proposed).await;
    step(north, Move::Accept, &name).await.expect("it is taken");
    comes_to(south, &name, pb::MeetingState::Accepted).await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("it is new");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("it can be copied");
    }
}

/// A new pair has lost nothing, so its logs speak of no restore.
fn tells_no_restore(pair: &Pair) {
    for place in Place::BOTH {
        let log = pair.process(place).log();
        assert!(!log.contains("has been restored"), "a new pair: {log}");
    }
}

#[tokio::test]
async fn a_destroyed_part_comes_back_from_the_peer() {
    let mut pair = Pair::start().await;
    let (south, north) = pair.both();
    traffic(&south, &north).await;
    pair.quiet().await;
    tells_no_restore(&pair);
    let before = (south.tally().await, south.marks().await);
    pair.kill(Place::South);
    pair.kill(Place::North);

    let data = pair.data(Place::South);
    let segment = data.join("00000000000000000001.segment");
    let mut bytes = fs::read(&segment).expect("it is there");
    let third = bytes.len() / 3;
    bytes[third..third + 100].fill(0xff);
    fs::write(&segment, &bytes).expect("it is ours");
    let refuses = pair.try_start(Place::South, &[]).await;
    assert_eq!(refuses.expect_err("it is damaged").code, Some(1));
    let path = data.display().to_string();
    let arguments = [
        "ledger", "restore", &path, "--office", "south", "--output", "json",
    ];
    let ran = liaison(&pair.path(""), &arguments).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it writes JSON");
    assert_eq!(told["epoch"], 2);
    assert_eq!(told["saved"].as_array().map(Vec::len), Some(1));

    // The peer is away: nothing is authored, and the office says why.
    pair.start_office_with(Place::South, &ADMIN).await;
    let seen_at = seen_at(&pair, Place::South).await;
    let south = pair.clients(Place::South);
    let office = pair
        .connection(Place::South, pb::Connection::Restoring)
        .await;
    assert_eq!(office.epoch, 2);
    let status = try_send(&south, sending(document("too early"))).await;
    let status = refused(&status.expect_err("it is being restored"));
    assert_eq!(status.why(), (Code::Unavailable, "RESTORING"));
    assert!(status.retry_after().as_millis() > 0);
    assert!(!south.serves().await);
    let (ready, why) = get(&seen_at, "/readyz").await;
    assert!(ready.contains("503") && why.contains("give back"), "{why}");
    assert_eq!(get(&seen_at, "/livez").await.1, "ok\n");

    pair.start_office(Place::North).await;
    let receipt = until("the first document after the restore", async || {
        try_send(&south, sending(document("and on"))).await.ok()
    })
    .await;
    assert!(south.serves().await);
    assert_eq!(get(&seen_at, "/readyz").await.1, "ok\n");
    let marks = south.marks().await;
    assert_eq!(
        marks.received, before.1.received,
        "the peer's steps are back"
    );
    assert_eq!(
        marks.appended,
        before.1.appended + 1,
        "its own steps are back"
    );
    assert_eq!(south.tally().await.documents, before.0.documents + 1);
    arrives(
        &pair.clients(Place::North),
        &receipt.name,
        pb::DocumentState::Delivered,
    )
    .await;
    assert_eq!(pair.clients(Place::North).office().await.peer_epoch, 2);
    let log = pair.process(Place::North).log();
    assert!(log.contains("the peer has been restored"), "{log}");
    assert_eq!(pair.finish().await.documents(), 61);
}

/// What a cut at a frame's end, or a disk that forgets a file, leaves after a clean stop.
fn loses_its_end(data: &Path) {
    let segment = last_segment(data);
    let file = fs::OpenOptions::new().write(true).open(segment);
    let file = file.expect("it is there");
    let len = file.metadata().expect("it has one").len();
    file.set_len(len - 1_400).expect("it is ours");
}

fn loses_its_segments(data: &Path) {
    fs::remove_file(last_segment(data)).expect("it is ours");
}

fn loses_all_but_its_snapshot(data: &Path) {
    loses_its_segments(data);
    fs::remove_file(data.join("head")).expect("it is there");
}

fn last_segment(data: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(data).expect("it can be listed");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let segments = paths.filter(|path| path.extension().is_some_and(|it| it == "segment"));
    segments.max().expect("there is one")
}

#[tokio::test]
async fn what_was_durable_and_is_gone_is_never_missed_in_silence() {
    for lose in [
        loses_its_end,
        loses_its_segments,
        loses_all_but_its_snapshot,
    ] {
        let mut pair = Pair::start().await;
        let (south, north) = pair.both();
        traffic(&south, &north).await;
        pair.quiet().await;
        let before = (south.tally().await, south.marks().await);
        pair.stop(Place::South).await;
        pair.stop(Place::North).await;
        let data = pair.data(Place::South);
        lose(&data);

        // With the peer away nobody else could tell.
        let refuses = pair.try_start(Place::South, &[]).await;
        let ended = refuses.expect_err("it is shorter than it was");
        assert_eq!(ended.code, Some(1));
        let told = ended.log;
        assert!(told.contains("liaison ledger restore"), "{told}");
        let path = data.display().to_string();
        let arguments = ["ledger", "verify", &path, "--output", "json"];
        let verified = liaison(&pair.path(""), &arguments).await;
        assert_eq!(verified.code, Some(99), "{}", verified.stderr);
        let found: serde_json::Value = serde_json::from_str(&verified.stdout).expect("JSON");
        let missing = found[0]["missing"].as_u64().expect("it is counted");
        assert!(missing > 0, "{found}");

        let arguments = [
            "ledger", "restore", &path, "--office", "south", "--output", "json",
        ];
        let restored = liaison(&pair.path(""), &arguments).await;
        assert_eq!(restored.code, Some(0), "{}", restored.stderr);
        let restored: serde_json::Value = serde_json::from_str(&restored.stdout).expect("JSON");
        assert_eq!(restored["missing"], missing);

        pair.start_office(Place::South).await;
        pair.start_office(Place::North).await;
        let south = pair.clients(Place::South);
        until("the first document after the restore", async || {
            try_send(&south, sending(document("and on"))).await.ok()
        })
        .await;
        let marks = south.marks().await;
        assert_eq!(marks.received, before.1.received);
        assert_eq!(marks.appended, before.1.appended + 1);
        assert_eq!(south.tally().await.documents, before.0.documents + 1);
        assert_eq!(pair.finish().await.documents(), 61);
    }
}

#[tokio::test]
async fn an_old_ledger_copied_back_is_noticed_and_nothing_is_authored() {
    let mut pair = Pair::start().await;
    let (south, north) = pair.both();
    traffic(&south, &north).await;
    pair.stop(Place::South).await;
    copy(&pair.data(Place::South), &pair.path("old"));
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    send(&south, "after the copy was made", pb::Wait::Delivered).await;
    pair.stop(Place::South).await;
    fs::remove_dir_all(pair.data(Place::South)).expect("it is ours");
    fs::rename(pair.path("old"), pair.data(Place::South)).expect("it is ours");

    pair.start_office(Place::South).await;
    for place in Place::BOTH {
        let office = pair.connection(place, pb::Connection::Fault).await;
        assert!(
            office.connection_reason.contains("restore"),
            "{}",
            office.connection_reason
        );
        let status = try_send(&pair.clients(place), sending(document("no"))).await;
        let status = refused(&status.expect_err("the ledgers disagree"));
        assert_eq!(status.why(), (Code::DataLoss, "LEDGERS_DISAGREE"));
        assert!(
            status.message.contains("liaison ledger restore"),
            "{}",
            status.message
        );
    }

    // The remedy that was told.
    pair.stop(Place::South).await;
    let path = pair.data(Place::South).display().to_string();
    let ran = liaison(
        &pair.path(""),
        &["ledger", "restore", &path, "--office", "south"],
    )
    .await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    pair.start_office(Place::South).await;
    for place in Place::BOTH {
        until("mutations taken again", async || {
            let sent = try_send(&pair.clients(place), sending(document("and on"))).await;
            sent.ok()
        })
        .await;
    }
    assert_eq!(pair.finish().await.documents(), 63);
}
