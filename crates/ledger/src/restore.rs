//! Makes a damaged or shortened ledger ready to fetch from its peer what is missing.

use std::sync::Arc;

use jiff::Timestamp;
use office::Place;

use crate::entry::Record;
use crate::error::LedgerError;
use crate::journal::{Ledger, LedgerOptions, segment_name, segments_in};
use crate::reader::CHAIN_START;
use crate::scan::{Scanned, Scanner};
use crate::storage::Storage;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Entries kept.
    pub entries: u64,
    /// The new epoch.
    pub epoch: u64,
    /// Files that were saved aside, since they hold damage or stand behind it.
    pub saved: Vec<String>,
}

/// Keeps what is whole, saves the rest aside, and raises the epoch. The office that opens the ledger next takes
/// no mutation until its peer has given back what was missing.
pub fn restore(
    storage: &Arc<dyn Storage>,
    place: Place,
    now: Timestamp,
) -> Result<Restored, LedgerError> {
    let path = storage.path();
    if !storage
        .lock()
        .map_err(LedgerError::io("lock", path.clone()))?
    {
        return Err(LedgerError::Locked { directory: path });
    }
    let saved = cut_at_damage(&**storage)?;
    let mut epoch = 0;
    let (mut ledger, recovery) = Ledger::open(
        Arc::clone(storage),
        place,
        LedgerOptions::default(),
        now,
        |entry| match entry.record {
            Record::Opening { epoch: said, .. } => epoch = said,
            Record::EpochRaised {
                place: whose,
                epoch: said,
                ..
            } if whose == place => epoch = said,
            _ => {}
        },
    )?;
    epoch += 1;
    ledger.append(
        now,
        &Record::EpochRaised {
            place,
            epoch,
            restoring: true,
        },
    );
    if let Some(batch) = ledger.take_batch() {
        batch.commit()?;
    }
    Ok(Restored {
        entries: recovery.entries,
        epoch,
        saved,
    })
}

fn cut_at_damage(storage: &dyn Storage) -> Result<Vec<String>, LedgerError> {
    let mut saved = Vec::new();
    let (mut next, mut chain) = (1, CHAIN_START);
    let mut damaged = false;
    for first in segments_in(storage)? {
        let name = segment_name(first);
        let path = storage.path().join(&name);
        if damaged || first != next {
            let aside = format!("{name}.damaged");
            storage
                .rename(&name, &aside)
                .map_err(LedgerError::io("rename", path))?;
            saved.push(aside);
            damaged = true;
            continue;
        }
        let file = storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let mut scanner = Scanner::new(&*file, path.clone(), next, chain)?;
        loop {
            match scanner.scan()? {
                Scanned::Entry(..) => {}
                Scanned::End => break,
                Scanned::Fault(_) => {
                    damaged = true;
                    break;
                }
            }
        }
        if damaged {
            let aside = format!("{name}.damaged-at-{}", scanner.offset());
            let whole = scanner.read(0, usize::MAX)?;
            let copy = storage
                .open(&aside, true)
                .map_err(LedgerError::io("create", path.clone()))?;
            copy.write_at(&whole, 0)
                .map_err(LedgerError::io("write", path.clone()))?;
            copy.sync_data()
                .map_err(LedgerError::io("sync", path.clone()))?;
            file.set_len(scanner.offset())
                .map_err(LedgerError::io("truncate", path.clone()))?;
            file.sync_data().map_err(LedgerError::io("sync", path))?;
            saved.push(aside);
        }
        (next, chain) = (scanner.next, scanner.chain);
    }
    storage
        .sync_directory()
        .map_err(LedgerError::io("sync", storage.path()))?;
    Ok(saved)
}
