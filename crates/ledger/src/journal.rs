//! The writer: appends entries to a batch, and gives the batch out to be committed.

use std::sync::Arc;

use bytes::BytesMut;
use jiff::Timestamp;
use office::Place;

use crate::batch::Batch;
use crate::entry::{Chain, DurablePoint, Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::frame::encode_frame;
use crate::opening::{Recovery, recover};
use crate::reader::{INDEX_SPACING_BYTES, IndexPoint, Reader};
use crate::snapshot::{SnapshotWriter, Snapshots};
use crate::storage::Storage;
use crate::walk::Walk;

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
        mut fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        let path = storage.path();
        if !storage
            .lock()
            .map_err(LedgerError::io("lock", path.clone()))?
        {
            return Err(LedgerError::Locked { directory: path });
        }
        let (walk, recovery) = recover(&storage, place, snapshots, &mut fold)?;
        let mut ledger = Self::after(storage, place, options, walk);
        if ledger.next == 1 {
            ledger.begin(place, now, &mut fold)?;
        }
        Ok((ledger, recovery))
    }

    fn after(storage: Arc<dyn Storage>, place: Place, options: LedgerOptions, walk: Walk) -> Self {
        let last = walk.segments.last().expect("a ledger has a segment");
        let (segment, offset) = (last.first, last.len);
        let last_point = last.points.last().map_or(0, |point| point.offset);
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

    /// Free bytes where the ledger lies, if that can be told.
    pub fn free_bytes(&self) -> Option<u64> {
        self.storage.free_bytes()
    }

    /// Bytes appended and not taken yet.
    pub fn batch_bytes(&self) -> usize {
        self.batch.len()
    }

    /// Adds an entry to the batch; returns its sequence. It is durable once the batch is committed.
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
            _ => {}
        }
        self.latest = self.latest.max(recorded_at);
        self.next += 1;
        sequence
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
        Some(Batch {
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
