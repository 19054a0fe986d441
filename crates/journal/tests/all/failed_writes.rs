//! A write or a sync fails: the journal stops, says why, and recovers when it is opened again.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::entries::{Model, open};
use journal::faulty::{FaultyStorage, Unsynced};
use journal::{Batch, Journal, JournalError, Plain, Storage};

const SEGMENT_BYTES: u64 = 8 * 1024;

/// Writes until something fails. What was acknowledged, what was written, and the error.
fn write_until_failure(storage: &FaultyStorage) -> Option<(u64, Model, JournalError)> {
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let mut model = Model::new();
    let (mut journal, ..) = match open(&shared, SEGMENT_BYTES) {
        Ok(opened) => opened,
        Err(error) => return Some((0, model, error)),
    };
    let mut acknowledged = 1;
    while model.len() < 120 {
        match model.write(&mut journal, 1 + model.len() % 5) {
            Ok(through) => acknowledged = through,
            Err(error) => {
                let later = model.write(&mut journal, 1);
                let reason = error.to_string();
                assert!(
                    matches!(&later, Err(JournalError::Stopped { reason: said }) if *said == reason),
                    "a failed commit was followed by {later:?}"
                );
                return Some((acknowledged, model, error));
            }
        }
    }
    None
}

fn recovers(storage: &FaultyStorage, acknowledged: u64, model: &Model, what: &str) {
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let (mut journal, entries, _) =
        open(&shared, SEGMENT_BYTES).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        entries.len() as u64 >= acknowledged,
        "{what}: {} entries are left of {acknowledged} acknowledged",
        entries.len()
    );
    model.check_prefix(&entries).expect(what);
    let mut model = model.clone();
    model.truncate(entries.len());
    model.write(&mut journal, 3).expect(what);
    // What opening found must have been written again: its pages looked clean.
    let shared: Arc<dyn Storage> = Arc::new(storage.after_power_cut(Unsynced::Lost, 0));
    let (_, entries, _) =
        open(&shared, SEGMENT_BYTES).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(entries.len() as u64, model.len(), "{what}");
    model.check_prefix(&entries).expect(what);
}

#[test]
fn after_any_failed_operation_the_ledger_stops_and_recovers() {
    let sound = FaultyStorage::new(0);
    assert!(write_until_failure(&sound).is_none());
    for error in [ErrorKind::StorageFull, ErrorKind::Other] {
        for number in 0..sound.operations().len() as u64 {
            let storage = FaultyStorage::new(number);
            storage.fail_at(number, error);
            let (acknowledged, model, failed) =
                write_until_failure(&storage).expect("the failure is told");
            assert!(
                matches!(failed, JournalError::Io { .. }),
                "operation {number}: {failed}"
            );
            let what = format!("{error:?} at operation {number}");
            // The same machine goes on, or the power goes first.
            for unsynced in [Unsynced::Lost, Unsynced::Torn, Unsynced::Kept] {
                let after = storage.after_power_cut(unsynced, number);
                recovers(&after, acknowledged, &model, &what);
            }
            recovers(&storage, acknowledged, &model, &what);
        }
    }
}

#[test]
fn a_machine_that_dies_in_an_operation_does_nothing_more_and_recovers() {
    let sound = FaultyStorage::new(0);
    assert!(write_until_failure(&sound).is_none());
    for number in 0..sound.operations().len() as u64 {
        let storage = FaultyStorage::new(number);
        storage.crash_at(number);
        let (acknowledged, model, failed) =
            write_until_failure(&storage).expect("the failure is told");
        assert!(storage.has_crashed());
        assert!(
            failed.to_string().contains("the machine has died"),
            "{failed}"
        );
        assert_eq!(storage.operations().len() as u64, number + 1);
        let what = format!("dead at operation {number}");
        let after = storage.after_power_cut(Unsynced::Torn, number);
        recovers(&after, acknowledged, &model, &what);
    }
}

#[test]
fn what_comes_after_a_failed_sync_is_refused() {
    let storage = FaultyStorage::new(0);
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let (mut journal, ..) = open(&shared, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    // A write, a sync and a write of the mark each: the sync of the second batch fails.
    storage.fail_at(storage.operations().len() as u64 + 4, ErrorKind::Other);
    let batches = batches(&mut journal, &mut model, 4).into_iter();
    let outcomes: Vec<_> = batches.map(Batch::commit).collect();
    assert!(matches!(outcomes[0], Ok(3)), "{:?}", outcomes[0]);
    assert!(matches!(
        outcomes[1],
        Err(JournalError::Io { what: "sync", .. })
    ));
    for outcome in &outcomes[2..] {
        assert!(
            matches!(outcome, Err(JournalError::Stopped { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(journal.reader().sequence(), 3);
    recovers(&storage, 3, &model, "after a failed sync");
}

#[test]
fn batches_in_flight_are_committed_in_the_order_taken_or_not_at_all() {
    // Each batch begins a segment, so that two new segments are in flight at once.
    let storage: Arc<dyn Storage> = Arc::new(FaultyStorage::new(0));
    let (mut journal, ..) = open(&storage, 1).expect("a new journal");
    let mut model = Model::new();
    for batch in batches(&mut journal, &mut model, 3) {
        batch.commit().expect("in order");
    }
    let mut overtaken = batches(&mut journal, &mut model, 2);
    let refused = overtaken.pop().expect("two").commit();
    assert!(
        matches!(refused, Err(JournalError::Stopped { .. })),
        "{refused:?}"
    );
    overtaken.pop().expect("one").commit().expect("in order");
    let (_, entries, _) = open(&storage, 1).expect("it opens");
    assert_eq!(entries.len(), 9);
    model.check_prefix(&entries).expect("what was written");
}

/// Batches of two entries each, taken before any is committed.
fn batches(journal: &mut Journal<Plain>, model: &mut Model, count: usize) -> Vec<Batch<Plain>> {
    let mut batches = Vec::new();
    for _ in 0..count {
        for _ in 0..2 {
            journal.append(model.next());
        }
        batches.push(journal.take_batch().expect("two entries"));
    }
    batches
}
