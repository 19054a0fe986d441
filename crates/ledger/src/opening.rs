//! Opening: walks over what an earlier writer left, cuts a torn tail, and refuses damage.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use office::Place;

use crate::aside::{copy_range, save_aside};
use crate::entry::{CHAIN_START, Chain, Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::reader::{Durable, INDEX_SPACING_BYTES, IndexPoint, Reader, Segment};
use crate::scan::{Expected, Fault, FaultKind, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::storage::{Storage, StorageFile};

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The ledger was new.
    pub created: bool,
    /// Entries read.
    pub entries: u64,
    /// A torn tail that was cut: the file it was saved in, and its bytes.
    pub torn: Option<(String, u64)>,
}

/// What a walk over the segments has come to.
pub(crate) struct Walk {
    pub(crate) segments: Vec<Segment>,
    pub(crate) next: u64,
    pub(crate) chain: Chain,
    pub(crate) outbound: u64,
    pub(crate) inbound: u64,
    pub(crate) latest: Timestamp,
    place: Option<Place>,
}

/// Where a walk over one segment ended.
struct Walked {
    scanner: Scanner,
    points: Vec<IndexPoint>,
    /// The highest offset that a batch names as durable.
    durable: u64,
    /// Something other than zeros follows the last whole entry.
    torn: bool,
}

impl Walk {
    fn new() -> Self {
        Self {
            segments: Vec::new(),
            next: 1,
            chain: CHAIN_START,
            outbound: 0,
            inbound: 0,
            latest: Timestamp::MIN,
            place: None,
        }
    }

    pub(crate) fn into_reader(self, place: Place) -> Reader {
        let durable = Durable {
            segments: self.segments,
            sequence: self.next - 1,
            failed: None,
        };
        Reader {
            place,
            durable: Arc::new(RwLock::new(durable)),
        }
    }

    /// Reads a segment to its end. A fault in any but the last is damage; so is one below a durable point.
    fn segment(
        &mut self,
        file: &Arc<dyn StorageFile>,
        path: PathBuf,
        first: u64,
        last: bool,
        mut each: impl FnMut(&Entry) -> Result<(), LedgerError>,
    ) -> Result<Walked, LedgerError> {
        let expected = Expected {
            sequence: self.next,
            chain: self.chain,
        };
        let mut scanner = Scanner::new(Arc::clone(file), path, first, Some(expected))?;
        if first != self.next {
            return Err(scanner.damaged(format!(
                "the segment begins with {first} where {} belongs",
                self.next
            )));
        }
        let (mut points, mut durable, mut read_again) = (Vec::new(), 0, None);
        let torn = loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    self.count(&entry, offset, &mut points);
                    if let Some(named) = entry.durable.filter(|named| named.segment == first) {
                        durable = named.offset.min(offset);
                    }
                    each(&entry)?;
                }
                Scanned::End => break false,
                Scanned::Fault(fault) => {
                    if !last || is_damage(&scanner, &fault)? {
                        // Beside a writer the bytes may have been read before they were all written.
                        if read_again.replace(scanner.offset()) == Some(scanner.offset()) {
                            return Err(scanner.damaged(fault.what));
                        }
                        scanner.resume(scanner.offset(), scanner.expected());
                        continue;
                    }
                    break !scanner.only_zeros_left()?;
                }
            }
        };
        Ok(Walked {
            scanner,
            points,
            durable,
            torn,
        })
    }

    fn count(&mut self, entry: &Entry, offset: u64, points: &mut Vec<IndexPoint>) {
        if points
            .last()
            .is_none_or(|point: &IndexPoint| offset - point.offset >= INDEX_SPACING_BYTES)
        {
            points.push(IndexPoint {
                sequence: entry.sequence,
                offset,
                outbound: self.outbound,
                inbound: self.inbound,
                latest: self.latest,
            });
        }
        if let Record::Opening { place, .. } = entry.record {
            self.place = Some(place);
        }
        self.outbound += u64::from(matches!(entry.record, Record::Outbound(_)));
        self.inbound += u64::from(matches!(entry.record, Record::Inbound(_)));
        self.latest = self.latest.max(entry.recorded_at);
        (self.next, self.chain) = (entry.sequence + 1, entry.chain);
    }

    fn add(&mut self, first: u64, file: Arc<dyn StorageFile>, walked: Walked) {
        self.segments.push(Segment {
            first,
            file,
            path: walked.scanner.path().to_owned(),
            len: walked.scanner.offset(),
            points: walked.points,
        });
    }
}

/// Tells damage from a torn tail, in the last segment.
fn is_damage(scanner: &Scanner, fault: &Fault) -> Result<bool, LedgerError> {
    match fault.kind {
        FaultKind::Torn => scanner.is_below_a_durable_point(),
        FaultKind::Unreadable | FaultKind::Misplaced => Ok(true),
    }
}

/// Walks over the ledger of `place` for a writer, and makes what is whole durable again.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    place: Place,
    fold: &mut impl FnMut(&Entry),
) -> Result<(Walk, Recovery), LedgerError> {
    let mut firsts = segments_in(&**storage)?;
    let mut recovery = Recovery {
        created: firsts.is_empty(),
        ..Recovery::default()
    };
    if recovery.created {
        firsts.push(1);
    }
    let directory = storage.path();
    let mut walk = Walk::new();
    for (index, first) in firsts.iter().enumerate() {
        let name = segment_name(*first);
        let path = directory.join(&name);
        let file = storage
            .open(&name, recovery.created)
            .map_err(LedgerError::io("open", path.clone()))?;
        let last = index + 1 == firsts.len();
        let walked = walk.segment(&file, path, *first, last, |entry| {
            check_opening(&directory, entry, Some(place))?;
            recovery.entries += 1;
            fold(entry);
            Ok(())
        })?;
        if last {
            recovery.torn = make_durable(&**storage, &*file, *first, &walked)?;
        }
        walk.add(*first, file, walked);
    }
    Ok((walk, recovery))
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
fn check_opening(
    directory: &Path,
    entry: &Entry,
    wanted: Option<Place>,
) -> Result<(), LedgerError> {
    let directory = directory.to_owned();
    match (&entry.record, wanted) {
        (Record::Opening { format_version, .. }, _) if *format_version > FORMAT_VERSION => {
            Err(LedgerError::NewerFormat {
                directory,
                found: *format_version,
                known: FORMAT_VERSION,
            })
        }
        (Record::Opening { place, .. }, Some(wanted)) if *place != wanted => {
            Err(LedgerError::WrongPlace {
                directory,
                found: *place,
                wanted,
            })
        }
        (Record::Opening { .. }, _) => Ok(()),
        _ if entry.sequence == 1 => Err(LedgerError::Damaged {
            file: directory.join(segment_name(1)),
            offset: 0,
            what: "the first entry does not say whose ledger this is".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Opens a ledger for reading, beside any writer: what is whole is read, a torn tail is left alone. What the
/// writer adds later is not seen.
pub fn read(storage: &dyn Storage) -> Result<Reader, LedgerError> {
    let directory = storage.path();
    let firsts = match segments_in(storage) {
        Ok(firsts) => firsts,
        Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(LedgerError::NotALedger { directory });
        }
        Err(error) => return Err(error),
    };
    let mut walk = Walk::new();
    for (index, first) in firsts.iter().enumerate() {
        let name = segment_name(*first);
        let path = directory.join(&name);
        let file = storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let last = index + 1 == firsts.len();
        let walked = walk.segment(&file, path, *first, last, |entry| {
            check_opening(&directory, entry, None)
        })?;
        walk.add(*first, file, walked);
    }
    let place = walk.place.ok_or(LedgerError::NotALedger { directory })?;
    Ok(walk.into_reader(place))
}
