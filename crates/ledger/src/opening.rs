//! Opening: takes up what an earlier writer left, cuts a torn tail, and refuses damage.

use std::path::PathBuf;
use std::sync::Arc;

use office::Place;

use crate::ahead::fold_behind;
use crate::aside::{copy_range, save_aside};
use crate::entry::{Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::floor::{Floor, Witnesses};
use crate::head::{Found, HeadUse};
use crate::reader::Reader;
use crate::resume::take_snapshot;
use crate::scan::{ChainCheck, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::snapshot::{SnapshotUse, Snapshots};
use crate::storage::{Storage, StorageFile};
use crate::walk::{Opened, Walk, Walked, bytes_of, open_all};

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The ledger was new.
    pub created: bool,
    /// Entries read: all of them, or those behind the snapshot.
    pub entries: u64,
    /// A torn tail that was cut: the file it was saved in, and its bytes.
    pub torn: Option<(String, u64)>,
    /// What became of the snapshot.
    pub snapshot: SnapshotUse,
    /// What became of the head mark.
    pub head: HeadUse,
}

/// What is done about a ledger that ends before what was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shorter {
    /// It is an error.
    Refused,
    /// It is being restored.
    Taken,
}

/// A ledger that was walked over for a writer.
pub(crate) struct Recovered {
    pub(crate) walk: Walk,
    pub(crate) recovery: Recovery,
    /// The head mark that stands.
    pub(crate) found: Option<Found>,
}

/// Walks over the ledger of `place` for a writer, and makes what is whole durable again.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    place: Place,
    snapshots: Option<Snapshots<'_>>,
    shorter: Shorter,
    fold: &mut impl FnMut(&Entry),
) -> Result<Recovered, LedgerError> {
    let storage = &**storage;
    let witnesses = Witnesses::read(storage, snapshots.is_some())?;
    let floor = match shorter {
        Shorter::Refused => witnesses.floor(),
        Shorter::Taken => Floor::NONE,
    };
    let mut firsts = segments_in(storage)?;
    let mut recovery = Recovery {
        created: firsts.is_empty(),
        head: witnesses.head_use(firsts.is_empty()),
        ..Recovery::default()
    };
    if recovery.created {
        // Before anything is made: what is left says that there was a ledger.
        floor.check(storage, 0)?;
        firsts.push(1);
    }
    let mut opened = open_all(storage, &firsts, recovery.created)?;
    let check = Check {
        directory: storage.path(),
        wanted: Some(place),
        floor,
    };
    let found = witnesses.found();
    let (snapshot, used) = take_snapshot(witnesses.snapshot, snapshots, &opened);
    recovery.snapshot = used;
    let mut walk = Walk::new();
    if let Some(snapshot) = snapshot {
        // The mark tells the epoch; a version before it left none, and then all entries are asked once.
        let through = found.map_or(snapshot.sequence, |_| 1);
        learn_covered(&opened, &check, &mut walk, through)?;
        if let Some(found) = found {
            walk.epoch = found.head.epoch;
        }
        opened = walk.begin_behind(snapshot, opened);
    }
    let bytes = bytes_of(&opened);
    fold_behind(
        bytes,
        |entry: Entry| fold(&entry),
        move |each| {
            let count = opened.len();
            for (index, segment) in opened.into_iter().enumerate() {
                let last = index + 1 == count;
                let walked = walk.segment(&segment, last, |entry| {
                    check.entry(&entry, &segment)?;
                    recovery.entries += 1;
                    each(entry);
                    Ok(())
                })?;
                if last {
                    // Before anything is cut: a tail that was durable is not torn.
                    check_end(&floor, storage, walk.next - 1, &walked)?;
                    recovery.torn = make_durable(storage, &*segment.file, segment.first, &walked)?;
                }
                walk.add(segment, walked);
            }
            Ok(Recovered {
                walk,
                recovery,
                found,
            })
        },
    )
}

/// Holds the last whole entry against what was durable. If bytes follow it, they are what it was.
fn check_end(
    floor: &Floor,
    storage: &dyn Storage,
    last: u64,
    walked: &Walked,
) -> Result<(), LedgerError> {
    floor.check(storage, last).map_err(|short| {
        if !walked.torn {
            return short;
        }
        let witness = floor.witness;
        walked.scanner.damaged(format!(
            "entry {} cannot be read, and the {witness} says that it was durable",
            last + 1
        ))
    })
}

/// Cuts a torn tail, after it is saved aside, and writes again what stands above the last durable point: it may
/// lie in the page cache only, and after a failed sync its pages look clean.
fn make_durable(
    storage: &dyn Storage,
    file: &dyn StorageFile,
    first: u64,
    walked: &Walked,
) -> Result<Option<(String, u64)>, LedgerError> {
    let len = walked.scanner.offset();
    let io = |what| LedgerError::io(what, walked.scanner.path());
    let saved = if walked.torn {
        let stem = format!("{first:020}.torn-at-{len}");
        Some(save_aside(storage, file, len, &stem)?)
    } else {
        None
    };
    if walked.scanner.left() > 0 {
        file.set_len(len).map_err(io("truncate"))?;
    }
    copy_range(
        file,
        walked.durable,
        file,
        walked.durable,
        len - walked.durable,
    )
    .map_err(io("write"))?;
    file.sync_data().map_err(io("sync"))?;
    storage
        .sync_directory()
        .map_err(LedgerError::io("sync", storage.path()))?;
    Ok(saved)
}

/// The first entry says whose ledger it is, and in which format; the one that the head mark names is the one.
struct Check {
    directory: PathBuf,
    wanted: Option<Place>,
    floor: Floor,
}

impl Check {
    fn entry(&self, entry: &Entry, segment: &Opened) -> Result<(), LedgerError> {
        if let Some(what) = self.floor.other_than_named(entry) {
            return Err(LedgerError::Damaged {
                file: segment.path.clone(),
                offset: 0,
                what,
            });
        }
        self.opening(entry)
    }

    fn opening(&self, entry: &Entry) -> Result<(), LedgerError> {
        let directory = || self.directory.clone();
        match (&entry.record, self.wanted) {
            (Record::Opening { format_version, .. }, _) if *format_version > FORMAT_VERSION => {
                Err(LedgerError::NewerFormat {
                    directory: directory(),
                    found: *format_version,
                    known: FORMAT_VERSION,
                })
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
    mut fold: impl FnMut(&Entry),
) -> Result<(Reader, SnapshotUse), LedgerError> {
    let directory = storage.path();
    let witnesses = Witnesses::read(storage, snapshots.is_some())?;
    let floor = witnesses.floor();
    let firsts = match segments_in(storage) {
        Ok(firsts) => firsts,
        Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(LedgerError::NotALedger { directory });
        }
        Err(error) => return Err(error),
    };
    let mut opened = open_all(storage, &firsts, false)?;
    let check = Check {
        directory: directory.clone(),
        wanted: None,
        floor,
    };
    let (snapshot, used) = take_snapshot(witnesses.snapshot, snapshots, &opened);
    let mut walk = Walk::new();
    if let Some(snapshot) = snapshot {
        learn_covered(&opened, &check, &mut walk, 1)?;
        opened = walk.begin_behind(snapshot, opened);
    }
    let bytes = bytes_of(&opened);
    let walk = fold_behind(
        bytes,
        |entry: Entry| fold(&entry),
        move |each| {
            let count = opened.len();
            for (index, segment) in opened.into_iter().enumerate() {
                let walked = walk.segment(&segment, index + 1 == count, |entry| {
                    check.entry(&entry, &segment)?;
                    each(entry);
                    Ok(())
                })?;
                if index + 1 == count {
                    check_end(&floor, storage, walk.next - 1, &walked)?;
                }
                walk.add(segment, walked);
            }
            Ok(walk)
        },
    )?;
    // There may be no segment.
    floor.check(storage, walk.next - 1)?;
    let place = walk.place.ok_or(LedgerError::NotALedger { directory })?;
    Ok((walk.into_reader(place), used))
}

/// What the entries through `through` say of the ledger itself. The first one, which says whose it is, is read also when
/// a snapshot covers it.
fn learn_covered(
    opened: &[Opened],
    check: &Check,
    walk: &mut Walk,
    through: u64,
) -> Result<(), LedgerError> {
    for Opened { first, file, path } in opened {
        let (file, path) = (Arc::clone(file), path.clone());
        let mut scanner = Scanner::new(file, path, *first, None, ChainCheck::Joints)?;
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, _) => {
                    check.opening(&entry)?;
                    walk.learn(&entry.record);
                    if entry.sequence >= through {
                        return Ok(());
                    }
                }
                Scanned::End => break,
                Scanned::Fault(fault) => return Err(scanner.error(&fault)),
            }
        }
    }
    Ok(())
}
