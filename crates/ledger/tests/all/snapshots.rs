//! Snapshots speed up an opening, and never change what it comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::faulty::{FaultyStorage, Unsynced};
use ledger::{
    Entry, Ledger, LedgerError, MemoryStorage, Recovery, SnapshotUse, Snapshots, Storage, read,
    read_with, restore,
};
use office::Place;

use crate::flips::{forge, offsets};
use crate::histories::agrees;
use crate::records::{Model, Records, at, begun_in, open, small_segments};

const SEGMENT_BYTES: u64 = 20_000;
const FOLD: u32 = 7;

/// A fold that forgets nothing: how many entries, and the chain through them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Folded {
    count: u64,
    chain: Vec<u8>,
}

impl Folded {
    fn take(&mut self, entry: &Entry) {
        assert_eq!(
            entry.sequence,
            self.count + 1,
            "entries are folded in order, each once"
        );
        self.count += 1;
        self.chain = entry.chain.to_vec();
    }

    fn state(&self) -> Vec<u8> {
        [&self.count.to_le_bytes()[..], &self.chain].concat()
    }

    fn restore(&mut self, state: &[u8]) -> bool {
        let Some((count, chain)) = state.split_first_chunk() else {
            return false;
        };
        (self.count, self.chain) = (u64::from_le_bytes(*count), chain.to_vec());
        true
    }
}

fn open_with(
    storage: &Arc<dyn Storage>,
    fold_version: u32,
) -> Result<(Ledger, Recovery, Folded), LedgerError> {
    let folded = std::cell::RefCell::new(Folded::default());
    let (ledger, recovery) = Ledger::open_with(
        Arc::clone(storage),
        Place::South,
        small_segments(SEGMENT_BYTES),
        at(0),
        Some(Snapshots {
            fold_version,
            restore: &mut |state| folded.borrow_mut().restore(state),
        }),
        |entry| folded.borrow_mut().take(entry),
    )?;
    Ok((ledger, recovery, folded.into_inner()))
}

/// A ledger of 600 entries with a snapshot through the 400th, in the middle of its segments.
fn with_snapshot(storage: &Arc<dyn Storage>) -> (Ledger, Model, Folded) {
    let (mut ledger, ..) = open(storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    while model.len() < 600 {
        let count = 1 + model.len() % 9;
        model.write(&mut ledger, count).expect("nothing fails");
    }
    let mut folded = Folded::default();
    let mut cursor = ledger.reader().after(0);
    for _ in 0..400 {
        folded.take(&cursor.next_entry().expect("whole").expect("there"));
    }
    let writer = ledger.snapshot_writer();
    writer.write(FOLD, 400, &folded.state()).expect("durable");
    while let Some(entry) = cursor.next_entry().expect("whole") {
        folded.take(&entry);
    }
    (ledger, model, folded)
}

fn all(storage: &dyn Storage) -> Vec<Entry> {
    let mut cursor = read(storage).expect("whole").after(0);
    std::iter::from_fn(|| cursor.next_entry().expect("whole")).collect()
}

#[test]
fn only_what_follows_the_snapshot_is_read() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (ledger, mut model, whole) = with_snapshot(&storage);
    drop(ledger);
    let (mut ledger, recovery, folded) = open_with(&storage, FOLD).expect("whole");
    assert_eq!(recovery.snapshot, SnapshotUse::Taken { sequence: 400 });
    assert_eq!(recovery.entries, model.len() - 400);
    assert_eq!(folded, whole);
    agrees(&ledger.reader(), &all(&*storage)).expect("the index is whole");
    model.write(&mut ledger, 5).expect("nothing fails");
    let (_, _, folded) = open_with(&storage, FOLD).expect("whole");
    assert_eq!(folded.count, model.len());

    let mut outside = Folded::default();
    let mut count = 0;
    let (reader, used) = read_with(
        &*storage,
        Some(Snapshots {
            fold_version: FOLD,
            restore: &mut |state| outside.restore(state),
        }),
        |_| count += 1,
    )
    .expect("whole");
    assert_eq!(used, SnapshotUse::Taken { sequence: 400 });
    assert_eq!(
        (outside.count, count, reader.place()),
        (400, model.len() - 400, Place::South)
    );
    agrees(&reader, &all(&*storage)).expect("the index is whole");
}

/// Behind a snapshot only what follows is read; so the segments before must be as long as they were.
#[test]
fn a_snapshot_is_ignored_if_a_segment_before_it_is_not_as_it_was() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(with_snapshot(&storage));
    let whole = memory.contents();
    let segments = || whole.keys().filter(|name| name.ends_with(".segment"));
    let [first, second] = [0, 1].map(|at| segments().nth(at).expect("there are more").clone());
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut contents = whole.clone();
        change(contents.get_mut(name).expect("a segment"));
        contents
    };
    let mut lost = whole.clone();
    lost.remove(&second);
    for contents in [
        with(&first, &|bytes| bytes.truncate(bytes.len() - 1)),
        with(&first, &|bytes| bytes.push(0)),
        with(&second, &|bytes| bytes.push(1)),
        lost,
    ] {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
        let mut restored = false;
        let opened = Ledger::open_with(
            Arc::clone(&storage),
            Place::South,
            small_segments(SEGMENT_BYTES),
            at(0),
            Some(Snapshots {
                fold_version: FOLD,
                restore: &mut |_| {
                    restored = true;
                    true
                },
            }),
            |_| {},
        );
        assert!(matches!(opened, Err(LedgerError::Damaged { .. })));
        assert!(!restored, "nothing of the snapshot is believed");
    }
}

/// What the first step of either office behind a snapshot is held against lies before it, and may lie far before it.
#[test]
fn at_a_snapshot_and_behind_it_a_payload_that_was_rewritten_is_found() {
    for (format, segment_bytes) in [
        (1, u64::MAX),
        (2, u64::MAX),
        // North's last step before the snapshot stands in another segment than the snapshot's end.
        (2, 120_000),
    ] {
        let memory = begun_in(format);
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (mut ledger, ..) = open(&storage, segment_bytes).expect("it has just begun");
        let mut records = Records::of(Place::South);
        let authors = [&[Place::North][..], &[Place::South; 300]].concat();
        for author in &authors {
            ledger.append(at(1), &records.document(*author, 1_000));
            let batch = ledger.take_batch().expect("a step");
            batch.commit().expect("memory");
        }
        let covered = ledger.reader().sequence();
        let writer = ledger.snapshot_writer();
        writer.write(FOLD, covered, b"").expect("durable");
        let behind = [Place::South, Place::North, Place::North, Place::South];
        for author in behind {
            ledger.append(at(2), &records.document(author, 1_000));
        }
        let batch = ledger.take_batch().expect("steps");
        batch.commit().expect("memory");
        drop(ledger);

        let contents = memory.contents();
        let segments = contents.keys().filter(|name| name.ends_with(".segment"));
        let last = segments.max().expect("segments");
        let offsets = offsets(&contents[last]);
        assert!(offsets.len() > behind.len(), "the snapshot ends in it");
        // The last one that the snapshot covers is held against the log, too: it is not taken up then.
        let steps = &offsets[offsets.len() - behind.len() - 1..];
        for forged in [None].into_iter().chain(steps.iter().copied().map(Some)) {
            for has_mark in [true, false] {
                let mut contents = contents.clone();
                if !has_mark {
                    contents.remove("head").expect("a head mark");
                }
                if let Some(at) = forged {
                    forge(contents.get_mut(last).expect("there"), at);
                }
                let memory = MemoryStorage::holding(contents);
                let snapshots = || Snapshots {
                    fold_version: FOLD,
                    restore: Box::leak(Box::new(|_: &[u8]| true)),
                };
                let storage: Arc<dyn Storage> = Arc::new(memory.clone());
                let options = small_segments(segment_bytes);
                let seen = read_with(&memory, Some(snapshots()), |_| {}).map(|(_, used)| used);
                let opened = Ledger::open_with(
                    storage,
                    Place::South,
                    options,
                    at(3),
                    Some(snapshots()),
                    |_| {},
                );
                for used in [seen, opened.map(|(_, recovery)| recovery.snapshot)] {
                    match (forged, used) {
                        (None, Ok(used)) => {
                            assert_eq!(used, SnapshotUse::Taken { sequence: covered });
                        }
                        (Some(at), Err(LedgerError::Damaged { offset, .. })) => {
                            assert_eq!(offset, at as u64);
                        }
                        (_, used) => panic!("format {format}, {forged:?}: {used:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_snapshot_covers_synced_entries_only() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut ledger, mut model, _) = with_snapshot(&storage);
    let n = model.len();
    let record = model.next(n);
    let sequence = ledger.append(at(n), &record);
    for refused in [0, sequence, sequence + 1] {
        let written = ledger.snapshot_writer().write(FOLD, refused, b"");
        assert!(
            matches!(written, Err(LedgerError::Io { .. })),
            "{refused}: {written:?}"
        );
    }
    ledger.take_batch().expect("one").commit().expect("memory");
    ledger
        .snapshot_writer()
        .write(FOLD, sequence, b"12345678")
        .expect("durable");
    let (_, recovery, _) = open_with(&storage, FOLD).expect("whole");
    assert_eq!(recovery.snapshot, SnapshotUse::Taken { sequence });
    assert_eq!(recovery.entries, 0);
}

/// Opens, and checks that the snapshot was left alone and the entries were all read.
fn ignored(memory: MemoryStorage, whole: &Folded, what: &str) {
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let (_, recovery, folded) = open_with(&storage, FOLD).expect(what);
    assert!(
        matches!(recovery.snapshot, SnapshotUse::Ignored { .. }),
        "{what}: {:?}",
        recovery.snapshot
    );
    assert_eq!(folded, *whole, "{what}");
}

#[test]
fn a_snapshot_that_is_not_whole_is_ignored() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (_, _, whole) = with_snapshot(&storage);
    let contents = memory.contents();
    let bytes = contents["snapshot"].clone();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = contents.clone();
        flipped.get_mut("snapshot").expect("there")[bit / 8] ^= 1 << (bit % 8);
        ignored(
            MemoryStorage::holding(flipped),
            &whole,
            &format!("bit {bit}"),
        );
    }
    for len in 0..bytes.len() {
        let mut cut = contents.clone();
        cut.get_mut("snapshot").expect("there").truncate(len);
        ignored(
            MemoryStorage::holding(cut),
            &whole,
            &format!("cut at {len}"),
        );
    }
    let mut missing = contents;
    missing.remove("snapshot");
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(missing));
    let (_, recovery, folded) = open_with(&storage, FOLD).expect("whole");
    assert_eq!((recovery.snapshot, folded), (SnapshotUse::None, whole));
}

#[test]
fn a_snapshot_of_another_fold_or_state_is_ignored() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (ledger, _, whole) = with_snapshot(&storage);
    let (_, recovery, folded) = open_with(&storage, FOLD + 1).expect("whole");
    assert!(matches!(recovery.snapshot, SnapshotUse::Ignored { .. }));
    assert_eq!(folded, whole);
    ledger
        .snapshot_writer()
        .write(FOLD, 500, b"short")
        .expect("durable");
    let (_, recovery, folded) = open_with(&storage, FOLD).expect("whole");
    assert!(matches!(recovery.snapshot, SnapshotUse::Ignored { .. }));
    assert_eq!(folded, whole);
}

/// The files of a ledger with a snapshot.
fn files_with_snapshot() -> BTreeMap<String, Vec<u8>> {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(with_snapshot(&storage));
    memory.contents()
}

/// Puts that snapshot beside another log, and checks that it is left alone.
fn ignored_beside(log: &MemoryStorage, snapshot: &[u8], what: &str) {
    let mut whole = Folded::default();
    for entry in &all(log) {
        whole.take(entry);
    }
    let mut mixed = log.contents();
    mixed.insert("snapshot".to_owned(), snapshot.to_owned());
    ignored(MemoryStorage::holding(mixed), &whole, what);
}

#[test]
fn a_snapshot_of_another_ledger_is_ignored() {
    let contents = files_with_snapshot();
    // Of the same office, and of the same length.
    let other = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(other.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let mut records = crate::records::Records::of(Place::South);
    for n in 1..600 {
        ledger.append(at(n), &records.nth(n + 1));
        ledger.take_batch().expect("one").commit().expect("memory");
    }
    ignored_beside(&other, &contents["snapshot"], "another ledger");
}

#[test]
fn a_snapshot_of_the_same_steps_recorded_at_other_times_is_ignored() {
    let contents = files_with_snapshot();
    // In frames of the same length, a second later.
    let later = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(later.clone());
    let options = small_segments(SEGMENT_BYTES);
    let opened = Ledger::open(storage, Place::South, options, at(1), |_| {});
    let (mut ledger, _) = opened.expect("a new ledger");
    let mut model = Model::new(Place::South);
    while model.len() < 600 {
        for _ in 0..=model.len() % 9 {
            let n = model.len();
            let record = model.next(n);
            ledger.append(at(n + 1), &record);
        }
        ledger.take_batch().expect("some").commit().expect("memory");
    }
    for (name, bytes) in &later.contents() {
        assert_eq!(bytes.len(), contents[name].len(), "{name}");
    }
    ignored_beside(&later, &contents["snapshot"], "a ledger of equal length");
}

#[test]
fn a_snapshot_is_ignored_once_its_log_was_cut_below_it_and_has_grown_again() {
    let cut: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(files_with_snapshot()));
    let names = cut.list().expect("memory");
    let second = names
        .iter()
        .filter(|name| name.ends_with(".segment"))
        .nth(1);
    let file = cut
        .open(second.expect("several segments"), false)
        .expect("there");
    file.write_at(&[0xff], 10_000).expect("memory");
    let restored = restore(&cut, Place::South, at(0)).expect("cut");
    assert!(
        restored.saved.contains(&"snapshot.damaged".to_owned()),
        "{restored:?}"
    );
    let (mut ledger, recovery, folded) = open_with(&cut, FOLD).expect("whole");
    assert_eq!(recovery.snapshot, SnapshotUse::None);
    assert!(folded.count < 400);
    for n in folded.count..700 {
        let record = ledger::Record::EpochRaised {
            place: Place::North,
            epoch: n,
            restoring: false,
        };
        ledger.append(at(n), &record);
        ledger.take_batch().expect("one").commit().expect("memory");
    }
    cut.rename("snapshot.damaged", "snapshot").expect("memory");
    let (_, recovery, folded) = open_with(&cut, FOLD).expect("whole");
    assert!(matches!(recovery.snapshot, SnapshotUse::Ignored { .. }));
    assert_eq!(folded.count, 700);
}

#[test]
fn behind_a_snapshot_a_torn_tail_is_cut_and_damage_refused() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (ledger, model, _) = with_snapshot(&storage);
    drop(ledger);
    let contents = memory.contents();
    let last = contents
        .keys()
        .rfind(|name| name.ends_with(".segment"))
        .expect("there")
        .clone();
    let len = contents[&last].len();
    let mut torn = contents.clone();
    torn.remove("head").expect("the power took it back");
    torn.get_mut(&last).expect("there").truncate(len - 1);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(torn));
    let (_, recovery, folded) = open_with(&storage, FOLD).expect("a torn tail");
    assert_eq!(recovery.snapshot, SnapshotUse::Taken { sequence: 400 });
    assert!(recovery.torn.is_some());
    assert_eq!(folded.count, model.len() - 1);

    let mut damaged = contents;
    damaged.get_mut(&last).expect("there")[40] ^= 1;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(damaged));
    let refused = open_with(&storage, FOLD).map(|_| ()).expect_err("damage");
    assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused}");
}

#[test]
fn the_power_may_go_while_a_snapshot_is_written() {
    let faulty = FaultyStorage::new(5);
    let storage: Arc<dyn Storage> = Arc::new(faulty.clone());
    let (ledger, model, whole) = with_snapshot(&storage);
    faulty.keep_images();
    let mut folded = whole.clone();
    let through = model.len();
    ledger
        .snapshot_writer()
        .write(FOLD, through, &folded.state())
        .expect("durable");
    let images = faulty.images();
    assert!(images.len() >= 5, "create, cut, write, sync, rename, sync");
    for image in images {
        for (unsynced, seeds) in [
            (Unsynced::Lost, 1),
            (Unsynced::Kept, 1),
            (Unsynced::Torn, 20),
        ] {
            for seed in 0..seeds {
                let storage: Arc<dyn Storage> = Arc::new(image.after_power_cut(unsynced, seed));
                let (_, recovery, after) = open_with(&storage, FOLD).expect("whole");
                let taken = matches!(recovery.snapshot, SnapshotUse::Taken { sequence }
                    if sequence == 400 || sequence == through);
                assert!(
                    taken,
                    "neither the old nor the new: {:?}",
                    recovery.snapshot
                );
                folded = after;
                assert_eq!(folded, whole);
            }
        }
    }
}

/// What became of the snapshot, and the state that was taken up.
fn taken_up(storage: &Arc<dyn Storage>) -> (SnapshotUse, Vec<u8>) {
    let mut taken = Vec::new();
    let snapshots = Snapshots {
        fold_version: FOLD,
        restore: &mut |state| {
            taken = state.to_vec();
            true
        },
    };
    let (_, used) = read_with(&**storage, Some(snapshots), |_| {}).expect("whole");
    (used, taken)
}

#[test]
fn a_state_longer_than_what_is_written_at_once_is_taken_up_whole() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (ledger, ..) = with_snapshot(&storage);
    let state: Vec<u8> = (0..3_500_000_u32).map(|n| (n % 251) as u8).collect();
    let mut draft = ledger.snapshot_writer().draft(FOLD, 300).expect("durable");
    for part in state.chunks(700_000) {
        draft.put(part).expect("memory");
    }
    draft.finish().expect("memory");
    let (used, taken) = taken_up(&storage);
    assert_eq!(used, SnapshotUse::Taken { sequence: 300 });
    assert!(taken == state, "another state of {} bytes", taken.len());
}

#[test]
fn a_snapshot_that_nobody_would_read_is_not_written() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (ledger, ..) = with_snapshot(&storage);
    let mut draft = ledger.snapshot_writer().draft(FOLD, 400).expect("durable");
    // Refused before it is read; so these zeros take no memory.
    let refused = draft.put(&vec![0; 1024 * 1024 * 1024]);
    let told = refused.expect_err("it is too long").to_string();
    assert!(told.contains("would exceed"), "{told}");
}

#[test]
fn a_snapshot_of_another_format_is_ignored() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(with_snapshot(&storage));
    for changed in [0, 8] {
        let mut contents = memory.contents();
        let snapshot = contents.get_mut("snapshot").expect("it was written");
        snapshot[changed] += 1;
        let (covered, crc) = snapshot.split_last_chunk_mut::<4>().expect("a checksum");
        *crc = crc32c::crc32c(covered).to_le_bytes();
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
        let why = "it has another format".to_owned();
        assert_eq!(
            taken_up(&storage),
            (SnapshotUse::Ignored { why }, Vec::new())
        );
    }
}
