//! The writer: appends entries to a batch, and gives the batch out to be committed.

use std::sync::Arc;

use bytes::BytesMut;

use crate::batch::Batch;
use crate::error::JournalError;
use crate::form::{CHAIN_START, Chain, DurablePoint, Form};
use crate::frame::encode_frame;
use crate::head::{Head, HeadMark};
use crate::index::{Point, SPACING_BYTES};
use crate::opening::{Recovered, Recovery, Shorter, recover};
use crate::reader::Reader;
use crate::snapshot::{SnapshotWriter, Snapshots};
use crate::storage::Storage;
use crate::walk::Walk;

/// A segment that is so full, in a half, has its successor made ready: if there is no file handle for it yet, there is
/// time to wait for one.
const PREPARED_AT: u64 = 2;

/// The bounds of a journal's files.
#[derive(Debug, Clone)]
pub struct Options {
    /// A segment that holds as many bytes is followed by another.
    pub segment_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// A journal's writer. There is one for each directory.
pub struct Journal<F: Form> {
    storage: Arc<dyn Storage>,
    options: Options,
    reader: Reader<F>,
    /// What the entries say of the journal.
    form: F,
    /// First sequence of the segment written to.
    segment: u64,
    /// Where the next batch goes.
    offset: u64,
    next: u64,
    chain: Chain,
    mark: F::Mark,
    batch: BytesMut,
    batch_first: u64,
    points: Vec<Point<F::Mark>>,
    last_point: u64,
    /// Of every entry of the batch.
    recent: Vec<Point<F::Mark>>,
    /// How far the log is durable, told outside it.
    head: Arc<HeadMark>,
    /// Why the batch must not be written.
    refused: Option<F::Error>,
}

impl<F: Form> std::fmt::Debug for Journal<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.storage.path())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<F: Form> Journal<F> {
    /// Opens a journal, or begins one with `first`. Every entry is given to `check`, which may refuse it, and to `fold`, in
    /// order; behind a snapshot that fits, and whose state is taken up, only those that follow are. A torn tail is cut and
    /// saved aside; damage is an error, and nothing is thrown away.
    pub fn open(
        storage: Arc<dyn Storage>,
        options: Options,
        first: F::Content<'_>,
        snapshots: Option<Snapshots<'_>>,
        shorter: Shorter,
        check: impl FnMut(&F::Entry) -> Result<(), F::Error> + Send,
        mut fold: impl FnMut(&F::Entry),
    ) -> Result<(Self, Recovery), F::Error> {
        let directory = storage.path();
        let locked = storage.lock();
        if !locked.map_err(JournalError::io("lock", directory.clone()))? {
            return Err(JournalError::Locked { directory }.into());
        }
        let Recovered {
            walk,
            recovery,
            found,
        } = recover::<F>(&storage, snapshots, shorter, check, &mut fold)?;
        let head = Head {
            sequence: walk.next - 1,
            chain: walk.chain,
            stamp: walk.form.stamp(),
        };
        // A mark that names nothing would only say that there was a journal: it comes with the first entry.
        let held_back = shorter == Shorter::Taken || head.sequence == 0;
        let mark = HeadMark::take_up(&*storage, found, head, held_back)?;
        let mut journal = Self::after(storage, options, walk, mark);
        if journal.next == 1 {
            journal.append(first);
            if let Some(batch) = journal.take_batch() {
                batch.commit()?;
            }
            if let Some(entry) = journal.reader.get(1)? {
                fold(&entry);
            }
            if shorter == Shorter::Refused {
                journal.protect()?;
            }
        }
        Ok((journal, recovery))
    }

    /// An empty journal in a storage that was claimed, for entries that come from elsewhere. It protects itself from
    /// [`Self::protect`] on.
    pub fn empty(storage: Arc<dyn Storage>, options: Options) -> Result<Self, JournalError> {
        let nothing = Head {
            sequence: 0,
            chain: CHAIN_START,
            stamp: 0,
        };
        let mark = HeadMark::take_up(&*storage, None, nothing, true)?;
        Ok(Self::after(storage, options, Walk::new(), mark))
    }

    /// Goes on behind what a walk has come to.
    fn after(storage: Arc<dyn Storage>, options: Options, walk: Walk<F>, head: HeadMark) -> Self {
        let (segment, offset, last_point) = walk.segments.last().map_or((1, 0, 0), |last| {
            let last_point = last.points.last().map_or(0, |point| point.offset);
            (last.first, last.len, last_point)
        });
        Self {
            storage,
            options,
            segment,
            offset,
            next: walk.next,
            chain: walk.chain,
            mark: walk.mark,
            form: walk.form.clone(),
            head: Arc::new(head),
            refused: None,
            reader: walk.into_reader(),
            batch: BytesMut::new(),
            batch_first: 0,
            points: Vec::new(),
            last_point,
            recent: Vec::new(),
        }
    }

    /// From here on the head mark names what is durable in this journal.
    pub fn protect(&self) -> Result<(), JournalError> {
        self.head.release(&*self.storage)
    }

    /// Makes the head mark exact on the disk: for a writer that ends in good order.
    pub fn seal(&self) -> Result<(), JournalError> {
        self.head.seal()
    }

    /// What the entries say of the journal.
    pub fn form(&self) -> &F {
        &self.form
    }

    /// Where it lies.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Reads what is durable, beside this writer.
    pub fn reader(&self) -> Reader<F> {
        self.reader.clone()
    }

    /// Writes snapshots, also from another thread.
    pub fn snapshot_writer(&self) -> SnapshotWriter<F> {
        SnapshotWriter::new(Arc::clone(&self.storage), self.reader())
    }

    /// The sequence that the next entry gets.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Bytes appended and not taken yet.
    pub fn batch_bytes(&self) -> usize {
        self.batch.len()
    }

    /// Adds an entry to the batch; returns its sequence. It is durable once the batch is committed.
    pub fn append(&mut self, content: F::Content<'_>) -> u64 {
        let sequence = self.next;
        if self.batch.is_empty() {
            self.batch_first = sequence;
            if self.offset >= self.options.segment_bytes_max {
                (self.segment, self.offset, self.last_point) = (sequence, 0, 0);
            }
        }
        let at = self.offset + self.batch.len() as u64;
        let point = Point {
            sequence,
            offset: at,
            before: self.mark,
        };
        if at == 0 || at - self.last_point >= SPACING_BYTES {
            self.points.push(point);
            self.last_point = at;
        }
        self.recent.push(point);
        let durable = self.batch.is_empty().then_some(DurablePoint {
            segment: self.segment,
            offset: self.offset,
        });
        self.chain = encode_frame(
            &self.form,
            &mut self.batch,
            sequence,
            content,
            durable,
            &self.chain,
        );
        self.form.learn(content);
        F::count(&mut self.mark, content);
        self.next += 1;
        sequence
    }

    /// Has the batch refused, with everything in it, when it is to be committed: it holds what must not be written. The
    /// first reason counts.
    pub fn refuse(&mut self, why: F::Error) {
        self.refused.get_or_insert(why);
    }

    /// Takes the batch, to be committed here or on another thread. Further batches may be taken before it is
    /// committed; each must be committed after the one taken before it, and is refused otherwise.
    pub fn take_batch(&mut self) -> Option<Batch<F>> {
        if self.batch.is_empty() {
            return None;
        }
        let bytes = self.batch.split().freeze();
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        let head = Head {
            sequence: self.next - 1,
            chain: self.chain,
            stamp: self.form.stamp(),
        };
        Some(Batch {
            head,
            mark: Arc::clone(&self.head),
            refused: self.refused.take(),
            prepares: self.offset >= self.options.segment_bytes_max / PREPARED_AT,
            storage: Arc::clone(&self.storage),
            index: self.reader.index.clone(),
            segment: self.segment,
            offset,
            points: std::mem::take(&mut self.points),
            recent: std::mem::take(&mut self.recent),
            first: self.batch_first,
            bytes,
        })
    }
}
