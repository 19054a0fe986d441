//! Opening: takes up what an earlier writer left, cuts a torn tail, and refuses damage.

use std::path::PathBuf;
use std::sync::Arc;

use office::Place;

use crate::ahead::fold_behind;
use crate::aside::{copy_range, save_aside};
use crate::entry::{Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::reader::Reader;
use crate::resume::take_snapshot;
use crate::scan::{ChainCheck, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::snapshot::{Snapshot, SnapshotUse, Snapshots};
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
}

/// Walks over the ledger of `place` for a writer, and makes what is whole durable again.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    place: Place,
    snapshots: Option<Snapshots<'_>>,
    fold: &mut impl FnMut(&Entry),
) -> Result<(Walk, Recovery), LedgerError> {
    let read = snapshots.as_ref().and_then(|_| Snapshot::read(&**storage));
    let mut firsts = segments_in(&**storage)?;
    let mut recovery = Recovery {
        created: firsts.is_empty(),
        ..Recovery::default()
    };
    if recovery.created {
        firsts.push(1);
    }
    let mut opened = open_all(&**storage, &firsts, recovery.created)?;
    let check = CheckOpening {
        directory: storage.path(),
        wanted: Some(place),
    };
    let (snapshot, used) = take_snapshot(read, snapshots, &opened);
    recovery.snapshot = used;
    let mut walk = Walk::new();
    if let Some(snapshot) = snapshot {
        check_first(&opened, &check)?;
        opened = walk.begin_behind(snapshot, opened);
    }
    let bytes = bytes_of(&opened);
    let storage = &**storage;
    fold_behind(
        bytes,
        |entry: Entry| fold(&entry),
        move |each| {
            let count = opened.len();
            for (index, segment) in opened.into_iter().enumerate() {
                let last = index + 1 == count;
                let walked = walk.segment(&segment, last, |entry| {
                    check.entry(&entry)?;
                    recovery.entries += 1;
                    each(entry);
                    Ok(())
                })?;
                if last {
                    recovery.torn = make_durable(storage, &*segment.file, segment.first, &walked)?;
                }
                walk.add(segment, walked);
            }
            Ok((walk, recovery))
        },
    )
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

/// The first entry says whose ledger it is, and in which format.
struct CheckOpening {
    directory: PathBuf,
    wanted: Option<Place>,
}

impl CheckOpening {
    fn entry(&self, entry: &Entry) -> Result<(), LedgerError> {
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
    // Read before the segments are listed: beside a writer it must not be newer than they are.
    let read = snapshots.as_ref().and_then(|_| Snapshot::read(storage));
    let firsts = match segments_in(storage) {
        Ok(firsts) => firsts,
        Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(LedgerError::NotALedger { directory });
        }
        Err(error) => return Err(error),
    };
    let mut opened = open_all(storage, &firsts, false)?;
    let check = CheckOpening {
        directory: directory.clone(),
        wanted: None,
    };
    let (snapshot, used) = take_snapshot(read, snapshots, &opened);
    let mut walk = Walk::new();
    if let Some(snapshot) = snapshot {
        walk.place = check_first(&opened, &check)?;
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
                    check.entry(&entry)?;
                    each(entry);
                    Ok(())
                })?;
                walk.add(segment, walked);
            }
            Ok(walk)
        },
    )?;
    let place = walk.place.ok_or(LedgerError::NotALedger { directory })?;
    Ok((walk.into_reader(place), used))
}

/// The first entry, which says whose ledger it is. It is read also when a snapshot covers it.
fn check_first(opened: &[Opened], check: &CheckOpening) -> Result<Option<Place>, LedgerError> {
    let Some(Opened { first, file, path }) = opened.first() else {
        return Ok(None);
    };
    let (file, path) = (Arc::clone(file), path.clone());
    let mut scanner = Scanner::new(file, path, *first, None, ChainCheck::Joints)?;
    match scanner.scan()? {
        Scanned::Entry(entry, _) => {
            check.entry(&entry)?;
            Ok(match entry.record {
                Record::Opening { place, .. } => Some(place),
                _ => None,
            })
        }
        Scanned::End => Ok(None),
        Scanned::Fault(fault) => Err(scanner.damaged(fault.what)),
    }
}
