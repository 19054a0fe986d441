//! What an opening holds an entry against: whose ledger it is, and in which format.

use std::path::PathBuf;

use journal::{SnapshotUse, Snapshots, Storage, first_entry, segment_name};
use office::Place;

use crate::entry::{Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::form::LedgerForm;
use crate::reader::Reader;

/// The first entry says whose ledger it is, and in which format.
pub(crate) struct Check {
    pub(crate) directory: PathBuf,
    pub(crate) wanted: Option<Place>,
}

impl Check {
    /// Whether an entry may stand in such a ledger.
    pub(crate) fn entry(&self, entry: &Entry) -> Result<(), LedgerError> {
        let directory = || self.directory.clone();
        match (&entry.record, self.wanted) {
            (Record::Opening { format_version, .. }, _) if *format_version > FORMAT_VERSION => {
                Err(newer(directory(), *format_version))
            }
            (Record::Opening { place, .. }, Some(wanted)) if *place != wanted => {
                Err(LedgerError::WrongPlace {
                    directory: directory(),
                    found: *place,
                    wanted,
                })
            }
            (Record::Opening { .. }, _) => Ok(()),
            _ if entry.sequence == 1 => Err(LedgerError::Damaged {
                file: self.directory.join(segment_name(1)),
                offset: 0,
                what: "the first entry does not say whose ledger this is".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

fn newer(directory: PathBuf, found: u32) -> LedgerError {
    LedgerError::NewerFormat {
        directory,
        found,
        known: FORMAT_VERSION,
    }
}

/// Refuses a ledger that began in a newer format: whatever its chain is, it would be taken for damage.
pub(crate) fn refuse_newer_format(storage: &dyn Storage) -> Result<(), LedgerError> {
    match first_entry::<LedgerForm>(storage)?.map(|entry| entry.record) {
        Some(Record::Opening { format_version, .. }) if format_version > FORMAT_VERSION => {
            Err(newer(storage.path(), format_version))
        }
        _ => Ok(()),
    }
}

/// Opens a ledger for reading, beside any writer: what is whole is read, a torn tail is left alone. What the
/// writer adds later is not seen.
pub fn read(storage: &dyn Storage) -> Result<Reader, LedgerError> {
    read_with(storage, None, |_| {}).map(|(reader, _)| reader)
}

/// As [`read`], and gives every entry to `fold`; if there is a snapshot that fits, its state is taken up, and only
/// the entries that follow are checked and folded.
pub fn read_with(
    storage: &dyn Storage,
    snapshots: Option<Snapshots<'_>>,
    fold: impl FnMut(&Entry),
) -> Result<(Reader, SnapshotUse), LedgerError> {
    let directory = storage.path();
    let check = Check {
        directory: directory.clone(),
        wanted: None,
    };
    let each = |entry: &Entry| check.entry(entry);
    let (reader, form, used) = journal::read::<LedgerForm>(storage, snapshots, each, fold)?;
    let place = form.place.ok_or(LedgerError::NotALedger { directory })?;
    Ok((Reader::new(place, reader), used))
}
