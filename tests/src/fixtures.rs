//! What version 0.1.0 wrote, and the first of each later format: every later version opens, verifies, counts, replays, cuts,
//! forks, converts and exports it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{DiskStorage, HeadUse, Ledger, LedgerOptions, Record, SnapshotUse, Storage};
use office::Place;
use protocol::pb::office as pb;
use serde_json::Value;

use crate::harness::{Pair, Ran, arrives, ledger_of, liaison, root, send};

/// What was written in one format.
#[derive(Clone, Copy)]
struct Kept {
    directory: &'static str,
    format: u32,
    pairs: &'static [&'static str],
    /// Of which pair's South the exports are.
    exported: &'static str,
}

const FIRST: Kept = Kept {
    directory: "0.1.0",
    format: 1,
    pairs: &["workshop", "faults", "live", "restored", "forked"],
    exported: "workshop",
};
const SECOND: Kept = Kept {
    directory: "format-2",
    format: 2,
    pairs: &["faults"],
    exported: "faults",
};
const THIRD: Kept = Kept {
    directory: "format-3",
    format: 3,
    pairs: &["faults", "live"],
    exported: "live",
};
const ALL: [Kept; 3] = [FIRST, SECOND, THIRD];
const OFFICES: [&str; 2] = ["south", "north"];

impl Kept {
    fn path(self, path: &str) -> PathBuf {
        root()
            .join("tests/fixtures")
            .join(self.directory)
            .join(path)
    }

    fn expected(self, name: &str) -> String {
        fs::read_to_string(self.path("expected").join(name)).expect("it is kept")
    }
}

/// All pairs, each with the format that it was written in.
fn pairs() -> impl Iterator<Item = (Kept, &'static str)> {
    ALL.into_iter()
        .flat_map(|kept| kept.pairs.iter().map(move |name| (kept, *name)))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it is kept") {
        let entry = entry.expect("it is kept");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("room");
        }
    }
}

/// Runs `liaison` beside a copy of a fixture.
struct Copied {
    directory: tempfile::TempDir,
}

impl Copied {
    fn of(kept: Kept, name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        copy(&kept.path(name), &directory.path().join(name));
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn try_run(&self, arguments: &str) -> Ran {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        liaison(self.directory.path(), &arguments).await
    }

    async fn run(&self, arguments: &str) -> Ran {
        let ran = self.try_run(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments}: {ran:?}");
        ran
    }

    async fn json(&self, arguments: &str) -> Value {
        json(&self.run(&format!("{arguments} --output json")).await.stdout)
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

/// The journal as it was printed then: 0.1.0 cut long lines in a pipe, too.
fn as_it_was(is: &str, was: &str) -> String {
    let lines = is.lines().zip(was.lines());
    let cut = lines.map(|(is, was)| match was.strip_suffix('…') {
        Some(kept) if is.starts_with(kept) => was,
        _ => is,
    });
    let cut: String = cut.flat_map(|line| [line, "\n"]).collect();
    let more = is.lines().count().saturating_sub(was.lines().count());
    cut + &"more\n".repeat(more)
}

/// What was printed then; a later version may say more.
fn says_still(is: &Value, was: &Value) -> bool {
    match (is, was) {
        (Value::Object(is), Value::Object(was)) => was
            .iter()
            .all(|(key, was)| is.get(key).is_some_and(|is| says_still(is, was))),
        (Value::Array(is), Value::Array(was)) => {
            is.len() == was.len() && is.iter().zip(was).all(|(is, was)| says_still(is, was))
        }
        _ => is == was,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_verify_count_reconcile_and_read_as_they_did() {
    for (kept, name) in pairs() {
        let copied = Copied::of(kept, name);
        for (command, told) in [
            ("ledger verify", "verify"),
            ("tally", "tally"),
            ("ledger reconcile", "reconcile"),
        ] {
            let is = copied.json(&format!("{command} {name}")).await;
            let was = json(&kept.expected(&format!("{name}.{told}.json")));
            assert!(
                says_still(&is, &was),
                "{command} {name}: {is}, and it was {was}"
            );
        }
        for office in OFFICES {
            let shown = copied.run(&format!("ledger show {name}/{office}")).await;
            let was = kept.expected(&format!("{name}-{office}.journal"));
            assert_eq!(as_it_was(&shown.stdout, &was), was, "{name}/{office}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_replay_cut_fork_convert_and_are_backed_up() {
    for (kept, name) in pairs() {
        let copied = Copied::of(kept, name);
        for command in [
            format!("replay {name} --simulated --verify --out again"),
            format!("ledger cut {name} --out cut"),
            format!("ledger fork {name} --at 8 --out fork"),
            format!("ledger backup {name} --out copy"),
            format!("ledger convert {name} --out new"),
        ] {
            copied.run(&command).await;
        }
        for made in ["again", "cut", "fork", "copy", "new"] {
            copied.run(&format!("ledger verify {made}")).await;
            copied.run(&format!("ledger reconcile {made}")).await;
        }
        let was = json(&kept.expected(&format!("{name}.tally.json")));
        for made in ["again", "cut", "copy", "new"] {
            assert_eq!(
                copied.json(&format!("tally {made}")).await,
                was,
                "{name}: {made}"
            );
        }
        for made in ["copy", "new"] {
            copied
                .run(&format!("ledger diff {name} {made} --strict"))
                .await;
        }
        for office in OFFICES {
            let segment = format!("{office}/00000000000000000001.segment");
            let bytes = |of: &str| fs::read(copied.path(of).join(&segment)).expect("there");
            assert_eq!(bytes(name), bytes("copy"), "{name}/{office}");
            assert!(
                bytes(name).starts_with(&bytes("fork")[..100]),
                "{name}/{office}"
            );
            is_the_same(
                &copied.path(name).join(office),
                &copied.path("new").join(office),
            );
        }
    }
}

/// A converted ledger holds the same records at the same sequences and times.
fn is_the_same(old: &Path, new: &Path) {
    let (old, new) = (ledger_of(old), ledger_of(new));
    assert_eq!(old.sequence(), new.sequence());
    let (mut old, mut new) = (old.after(1), new.after(1));
    while let Some(was) = old.next_entry().expect("whole") {
        let is = new.next_entry().expect("whole").expect("as many");
        assert_eq!(
            (is.sequence, is.recorded_at, is.record),
            (was.sequence, was.recorded_at, was.record)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_converted_over_what_is_there() {
    let copied = Copied::of(FIRST, "workshop");
    copied.run("ledger convert workshop --out new").await;
    let refused = copied.try_run("ledger convert workshop --out new").await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let refused = copied
        .try_run("ledger convert workshop --out workshop --force")
        .await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_export_the_same_bytes_and_their_exports_come_back() {
    for kept in ALL {
        let name = kept.exported;
        let copied = Copied::of(kept, name);
        let tally = json(&kept.expected(&format!("{name}.tally.json")));
        for format in ["jsonl", "csv", "ocel", "xes", "mermaid", "ics"] {
            let out = format!("out.{format}");
            copied
                .run(&format!(
                    "ledger export {name}/south --format {format} --out {out}"
                ))
                .await;
            let export = kept.path("exports").join(format!("{name}.{format}"));
            let was = fs::read(&export).expect("kept");
            let is = fs::read(copied.path(&out)).expect("written");
            let is = if format == "ics" && kept.format < THIRD.format {
                without_hashes(&is)
            } else {
                is
            };
            assert!(was == is, "the {format} export differs");
            if matches!(format, "jsonl" | "csv" | "ocel" | "xes") {
                let (export, back) = (export.display(), format!("back-{format}"));
                copied.run(&format!("import {export} --out {back}")).await;
                copied
                    .run(&format!("ledger diff {name} {back} --strict"))
                    .await;
                assert_eq!(
                    copied.json(&format!("tally {back}")).await,
                    tally,
                    "{format}"
                );
            }
        }
    }
}

/// A calendar as it was before its UIDs said of which pair they are.
fn without_hashes(calendar: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(calendar);
    let lines = text
        .split_inclusive('\n')
        .map(|line| match line.split_once('@') {
            Some((uid, _)) if line.starts_with("UID:") => format!("{uid}\r\n"),
            _ => line.to_owned(),
        });
    lines.collect::<String>().into_bytes()
}

/// Every entry of a ledger is one that the format has in which it was written.
fn is_in_its_format(ledger: &Path, format: u32) {
    let mut cursor = ledger_of(ledger).after(0);
    while let Some(entry) = cursor.next_entry().expect("whole") {
        assert!(entry.record.since_format() <= format, "{entry:?}");
        if let Record::Opening { format_version, .. } = entry.record {
            assert_eq!((entry.sequence, format_version), (1, format));
        }
    }
}

/// Starts the offices of `pair` on what lies there, and has each send the other a document.
async fn go_on(pair: &mut Pair, name: &str) {
    for place in Place::BOTH {
        pair.start_office(place).await;
    }
    for place in Place::BOTH {
        pair.connected(place).await;
    }
    let (south, north) = pair.both();
    for (from, to) in [(&south, &north), (&north, &south)] {
        let sent = send(from, name, pb::Wait::Delivered).await;
        arrives(to, &sent.name, pb::DocumentState::Delivered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offices_go_on_with_them_in_their_format() {
    for (kept, name) in pairs() {
        let mut pair = Pair::idle(&[]).await;
        copy(&kept.path(name), &pair.path(""));
        let before = pair.reconciled();
        go_on(&mut pair, name).await;
        let data = Place::BOTH.map(|place| pair.data(place));
        // They take up what they have just written, too, with the snapshots that they have left.
        for place in Place::BOTH {
            pair.stop(place).await;
        }
        for data in &data {
            is_in_its_format(data, kept.format);
        }
        go_on(&mut pair, name).await;
        let after = pair.finish().await;
        assert_eq!(after.documents(), before.documents() + 4, "{name}");
        assert_eq!(after.contacts(), before.contacts(), "{name}");
        assert_eq!(after.calls(), before.calls(), "{name}");
    }
}

/// One office goes on with a converted ledger, its peer with what it had: the line knows no difference.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_takes_a_converted_ledger_for_the_one_that_it_was() {
    for (kept, name) in pairs() {
        let mut pair = Pair::idle(&[]).await;
        let copied = Copied::of(kept, name);
        copy(&kept.path(name).join("north"), &pair.data(Place::North));
        copied
            .run(&format!("ledger convert {name}/south --out new"))
            .await;
        copy(&copied.path("new"), &pair.data(Place::South));
        let before = pair.reconciled();
        go_on(&mut pair, name).await;
        let after = pair.finish().await;
        assert_eq!(after.documents(), before.documents() + 2, "{name}");
    }
}

/// The process was killed, and the last bytes had not reached the disk.
#[test]
fn a_torn_tail_of_theirs_is_cut_and_what_is_whole_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    copy(&FIRST.path("torn/south"), directory.path());
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::existing(directory.path()));
    let mut entries = 0;
    let (_, recovery) = Ledger::open(
        storage,
        Place::South,
        LedgerOptions::default(),
        "2026-11-28T16:00:00Z".parse().expect("a time"),
        |_| entries += 1,
    )
    .expect("it recovers");
    assert_eq!(entries, 6);
    assert!(recovery.torn.is_some());
    assert_eq!(recovery.head, HeadUse::Missing);
}

/// What waited in its outbox when the office was killed reaches a peer that begins only now.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_at_a_torn_office_of_theirs_is_delivered() {
    let copied = Copied::of(FIRST, "torn");
    let found = copied
        .try_run("ledger verify torn/south --output json")
        .await;
    assert_eq!(found.code, Some(99), "{found:?}");
    let was = json(&FIRST.expected("torn.verify.json"));
    assert!(says_still(&json(&found.stdout), &was), "{found:?}");
    let tally = copied.json("tally torn/south").await;
    assert_eq!(tally, json(&FIRST.expected("torn.tally.json")));
    let shown = copied.run("ledger show torn/south").await;
    let was = FIRST.expected("torn-south.journal");
    assert_eq!(as_it_was(&shown.stdout, &was), was);

    let mut pair = Pair::idle(&[]).await;
    copy(&FIRST.path("torn/south"), &pair.data(Place::South));
    go_on(&mut pair, "after the torn tail").await;
    let after = pair.finish().await;
    assert_eq!(after.documents(), 5 + 2);
}

/// A snapshot that says less than an office remembers now is left, and the entries are read from the first;
/// one of today's is taken up, and the office is the one that its entries come to.
#[test]
fn their_snapshots_come_to_what_their_entries_come_to() {
    for (kept, name, side) in [(FIRST, "live"), (FIRST, "restored"), (THIRD, "live")]
        .into_iter()
        .flat_map(|(kept, name)| OFFICES.map(|side| (kept, name, side)))
    {
        let directory = tempfile::tempdir().expect("a directory");
        copy(&kept.path(name).join(side), directory.path());
        let storage = DiskStorage::existing(directory.path());
        let mut taken = Vec::new();
        let mut restore = |state: &[u8]| {
            taken = state.to_vec();
            true
        };
        let snapshots = ledger::Snapshots {
            fold_version: office::FOLD_VERSION,
            restore: &mut restore,
        };
        let (reader, used) =
            ledger::read_with(&storage, Some(snapshots), |_| {}).expect("it is whole");
        if kept.directory == FIRST.directory {
            let why = format!(
                "it is of fold version 1, and {} is in use",
                office::FOLD_VERSION
            );
            assert!(
                matches!(&used, SnapshotUse::Ignored { why: is } if *is == why),
                "{name}/{side}: {used:?}"
            );
            assert!(taken.is_empty());
            continue;
        }
        assert!(
            matches!(used, SnapshotUse::Taken { .. }),
            "{name}/{side}: {used:?}"
        );
        // The outbox comes first: nothing waited.
        assert_eq!(taken[..4], [0; 4]);
        let from_snapshot = office::Office::from_snapshot(&taken[4..], office::Limits::default());
        let folded = ledger::fold(&reader, office::Limits::default()).expect("whole");
        let from_snapshot = from_snapshot.expect("it can be read");
        assert_eq!(
            from_snapshot.exchanges().tally,
            folded.exchanges().tally,
            "{name}/{side}"
        );
        assert_eq!(from_snapshot.line(), folded.line(), "{name}/{side}");
    }
}
