//! Makes a damaged or shortened ledger ready to fetch from its peer what is missing.

use std::sync::Arc;

use jiff::Timestamp;
use office::Place;
use office::line::EPOCH_MAX;

use crate::aside::{crowded, names_for, save_aside};
use crate::entry::{CHAIN_START, Entry, Record};
use crate::error::LedgerError;
use crate::floor::Witnesses;
use crate::journal::{Ledger, LedgerOptions};
use crate::newer::refuse_newer;
use crate::opening::Shorter;
use crate::scan::{ChainCheck, Expected, FaultKind, Scanned, Scanner, Whole};
use crate::segments::{segment_name, segments_in};
use crate::snapshot;
use crate::storage::Storage;

/// In the name of what is saved aside here.
const DAMAGED: &str = ".damaged";

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Entries kept.
    pub entries: u64,
    /// Entries that were durable, and are not there.
    pub missing: u64,
    /// The new epoch.
    pub epoch: u64,
    /// Files that were saved aside, since they hold damage or stand behind it.
    pub saved: Vec<String>,
}

/// Keeps what is whole, saves the rest aside, and raises the epoch above every one that can still be read, also
/// in what is saved aside. The office that opens the ledger next takes no mutation until its peer has given
/// back what was missing. If this is interrupted, run it again. A ledger to which a newer version has written is refused,
/// and nothing is changed: that version restores it.
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
    let witnesses = Witnesses::read(&**storage, false)?;
    let durable = witnesses.floor().sequence;
    refuse_newer(&**storage)?;
    let mut saved = cut_at_damage(&**storage)?;
    let (mut epoch, mut peer_epoch) = (epoch_saved_aside(&**storage, place)?, 0);
    let marked = witnesses.found().map_or(0, |found| found.head.epoch);
    if marked <= EPOCH_MAX {
        epoch = epoch.max(marked);
    }
    let (mut ledger, recovery) = Ledger::open_if(
        Arc::clone(storage),
        place,
        LedgerOptions::default(),
        now,
        None,
        Shorter::Taken,
        |entry| {
            epoch = epoch.max(epoch_in(entry, place));
            if let Record::EpochRaised {
                place: whose,
                epoch,
                ..
            } = entry.record
                && whose != place
            {
                peer_epoch = epoch;
            }
        },
    )?;
    // Not the ledger's last one: where nothing was left, opening it began a new one.
    let last = recovery.entries;
    let raised = Raised {
        epoch: raised(epoch)?,
        restoring: true,
        forgets_peers: peer_epoch > 1,
    };
    raised.log(&mut ledger, place, now)?;
    // Only now: until the ledger says itself that it is being restored, they keep it from being opened as it is.
    if witnesses.by_snapshot > last {
        saved.push(set_aside(&**storage, snapshot::NAME)?);
    }
    ledger.protect()?;
    Ok(Restored {
        entries: last,
        missing: durable.saturating_sub(last),
        epoch: raised.epoch,
        saved,
    })
}

/// What a ledger that has left its original says of epochs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raised {
    /// This office's.
    pub(crate) epoch: u64,
    pub(crate) restoring: bool,
    /// The peer's own answer tells its epoch again. What stands in the ledger may be what somebody else claimed.
    pub(crate) forgets_peers: bool,
}

impl Raised {
    /// Logs it, durably.
    pub(crate) fn log(
        self,
        ledger: &mut Ledger,
        place: Place,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let forgotten = self.forgets_peers.then_some(Record::EpochRaised {
            place: place.peer(),
            epoch: 0,
            restoring: false,
        });
        let own = Record::EpochRaised {
            place,
            epoch: self.epoch,
            restoring: self.restoring,
        };
        for record in forgotten.iter().chain([&own]) {
            ledger.append(now, record);
        }
        if let Some(batch) = ledger.take_batch() {
            batch.commit()?;
        }
        Ok(())
    }
}

/// Cuts each segment at its first fault, and sets aside those that do not follow. What is cut is saved, and the
/// copy durable, before anything is changed; so an interrupted cut is simply made again.
fn cut_at_damage(storage: &dyn Storage) -> Result<Vec<String>, LedgerError> {
    let mut saved = Vec::new();
    let mut expected = Expected {
        sequence: 1,
        chain: CHAIN_START,
    };
    for first in segments_in(storage)? {
        let name = segment_name(first);
        let path = storage.path().join(&name);
        if first != expected.sequence {
            saved.push(set_aside(storage, &name)?);
            continue;
        }
        let file = storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let mut scanner = Scanner::new(
            Arc::clone(&file),
            path,
            first,
            Some(expected),
            ChainCheck::All,
        )?;
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
            let io = |what| LedgerError::io(what, scanner.path());
            file.set_len(scanner.offset()).map_err(io("truncate"))?;
            file.sync_data().map_err(io("sync"))?;
        }
        expected = scanner.expected().unwrap_or(expected);
    }
    storage
        .sync_directory()
        .map_err(LedgerError::io("sync", storage.path()))?;
    Ok(saved)
}

/// Renames a segment, to a name that nothing has yet.
fn set_aside(storage: &dyn Storage, name: &str) -> Result<String, LedgerError> {
    let names = storage
        .list()
        .map_err(LedgerError::io("list", storage.path()))?;
    let stem = format!("{name}{DAMAGED}");
    let aside = names_for(&stem)
        .find(|aside| !names.contains(aside))
        .ok_or_else(|| crowded(storage, &stem))?;
    storage
        .rename(name, &aside)
        .map_err(LedgerError::io("rename", storage.path().join(name)))?;
    Ok(aside)
}

/// The highest epoch of `place` in what has been saved aside, now or before an interruption.
fn epoch_saved_aside(storage: &dyn Storage, place: Place) -> Result<u64, LedgerError> {
    let names = storage
        .list()
        .map_err(LedgerError::io("list", storage.path()))?;
    let mut epoch = 0;
    for name in names.iter().filter(|name| name.contains(DAMAGED)) {
        let path = storage.path().join(name);
        let file = storage
            .open(name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let scanner = Scanner::new(file, path, 0, None, ChainCheck::All)?;
        let mut from = 0;
        let said = |whole: &Whole| match whole {
            Whole::Entry(entry) => epoch_in(entry, place),
            Whole::Newer(_) => 0,
        };
        while let Some((at, whole)) = scanner.find(from, |whole, _| said(whole) > 0)? {
            epoch = epoch.max(said(&whole));
            from = at + 1;
        }
    }
    Ok(epoch)
}

/// The epoch after `epoch`, if there can be one.
pub(crate) fn raised(epoch: u64) -> Result<u64, LedgerError> {
    let raised = epoch.checked_add(1).filter(|epoch| *epoch <= EPOCH_MAX);
    raised.ok_or(LedgerError::EpochExhausted { epoch })
}

/// The epoch that an entry gives `place`; 0 if it gives none.
fn epoch_in(entry: &Entry, place: Place) -> u64 {
    match entry.record {
        Record::Opening {
            place: whose,
            epoch,
            ..
        }
        | Record::EpochRaised {
            place: whose,
            epoch,
            ..
        } if whose == place && epoch <= EPOCH_MAX => epoch,
        _ => 0,
    }
}
