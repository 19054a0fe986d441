//! Backups: a whole copy of a ledger, also of one that an office is writing to.
//!
//! Copied file by file, a head mark may be newer than the segments beside it, and then the copy has lost something that
//! it never had. Here what is durable is read first, and exactly that is copied.

use std::sync::Arc;

use jiff::Timestamp;
use journal::{Options, Storage, claim, copy};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::opening::read;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackedUp {
    /// Entries, byte for byte.
    pub entries: u64,
    /// Their bytes on the disk.
    pub bytes: u64,
}

/// Copies what is durable in `from`, beside any writer, into a storage that holds no ledger. The copy is read back, and
/// the checksum of every entry held against it. `now` is written nowhere.
pub fn backup(
    from: &dyn Storage,
    into: Arc<dyn Storage>,
    now: Timestamp,
) -> Result<BackedUp, LedgerError> {
    let reader = read(from)?;
    claim(&*into)?;
    copy(reader.journal(), reader.sequence(), &*into)?;
    let options = Options::default();
    let (ledger, recovery) = Ledger::open(into, reader.place(), options, now, |_| {})?;
    ledger.seal()?;
    Ok(BackedUp {
        entries: recovery.entries,
        bytes: ledger.reader().journal().bytes(),
    })
}
