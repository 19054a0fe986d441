//! Forks: the first entries of a ledger as a ledger of their own, from which offices can carry on.
//!
//! The entries kept are the original bytes. One entry follows them, which raises the epoch above every one that the
//! original knows: an office on a fork is never taken for one on the original.

use std::sync::Arc;

use jiff::Timestamp;
use journal::{Options, Storage, claim, copy};
use office::line::{EPOCH_MAX, Mark};
use office::{PerPlace, Place};

use crate::entry::{Entry, Record};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::reader::{Cursor, Reader};
use crate::restore::{Raised, raised};

/// What a fork holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forked {
    /// Entries kept, byte for byte; one that raises the epoch follows them.
    pub entries: u64,
    /// Entries of the original that were left behind.
    pub left_behind: u64,
    /// The new epoch.
    pub epoch: u64,
}

/// Forks one ledger behind its entry `at`, into a storage that holds none. Its peer must be one that holds the same
/// steps, or the line between them stays down: [`fork_pair`] forks both.
pub fn fork(
    reader: &Reader,
    at: u64,
    into: Arc<dyn Storage>,
    now: Timestamp,
) -> Result<Forked, LedgerError> {
    let place = reader.place();
    within(reader, at)?;
    let known = epochs_in(reader)?;
    let raised = Raised {
        epoch: raised(known[place])?,
        restoring: false,
        forgets_peers: known[place.peer()] > 1,
    };
    write(reader, at, raised, into, now)
}

/// Forks both ledgers of a pair where they held the same, at the last such point that the ledger of `of` reached by its
/// entry `at`: every step of either office was recorded at both, and none was on its way.
pub fn fork_pair(
    readers: &PerPlace<Reader>,
    of: Place,
    at: u64,
    into: PerPlace<Arc<dyn Storage>>,
    now: Timestamp,
) -> Result<PerPlace<Forked>, LedgerError> {
    within(&readers[of], at)?;
    let point = common_point(readers, of, at)?;
    let known = Place::BOTH.map(|place| epochs_in(&readers[place]));
    let [south, north] = known;
    let (south, north) = (south?, north?);
    let mut forked = PerPlace::<Forked>::default();
    for place in Place::BOTH {
        let raised = Raised {
            epoch: raised(south[place].max(north[place]))?,
            restoring: false,
            forgets_peers: false,
        };
        let into = Arc::clone(&into[place]);
        forked[place] = write(&readers[place], point[place], raised, into, now)?;
    }
    Ok(forked)
}

/// The last entries at which both ledgers held the same steps, the ledger of `of` by its entry `at`. Where a ledger
/// has logged that its peer holds steps that it has not received, it owes more than it shows, and is passed over.
pub fn common_point(
    readers: &PerPlace<Reader>,
    of: Place,
    at: u64,
) -> Result<PerPlace<u64>, LedgerError> {
    let mut one = Path::of(&readers[of], at);
    let mut other = Path::of(&readers[of.peer()], u64::MAX);
    let mut found = PerPlace::new(1, 1);
    // Each stretch has one step more than the one before it, so equal steps are found side by side.
    while let (Some(one), Some(other)) = (one.next_stretch()?, other.next_stretch()?) {
        if one.steps == other.steps
            && let (Some(here), Some(there)) = (one.through, other.through)
        {
            (found[of], found[of.peer()]) = (here, there);
        }
    }
    Ok(found)
}

/// A ledger, from step to step.
struct Path {
    place: Place,
    cursor: Cursor,
    entries_max: u64,
    /// The step that begins the next stretch.
    step: Option<Entry>,
    steps: PerPlace<Mark>,
    /// Steps that the peer had by what it acknowledged.
    promised: u64,
}

/// A step, and the local entries behind it.
struct Stretch {
    /// The last step of each office.
    steps: PerPlace<Mark>,
    /// The last entry at which nothing promised is missing, if there is one.
    through: Option<u64>,
}

impl Path {
    fn of(reader: &Reader, entries_max: u64) -> Self {
        Self {
            place: reader.place(),
            cursor: reader.after(0),
            entries_max,
            step: None,
            steps: PerPlace::default(),
            promised: 0,
        }
    }

    fn next_stretch(&mut self) -> Result<Option<Stretch>, LedgerError> {
        let Some(mut entry) = self
            .step
            .take()
            .map_or_else(|| self.read(), |step| Ok(Some(step)))?
        else {
            return Ok(None);
        };
        let mut through = None;
        loop {
            self.take(&entry.record);
            if self.promised <= self.steps[self.place.peer()].sequence {
                through = Some(entry.sequence);
            }
            match self.read()? {
                Some(next) if !is_step(&next) => entry = next,
                next => {
                    self.step = next;
                    break;
                }
            }
        }
        Ok(Some(Stretch {
            steps: self.steps,
            through,
        }))
    }

    fn read(&mut self) -> Result<Option<Entry>, LedgerError> {
        let entry = self.cursor.next_entry()?;
        Ok(entry.filter(|entry| entry.sequence <= self.entries_max))
    }

    fn take(&mut self, record: &Record) {
        let (author, parcel) = match record {
            Record::Outbound(parcel) => (self.place, parcel),
            Record::Inbound(parcel) => (self.place.peer(), parcel),
            Record::AcknowledgementTaken(acknowledgement) => {
                self.promised = self.promised.max(acknowledgement.appended);
                return;
            }
            _ => return,
        };
        let mark = &mut self.steps[author];
        *mark = Mark {
            sequence: mark.sequence + 1,
            hash: parcel.hash,
        };
    }
}

fn is_step(entry: &Entry) -> bool {
    matches!(entry.record, Record::Outbound(_) | Record::Inbound(_))
}

/// The highest epoch of each office that a ledger logs.
fn epochs_in(reader: &Reader) -> Result<PerPlace<u64>, LedgerError> {
    let mut epochs = PerPlace::<u64>::default();
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry()? {
        if let Record::Opening { place, epoch, .. } | Record::EpochRaised { place, epoch, .. } =
            entry.record
            && epoch <= EPOCH_MAX
        {
            epochs[place] = epochs[place].max(epoch);
        }
    }
    Ok(epochs)
}

fn within(reader: &Reader, at: u64) -> Result<(), LedgerError> {
    let last = reader.sequence();
    if (1..=last).contains(&at) {
        return Ok(());
    }
    Err(LedgerError::NoSuchEntry {
        directory: reader.journal().directory(),
        sequence: at,
        last,
    })
}

/// Copies what stands up to entry `through`, and raises the epoch.
fn write(
    reader: &Reader,
    through: u64,
    raised: Raised,
    into: Arc<dyn Storage>,
    now: Timestamp,
) -> Result<Forked, LedgerError> {
    claim(&*into)?;
    copy(reader.journal(), through, &*into)?;
    let place = reader.place();
    let options = Options::default();
    let (mut ledger, recovery) = Ledger::open(into, place, options, now, |_| {})?;
    raised.log(&mut ledger, place, now)?;
    ledger.seal()?;
    Ok(Forked {
        entries: recovery.entries,
        left_behind: reader.sequence() - through,
        epoch: raised.epoch,
    })
}
