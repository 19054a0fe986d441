//! The power goes in the middle of every operation: what was acknowledged stands, what was not is whole or absent.

use std::sync::Arc;

use crate::entries::{Model, open, verify};
use journal::Storage;
use journal::faulty::{FaultyStorage, Operation, Unsynced};

const SEGMENT_BYTES: u64 = 8 * 1024;

/// A journal's life on a disk: an image in the middle of each operation, and what was acknowledged by then.
struct Life {
    images: Vec<FaultyStorage>,
    model: Model,
    /// Operations done when a batch was acknowledged, and the sequence through which it was.
    acknowledged: Vec<(u64, u64)>,
}

impl Life {
    /// Writes `appends` entries in batches of many sizes.
    fn lived_on(storage: &FaultyStorage, appends: u64) -> Self {
        storage.keep_images();
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let (mut journal, ..) = open(&shared, SEGMENT_BYTES).expect("a new journal");
        let mut model = Model::new();
        let done = |storage: &FaultyStorage| storage.operations().len() as u64;
        let mut acknowledged = vec![(done(storage), 1)];
        let mut sizes = [1, 1, 2, 5, 1, 3, 17, 1, 8].into_iter().cycle();
        while model.len() <= appends {
            let count = sizes.next().expect("a cycle has no end");
            let through = model.write(&mut journal, count).expect("nothing fails");
            acknowledged.push((done(storage), through));
        }
        Self {
            images: storage.images(),
            model,
            acknowledged,
        }
    }

    fn acknowledged_before(&self, operation: usize) -> u64 {
        let known = self.acknowledged.iter();
        known
            .take_while(|(done, _)| *done <= operation as u64)
            .last()
            .map_or(0, |(_, through)| *through)
    }

    /// Cuts the power in the middle of `operation`, and looks what the journal has become.
    fn cut(&self, operation: usize, unsynced: Unsynced, seed: u64) -> Result<(), String> {
        let image = self.images[operation].after_power_cut(unsynced, seed);
        self.survives(&image, self.acknowledged_before(operation))
    }

    /// Opens, checks, goes on writing, cuts the power once more, and opens again.
    fn survives(&self, image: &FaultyStorage, acknowledged: u64) -> Result<(), String> {
        let storage: Arc<dyn Storage> = Arc::new(image.clone());
        let (mut journal, entries, _) =
            open(&storage, SEGMENT_BYTES).map_err(|error| error.to_string())?;
        if (entries.len() as u64) < acknowledged {
            return Err(format!(
                "{} entries are left of {acknowledged} acknowledged",
                entries.len()
            ));
        }
        self.model.check_prefix(&entries)?;
        let mut model = self.model.clone();
        model.truncate(entries.len());
        for count in [1, 4] {
            let written = model.write(&mut journal, count);
            written.map_err(|error| error.to_string())?;
        }
        let faults = verify(&*storage).map_err(|error| error.to_string())?.faults;
        if !faults.is_empty() {
            return Err(format!("after recovery: {faults:?}"));
        }
        let storage: Arc<dyn Storage> = Arc::new(image.after_power_cut(Unsynced::Lost, 0));
        let (_, entries, recovery) =
            open(&storage, SEGMENT_BYTES).map_err(|error| error.to_string())?;
        if entries.len() as u64 != model.len() || recovery.torn.is_some() {
            return Err("what was written after recovery is lost".to_owned());
        }
        model.check_prefix(&entries)
    }

    fn every_cut(&self, unsynced: Unsynced, seeds: u64) -> Result<(), String> {
        for operation in 0..self.images.len() {
            for seed in 0..seeds {
                self.cut(operation, unsynced, seed).map_err(|what| {
                    format!("operation {operation}, {unsynced:?}, seed {seed}: {what}")
                })?;
            }
        }
        Ok(())
    }
}

#[test]
fn what_was_acknowledged_survives_when_the_unsynced_is_lost() {
    let life = Life::lived_on(&FaultyStorage::new(1), 1_000);
    life.every_cut(Unsynced::Lost, 1).expect("nothing is lost");
}

#[test]
fn what_was_acknowledged_survives_when_the_unsynced_is_kept() {
    let life = Life::lived_on(&FaultyStorage::new(2), 1_000);
    life.every_cut(Unsynced::Kept, 1).expect("nothing is lost");
}

#[test]
fn what_was_acknowledged_survives_when_the_unsynced_is_torn() {
    let life = Life::lived_on(&FaultyStorage::new(3), 1_000);
    life.every_cut(Unsynced::Torn, 3).expect("nothing is lost");
}

#[test]
fn the_script_reaches_every_operation_of_a_writer() {
    let storage = FaultyStorage::new(1);
    let life = Life::lived_on(&storage, 1_000);
    let operations = storage.operations();
    assert_eq!(operations.len(), life.images.len());
    for wanted in [
        Operation::Create,
        Operation::Write,
        Operation::SyncData,
        Operation::SyncDirectory,
    ] {
        let count = operations.iter().filter(|done| **done == wanted).count();
        assert!(count > 15, "{wanted:?} was done {count} times");
    }
}

#[test]
fn a_recovery_may_be_cut_short_anywhere() {
    let life = Life::lived_on(&FaultyStorage::new(4), 200);
    for operation in 0..life.images.len() {
        let acknowledged = life.acknowledged_before(operation);
        let torn = life.images[operation].after_power_cut(Unsynced::Torn, operation as u64);
        torn.keep_images();
        let storage: Arc<dyn Storage> = Arc::new(torn.clone());
        open(&storage, SEGMENT_BYTES).expect("it recovers");
        for (number, image) in torn.images().iter().enumerate() {
            for unsynced in [Unsynced::Lost, Unsynced::Torn, Unsynced::Kept] {
                let image = image.after_power_cut(unsynced, number as u64);
                life.survives(&image, acknowledged)
                    .unwrap_or_else(|what| panic!("operation {operation}, then {number}: {what}"));
            }
        }
    }
}

#[test]
fn without_its_syncs_a_ledger_is_seen_to_lose() {
    for lie in [Operation::SyncData, Operation::SyncDirectory] {
        let life = Life::lived_on(&FaultyStorage::lying_about(lie, 1), 100);
        let lost = life.every_cut(Unsynced::Lost, 1);
        assert!(lost.is_err(), "{lie:?} did nothing, and nothing was lost");
    }
}
