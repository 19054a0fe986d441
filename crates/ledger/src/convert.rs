//! Conversion: the entries of a ledger in the newest format.
//!
//! A ledger goes on in the format that it began with; it is never changed in its place. A converted one holds the same
//! records at the same sequences and times, with the bytes of steps as they came in, and a chain of its own.

use std::sync::Arc;

use journal::{Fault, Storage, claim};

use crate::entry::{FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::reader::Reader;
use crate::verify::verify;

/// Bytes of entries that are written together.
const BATCH_BYTES: usize = 1024 * 1024;

/// What a conversion made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Converted {
    /// Entries, as many as there were.
    pub entries: u64,
    /// The format that they were in.
    pub from_format: u32,
    /// The format that they are in.
    pub to_format: u32,
}

/// Writes the entries of a ledger into a storage that holds none, in the newest format, and verifies what it wrote.
pub fn convert(reader: &Reader, into: &Arc<dyn Storage>) -> Result<Converted, LedgerError> {
    claim(&**into)?;
    let mut ledger = Ledger::empty(Arc::clone(into), reader.place())?;
    let mut converted = Converted {
        to_format: FORMAT_VERSION,
        ..Converted::default()
    };
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry()? {
        let mut record = entry.record;
        if let Record::Opening { format_version, .. } = &mut record {
            converted.from_format = std::mem::replace(format_version, FORMAT_VERSION);
        }
        ledger.append(entry.recorded_at, &record);
        converted.entries += 1;
        if ledger.batch_bytes() >= BATCH_BYTES {
            commit(&mut ledger)?;
        }
    }
    commit(&mut ledger)?;
    ledger.protect()?;
    check(&**into)?;
    Ok(converted)
}

/// Whatever does not hold now did not hold in the ledger that was read, or got lost on the way.
fn check(made: &dyn Storage) -> Result<(), LedgerError> {
    match verify(made)?.faults.into_iter().next() {
        None => Ok(()),
        Some(Fault { file, offset, what }) => Err(LedgerError::Damaged {
            file: made.path().join(file),
            offset,
            what,
        }),
    }
}

fn commit(ledger: &mut Ledger) -> Result<(), LedgerError> {
    match ledger.take_batch() {
        Some(batch) => batch.commit().map(drop),
        None => Ok(()),
    }
}
