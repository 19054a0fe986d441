//! Offices started where they must not start.

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use ledger::{CHAIN_START, FORMAT_VERSION, Record, encode_frame};
use office::Place;
use protocol::pb::office as pb;

use crate::harness::{Ended, Pair, Process, ledger_of, send};

/// Starts an office on `data` alone, which must refuse.
async fn refuses(pair: &Pair, place: Place, data: &Path) -> Ended {
    refuses_at(pair, place, data, "127.0.0.1:0").await
}

async fn refuses_at(pair: &Pair, place: Place, data: &Path, listen: &str) -> Ended {
    let mut command = Process::command(place);
    command
        .args(["--listen", listen, "--peer", "127.0.0.1:9", "--data"])
        .arg(data)
        .arg("--identities")
        .arg(pair.identities());
    let ended = Process::start(command, &pair.path("refused.log")).await;
    let ended = ended.expect_err("it must not start");
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    ended
}

/// The only segment of a ledger, and its bytes.
fn segment(data: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let path = data.join("00000000000000000001.segment");
    let bytes = fs::read(&path).expect("the ledger has a segment");
    (path, bytes)
}

/// A South office that has written some documents, and has stopped.
async fn written(documents: u32) -> Pair {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    for number in 0..documents {
        send(&south, &format!("number {number}"), pb::Wait::Recorded).await;
    }
    pair.kill(Place::South);
    pair
}

#[tokio::test]
async fn a_second_process_on_one_ledger_is_refused() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let ended = refuses(&pair, Place::South, &pair.data(Place::South)).await;
    assert!(
        ended.log.contains("in use by another process"),
        "{}",
        ended.log
    );
    send(
        &pair.clients(Place::South),
        "still here",
        pb::Wait::Recorded,
    )
    .await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_the_remedy() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let address = pair.process(Place::South).address.to_string();
    let data = pair.path("elsewhere");
    let ended = refuses_at(&pair, Place::South, &data, &address).await;
    assert!(
        ended.log.contains(&address) && ended.log.contains("--listen"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn the_other_offices_ledger_is_refused() {
    let pair = written(1).await;
    let ended = refuses(&pair, Place::North, &pair.data(Place::South)).await;
    assert!(
        ended.log.contains("belongs to the south office"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn a_ledger_of_a_newer_format_is_refused_with_the_remedy() {
    let pair = Pair::idle(&[]).await;
    let data = pair.data(Place::South);
    fs::create_dir(&data).expect("it is new");
    let newer = FORMAT_VERSION + 1;
    let opening = Record::Opening {
        format_version: newer,
        place: Place::South,
        epoch: 1,
    };
    let mut frame = BytesMut::new();
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    encode_frame(&mut frame, newer, 1, now, &opening, None, &CHAIN_START);
    fs::write(data.join("00000000000000000001.segment"), &frame).expect("it is ours");
    let ended = refuses(&pair, Place::South, &data).await;
    assert!(
        ended.log.contains(&format!("format {newer}")) && ended.log.contains("upgrade"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn a_flipped_bit_in_the_middle_is_damage_and_nothing_is_thrown_away() {
    let pair = written(20).await;
    let data = pair.data(Place::South);
    let (path, mut bytes) = segment(&data);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("it is ours");
    let ended = refuses(&pair, Place::South, &data).await;
    for part in [
        &*path.display().to_string(),
        "damaged at offset",
        "liaison ledger verify",
        "liaison ledger restore",
    ] {
        assert!(
            ended.log.contains(part),
            "{part} is missing in {}",
            ended.log
        );
    }
    assert_eq!(segment(&data).1, bytes, "nothing has been thrown away");
}

#[tokio::test]
async fn a_torn_tail_is_saved_aside_and_the_office_starts() {
    let mut pair = written(20).await;
    let data = pair.data(Place::South);
    let (path, whole) = segment(&data);
    let torn = b"\x40\x00\x00\x00 the power went";
    fs::write(&path, [&whole[..], torn].concat()).expect("it is ours");
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    assert_eq!(south.tally().await.documents, 20);
    send(&south, "and on", pb::Wait::Recorded).await;
    let saved = fs::read_dir(&data)
        .expect("it can be listed")
        .map(|entry| entry.expect("it can be listed").path())
        .find(|path| path.display().to_string().contains("torn"))
        .expect("the tail is saved aside");
    assert_eq!(fs::read(saved).expect("it can be read"), torn);
    assert_eq!(
        ledger::tally(&ledger_of(&data))
            .expect("it counts")
            .documents(),
        21
    );
}

#[tokio::test]
async fn a_snapshot_may_be_deleted_spoilt_or_old() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let snapshot = pair.data(Place::South).join("snapshot");
    send(&pair.clients(Place::South), "1", pb::Wait::Recorded).await;
    pair.stop(Place::South).await;
    let old = fs::read(&snapshot).expect("a drain leaves a snapshot behind");
    let mut documents = 1;
    let spoilt = [&old[..old.len() / 2], b"\xff", &old[old.len() / 2 + 1..]].concat();
    for left in [None, Some(&old), Some(&spoilt), Some(&Vec::new())] {
        match left {
            Some(bytes) => fs::write(&snapshot, bytes).expect("it is ours"),
            None => fs::remove_file(&snapshot).expect("it is there"),
        }
        pair.start_office(Place::South).await;
        let south = pair.clients(Place::South);
        assert_eq!(south.tally().await.documents, documents);
        let receipt = send(&south, "and on", pb::Wait::Recorded).await;
        documents += 1;
        assert_eq!(receipt.name, format!("offices/south/documents/{documents}"));
        pair.stop(Place::South).await;
    }
    let counted = ledger::tally(&ledger_of(&pair.data(Place::South)));
    assert_eq!(counted.expect("it counts").documents(), documents);
}
