//! The writer: appends entries to a batch, commits batches, and opens what an earlier writer left.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use office::Place;

use crate::entry::{Chain, DurablePoint, Entry, FORMAT_VERSION, Record, encode_frame};
use crate::error::LedgerError;
use crate::reader::{CHAIN_START, Durable, INDEX_SPACING_BYTES, IndexPoint, Reader, Segment};
use crate::scan::{Scanned, Scanner};
use crate::storage::{Storage, StorageFile};

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

/// A ledger's writer. There is one for each directory.
pub struct Ledger {
    storage: Arc<dyn Storage>,
    options: LedgerOptions,
    reader: Reader,
    /// First sequence of the segment written to.
    segment: u64,
    file: Arc<dyn StorageFile>,
    /// Where the next batch goes.
    offset: u64,
    next: u64,
    chain: Chain,
    outbound: u64,
    inbound: u64,
    latest: Timestamp,
    batch: BytesMut,
    points: Vec<IndexPoint>,
    last_point: u64,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.storage.path())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}.segment")
}

pub(crate) fn segments_in(storage: &dyn Storage) -> Result<Vec<u64>, LedgerError> {
    let names = storage
        .list()
        .map_err(LedgerError::io("list", storage.path()))?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".segment")?.parse().ok())
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

impl Ledger {
    /// Opens the ledger of `place`, or begins one. Every entry is checked and given to `fold`, in order. A torn
    /// tail is cut and saved aside; damage is an error, and nothing is thrown away.
    pub fn open(
        storage: Arc<dyn Storage>,
        place: Place,
        options: LedgerOptions,
        now: Timestamp,
        mut fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        let path = storage.path();
        if !storage
            .lock()
            .map_err(LedgerError::io("lock", path.clone()))?
        {
            return Err(LedgerError::Locked { directory: path });
        }
        let mut firsts = segments_in(&*storage)?;
        let mut recovery = Recovery {
            created: firsts.is_empty(),
            ..Recovery::default()
        };
        if firsts.is_empty() {
            firsts.push(1);
        }
        let mut opened = Opened::new(Arc::clone(&storage), place);
        for (index, first) in firsts.iter().enumerate() {
            opened.segment(*first, index + 1 == firsts.len(), &mut recovery, &mut fold)?;
        }
        let mut ledger = opened.into_ledger(options, now);
        if ledger.next == 1 {
            ledger.begin(place, now, &mut fold)?;
        }
        Ok((ledger, recovery))
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
        if self.batch.is_empty() && self.offset >= self.options.segment_bytes_max {
            (self.segment, self.offset) = (sequence, 0);
        }
        let at = self.offset + self.batch.len() as u64;
        if at == 0 || at - self.last_point >= INDEX_SPACING_BYTES || at < self.last_point {
            self.points.push(IndexPoint {
                sequence,
                offset: at,
                outbound: self.outbound,
                inbound: self.inbound,
                latest: self.latest,
            });
            self.last_point = at;
        }
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

    /// Takes the batch, to be committed here or on another thread. Batches are committed in the order taken.
    pub fn take_batch(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        let bytes = self.batch.split().freeze();
        let new_segment = self.offset == 0;
        let batch = Batch {
            storage: Arc::clone(&self.storage),
            reader: self.reader.clone(),
            segment: self.segment,
            new_segment,
            offset: self.offset,
            points: std::mem::take(&mut self.points),
            through: self.next - 1,
            file: Arc::clone(&self.file),
            bytes,
        };
        self.offset += batch.bytes.len() as u64;
        if new_segment {
            // The handle of a new segment is found again through the reader.
            self.file = Arc::clone(&batch.file);
        }
        Some(batch)
    }
}

/// Entries that go to disk together.
pub struct Batch {
    storage: Arc<dyn Storage>,
    reader: Reader,
    segment: u64,
    new_segment: bool,
    offset: u64,
    points: Vec<IndexPoint>,
    through: u64,
    file: Arc<dyn StorageFile>,
    bytes: Bytes,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("through", &self.through)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// Writes the batch, syncs it, and shows it to readers. Returns the highest sequence that is durable now.
    /// After an error the ledger must not be written again: pages that failed to sync may look clean.
    pub fn commit(self) -> Result<u64, LedgerError> {
        let name = segment_name(self.segment);
        let path = self.storage.path().join(&name);
        let file = if self.new_segment {
            self.storage
                .open(&name, true)
                .map_err(LedgerError::io("create", path.clone()))?
        } else {
            let current = self.reader.view(|durable| {
                durable
                    .segments
                    .last()
                    .map(|segment| Arc::clone(&segment.file))
            });
            current.unwrap_or(self.file)
        };
        file.write_at(&self.bytes, self.offset)
            .map_err(LedgerError::io("write", path.clone()))?;
        file.sync_data()
            .map_err(LedgerError::io("sync", path.clone()))?;
        if self.new_segment {
            self.storage
                .sync_directory()
                .map_err(LedgerError::io("sync", self.storage.path()))?;
        }
        let mut durable = self
            .reader
            .durable
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if self.new_segment
            && durable
                .segments
                .last()
                .is_none_or(|segment| segment.first != self.segment)
        {
            durable.segments.push(Segment {
                first: self.segment,
                file,
                path,
                len: 0,
                points: Vec::new(),
            });
        }
        let segment = durable
            .segments
            .last_mut()
            .expect("the segment written to is known");
        segment.len = self.offset + self.bytes.len() as u64;
        segment.points.extend(self.points);
        durable.sequence = self.through;
        Ok(self.through)
    }
}

/// The state of an opening.
struct Opened {
    storage: Arc<dyn Storage>,
    place: Place,
    segments: Vec<Segment>,
    next: u64,
    chain: Chain,
    outbound: u64,
    inbound: u64,
    latest: Timestamp,
}

impl Opened {
    fn new(storage: Arc<dyn Storage>, place: Place) -> Self {
        Self {
            storage,
            place,
            segments: Vec::new(),
            next: 1,
            chain: CHAIN_START,
            outbound: 0,
            inbound: 0,
            latest: Timestamp::MIN,
        }
    }

    fn segment(
        &mut self,
        first: u64,
        last: bool,
        recovery: &mut Recovery,
        fold: &mut impl FnMut(&Entry),
    ) -> Result<(), LedgerError> {
        let name = segment_name(first);
        let path = self.storage.path().join(&name);
        let file = self
            .storage
            .open(&name, true)
            .map_err(LedgerError::io("open", path.clone()))?;
        let mut scanner = Scanner::new(&*file, path.clone(), self.next, self.chain)?;
        if first != self.next {
            return Err(scanner.damaged(format!(
                "the segment begins with {first} where {} belongs",
                self.next
            )));
        }
        let mut points: Vec<IndexPoint> = Vec::new();
        let mut durable_offset = 0;
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    self.check_format(&entry)?;
                    if points
                        .last()
                        .is_none_or(|point| offset - point.offset >= INDEX_SPACING_BYTES)
                    {
                        let Self {
                            outbound,
                            inbound,
                            latest,
                            ..
                        } = *self;
                        points.push(IndexPoint {
                            sequence: entry.sequence,
                            offset,
                            outbound,
                            inbound,
                            latest,
                        });
                    }
                    if let Some(durable) = entry.durable.filter(|durable| durable.segment == first)
                    {
                        durable_offset = durable.offset;
                    }
                    self.outbound += u64::from(matches!(entry.record, Record::Outbound(_)));
                    self.inbound += u64::from(matches!(entry.record, Record::Inbound(_)));
                    self.latest = self.latest.max(entry.recorded_at);
                    recovery.entries += 1;
                    fold(&entry);
                }
                Scanned::End => break,
                Scanned::Fault(fault) => {
                    if !last || scanner.is_below_a_durable_point(first)? {
                        return Err(scanner.damaged(fault));
                    }
                    if !scanner.only_zeros_left()? {
                        recovery.torn = Some(save_aside(&*self.storage, &scanner, first)?);
                    }
                    break;
                }
            }
        }
        let len = scanner.offset();
        (self.next, self.chain) = (scanner.next, scanner.chain);
        if last {
            // What stands above the last durable point may lie in the page cache only, and after a failed
            // sync its pages look clean: write it again before anyone is told of it.
            let survivors = scanner.read(
                durable_offset,
                usize::try_from(len - durable_offset).unwrap_or(usize::MAX),
            )?;
            let io = |what| LedgerError::io(what, path.clone());
            file.set_len(len).map_err(io("truncate"))?;
            file.write_at(&survivors, durable_offset)
                .map_err(io("write"))?;
            file.sync_data().map_err(io("sync"))?;
            self.storage
                .sync_directory()
                .map_err(LedgerError::io("sync", self.storage.path()))?;
        }
        self.segments.push(Segment {
            first,
            file,
            path,
            len,
            points,
        });
        Ok(())
    }

    fn check_format(&self, entry: &Entry) -> Result<(), LedgerError> {
        let Record::Opening {
            format_version,
            place,
            ..
        } = entry.record
        else {
            return Ok(());
        };
        let directory: PathBuf = self.storage.path();
        if format_version > FORMAT_VERSION {
            return Err(LedgerError::NewerFormat {
                directory,
                found: format_version,
                known: FORMAT_VERSION,
            });
        }
        if place != self.place {
            return Err(LedgerError::WrongPlace {
                directory,
                found: place,
                wanted: self.place,
            });
        }
        Ok(())
    }

    fn into_ledger(self, options: LedgerOptions, now: Timestamp) -> Ledger {
        let Self {
            storage,
            place,
            segments,
            next,
            chain,
            outbound,
            inbound,
            latest,
        } = self;
        let last = segments.last().expect("a ledger has a segment");
        let (segment, file, offset) = (last.first, Arc::clone(&last.file), last.len);
        let last_point = last.points.last().map_or(0, |point| point.offset);
        let durable = Durable {
            segments,
            sequence: next - 1,
        };
        Ledger {
            storage,
            options,
            reader: Reader {
                place,
                durable: Arc::new(RwLock::new(durable)),
            },
            segment,
            file,
            offset,
            next,
            chain,
            outbound,
            inbound,
            latest: if next == 1 { now } else { latest },
            batch: BytesMut::new(),
            points: Vec::new(),
            last_point,
        }
    }
}

/// Saves a torn tail, so that nothing is thrown away.
fn save_aside(
    storage: &dyn Storage,
    scanner: &Scanner<'_>,
    segment: u64,
) -> Result<(String, u64), LedgerError> {
    let offset = scanner.offset();
    let name = format!("{segment:020}.torn-at-{offset}");
    let path = storage.path().join(&name);
    let bytes = scanner.read(offset, usize::MAX)?;
    let saved = storage
        .open(&name, true)
        .map_err(LedgerError::io("create", path.clone()))?;
    saved
        .set_len(0)
        .map_err(LedgerError::io("truncate", path.clone()))?;
    saved
        .write_at(&bytes, 0)
        .map_err(LedgerError::io("write", path.clone()))?;
    saved.sync_data().map_err(LedgerError::io("sync", path))?;
    Ok((name, bytes.len() as u64))
}

/// Opens a ledger for reading, beside any writer: what is whole is read, a torn tail is left alone.
pub fn read(storage: &dyn Storage) -> Result<Reader, LedgerError> {
    let directory = storage.path();
    let firsts = match segments_in(storage) {
        Ok(firsts) if !firsts.is_empty() => firsts,
        Ok(_) => return Err(LedgerError::NotALedger { directory }),
        Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(LedgerError::NotALedger { directory });
        }
        Err(error) => return Err(error),
    };
    let (mut next, mut chain) = (1, CHAIN_START);
    let (mut outbound, mut inbound, mut latest) = (0, 0, Timestamp::MIN);
    let mut place = None;
    let mut segments = Vec::new();
    for (index, first) in firsts.iter().enumerate() {
        let name = segment_name(*first);
        let path = directory.join(&name);
        let file = storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let mut scanner = Scanner::new(&*file, path.clone(), next, chain)?;
        if *first != next {
            return Err(scanner.damaged(format!(
                "the segment begins with {first} where {next} belongs"
            )));
        }
        let mut points: Vec<IndexPoint> = Vec::new();
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    if let Record::Opening {
                        format_version,
                        place: owner,
                        ..
                    } = entry.record
                    {
                        if format_version > FORMAT_VERSION {
                            return Err(LedgerError::NewerFormat {
                                directory,
                                found: format_version,
                                known: FORMAT_VERSION,
                            });
                        }
                        place = Some(owner);
                    }
                    if points
                        .last()
                        .is_none_or(|point| offset - point.offset >= INDEX_SPACING_BYTES)
                    {
                        points.push(IndexPoint {
                            sequence: entry.sequence,
                            offset,
                            outbound,
                            inbound,
                            latest,
                        });
                    }
                    outbound += u64::from(matches!(entry.record, Record::Outbound(_)));
                    inbound += u64::from(matches!(entry.record, Record::Inbound(_)));
                    latest = latest.max(entry.recorded_at);
                }
                Scanned::End => break,
                Scanned::Fault(fault) => {
                    if index + 1 < firsts.len() || scanner.is_below_a_durable_point(*first)? {
                        return Err(scanner.damaged(fault));
                    }
                    break;
                }
            }
        }
        (next, chain) = (scanner.next, scanner.chain);
        let len = scanner.offset();
        segments.push(Segment {
            first: *first,
            file,
            path,
            len,
            points,
        });
    }
    let place = place.ok_or(LedgerError::NotALedger { directory })?;
    let durable = Durable {
        segments,
        sequence: next - 1,
    };
    Ok(Reader {
        place,
        durable: Arc::new(RwLock::new(durable)),
    })
}
