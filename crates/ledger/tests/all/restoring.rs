//! Restoring: what is whole is kept, the rest saved aside, the epoch raised; and nothing is lost if it is cut short.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::faulty::{FaultyStorage, Unsynced};
use ledger::{
    DiskStorage, Ledger, LedgerError, LedgerOptions, MemoryStorage, Record, Storage, fold, read,
    restore, verify,
};
use office::{Limits, Place};

use crate::records::{Model, at, open, small_segments};

const SEGMENT_BYTES: u64 = 2_000;

/// Four segments or more.
fn write(storage: &Arc<dyn Storage>) -> Model {
    let (mut ledger, ..) = open(storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    for _ in 0..12 {
        model.write(&mut ledger, 4).expect("nothing fails");
    }
    model
}

fn segments(storage: &dyn Storage) -> Vec<String> {
    let mut names = storage.list().expect("there");
    names.retain(|name| name.ends_with(".segment"));
    names
}

fn flip(storage: &dyn Storage, name: &str, at: u64) {
    let file = storage.open(name, false).expect("there");
    let mut byte = [0];
    file.read_at(&mut byte, at).expect("there");
    file.write_at(&[byte[0] ^ 1], at).expect("there");
    file.sync_data().expect("there");
}

/// All bytes of all files, by name.
fn contents(storage: &dyn Storage) -> BTreeMap<String, Vec<u8>> {
    let bytes = |name: &String| {
        let file = storage.open(name, false).expect("there");
        let mut bytes = vec![0; file.len().expect("there") as usize];
        file.read_at(&mut bytes, 0).expect("there");
        bytes
    };
    let names = storage.list().expect("there");
    names
        .iter()
        .map(|name| (name.clone(), bytes(name)))
        .collect()
}

#[test]
fn damage_in_the_middle_is_cut_and_everything_behind_it_saved_aside() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let model = write(&storage);
    let names = segments(&*storage);
    assert!(names.len() >= 4, "{names:?}");
    flip(&*storage, &names[1], 900);
    let before = memory.contents();
    assert!(matches!(
        open(&storage, SEGMENT_BYTES),
        Err(LedgerError::Damaged { .. })
    ));

    let restored = restore(&storage, Place::South, at(9_000)).expect("restored");
    assert_eq!(restored.epoch, 2);
    let after = memory.contents();
    // Everything that was there is there still, under one name or another.
    for name in &names[1..] {
        let saved = restored.saved.iter().find(|saved| saved.starts_with(name));
        assert_eq!(after[saved.expect("named")], before[name]);
    }
    assert_eq!(after[&names[0]], before[&names[0]]);

    let (ledger, mut entries, _) = open(&storage, SEGMENT_BYTES).expect("sound");
    assert_eq!(verify(&*storage).expect("a ledger").faults, []);
    let raised = entries.pop().expect("there").record;
    let wanted = Record::EpochRaised {
        place: Place::South,
        epoch: 2,
        restoring: true,
    };
    assert_eq!(raised, wanted);
    assert_eq!(entries.len() as u64, restored.entries);
    assert!(entries.len() > 4 && (entries.len() as u64) < model.len());
    model.check_prefix(&entries).expect("what was written");
    let office = fold(&ledger.reader(), Limits::default()).expect("sound");
    assert!(office.line().is_restoring());
    assert_eq!(office.line().epoch(), 2);
}

#[test]
fn a_damaged_first_entry_leaves_a_new_ledger_with_a_higher_epoch() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    write(&storage);
    restore(&storage, Place::South, at(9_000)).expect("nothing is damaged: epoch 2");
    restore(&storage, Place::South, at(9_001)).expect("nothing is damaged: epoch 3");
    let names = segments(&*storage);
    flip(&*storage, &names[0], 20);
    let restored = restore(&storage, Place::South, at(9_002)).expect("restored");
    // The peer knows epoch 3, and would take a lower one for a ledger from before.
    assert_eq!((restored.entries, restored.epoch), (0, 4));
    assert_eq!(restored.saved.len(), names.len());
    assert_eq!(read(&*storage).expect("sound").sequence(), 2);
}

#[test]
fn a_missing_segment_is_no_reason_to_lose_the_others() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    write(&storage);
    let names = segments(&*storage);
    storage.rename(&names[1], "elsewhere").expect("memory");
    let restored = restore(&storage, Place::South, at(9_000)).expect("restored");
    let saved: Vec<String> = names[2..]
        .iter()
        .map(|name| format!("{name}.damaged"))
        .collect();
    assert_eq!(restored.saved, saved);
}

#[test]
fn a_restore_that_is_cut_short_is_run_again() {
    let faulty = FaultyStorage::new(3);
    let storage: Arc<dyn Storage> = Arc::new(faulty.clone());
    let model = write(&storage);
    let names = segments(&*storage);
    flip(&*storage, &names[1], 900);
    let before = contents(&*storage);
    faulty.keep_images();
    let whole = restore(&storage, Place::South, at(9_000)).expect("restored");
    let images = faulty.images();
    assert!(images.len() > 10, "{} operations", images.len());
    for (number, image) in images.iter().enumerate() {
        for (unsynced, seeds) in [
            (Unsynced::Lost, 1),
            (Unsynced::Kept, 1),
            (Unsynced::Torn, 8),
        ] {
            for seed in 0..seeds {
                let what = format!("operation {number}, {unsynced:?}, seed {seed}");
                let storage: Arc<dyn Storage> = Arc::new(image.after_power_cut(unsynced, seed));
                let restored = restore(&storage, Place::South, at(9_001)).expect(&what);
                assert!(restored.epoch >= whole.epoch, "{what}");
                let after = contents(&*storage);
                for name in &names {
                    let kept = after.iter().any(|(_, bytes)| *bytes == before[name]);
                    let grown = after
                        .get(name)
                        .is_some_and(|now| now.starts_with(&before[name]));
                    assert!(kept || grown, "{what}: the bytes of {name} are gone");
                }
                let (_, entries, _) = open(&storage, SEGMENT_BYTES).expect(&what);
                let kept = whole.entries as usize;
                assert!(entries.len() > kept, "{what}");
                model.check_prefix(&entries[..kept]).expect(&what);
                assert_eq!(verify(&*storage).expect("a ledger").faults, [], "{what}");
            }
        }
    }
}

#[test]
fn on_a_disk_a_ledger_is_restored_and_then_locked_for_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = || -> Arc<dyn Storage> {
        Arc::new(DiskStorage::create(directory.path()).expect("a directory"))
    };
    let first = disk();
    write(&first);
    let names = segments(&*first);
    flip(&*first, &names[1], 900);
    // One who holds it already may go on; another may not.
    restore(&first, Place::South, at(9_000)).expect("restored");
    let second = disk();
    let locked = Ledger::open(
        Arc::clone(&second),
        Place::South,
        small_segments(1),
        at(0),
        |_| {},
    );
    assert!(matches!(locked, Err(LedgerError::Locked { .. })));
    assert!(matches!(
        restore(&second, Place::South, at(0)),
        Err(LedgerError::Locked { .. })
    ));
    drop(first);
    let options = LedgerOptions::default();
    Ledger::open(second, Place::South, options, at(0), |_| {}).expect("free again");
}

#[test]
fn the_peers_epoch_is_not_this_offices() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let raised = Record::EpochRaised {
        place: Place::North,
        epoch: 9,
        restoring: false,
    };
    ledger.append(at(1), &raised);
    let batch = ledger.take_batch().expect("an entry");
    batch.commit().expect("memory");
    drop(ledger);
    let restored = restore(&storage, Place::South, at(2)).expect("whole");
    assert_eq!((restored.epoch, restored.entries), (2, 2));
}
