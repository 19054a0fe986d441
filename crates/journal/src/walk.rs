//! Walks over the segments of a journal, and makes the index on the way.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::JournalError;
use crate::form::{CHAIN_START, Chain, Form};
use crate::index::{Index, Point, SPACING_BYTES, Segment};
use crate::reader::Reader;
use crate::resume::Covered;
use crate::scan::{ChainCheck, Expected, Fault, FaultKind, Scanned, Scanner};
use crate::segments::segment_name;
use crate::snapshot::Snapshot;
use crate::storage::{Storage, StorageFile};

/// What a walk over the segments has come to.
pub(crate) struct Walk<F: Form> {
    pub(crate) segments: Vec<Segment<F::Mark>>,
    pub(crate) next: u64,
    pub(crate) chain: Chain,
    pub(crate) mark: F::Mark,
    pub(crate) form: F,
    /// Where the walk goes on behind a snapshot, and the index points before.
    resumed: Option<(u64, Vec<Point<F::Mark>>)>,
}

/// Where a walk over one segment ended.
pub(crate) struct Walked<F: Form> {
    pub(crate) scanner: Scanner<F>,
    points: Vec<Point<F::Mark>>,
    /// The highest offset that a batch names as durable.
    pub(crate) durable: u64,
    /// Something other than zeros follows the last whole entry.
    pub(crate) torn: bool,
}

impl<F: Form> Walk<F> {
    pub(crate) fn new() -> Self {
        Self {
            segments: Vec::new(),
            next: 1,
            chain: CHAIN_START,
            mark: F::Mark::default(),
            form: F::default(),
            resumed: None,
        }
    }

    pub(crate) fn into_reader(self) -> Reader<F> {
        Reader {
            index: Index::new(self.segments, self.next - 1),
        }
    }

    /// Reads a segment to its end, from where the walk has come to. A fault in any but the last is damage; so is
    /// one below a durable point.
    pub(crate) fn segment(
        &mut self,
        segment: &Opened,
        last: bool,
        mut each: impl FnMut(F::Entry) -> Result<(), F::Error>,
    ) -> Result<Walked<F>, F::Error> {
        let Opened { first, file, path } = segment;
        let expected = Expected {
            sequence: self.next,
            chain: self.chain,
        };
        // `verify` checks all of it; here a checksum must do, but for the segment last written to.
        let check = if last {
            ChainCheck::All
        } else {
            ChainCheck::Joints
        };
        let (file, path) = (Arc::clone(file), path.clone());
        let form = self.form.clone();
        let mut scanner = Scanner::new(file, path, *first, Some(expected), check, form)?;
        let (mut points, mut durable) = (Vec::new(), 0);
        if let Some((offset, known)) = self.resumed.take_if(|_| *first < self.next) {
            scanner.resume(offset, Some(expected));
            (points, durable) = (known, offset);
        } else if *first != self.next {
            let what = format!(
                "the segment begins with {first} where {} belongs",
                self.next
            );
            return Err(scanner.damaged(what).into());
        }
        let mut read_again = None;
        let torn = loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    self.count(&entry, offset, &mut points);
                    let named = F::link(&entry).durable;
                    if let Some(named) = named.filter(|named| named.segment == *first) {
                        durable = durable.max(named.offset.min(offset));
                    }
                    each(entry)?;
                }
                Scanned::End => break false,
                Scanned::Fault(fault) if fault.kind == FaultKind::Newer => {
                    return Err(scanner.error(&fault).into());
                }
                Scanned::Fault(fault) => {
                    if !last || is_damage(&scanner, &fault)? {
                        // Beside a writer the bytes may have been read before they were all written.
                        if read_again.replace(scanner.offset()) == Some(scanner.offset()) {
                            return Err(scanner.damaged(fault.what).into());
                        }
                        scanner.resume(scanner.offset(), scanner.expected());
                        continue;
                    }
                    break !scanner.only_zeros_left()?;
                }
            }
        };
        self.form = scanner.form().clone();
        Ok(Walked {
            scanner,
            points,
            durable,
            torn,
        })
    }

    fn count(&mut self, entry: &F::Entry, offset: u64, points: &mut Vec<Point<F::Mark>>) {
        let link = F::link(entry);
        if points
            .last()
            .is_none_or(|point: &Point<F::Mark>| offset - point.offset >= SPACING_BYTES)
        {
            points.push(Point {
                sequence: link.sequence,
                offset,
                before: self.mark,
            });
        }
        F::count(&mut self.mark, F::content(entry));
        (self.next, self.chain) = (link.sequence + 1, link.chain);
    }

    pub(crate) fn add(&mut self, segment: Opened, walked: Walked<F>) {
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
    pub(crate) fn begin_behind(
        &mut self,
        snapshot: Snapshot<F::Mark>,
        opened: Vec<Opened>,
    ) -> Result<Vec<Opened>, JournalError> {
        let covered = Covered {
            snapshot: &snapshot,
            opened: &opened,
        };
        self.form.go_on_behind(&snapshot.mark, &covered)?;
        self.next = snapshot.sequence + 1;
        (self.chain, self.mark) = (snapshot.chain, snapshot.mark);
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
        Ok(opened.collect())
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
) -> Result<Vec<Opened>, JournalError> {
    let open = |first: &u64| {
        let name = segment_name(*first);
        let path = storage.path().join(&name);
        let file = storage
            .open(&name, create)
            .map_err(JournalError::io("open", path.clone()))?;
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
fn is_damage<F: Form>(scanner: &Scanner<F>, fault: &Fault) -> Result<bool, JournalError> {
    match fault.kind {
        FaultKind::Torn => scanner.is_below_a_durable_point(),
        FaultKind::Unreadable | FaultKind::Newer | FaultKind::Misplaced => Ok(true),
    }
}
