//! Makes a damaged or shortened ledger ready to fetch from its peer what is missing.

use std::sync::Arc;

use jiff::Timestamp;
use journal::{Options, Salvage, Shorter, Storage, each_saved_aside};
use office::Place;
use office::line::EPOCH_MAX;

use crate::entry::{Entry, Record};
use crate::error::LedgerError;
use crate::form::LedgerForm;
use crate::ledger::Ledger;
use crate::opening::refuse_newer_format;

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
/// back what was missing. If this is interrupted, run it again. A ledger of a newer format, or to which a newer version has
/// written, is refused, and nothing is changed: that version restores it.
pub fn restore(
    storage: &Arc<dyn Storage>,
    place: Place,
    now: Timestamp,
) -> Result<Restored, LedgerError> {
    refuse_newer_format(&**storage)?;
    let mut salvage = Salvage::begin::<LedgerForm>(&**storage)?;
    let (mut epoch, mut peer_epoch) = (0, 0);
    each_saved_aside::<LedgerForm>(&**storage, |entry| {
        epoch = epoch.max(epoch_in(entry, place));
    })?;
    if let Some(marked) = salvage.stamp.filter(|marked| *marked <= EPOCH_MAX) {
        epoch = epoch.max(marked);
    }
    let (mut ledger, recovery) = Ledger::open_if(
        Arc::clone(storage),
        place,
        Options::default(),
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
    salvage.finish(&**storage, last)?;
    ledger.protect()?;
    Ok(Restored {
        entries: last,
        missing: salvage.durable.saturating_sub(last),
        epoch: raised.epoch,
        saved: salvage.saved,
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
