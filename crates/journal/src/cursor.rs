//! Reads entries one after another.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::JournalError;
use crate::form::{FaultyFrame, Form};
use crate::frame::{FRAME_HEADER_BYTES, decode_frame, frame_body, frame_len};
use crate::index::{Index, Start};

/// Bytes read at a time, but for the first.
const READ_BYTES: usize = 128 * 1024;
/// What is left behind an entry as long as this is moved, so that the entry can go.
const LARGE_BYTES: usize = 64 * 1024;

/// Which entries are passed over before the first one that is given.
type Early<F> = Box<dyn Fn(&<F as Form>::Entry) -> bool + Send + Sync>;

/// Reads entries one after another. At the end of what is durable it gives `None`, and goes on later.
pub struct Cursor<F: Form> {
    index: Index<F::Mark>,
    /// The sequence that it began with.
    first: u64,
    /// Bytes read first.
    read_first: usize,
    /// First sequence of the segment read; 0 before the first.
    segment: u64,
    offset: u64,
    next: u64,
    buffer: Bytes,
    skip_through: u64,
    early: Option<Early<F>>,
}

impl<F: Form> std::fmt::Debug for Cursor<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<F: Form> Drop for Cursor<F> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<F: Form> Cursor<F> {
    pub(crate) fn new(index: Index<F::Mark>, start: Start<F::Mark>, skip_through: u64) -> Self {
        Self {
            index,
            first: start.point.sequence,
            read_first: start.read_first,
            segment: start.segment,
            offset: start.point.offset,
            next: start.point.sequence,
            buffer: Bytes::new(),
            skip_through,
            early: None,
        }
    }

    /// The same, but what stands before the first entry that is not `early` is passed over.
    #[must_use]
    pub fn skip_while(mut self, early: impl Fn(&F::Entry) -> bool + Send + Sync + 'static) -> Self {
        self.early = Some(Box::new(early));
        self
    }

    /// Lets the segment rest that it has read from, unless that is still written to.
    fn leave(&self) {
        self.index.view(|durable| {
            let Some((_, complete)) = durable.segments.split_last() else {
                return;
            };
            if let Ok(at) = complete.binary_search_by_key(&self.segment, |segment| segment.first) {
                complete[at].file.rest();
            }
        });
    }

    /// Where the frame behind the last entry begins: in the segment that begins with a sequence, at an offset.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// The next entry; `None` when there is none yet.
    pub fn next_entry(&mut self) -> Result<Option<F::Entry>, F::Error> {
        loop {
            let Some(entry) = self.any_entry()? else {
                return Ok(None);
            };
            let early = self.early.as_ref().is_some_and(|early| early(&entry));
            if F::link(&entry).sequence > self.skip_through && !early {
                self.early = None;
                return Ok(Some(entry));
            }
        }
    }

    /// How many bytes the next entry takes, before it is read; `None` when there is none yet. Of a cursor that passes over
    /// early entries it may be one of those.
    pub fn next_len(&mut self) -> Result<Option<usize>, F::Error> {
        // They lie between two points of the index, so they are short.
        while self.next <= self.skip_through {
            if self.any_entry()?.is_none() {
                return Ok(None);
            }
        }
        loop {
            match frame_len::<F>(&self.buffer) {
                Ok(Some(len)) => return Ok(Some(len)),
                Ok(None) if self.fill()? => {}
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.faulty(fault)),
            }
        }
    }

    fn any_entry(&mut self) -> Result<Option<F::Entry>, F::Error> {
        loop {
            match decode_frame::<F>(&self.buffer) {
                Ok(Some((entry, len))) if F::link(&entry).sequence == self.next => {
                    self.step_over(len);
                    if len > LARGE_BYTES && self.buffer.len() < len {
                        // What is left would keep all of it, for as long as nobody reads on.
                        self.buffer = Bytes::copy_from_slice(&self.buffer);
                    }
                    return Ok(Some(entry));
                }
                Ok(Some((entry, _))) => {
                    return Err(self
                        .damaged(format!(
                            "entry {} stands where {} belongs",
                            F::link(&entry).sequence,
                            self.next
                        ))
                        .into());
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

    /// The next entry that `passes` does not take; `None` when there is none yet. `passes` looks at a body of which
    /// nothing is checked yet, and says whether it may be passed over, and its sequence. What is passed over must have a
    /// checksum that holds and be the next one; the rest of it is not read.
    pub fn next_but(
        &mut self,
        passes: impl Fn(&Bytes) -> Option<u64>,
    ) -> Result<Option<F::Entry>, F::Error> {
        loop {
            match frame_len::<F>(&self.buffer) {
                Ok(Some(len)) if self.buffer.len() >= len => {
                    let body = self.buffer.slice(FRAME_HEADER_BYTES..len);
                    if passes(&body) == Some(self.next) && self.body()?.is_some() {
                        self.step_over(len);
                        continue;
                    }
                }
                Ok(_) if self.fill()? => continue,
                Ok(_) => return Ok(None),
                // The fault is told as for any entry.
                Err(_) => {}
            }
            return self.any_entry();
        }
    }

    /// Passes over the next entry, and gives what `glance` sees in its body, beside its sequence; `None` when there is
    /// none yet. Its checksum must hold, and it must be the next one. Where `glance` sees nothing, the entry is read, and
    /// `tell` says what it is.
    pub fn pass<T>(
        &mut self,
        glance: impl Fn(&Bytes) -> Option<(u64, T)>,
        tell: impl Fn(&F::Entry) -> T,
    ) -> Result<Option<T>, F::Error> {
        let Some(body) = self.body()? else {
            return Ok(None);
        };
        match glance(&body) {
            Some((sequence, seen)) if sequence == self.next => {
                self.step_over(FRAME_HEADER_BYTES + body.len());
                Ok(Some(seen))
            }
            // Whatever it is, it is told as for any entry.
            _ => Ok(self.any_entry()?.map(|entry| tell(&entry))),
        }
    }

    /// The body of the next frame, whose checksum holds.
    fn body(&mut self) -> Result<Option<Bytes>, F::Error> {
        loop {
            match frame_body::<F>(&self.buffer) {
                Ok(Some(body)) => return Ok(Some(body)),
                Ok(None) => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
                Err(fault) => return Err(self.faulty(fault)),
            }
        }
    }

    fn step_over(&mut self, len: usize) {
        self.buffer = self.buffer.split_off(len);
        self.offset += len as u64;
        self.next += 1;
    }

    /// Reads more bytes, or goes to the next segment. False at the end of what is durable.
    fn fill(&mut self) -> Result<bool, F::Error> {
        let next = self.next;
        let found = self.index.view(|durable| {
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
            let what = "a frame runs over the end of the segment";
            return Err(self.damaged(what.to_owned()).into());
        }
        let usual = if self.next == self.first {
            self.read_first
        } else {
            READ_BYTES
        };
        // A long frame asks for as much as it needs.
        let wanted = match frame_len::<F>(&self.buffer) {
            Ok(Some(len)) => len.max(usual),
            _ => usual,
        };
        let mut bytes = BytesMut::zeroed(self.buffer.len() + wanted.min(left));
        let (kept, fresh) = bytes.split_at_mut(self.buffer.len());
        kept.copy_from_slice(&self.buffer);
        let count = file
            .read_at(fresh, at)
            .map_err(JournalError::io("read", path))?;
        if count < fresh.len() {
            let what = "the segment is shorter than it was";
            return Err(self.damaged(what.to_owned()).into());
        }
        self.buffer = bytes.freeze();
        Ok(true)
    }

    fn faulty(&self, fault: FaultyFrame) -> F::Error {
        let error = match (fault.newer, self.damaged(fault.what)) {
            (Some(_), JournalError::Damaged { file, offset, what }) => {
                JournalError::NewerEntry { file, offset, what }
            }
            (_, damaged) => damaged,
        };
        error.into()
    }

    fn damaged(&self, what: String) -> JournalError {
        let segment = self.segment;
        let file = self.index.view(|durable| {
            durable
                .segments
                .iter()
                .find(|found| found.first == segment)
                .map(|found| found.path.clone())
        });
        JournalError::Damaged {
            file: file.unwrap_or_default(),
            offset: self.offset,
            what,
        }
    }
}
