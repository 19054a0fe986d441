//! Walks over the segments of a ledger, and makes the index on the way.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use office::Place;

use crate::entry::{CHAIN_START, Chain, Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::reader::{Durable, INDEX_SPACING_BYTES, IndexPoint, Reader, Segment};
use crate::scan::{ChainCheck, Expected, Fault, FaultKind, Scanned, Scanner};
use crate::segments::segment_name;
use crate::snapshot::Snapshot;
use crate::storage::{Storage, StorageFile};

/// What a walk over the segments has come to.
pub(crate) struct Walk {
    pub(crate) segments: Vec<Segment>,
    pub(crate) next: u64,
    pub(crate) chain: Chain,
    pub(crate) outbound: u64,
    pub(crate) inbound: u64,
    pub(crate) latest: Timestamp,
    pub(crate) place: Option<Place>,
    /// The format that it began with; the newest if it begins here.
    pub(crate) format: u32,
    /// Of the office whose ledger it is.
    pub(crate) epoch: u64,
    /// Where the walk goes on behind a snapshot, and the index points before.
    resumed: Option<(u64, Vec<IndexPoint>)>,
}

/// Where a walk over one segment ended.
pub(crate) struct Walked {
    pub(crate) scanner: Scanner,
    points: Vec<IndexPoint>,
    /// The highest offset that a batch names as durable.
    pub(crate) durable: u64,
    /// Something other than zeros follows the last whole entry.
    pub(crate) torn: bool,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self {
            segments: Vec::new(),
            next: 1,
            chain: CHAIN_START,
            outbound: 0,
            inbound: 0,
            latest: Timestamp::MIN,
            place: None,
            format: FORMAT_VERSION,
            epoch: 0,
            resumed: None,
        }
    }

    pub(crate) fn into_reader(self, place: Place) -> Reader {
        let durable = Durable {
            segments: self.segments,
            sequence: self.next - 1,
            recent: VecDeque::new(),
            failed: None,
        };
        Reader {
            place,
            durable: Arc::new(RwLock::new(durable)),
        }
    }

    /// Reads a segment to its end, from where the walk has come to. A fault in any but the last is damage; so is
    /// one below a durable point.
    pub(crate) fn segment(
        &mut self,
        segment: &Opened,
        last: bool,
        mut each: impl FnMut(Entry) -> Result<(), LedgerError>,
    ) -> Result<Walked, LedgerError> {
        let Opened { first, file, path } = segment;
        let expected = Expected {
            sequence: self.next,
            chain: self.chain,
        };
        // `verify` computes the whole chain; here a checksum must do, but for the segment last written to.
        let check = if last {
            ChainCheck::All
        } else {
            ChainCheck::Joints
        };
        let (file, path) = (Arc::clone(file), path.clone());
        let mut scanner = Scanner::new(file, path, *first, Some(expected), check)?;
        let (mut points, mut durable) = (Vec::new(), 0);
        if let Some((offset, known)) = self.resumed.take_if(|_| *first < self.next) {
            scanner.resume(offset, Some(expected));
            (points, durable) = (known, offset);
        } else if *first != self.next {
            return Err(scanner.damaged(format!(
                "the segment begins with {first} where {} belongs",
                self.next
            )));
        }
        let mut read_again = None;
        let torn = loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    self.count(&entry, offset, &mut points);
                    if let Some(named) = entry.durable.filter(|named| named.segment == *first) {
                        durable = durable.max(named.offset.min(offset));
                    }
                    each(entry)?;
                }
                Scanned::End => break false,
                Scanned::Fault(fault) if fault.kind == FaultKind::Newer => {
                    return Err(scanner.error(&fault));
                }
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
        self.learn(&entry.record);
        self.outbound += u64::from(matches!(entry.record, Record::Outbound(_)));
        self.inbound += u64::from(matches!(entry.record, Record::Inbound(_)));
        self.latest = self.latest.max(entry.recorded_at);
        (self.next, self.chain) = (entry.sequence + 1, entry.chain);
    }

    /// What an entry says of the ledger itself: whose it is, its format, and the epoch.
    pub(crate) fn learn(&mut self, record: &Record) {
        match *record {
            Record::Opening {
                format_version,
                place,
                epoch,
            } => {
                (self.format, self.place) = (format_version, Some(place));
                self.epoch = epoch;
            }
            Record::EpochRaised { place, epoch, .. } if self.place == Some(place) => {
                self.epoch = epoch;
            }
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, segment: Opened, walked: Walked) {
        if let Some(complete) = self.segments.last() {
            complete.file.rest();
        }
        self.segments.push(Segment {
            first: segment.first,
            file: segment.file,
            path: segment.path,
            len: walked.scanner.offset(),
            points: walked.points,
        });
    }

    /// Begins behind a snapshot, of which it is known that the log holds its entry. Gives back the
    /// segments that are still to be read.
    pub(crate) fn begin_behind(&mut self, snapshot: Snapshot, opened: Vec<Opened>) -> Vec<Opened> {
        self.next = snapshot.sequence + 1;
        self.chain = snapshot.chain;
        (self.outbound, self.inbound) = (snapshot.outbound, snapshot.inbound);
        self.latest = snapshot.latest;
        let mut opened = opened.into_iter();
        for known in snapshot.segments {
            if known.first == snapshot.segment {
                self.resumed = Some((snapshot.offset, known.points));
                break;
            }
            let Opened { first, file, path } =
                opened.next().expect("the snapshot was held against them");
            file.rest();
            self.segments.push(Segment {
                first,
                file,
                path,
                len: known.len,
                points: known.points,
            });
        }
        opened.collect()
    }
}

/// A segment's file.
pub(crate) struct Opened {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) path: PathBuf,
}

/// Opens the segments, in order.
pub(crate) fn open_all(
    storage: &dyn Storage,
    firsts: &[u64],
    create: bool,
) -> Result<Vec<Opened>, LedgerError> {
    let open = |first: &u64| {
        let name = segment_name(*first);
        let path = storage.path().join(&name);
        let file = storage
            .open(&name, create)
            .map_err(LedgerError::io("open", path.clone()))?;
        file.rest();
        Ok(Opened {
            first: *first,
            file,
            path,
        })
    };
    firsts.iter().map(open).collect()
}

/// The length of all of them.
pub(crate) fn bytes_of(opened: &[Opened]) -> u64 {
    opened
        .iter()
        .map(|segment| {
            let len = segment.file.len().unwrap_or(0);
            segment.file.rest();
            len
        })
        .sum()
}

/// Tells damage from a torn tail, in the last segment.
fn is_damage(scanner: &Scanner, fault: &Fault) -> Result<bool, LedgerError> {
    match fault.kind {
        FaultKind::Torn => scanner.is_below_a_durable_point(),
        FaultKind::Unreadable | FaultKind::Newer | FaultKind::Misplaced => Ok(true),
    }
}
