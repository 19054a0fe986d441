//! Keeps what is whole of a damaged or shortened journal, and saves the rest aside.

use std::sync::Arc;

use crate::aside::{crowded, names_for, save_aside};
use crate::error::JournalError;
use crate::floor::Witnesses;
use crate::form::Form;
use crate::newer::refuse_newer;
use crate::scan::{ChainCheck, Expected, FaultKind, Scanned, Scanner, Whole};
use crate::segments::{segment_name, segments_in};
use crate::snapshot;
use crate::storage::Storage;

/// In the name of what is saved aside here.
const DAMAGED: &str = ".damaged";

/// A journal that was cut at its first fault. It may be shorter than it was, so it is opened with
/// [`crate::Shorter::Taken`]; what says that it was longer protects it until [`Self::finish`], and then
/// [`crate::Journal::protect`].
#[derive(Debug)]
pub struct Salvage {
    /// The last entry that was durable; 0 if nothing says so.
    pub durable: u64,
    /// The stamp that the head mark keeps, if it can be read.
    pub stamp: Option<u64>,
    /// Files that were saved aside, since they hold damage or stand behind it.
    pub saved: Vec<String>,
    by_snapshot: u64,
}

impl Salvage {
    /// Takes the journal for this process, keeps what is whole up to the first fault, and saves the rest aside. If this is
    /// interrupted, run it again. A journal to which a newer version has written is refused, and nothing is changed.
    pub fn begin<F: Form>(storage: &dyn Storage) -> Result<Self, JournalError> {
        let directory = storage.path();
        if !storage
            .lock()
            .map_err(JournalError::io("lock", directory.clone()))?
        {
            return Err(JournalError::Locked { directory });
        }
        let witnesses = Witnesses::read::<F>(storage, false)?;
        refuse_newer::<F>(storage)?;
        Ok(Self {
            durable: witnesses.floor().sequence,
            stamp: witnesses.found().map(|found| found.head.stamp),
            saved: cut_at_damage::<F>(storage)?,
            by_snapshot: witnesses.by_snapshot,
        })
    }

    /// Sets aside a snapshot that covers more than the entries through `last`, which is what was kept. To be called once
    /// the journal says itself that it is not what it was: until then the snapshot keeps it from being opened as it is.
    pub fn finish(&mut self, storage: &dyn Storage, last: u64) -> Result<(), JournalError> {
        if self.by_snapshot > last {
            self.saved.push(set_aside(storage, snapshot::NAME)?);
        }
        Ok(())
    }
}

/// Gives `each` every whole entry in what has been saved aside, now or before an interruption.
pub fn each_saved_aside<F: Form>(
    storage: &dyn Storage,
    mut each: impl FnMut(&F::Entry),
) -> Result<(), JournalError> {
    let names = storage
        .list()
        .map_err(JournalError::io("list", storage.path()))?;
    for name in names.iter().filter(|name| name.contains(DAMAGED)) {
        let path = storage.path().join(name);
        let file = storage
            .open(name, false)
            .map_err(JournalError::io("open", path.clone()))?;
        let (check, form) = (ChainCheck::Joints, F::default());
        let scanner = Scanner::<F>::new(file, path, 0, None, check, form)?;
        scanner.find(0, |whole: &Whole<F::Entry>, _| {
            whole.entry.iter().for_each(&mut each);
            false
        })?;
    }
    Ok(())
}

/// Cuts each segment at its first fault, and sets aside those that do not follow. What is cut is saved, and the
/// copy durable, before anything is changed; so an interrupted cut is simply made again.
fn cut_at_damage<F: Form>(storage: &dyn Storage) -> Result<Vec<String>, JournalError> {
    let mut saved = Vec::new();
    let (mut expected, mut form) = (Expected::FIRST, F::default());
    for first in segments_in(storage)? {
        let name = segment_name(first);
        let path = storage.path().join(&name);
        if first != expected.sequence {
            saved.push(set_aside(storage, &name)?);
            continue;
        }
        let file = storage
            .open(&name, false)
            .map_err(JournalError::io("open", path.clone()))?;
        let (again, follows) = (Arc::clone(&file), Some(expected));
        let mut scanner = Scanner::new(again, path, first, follows, ChainCheck::All, form)?;
        let faulty = loop {
            match scanner.scan()? {
                Scanned::Entry(..) => {}
                Scanned::End => break false,
                // What is only newer would be cut off as if it were damage.
                Scanned::Fault(fault) if fault.kind == FaultKind::Newer => {
                    return Err(scanner.error(&fault));
                }
                Scanned::Fault(_) => break true,
            }
        };
        if faulty {
            let stem = format!("{name}{DAMAGED}-at-{}", scanner.offset());
            saved.push(save_aside(storage, &*file, 0, &stem)?.0);
            let io = |what| JournalError::io(what, scanner.path());
            file.set_len(scanner.offset()).map_err(io("truncate"))?;
            file.sync_data().map_err(io("sync"))?;
        }
        expected = scanner.expected().unwrap_or(expected);
        form = scanner.form().clone();
    }
    storage
        .sync_directory()
        .map_err(JournalError::io("sync", storage.path()))?;
    Ok(saved)
}

/// Renames a segment, to a name that nothing has yet.
fn set_aside(storage: &dyn Storage, name: &str) -> Result<String, JournalError> {
    let names = storage
        .list()
        .map_err(JournalError::io("list", storage.path()))?;
    let stem = format!("{name}{DAMAGED}");
    let aside = names_for(&stem)
        .find(|aside| !names.contains(aside))
        .ok_or_else(|| crowded(storage, &stem))?;
    storage
        .rename(name, &aside)
        .map_err(JournalError::io("rename", storage.path().join(name)))?;
    Ok(aside)
}
