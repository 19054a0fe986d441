//! Snapshots: what the entries up to one come to, so that opening reads only what follows.
//!
//! A snapshot is a shortcut, and never a truth: it covers synced entries only, it is taken only if the log holds
//! the entry it names, with the chain it names, and it may be deleted at any time.
//!
//! The file, all numbers little-endian: the magic; the format's version, the fold's version; the sequence; the
//! chain; where the next frame begins (segment, offset); own steps, the peer's steps, the latest recording time
//! (seconds, nanoseconds); the segments, each with first sequence, length and index points; the state; and a
//! CRC-32C over everything before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut};
use jiff::Timestamp;

use crate::entry::{Chain, Record};
use crate::error::LedgerError;
use crate::reader::{IndexPoint, Reader};
use crate::storage::{Storage, StorageFile};

pub(crate) const NAME: &str = "snapshot";
const NAME_WHILE_WRITTEN: &str = "snapshot.new";
pub(crate) const MAGIC: [u8; 8] = *b"liaison\x1a";
const FORMAT_VERSION: u32 = 1;
/// A longer snapshot is not written, and none is read.
const BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Bytes written at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// How a caller takes up a state that it gave to a snapshot before.
pub struct Snapshots<'a> {
    /// The version of the caller's fold. A snapshot of another version is ignored.
    pub fold_version: u32,
    /// Takes up a state, of which it is known that the log holds its last entry. False, and nothing taken, if it
    /// cannot: then all entries are folded.
    pub restore: &'a mut dyn FnMut(&[u8]) -> bool,
}

/// What became of the snapshot at an opening.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SnapshotUse {
    /// There is none, or none was wanted.
    #[default]
    None,
    /// Only what follows this sequence was read.
    Taken {
        /// The last sequence that it covers.
        sequence: u64,
    },
    /// It was left alone, and all entries were read. Worth a warning; deleting the file is safe.
    Ignored {
        /// Why.
        why: String,
    },
}

/// Writes snapshots of a ledger, from any thread.
#[derive(Clone)]
pub struct SnapshotWriter {
    storage: Arc<dyn Storage>,
    reader: Reader,
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("path", &self.storage.path())
            .finish_non_exhaustive()
    }
}

impl SnapshotWriter {
    pub(crate) fn new(storage: Arc<dyn Storage>, reader: Reader) -> Self {
        Self { storage, reader }
    }

    /// Writes a snapshot in the place of the one before. `state` is what the entries through `sequence` come to,
    /// by the caller's fold of version `fold_version`; these must be durable.
    pub fn write(&self, fold_version: u32, sequence: u64, state: &[u8]) -> Result<(), LedgerError> {
        let mut draft = self.draft(fold_version, sequence)?;
        draft.put(state)?;
        draft.finish()
    }

    /// Begins a snapshot whose state comes in parts, so that no second copy of it need be held.
    pub fn draft(&self, fold_version: u32, sequence: u64) -> Result<SnapshotDraft, LedgerError> {
        let path = self.storage.path().join(NAME);
        if sequence == 0 || sequence > self.reader.sequence() {
            return Err(refused(&path, format!("entry {sequence} is not durable")));
        }
        let head = self.head(fold_version, sequence)?;
        let io = |what| LedgerError::io(what, path.clone());
        let file = self
            .storage
            .open(NAME_WHILE_WRITTEN, true)
            .map_err(io("create"))?;
        file.set_len(0).map_err(io("truncate"))?;
        let mut draft = SnapshotDraft {
            storage: Arc::clone(&self.storage),
            path,
            file,
            crc: crc32c::crc32c(&[]),
            offset: 0,
            held: Vec::with_capacity(PIECE_BYTES),
        };
        draft.put(&head)?;
        Ok(draft)
    }

    /// Everything before the state.
    fn head(&self, fold_version: u32, sequence: u64) -> Result<Vec<u8>, LedgerError> {
        let mut cursor = self.reader.at(sequence);
        let (mut count, mut chain) = (cursor.before(), None);
        while let Some(entry) = cursor.next_entry()? {
            count.outbound += u64::from(matches!(entry.record, Record::Outbound(_)));
            count.inbound += u64::from(matches!(entry.record, Record::Inbound(_)));
            count.latest = count.latest.max(entry.recorded_at);
            if entry.sequence == sequence {
                chain = Some(entry.chain);
                break;
            }
        }
        let chain = chain.expect("an entry that is durable can be read");
        let (segment, offset) = cursor.place();
        let mut bytes = Vec::new();
        bytes.put_slice(&MAGIC);
        bytes.put_u32_le(FORMAT_VERSION);
        bytes.put_u32_le(fold_version);
        bytes.put_u64_le(sequence);
        bytes.put_slice(&chain);
        bytes.put_u64_le(segment);
        bytes.put_u64_le(offset);
        bytes.put_u64_le(count.outbound);
        bytes.put_u64_le(count.inbound);
        put_time(&mut bytes, count.latest);
        self.reader.view(|durable| {
            let until = durable
                .segments
                .partition_point(|known| known.first <= segment);
            bytes.put_u32_le(until as u32);
            for known in &durable.segments[..until] {
                let points = &known.points;
                let points = &points[..points.partition_point(|point| point.sequence <= sequence)];
                let len = if known.first == segment {
                    offset
                } else {
                    known.len
                };
                bytes.put_u64_le(known.first);
                bytes.put_u64_le(len);
                bytes.put_u32_le(points.len() as u32);
                for point in points {
                    bytes.put_u64_le(point.sequence);
                    bytes.put_u64_le(point.offset);
                    bytes.put_u64_le(point.outbound);
                    bytes.put_u64_le(point.inbound);
                    put_time(&mut bytes, point.latest);
                }
            }
        });
        Ok(bytes)
    }
}

/// A snapshot that is being written. Dropped, it leaves the one before in its place.
pub struct SnapshotDraft {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Arc<dyn StorageFile>,
    crc: u32,
    offset: u64,
    held: Vec<u8>,
}

impl std::fmt::Debug for SnapshotDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotDraft")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SnapshotDraft {
    /// Adds the next part of the state.
    pub fn put(&mut self, part: &[u8]) -> Result<(), LedgerError> {
        let bytes = self.offset + (self.held.len() + part.len()) as u64;
        if bytes + 4 > BYTES_MAX as u64 {
            return Err(refused(
                &self.path,
                format!("it would exceed {BYTES_MAX} bytes"),
            ));
        }
        self.crc = crc32c::crc32c_append(self.crc, part);
        self.held.extend_from_slice(part);
        if self.held.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Syncs it, and puts it in the place of the one before.
    pub fn finish(mut self) -> Result<(), LedgerError> {
        let crc = self.crc.to_le_bytes();
        self.held.extend_from_slice(&crc);
        self.flush()?;
        let io = |what| LedgerError::io(what, self.path.clone());
        self.file.sync_data().map_err(io("sync"))?;
        self.storage
            .rename(NAME_WHILE_WRITTEN, NAME)
            .map_err(io("rename"))?;
        self.storage.sync_directory().map_err(io("sync"))
    }

    fn flush(&mut self) -> Result<(), LedgerError> {
        self.file
            .write_at(&self.held, self.offset)
            .map_err(LedgerError::io("write", self.path.clone()))?;
        self.offset += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }
}

fn refused(path: &Path, why: String) -> LedgerError {
    LedgerError::io("write", path)(std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
}

/// The last entry that the snapshot of a ledger covers, read with little memory; 0 if there is none that is whole.
pub(crate) fn covered(storage: &dyn Storage) -> u64 {
    let covered = || {
        let file = storage.open(NAME, false).ok()?;
        let len = file.len().ok().filter(|len| *len <= BYTES_MAX as u64)?;
        let mut left = len.checked_sub(4)?;
        let (mut crc, mut offset, mut sequence) = (crc32c::crc32c(&[]), 0, None);
        let mut piece = vec![0; PIECE_BYTES];
        while left > 0 {
            let wanted = usize::try_from(left)
                .unwrap_or(PIECE_BYTES)
                .min(PIECE_BYTES);
            let piece = &mut piece[..wanted];
            if file.read_at(piece, offset).ok()? < wanted {
                return None;
            }
            if offset == 0 {
                sequence = Some(take_begin(&mut &*piece).ok()?.1);
            }
            crc = crc32c::crc32c_append(crc, piece);
            (offset, left) = (offset + wanted as u64, left - wanted as u64);
        }
        let mut sealed = [0; 4];
        let read = file.read_at(&mut sealed, offset).ok()?;
        (read == 4 && u32::from_le_bytes(sealed) == crc)
            .then_some(sequence)
            .flatten()
    };
    covered().unwrap_or(0)
}

/// A snapshot that was read, and not yet held against the log.
pub(crate) struct Snapshot {
    pub(crate) fold_version: u32,
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) outbound: u64,
    pub(crate) inbound: u64,
    pub(crate) latest: Timestamp,
    pub(crate) segments: Vec<SnapshotSegment>,
    bytes: Vec<u8>,
    state_at: usize,
}

pub(crate) struct SnapshotSegment {
    pub(crate) first: u64,
    pub(crate) len: u64,
    pub(crate) points: Vec<IndexPoint>,
}

impl Snapshot {
    /// The snapshot of a ledger, if there is one; or why it cannot be read.
    pub(crate) fn read(storage: &dyn Storage) -> Option<Result<Self, String>> {
        match storage.open(NAME, false) {
            Ok(file) => Some(Self::from_file(&*file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(format!("it cannot be opened: {error}"))),
        }
    }

    pub(crate) fn state(&self) -> &[u8] {
        &self.bytes[self.state_at..self.bytes.len() - 4]
    }

    fn from_file(file: &dyn StorageFile) -> Result<Self, String> {
        let unread = |error| format!("it cannot be read: {error}");
        let len = usize::try_from(file.len().map_err(unread)?).unwrap_or(usize::MAX);
        if len > BYTES_MAX {
            return Err(format!("it is longer than {BYTES_MAX} bytes"));
        }
        let mut bytes = vec![0; len];
        if file.read_at(&mut bytes, 0).map_err(unread)? < len {
            return Err("it is cut off".to_owned());
        }
        let Some((covered, crc)) = bytes.split_last_chunk::<4>() else {
            return Err("it is cut off".to_owned());
        };
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return Err("its checksum does not hold".to_owned());
        }
        let mut rest = covered;
        let mut snapshot = Self::parse(&mut rest)?;
        snapshot.state_at = covered.len() - rest.len();
        snapshot.bytes = bytes;
        Ok(snapshot)
    }

    fn parse(rest: &mut &[u8]) -> Result<Self, String> {
        let cut = |_| "it is cut off".to_owned();
        let number = |rest: &mut &[u8]| rest.try_get_u64_le().map_err(cut);
        let (fold_version, sequence) = take_begin(rest)?;
        let mut chain = [0; 32];
        rest.try_copy_to_slice(&mut chain).map_err(cut)?;
        let (segment, offset) = (number(rest)?, number(rest)?);
        let (outbound, inbound) = (number(rest)?, number(rest)?);
        let latest = take_time(rest)?;
        let count = rest.try_get_u32_le().map_err(cut)?;
        let mut segments = Vec::new();
        for _ in 0..count {
            let (first, len) = (number(rest)?, number(rest)?);
            let count = rest.try_get_u32_le().map_err(cut)?;
            let mut points = Vec::new();
            for _ in 0..count {
                points.push(IndexPoint {
                    sequence: number(rest)?,
                    offset: number(rest)?,
                    outbound: number(rest)?,
                    inbound: number(rest)?,
                    latest: take_time(rest)?,
                });
            }
            segments.push(SnapshotSegment { first, len, points });
        }
        Ok(Self {
            fold_version,
            sequence,
            chain,
            segment,
            offset,
            outbound,
            inbound,
            latest,
            segments,
            bytes: Vec::new(),
            state_at: 0,
        })
    }
}

/// The magic and the format, and behind them the fold's version and the sequence.
fn take_begin(rest: &mut &[u8]) -> Result<(u32, u64), String> {
    let cut = |_| "it is cut off".to_owned();
    let mut magic = [0; 8];
    rest.try_copy_to_slice(&mut magic).map_err(cut)?;
    let version = rest.try_get_u32_le().map_err(cut)?;
    if magic != MAGIC || version != FORMAT_VERSION {
        return Err("it has another format".to_owned());
    }
    let fold_version = rest.try_get_u32_le().map_err(cut)?;
    Ok((fold_version, rest.try_get_u64_le().map_err(cut)?))
}

fn put_time(bytes: &mut Vec<u8>, time: Timestamp) {
    bytes.put_i64_le(time.as_second());
    bytes.put_i32_le(time.subsec_nanosecond());
}

fn take_time(rest: &mut &[u8]) -> Result<Timestamp, String> {
    let cut = |_| "it is cut off".to_owned();
    let seconds = rest.try_get_i64_le().map_err(cut)?;
    let nanos = rest.try_get_i32_le().map_err(cut)?;
    Timestamp::new(seconds, nanos).map_err(|error| error.to_string())
}
