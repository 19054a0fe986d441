//! The writer: appends entries to a batch, and gives the batch out to be committed.

use std::sync::Arc;

use bytes::BytesMut;
use jiff::Timestamp;
use office::Place;

use crate::batch::Batch;
use crate::entry::{Chain, DurablePoint, Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::frame::encode_frame;
use crate::head::{Head, HeadMark};
use crate::opening::{Recovered, Recovery, Shorter, recover};
use crate::reader::{INDEX_SPACING_BYTES, IndexPoint, Reader};
use crate::snapshot::{SnapshotWriter, Snapshots};
use crate::storage::Storage;
use crate::walk::Walk;

/// A segment that is so full, in a half, has its successor made ready: if there is no file handle for it yet, there is
/// time to wait for one.
const PREPARED_AT: u64 = 2;

/// The bounds of a ledger's files.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// A segment that holds as many bytes is followed by another.
    pub segment_bytes_max: u64,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// A ledger's writer. There is one for each directory.
pub struct Ledger {
    storage: Arc<dyn Storage>,
    options: LedgerOptions,
    reader: Reader,
    /// First sequence of the segment written to.
    segment: u64,
    /// Where the next batch goes.
    offset: u64,
    next: u64,
    chain: Chain,
    outbound: u64,
    inbound: u64,
    latest: Timestamp,
    batch: BytesMut,
    batch_first: u64,
    points: Vec<IndexPoint>,
    last_point: u64,
    /// Of every entry of the batch.
    recent: Vec<IndexPoint>,
    /// This office's epoch, as the entries tell it.
    epoch: u64,
    /// How far the log is durable, told outside it.
    head: Arc<HeadMark>,
    /// The format that it began with, and goes on in.
    format: u32,
    /// Why the batch must not be written.
    refused: Option<LedgerError>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.storage.path())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger of `place`, or begins one. Every entry is checked and given to `fold`, in order. A torn
    /// tail is cut and saved aside; damage is an error, and nothing is thrown away.
    pub fn open(
        storage: Arc<dyn Storage>,
        place: Place,
        options: LedgerOptions,
        now: Timestamp,
        fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        Self::open_with(storage, place, options, now, None, fold)
    }

    /// As [`Self::open`]; if there is a snapshot that fits, its state is taken up, and only the entries that follow
    /// are checked and given to `fold`.
    pub fn open_with(
        storage: Arc<dyn Storage>,
        place: Place,
        options: LedgerOptions,
        now: Timestamp,
        snapshots: Option<Snapshots<'_>>,
        fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        Self::open_if(
            storage,
            place,
            options,
            now,
            snapshots,
            Shorter::Refused,
            fold,
        )
    }

    /// As [`Self::open_with`]. A ledger that is being restored may be shorter than it was; then the head mark stays as it
    /// is until [`Self::protect`].
    pub(crate) fn open_if(
        storage: Arc<dyn Storage>,
        place: Place,
        options: LedgerOptions,
        now: Timestamp,
        snapshots: Option<Snapshots<'_>>,
        shorter: Shorter,
        mut fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        if !office::time::is_recordable(now) {
            return Err(LedgerError::Clock { now });
        }
        let path = storage.path();
        if !storage
            .lock()
            .map_err(LedgerError::io("lock", path.clone()))?
        {
            return Err(LedgerError::Locked { directory: path });
        }
        let Recovered {
            walk,
            recovery,
            found,
        } = recover(&storage, place, snapshots, shorter, &mut fold)?;
        let head = Head {
            sequence: walk.next - 1,
            chain: walk.chain,
            epoch: walk.epoch,
        };
        // A mark that names nothing would only say that there was a ledger: it comes with the first entry.
        let held_back = shorter == Shorter::Taken || head.sequence == 0;
        let mark = HeadMark::take_up(&*storage, found, head, held_back)?;
        let mut ledger = Self::after(storage, place, options, walk, mark);
        if ledger.next == 1 {
            ledger.begin(place, now, &mut fold)?;
            if shorter == Shorter::Refused {
                ledger.protect()?;
            }
        }
        Ok((ledger, recovery))
    }

    /// From here on the head mark names what is durable in this ledger.
    pub(crate) fn protect(&self) -> Result<(), LedgerError> {
        self.head.release(&*self.storage)
    }

    /// Makes the head mark exact on the disk: for a writer that ends in good order.
    pub fn seal(&self) -> Result<(), LedgerError> {
        self.head.seal()
    }

    /// Goes on behind what a walk has come to; a walk that has read nothing begins a ledger.
    pub(crate) fn after(
        storage: Arc<dyn Storage>,
        place: Place,
        options: LedgerOptions,
        walk: Walk,
        head: HeadMark,
    ) -> Self {
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
            outbound: walk.outbound,
            inbound: walk.inbound,
            latest: walk.latest,
            epoch: walk.epoch,
            head: Arc::new(head),
            format: walk.format,
            refused: None,
            reader: walk.into_reader(place),
            batch: BytesMut::new(),
            batch_first: 0,
            points: Vec::new(),
            last_point,
            recent: Vec::new(),
        }
    }

    fn begin(
        &mut self,
        place: Place,
        now: Timestamp,
        fold: &mut impl FnMut(&Entry),
    ) -> Result<(), LedgerError> {
        self.append(
            now,
            &Record::Opening {
                format_version: FORMAT_VERSION,
                place,
                epoch: 1,
            },
        );
        if let Some(batch) = self.take_batch() {
            batch.commit()?;
        }
        if let Some(entry) = self.reader.get(1)? {
            fold(&entry);
        }
        Ok(())
    }

    /// Reads what is durable, beside this writer.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Writes snapshots, also from another thread.
    pub fn snapshot_writer(&self) -> SnapshotWriter {
        SnapshotWriter::new(Arc::clone(&self.storage), self.reader())
    }

    /// The sequence that the next entry gets.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// The format that it began with. It goes on in that one: see [`Record::since_format`].
    pub fn format_version(&self) -> u32 {
        self.format
    }

    /// Free bytes where the ledger lies, if that can be told.
    pub fn free_bytes(&self) -> Option<u64> {
        self.storage.free_bytes()
    }

    /// Bytes appended and not taken yet.
    pub fn batch_bytes(&self) -> usize {
        self.batch.len()
    }

    /// Adds an entry to the batch; returns its sequence. It is durable once the batch is committed. A time outside the
    /// years 1900 to 2199, or a record that the ledger's format lacks, is refused when that is tried, with the whole batch.
    pub fn append(&mut self, recorded_at: Timestamp, record: &Record) -> u64 {
        let sequence = self.next;
        if self.batch.is_empty() {
            self.batch_first = sequence;
            if self.offset >= self.options.segment_bytes_max {
                (self.segment, self.offset, self.last_point) = (sequence, 0, 0);
            }
        }
        let at = self.offset + self.batch.len() as u64;
        let point = IndexPoint {
            sequence,
            offset: at,
            outbound: self.outbound,
            inbound: self.inbound,
            latest: self.latest,
        };
        if at == 0 || at - self.last_point >= INDEX_SPACING_BYTES {
            self.points.push(point);
            self.last_point = at;
        }
        self.recent.push(point);
        let durable = self.batch.is_empty().then_some(DurablePoint {
            segment: self.segment,
            offset: self.offset,
        });
        self.chain = encode_frame(
            &mut self.batch,
            sequence,
            recorded_at,
            record,
            durable,
            &self.chain,
        );
        match record {
            Record::Outbound(_) => self.outbound += 1,
            Record::Inbound(_) => self.inbound += 1,
            Record::Opening { place, epoch, .. } | Record::EpochRaised { place, epoch, .. }
                if *place == self.reader.place() =>
            {
                self.epoch = *epoch;
            }
            _ => {}
        }
        if let Some(error) = self.refusal(recorded_at, record) {
            self.refused.get_or_insert(error);
        }
        self.latest = self.latest.max(recorded_at);
        self.next += 1;
        sequence
    }

    /// Why this must not be written: nobody could read it again, or not those who know this ledger's format.
    fn refusal(&self, recorded_at: Timestamp, record: &Record) -> Option<LedgerError> {
        if !office::time::is_recordable(recorded_at) {
            return Some(LedgerError::Clock { now: recorded_at });
        }
        let since = record.since_format();
        (since > self.format).then(|| LedgerError::FormatLacks {
            directory: self.storage.path(),
            format: self.format,
            since,
        })
    }

    /// Takes the batch, to be committed here or on another thread. Further batches may be taken before it is
    /// committed; each must be committed after the one taken before it, and is refused otherwise.
    pub fn take_batch(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        let bytes = self.batch.split().freeze();
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        let head = Head {
            sequence: self.next - 1,
            chain: self.chain,
            epoch: self.epoch,
        };
        Some(Batch {
            head,
            mark: Arc::clone(&self.head),
            refused: self.refused.take(),
            prepares: self.offset >= self.options.segment_bytes_max / PREPARED_AT,
            storage: Arc::clone(&self.storage),
            reader: self.reader.clone(),
            segment: self.segment,
            offset,
            points: std::mem::take(&mut self.points),
            recent: std::mem::take(&mut self.recent),
            first: self.batch_first,
            through: self.next - 1,
            bytes,
        })
    }
}
