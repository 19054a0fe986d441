//! A log that ends before what was durable is a loss that is told, never a torn tail and never a new ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{
    HeadUse, Ledger, LedgerError, LedgerOptions, MemoryStorage, SnapshotUse, Snapshots, Storage,
    backup, read, restore, tally, verify,
};
use office::Place;

use crate::records::{Model, at, open};

const SEGMENT_BYTES: u64 = 2_000;

type Files = BTreeMap<String, Vec<u8>>;

/// What a writer leaves that ends without a word, and what it held.
fn ended(with_snapshot: bool) -> (Files, Model) {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    for count in [3, 1, 5, 2, 7, 1, 4, 3, 3] {
        model.write(&mut ledger, count).expect("nothing fails");
    }
    if with_snapshot {
        let writer = ledger.snapshot_writer();
        writer.write(1, model.len(), b"").expect("durable");
    }
    (memory.contents(), model)
}

fn segments(files: &Files) -> Vec<String> {
    let names = files.keys().filter(|name| name.ends_with(".segment"));
    names.cloned().collect()
}

/// What each way of losing the end leaves.
fn losses(files: &Files) -> Vec<(String, Files)> {
    let names = segments(files);
    let last = names.last().expect("there are segments");
    let mut losses = Vec::new();
    for cut in 1..=files[last].len() {
        let mut files = files.clone();
        let bytes = files.get_mut(last).expect("there");
        bytes.truncate(bytes.len() - cut);
        losses.push((format!("{cut} bytes of the last segment"), files));
    }
    for kept in 0..names.len() {
        let mut files = files.clone();
        for name in &names[kept..] {
            files.remove(name);
        }
        losses.push((format!("all but {kept} segments"), files));
    }
    losses
}

/// Whatever is lost of the end, and whichever witness is left: nobody opens, reads or calls sound what is left of it,
/// and nothing is written.
fn is_never_opened(files: &Files, model: &Model) {
    for (what, files) in losses(files) {
        let memory = MemoryStorage::holding(files.clone());
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let is_told = |error: &LedgerError| match error {
            LedgerError::Shortened { found, durable, .. } => {
                *found < *durable && *durable == model.len()
            }
            LedgerError::Damaged { .. } => true,
            _ => false,
        };
        let opened = open(&storage, SEGMENT_BYTES).map(drop);
        assert!(opened.as_ref().is_err_and(is_told), "{what}: {opened:?}");
        let seen = read(&memory);
        assert!(seen.as_ref().is_err_and(is_told), "{what}: {seen:?}");
        assert_eq!(memory.contents(), files, "{what}: something was changed");

        let found = verify(&memory).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!found.faults.is_empty(), "{what}: {found:?}");
        assert_eq!(found.missing, model.len() - found.entries, "{what}");
        let told = format!("{:?}", found.faults);
        assert!(!told.contains("torn tail"), "{what}: {told}");
    }
}

#[test]
fn the_head_mark_alone_tells_of_it() {
    let (files, model) = ended(false);
    is_never_opened(&files, &model);
}

#[test]
fn the_snapshot_alone_tells_of_it() {
    let (mut files, model) = ended(true);
    files.remove("head").expect("a head mark");
    is_never_opened(&files, &model);
}

#[test]
fn a_message_says_how_much_is_missing_and_what_to_do() {
    let (mut files, model) = ended(false);
    let last = segments(&files).pop().expect("there are segments");
    files.remove(&last);
    let memory = MemoryStorage::holding(files);
    let kept = verify(&memory).expect("a ledger").entries;
    let told = read(&memory).expect_err("it is short").to_string();
    let missing = model.len() - kept;
    for part in [
        format!("ends at entry {kept}"),
        format!("entry {} was durable", model.len()),
        format!("{missing} entries are missing"),
        "liaison ledger restore".to_owned(),
    ] {
        assert!(told.contains(&part), "{part:?} in {told:?}");
    }
}

#[test]
fn another_entry_under_the_number_that_the_mark_names_is_damage() {
    let (files, _) = ended(false);
    let other = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(other.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    for second in 1..60 {
        let raised = ledger::Record::EpochRaised {
            place: Place::South,
            epoch: second,
            restoring: false,
        };
        ledger.append(at(second), &raised);
        ledger.take_batch().expect("one").commit().expect("memory");
    }
    let mut mixed = other.contents();
    mixed.insert("head".to_owned(), files["head"].clone());
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(mixed));
    assert_eq!(verify(&*storage).expect("a ledger").faults.len(), 1);
    let opened = open(&storage, SEGMENT_BYTES).map(drop);
    assert!(matches!(opened, Err(LedgerError::Damaged { .. })));
}

#[test]
fn without_a_witness_a_ledger_opens_and_has_one_again() {
    let (mut files, model) = ended(false);
    for unreadable in [None, Some(b"liaison".to_vec()), Some(vec![7; 10_000])] {
        files.remove("head");
        if let Some(bytes) = &unreadable {
            files.insert("head".to_owned(), bytes.clone());
        }
        let memory = MemoryStorage::holding(files.clone());
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (_, entries, recovery) = open(&storage, SEGMENT_BYTES).expect("whole");
        assert_eq!(entries.len() as u64, model.len());
        match unreadable {
            None => assert_eq!(recovery.head, HeadUse::Missing),
            Some(_) => assert!(matches!(recovery.head, HeadUse::Unreadable { .. })),
        }
        is_never_opened(&memory.contents(), &model);
        let (_, _, recovery) = open(&storage, SEGMENT_BYTES).expect("whole");
        assert_eq!(recovery.head, HeadUse::Held);
    }
}

/// Until the ledger itself says that it is being restored, it stays closed.
#[test]
fn a_restore_takes_up_what_is_left_and_may_be_cut_short_anywhere() {
    let (files, model) = ended(true);
    for (what, files) in losses(&files).into_iter().step_by(7) {
        let memory = MemoryStorage::holding(files.clone());
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let restored = restore(&storage, Place::South, at(9_000)).expect(&what);
        assert_eq!(restored.epoch, 2, "{what}");
        assert_eq!(restored.missing, model.len() - restored.entries, "{what}");
        assert_eq!(verify(&memory).expect(&what).faults, [], "{what}");
        let (_, entries, _) = open(&storage, SEGMENT_BYTES).expect(&what);
        assert!(matches!(
            entries.last().expect("the epoch").record,
            ledger::Record::EpochRaised {
                restoring: true,
                ..
            }
        ));

        // A file that was not changed yet when the power went stands as it was.
        for early in ["head", "snapshot"] {
            let mut files = memory.contents();
            files.remove("snapshot.damaged");
            let last = segments(&files).pop().expect("one");
            let raised = files.get_mut(&last).expect("there");
            raised.truncate(raised.len().saturating_sub(60));
            for name in ["head", "snapshot"] {
                files.remove(name);
            }
            let (before, _) = ended(true);
            files.insert(early.to_owned(), before[early].clone());
            let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(files));
            assert!(open(&storage, SEGMENT_BYTES).is_err(), "{what}, {early}");
            restore(&storage, Place::South, at(9_001)).expect("again");
        }
    }
}

#[test]
fn a_restore_goes_above_the_epoch_that_only_the_mark_remembers() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    drop(open(&storage, SEGMENT_BYTES).expect("a new ledger"));
    for epoch in 2..5 {
        let restored = restore(&storage, Place::South, at(1)).expect("restored");
        assert_eq!(restored.epoch, epoch);
    }
    let head = storage.open("head", false).expect("there");
    let mut bytes = vec![0; head.len().expect("memory") as usize];
    head.read_at(&mut bytes, 0).expect("memory");
    let lost = MemoryStorage::holding(BTreeMap::from([("head".to_owned(), bytes)]));
    let storage: Arc<dyn Storage> = Arc::new(lost);
    let restored = restore(&storage, Place::South, at(2)).expect("restored");
    assert_eq!((restored.epoch, restored.entries), (5, 0));
}

#[test]
fn the_epoch_is_known_behind_a_snapshot_that_no_mark_stood_beside() {
    let (files, _) = ended(false);
    let memory = MemoryStorage::holding(files);
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let mut epoch = 0;
    for _ in 0..3 {
        epoch = restore(&storage, Place::South, at(1)).expect("whole").epoch;
    }
    let (ledger, ..) = open(&storage, SEGMENT_BYTES).expect("it is whole");
    let sequence = ledger.reader().sequence();
    let writer = ledger.snapshot_writer();
    writer.write(1, sequence, b"").expect("durable");
    drop((ledger, writer));
    // As version 0.1.0 leaves it.
    let mut files = memory.contents();
    files.remove("head").expect("a head mark");
    let memory = MemoryStorage::holding(files);
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let snapshots = Snapshots {
        fold_version: 1,
        restore: &mut |_| true,
    };
    let options = LedgerOptions::default();
    let opened = Ledger::open_with(
        Arc::clone(&storage),
        Place::South,
        options,
        at(2),
        Some(snapshots),
        |_| panic!("the snapshot covers all"),
    );
    let (ledger, recovery) = opened.expect("it is whole");
    assert_eq!(recovery.snapshot, SnapshotUse::Taken { sequence });
    drop(ledger);
    let mark = memory.contents().remove("head").expect("written anew");
    let left = MemoryStorage::holding([("head".to_owned(), mark)].into());
    let left: Arc<dyn Storage> = Arc::new(left);
    let restored = restore(&left, Place::South, at(3)).expect("a mark is left");
    assert_eq!(restored.epoch, epoch + 1);
}

#[test]
fn a_backup_beside_a_writer_is_whole_where_a_copy_of_its_files_is_not() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    for turn in 1..30 {
        model
            .write(&mut ledger, 1 + turn % 4)
            .expect("nothing fails");
        let copied = memory.contents();
        let into = MemoryStorage::default();
        let backed_up = backup(&memory, Arc::new(into.clone()), at(0)).expect("whole");
        assert_eq!(backed_up.entries, model.len());
        assert_eq!(verify(&into).expect("a ledger").faults, []);
        let (here, there) = (read(&memory).expect("whole"), read(&into).expect("whole"));
        assert_eq!(tally(&here).expect("whole"), tally(&there).expect("whole"));
        is_protected(&into, model.len());

        // A copy that read the segments before the last batch, and the mark after it.
        model.write(&mut ledger, 1).expect("nothing fails");
        let mut copied = copied;
        copied.insert("head".to_owned(), memory.contents()["head"].clone());
        assert!(matches!(
            read(&MemoryStorage::holding(copied)),
            Err(LedgerError::Shortened { .. })
        ));
        let again = backup(&memory, Arc::new(into), at(0));
        assert!(matches!(again, Err(LedgerError::Occupied { .. })));
    }
}

fn is_protected(memory: &MemoryStorage, entries: u64) {
    let mut files = memory.contents();
    let last = segments(&files).pop().expect("one");
    let bytes = files.get_mut(&last).expect("there");
    bytes.truncate(bytes.len() - 1);
    let short = MemoryStorage::holding(files);
    assert!(read(&short).is_err());
    assert_eq!(verify(&short).expect("a ledger").missing, 1, "{entries}");
}
