//! Reading: by cursor, by sequence, by step, by time. Constant memory, and only what is durable.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use office::{Place, StepId};

use crate::codec::{INBOUND, OUTBOUND, glance};
use crate::entry::{Entry, FaultyFrame, Record};
use crate::error::LedgerError;
use crate::frame::{FRAME_HEADER_BYTES, decode_frame, frame_body, frame_len};
use crate::storage::StorageFile;

/// Bytes between two points of the index.
pub(crate) const INDEX_SPACING_BYTES: u64 = 32 * 1024;
/// Bytes read first: what one entry is looked up in. Whoever reads on reads more at a time.
const READ_FIRST_BYTES: usize = 32 * 1024;
const READ_BYTES: usize = 128 * 1024;
/// What is left behind an entry as long as this is moved, so that the entry can go.
const LARGE_BYTES: usize = 64 * 1024;
/// Bytes read first where the entry itself is pointed at.
const READ_ENTRY_BYTES: usize = 4 * 1024;
/// Entries whose place is remembered one by one: what was just recorded is what is asked for most. 900 kB.
const RECENT_MAX: usize = 16 * 1024;

/// Where an entry stands, and what came before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexPoint {
    pub(crate) sequence: u64,
    pub(crate) offset: u64,
    /// Own steps before it.
    pub(crate) outbound: u64,
    /// The peer's steps before it.
    pub(crate) inbound: u64,
    /// The latest recording time before it.
    pub(crate) latest: Timestamp,
}

pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) path: PathBuf,
    /// Durable bytes.
    pub(crate) len: u64,
    pub(crate) points: Vec<IndexPoint>,
}

/// What readers see of a ledger: everything durable.
#[derive(Default)]
pub(crate) struct Durable {
    pub(crate) segments: Vec<Segment>,
    /// The places of the last entries, each with its segment.
    pub(crate) recent: VecDeque<(u64, IndexPoint)>,
    /// The highest durable sequence.
    pub(crate) sequence: u64,
    /// Why a commit failed: nothing more is written.
    pub(crate) failed: Option<String>,
}

impl Durable {
    /// Remembers the places of entries that have just become durable.
    pub(crate) fn remember(&mut self, segment: u64, points: Vec<IndexPoint>) {
        let kept = RECENT_MAX.saturating_sub(points.len());
        let over = self.recent.len().saturating_sub(kept);
        self.recent.drain(..over);
        let over = points.len().saturating_sub(RECENT_MAX);
        let points = points.into_iter().skip(over);
        self.recent.extend(points.map(|point| (segment, point)));
    }
}

/// Reads a ledger. Cheap to clone; safe beside the writer.
#[derive(Clone)]
pub struct Reader {
    pub(crate) place: Place,
    pub(crate) durable: Arc<RwLock<Durable>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("place", &self.place)
            .field("sequence", &self.sequence())
            .finish()
    }
}

impl Reader {
    /// Whose ledger it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The highest sequence that can be read.
    pub fn sequence(&self) -> u64 {
        self.view(|durable| durable.sequence)
    }

    /// The directory, for messages.
    pub(crate) fn directory(&self) -> PathBuf {
        let parent = |path: &PathBuf| path.parent().map(PathBuf::from);
        self.view(|durable| durable.segments.first().and_then(|it| parent(&it.path)))
            .unwrap_or_default()
    }

    /// Its length on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.view(|durable| durable.segments.iter().map(|segment| segment.len).sum())
    }

    /// A cursor over the entries after `sequence`.
    pub fn after(&self, sequence: u64) -> Cursor {
        let start = self.point(|point| point.sequence <= sequence.saturating_add(1));
        let mut cursor = self.cursor(start);
        cursor.skip_through = sequence;
        cursor
    }

    /// A cursor that begins at the last index point before `sequence`, or at it.
    pub(crate) fn at(&self, sequence: u64) -> Cursor {
        self.cursor(self.point(|point| point.sequence <= sequence))
    }

    /// A cursor that begins with the first entry recorded at or after `time`.
    pub fn from_time(&self, time: Timestamp) -> Cursor {
        let start = self.point(|point| point.latest < time);
        let mut cursor = self.cursor(start);
        cursor.skip_before = Some(time);
        cursor
    }

    /// The entry with this sequence.
    pub fn get(&self, sequence: u64) -> Result<Option<Entry>, LedgerError> {
        if sequence == 0 || sequence > self.sequence() {
            return Ok(None);
        }
        self.after(sequence - 1).next_entry()
    }

    /// The entry of a step.
    pub fn step(&self, id: StepId) -> Result<Option<Entry>, LedgerError> {
        self.steps_of(id.place, id.sequence.saturating_sub(1))
            .next_step()
            .map(|found| {
                found
                    .filter(|(sequence, _)| *sequence == id.sequence)
                    .map(|(_, entry)| entry)
            })
    }

    /// The steps of one author after one of its line sequences, in order.
    pub fn steps_of(&self, author: Place, after: u64) -> Steps {
        let outbound = author == self.place;
        let start = self.point(|point| {
            (if outbound {
                point.outbound
            } else {
                point.inbound
            }) <= after
        });
        let sequence = start.map_or(0, |Start { point, .. }| {
            if outbound {
                point.outbound
            } else {
                point.inbound
            }
        });
        Steps {
            cursor: self.cursor(start),
            outbound,
            sequence,
            after,
        }
    }

    fn cursor(&self, start: Option<Start>) -> Cursor {
        let Start {
            segment,
            point,
            read_first,
        } = start.unwrap_or(Start {
            segment: 0,
            point: IndexPoint {
                sequence: 1,
                offset: 0,
                outbound: 0,
                inbound: 0,
                latest: Timestamp::MIN,
            },
            read_first: READ_FIRST_BYTES,
        });
        Cursor {
            reader: self.clone(),
            before: point,
            read_first,
            segment,
            offset: point.offset,
            next: point.sequence,
            buffer: Bytes::new(),
            skip_through: 0,
            skip_before: None,
        }
    }

    /// The last point that `wanted` takes; `wanted` holds for a prefix of all points.
    fn point(&self, wanted: impl Fn(&IndexPoint) -> bool) -> Option<Start> {
        self.view(|durable| {
            let recent = durable.recent.partition_point(|(_, point)| wanted(point));
            if let Some((segment, point)) = recent.checked_sub(1).map(|at| durable.recent[at]) {
                return Some(Start {
                    segment,
                    point,
                    read_first: READ_ENTRY_BYTES,
                });
            }
            let until = durable
                .segments
                .partition_point(|segment| segment.points.first().is_some_and(&wanted));
            let segment = durable.segments.get(until.checked_sub(1)?)?;
            let at = segment.points.partition_point(&wanted).checked_sub(1)?;
            Some(Start {
                segment: segment.first,
                point: segment.points[at],
                read_first: READ_FIRST_BYTES,
            })
        })
    }

    pub(crate) fn view<T>(&self, look: impl FnOnce(&Durable) -> T) -> T {
        look(&self.durable.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Durable)) {
        change(&mut self.durable.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Where a cursor begins.
#[derive(Debug, Clone, Copy)]
struct Start {
    segment: u64,
    point: IndexPoint,
    read_first: usize,
}

/// What an entry was, as far as whoever counts steps asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    Outbound,
    Inbound,
    Note,
}

impl Passed {
    fn of(entry: &Entry) -> Self {
        match &entry.record {
            Record::Outbound(_) => Self::Outbound,
            Record::Inbound(_) => Self::Inbound,
            _ => Self::Note,
        }
    }

    fn direction(self) -> Option<u8> {
        match self {
            Self::Outbound => Some(OUTBOUND),
            Self::Inbound => Some(INBOUND),
            Self::Note => None,
        }
    }
}

/// Reads entries one after another. At the end of what is durable it gives `None`, and goes on later.
#[derive(Debug)]
pub struct Cursor {
    reader: Reader,
    /// Where it began.
    before: IndexPoint,
    /// Bytes read first.
    read_first: usize,
    /// First sequence of the segment read; 0 before the first.
    segment: u64,
    offset: u64,
    next: u64,
    buffer: Bytes,
    skip_through: u64,
    skip_before: Option<Timestamp>,
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Cursor {
    /// Lets the segment rest that it has read from, unless that is still written to.
    fn leave(&self) {
        self.reader.view(|durable| {
            let Some((_, complete)) = durable.segments.split_last() else {
                return;
            };
            if let Ok(at) = complete.binary_search_by_key(&self.segment, |segment| segment.first) {
                complete[at].file.rest();
            }
        });
    }

    /// What came before it began.
    pub(crate) fn before(&self) -> IndexPoint {
        self.before
    }

    /// Where the frame behind the last entry begins.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// The next entry; `None` when there is none yet.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LedgerError> {
        loop {
            let Some(entry) = self.any_entry()? else {
                return Ok(None);
            };
            let early = self
                .skip_before
                .is_some_and(|time| entry.recorded_at < time);
            if entry.sequence > self.skip_through && !early {
                self.skip_before = None;
                return Ok(Some(entry));
            }
        }
    }

    /// How many bytes the next entry takes, before it is read; `None` when there is none yet. Of a cursor that begins at a
    /// time it may be an entry from before that.
    pub fn next_len(&mut self) -> Result<Option<usize>, LedgerError> {
        // They lie between two points of the index, so they are short.
        while self.next <= self.skip_through {
            if self.pass()?.is_none() {
                return Ok(None);
            }
        }
        loop {
            match frame_len(&self.buffer) {
                Ok(Some(len)) => return Ok(Some(len)),
                Ok(None) if self.fill()? => {}
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.faulty(fault)),
            }
        }
    }

    fn any_entry(&mut self) -> Result<Option<Entry>, LedgerError> {
        loop {
            match decode_frame(&self.buffer) {
                Ok(Some((entry, len))) if entry.sequence == self.next => {
                    self.buffer = self.buffer.split_off(len);
                    if len > LARGE_BYTES && self.buffer.len() < len {
                        // What is left would keep all of it, for as long as nobody reads on.
                        self.buffer = Bytes::copy_from_slice(&self.buffer);
                    }
                    self.offset += len as u64;
                    self.next += 1;
                    return Ok(Some(entry));
                }
                Ok(Some((entry, _))) => {
                    return Err(self.damaged(format!(
                        "entry {} stands where {} belongs",
                        entry.sequence, self.next
                    )));
                }
                Ok(None) => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
                Err(fault) => return Err(self.faulty(fault)),
            }
        }
    }

    /// The next entry of `direction`. Others are passed over: their checksums and places must hold, the rest is not read.
    fn next_of(&mut self, direction: u8) -> Result<Option<Entry>, LedgerError> {
        let ours = |entry: &Entry| Passed::of(entry).direction() == Some(direction);
        loop {
            match frame_len(&self.buffer) {
                Ok(Some(len)) if self.buffer.len() >= len => {
                    let body = self.buffer.slice(FRAME_HEADER_BYTES..len);
                    if glance(&body).is_some_and(|(_, found)| found != u64::from(direction)) {
                        self.pass()?;
                        continue;
                    }
                }
                Ok(_) if self.fill()? => continue,
                Ok(_) => return Ok(None),
                // The fault is told as for any entry.
                Err(_) => {}
            }
            match self.any_entry()? {
                Some(entry) if !ours(&entry) => {}
                entry => return Ok(entry),
            }
        }
    }

    /// Passes over the next entry, and says whether it is a step and whose. Its checksum and place must hold; the rest
    /// is not read.
    fn pass(&mut self) -> Result<Option<Passed>, LedgerError> {
        loop {
            let body = match frame_body(&self.buffer) {
                Ok(Some(body)) => body,
                Ok(None) => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                    continue;
                }
                Err(fault) => return Err(self.faulty(fault)),
            };
            let passed = match glance(&body) {
                Some((sequence, direction)) if sequence == self.next => match direction as u8 {
                    OUTBOUND => Passed::Outbound,
                    INBOUND => Passed::Inbound,
                    _ => Passed::Note,
                },
                // Whatever it is, it is told as for any entry.
                _ => return Ok(self.any_entry()?.map(|entry| Passed::of(&entry))),
            };
            let len = FRAME_HEADER_BYTES + body.len();
            self.buffer = self.buffer.split_off(len);
            self.offset += len as u64;
            self.next += 1;
            return Ok(Some(passed));
        }
    }

    /// Reads more bytes, or goes to the next segment. False at the end of what is durable.
    fn fill(&mut self) -> Result<bool, LedgerError> {
        let next = self.next;
        let found = self.reader.view(|durable| {
            let at = durable
                .segments
                .partition_point(|segment| segment.first <= next)
                .checked_sub(1)?;
            let segment = &durable.segments[at];
            Some((
                segment.first,
                Arc::clone(&segment.file),
                segment.len,
                segment.path.clone(),
            ))
        });
        let Some((first, file, len, path)) = found else {
            return Ok(false);
        };
        if first != self.segment {
            self.leave();
            (self.segment, self.offset, self.buffer) = (first, 0, Bytes::new());
        }
        let at = self.offset + self.buffer.len() as u64;
        let left = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
        if left == 0 {
            if self.buffer.is_empty() {
                return Ok(false);
            }
            return Err(self.damaged("a frame runs over the end of the segment".to_owned()));
        }
        let usual = if self.next == self.before.sequence {
            self.read_first
        } else {
            READ_BYTES
        };
        // A long frame asks for as much as it needs.
        let wanted = match frame_len(&self.buffer) {
            Ok(Some(len)) => len.max(usual),
            _ => usual,
        };
        let mut bytes = BytesMut::zeroed(self.buffer.len() + wanted.min(left));
        let (kept, fresh) = bytes.split_at_mut(self.buffer.len());
        kept.copy_from_slice(&self.buffer);
        let count = file
            .read_at(fresh, at)
            .map_err(LedgerError::io("read", path))?;
        if count < fresh.len() {
            return Err(self.damaged("the segment is shorter than it was".to_owned()));
        }
        self.buffer = bytes.freeze();
        Ok(true)
    }

    fn faulty(&self, fault: FaultyFrame) -> LedgerError {
        match (fault.newer, self.damaged(fault.what)) {
            (Some(_), LedgerError::Damaged { file, offset, what }) => {
                LedgerError::NewerEntry { file, offset, what }
            }
            (_, damaged) => damaged,
        }
    }

    fn damaged(&self, what: String) -> LedgerError {
        let segment = self.segment;
        let file = self.reader.view(|durable| {
            durable
                .segments
                .iter()
                .find(|found| found.first == segment)
                .map(|found| found.path.clone())
        });
        LedgerError::Damaged {
            file: file.unwrap_or_default(),
            offset: self.offset,
            what,
        }
    }
}

/// The steps of one author.
#[derive(Debug)]
pub struct Steps {
    cursor: Cursor,
    outbound: bool,
    sequence: u64,
    after: u64,
}

impl Steps {
    /// The next step's line sequence and entry; `None` when there is none yet.
    pub fn next_step(&mut self) -> Result<Option<(u64, Entry)>, LedgerError> {
        while self.sequence < self.after {
            let Some(passed) = self.cursor.pass()? else {
                return Ok(None);
            };
            self.sequence += u64::from(self.is_ours(passed));
        }
        let direction = if self.outbound { OUTBOUND } else { INBOUND };
        let found = self.cursor.next_of(direction)?;
        self.sequence += u64::from(found.is_some());
        Ok(found.map(|entry| (self.sequence, entry)))
    }

    fn is_ours(&self, passed: Passed) -> bool {
        match passed {
            Passed::Outbound => self.outbound,
            Passed::Inbound => !self.outbound,
            Passed::Note => false,
        }
    }
}
