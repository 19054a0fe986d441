//! Snapshots: what the entries up to one come to, so that opening reads only what follows.
//!
//! A snapshot is a shortcut, and never a truth: it covers synced entries only, it is taken only if the log holds
//! the entry it names, with the chain it names, and it may be deleted at any time.
//!
//! The file, all numbers little-endian: the magic; the format's version, the fold's version; the sequence; the
//! chain; where the next frame begins (segment, offset); the mark; the segments, each with first sequence, length and index
//! points (sequence, offset, mark); the state; and a CRC-32C over everything before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut};

use crate::error::JournalError;
use crate::form::{Chain, Form};
use crate::index::Point;
use crate::reader::Reader;
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

/// Writes snapshots of a journal, from any thread.
pub struct SnapshotWriter<F: Form> {
    storage: Arc<dyn Storage>,
    reader: Reader<F>,
}

impl<F: Form> Clone for SnapshotWriter<F> {
    fn clone(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            reader: self.reader.clone(),
        }
    }
}

impl<F: Form> std::fmt::Debug for SnapshotWriter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("path", &self.storage.path())
            .finish_non_exhaustive()
    }
}

impl<F: Form> SnapshotWriter<F> {
    pub(crate) fn new(storage: Arc<dyn Storage>, reader: Reader<F>) -> Self {
        Self { storage, reader }
    }

    /// Writes a snapshot in the place of the one before. `state` is what the entries through `sequence` come to,
    /// by the caller's fold of version `fold_version`; these must be durable.
    pub fn write(&self, fold_version: u32, sequence: u64, state: &[u8]) -> Result<(), F::Error> {
        let mut draft = self.draft(fold_version, sequence)?;
        draft.put(state)?;
        draft.finish()
    }

    /// Begins a snapshot whose state comes in parts, so that no second copy of it need be held.
    pub fn draft(&self, fold_version: u32, sequence: u64) -> Result<SnapshotDraft<F>, F::Error> {
        let path = self.storage.path().join(NAME);
        if sequence == 0 || sequence > self.reader.sequence() {
            return Err(refused(&path, format!("entry {sequence} is not durable")).into());
        }
        let head = self.head(fold_version, sequence)?;
        let io = |what| JournalError::io(what, path.clone());
        let file = self
            .storage
            .open(NAME_WHILE_WRITTEN, true)
            .map_err(io("create"))?;
        file.set_len(0).map_err(io("truncate"))?;
        let mut draft = SnapshotDraft {
            writer: self.clone(),
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
    fn head(&self, fold_version: u32, sequence: u64) -> Result<Vec<u8>, F::Error> {
        let (mut cursor, mut mark) = self.reader.at(sequence);
        let mut chain = None;
        while let Some(entry) = cursor.next_entry()? {
            F::count(&mut mark, F::content(&entry));
            let link = F::link(&entry);
            if link.sequence == sequence {
                chain = Some(link.chain);
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
        F::put_mark(&mark, &mut bytes);
        self.put_segments(&mut bytes, sequence, (segment, offset));
        Ok(bytes)
    }

    /// The segments through `end`, and their points through `sequence`.
    fn put_segments(&self, bytes: &mut Vec<u8>, sequence: u64, end: (u64, u64)) {
        let (last, offset) = end;
        self.reader.index.view(|durable| {
            let until = durable
                .segments
                .partition_point(|known| known.first <= last);
            bytes.put_u32_le(until as u32);
            for known in &durable.segments[..until] {
                let points = &known.points;
                let points = &points[..points.partition_point(|point| point.sequence <= sequence)];
                let len = if known.first == last {
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
                    F::put_mark(&point.before, bytes);
                }
            }
        });
    }
}

/// A snapshot that is being written. Dropped, it leaves the one before in its place.
pub struct SnapshotDraft<F: Form> {
    writer: SnapshotWriter<F>,
    path: PathBuf,
    file: Arc<dyn StorageFile>,
    crc: u32,
    offset: u64,
    held: Vec<u8>,
}

impl<F: Form> std::fmt::Debug for SnapshotDraft<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotDraft")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<F: Form> SnapshotDraft<F> {
    /// Adds the next part of the state.
    pub fn put(&mut self, part: &[u8]) -> Result<(), F::Error> {
        let bytes = self.offset + (self.held.len() + part.len()) as u64;
        if bytes + 4 > BYTES_MAX as u64 {
            let why = format!("it would exceed {BYTES_MAX} bytes");
            return Err(refused(&self.path, why).into());
        }
        self.crc = crc32c::crc32c_append(self.crc, part);
        self.held.extend_from_slice(part);
        if self.held.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Syncs it, and puts it in the place of the one before.
    pub fn finish(mut self) -> Result<(), F::Error> {
        let crc = self.crc.to_le_bytes();
        self.held.extend_from_slice(&crc);
        self.flush()?;
        let io = |what| JournalError::io(what, self.path.clone());
        self.file.sync_data().map_err(io("sync"))?;
        let storage = &self.writer.storage;
        storage
            .rename(NAME_WHILE_WRITTEN, NAME)
            .map_err(io("rename"))?;
        storage.sync_directory().map_err(io("sync"))?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        self.file
            .write_at(&self.held, self.offset)
            .map_err(JournalError::io("write", self.path.clone()))?;
        self.offset += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }
}

fn refused(path: &Path, why: String) -> JournalError {
    JournalError::io("write", path)(std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
}

/// The last entry that the snapshot of a journal covers, read with little memory; 0 if there is none that is whole.
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
pub(crate) struct Snapshot<M> {
    pub(crate) fold_version: u32,
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) mark: M,
    pub(crate) segments: Vec<SnapshotSegment<M>>,
    bytes: Vec<u8>,
    state_at: usize,
}

pub(crate) struct SnapshotSegment<M> {
    pub(crate) first: u64,
    pub(crate) len: u64,
    pub(crate) points: Vec<Point<M>>,
}

impl<M> Snapshot<M> {
    /// The snapshot of a journal, if there is one; or why it cannot be read.
    pub(crate) fn read<F: Form<Mark = M>>(storage: &dyn Storage) -> Option<Result<Self, String>> {
        match storage.open(NAME, false) {
            Ok(file) => Some(Self::from_file::<F>(&*file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(format!("it cannot be opened: {error}"))),
        }
    }

    pub(crate) fn state(&self) -> &[u8] {
        &self.bytes[self.state_at..self.bytes.len() - 4]
    }

    fn from_file<F: Form<Mark = M>>(file: &dyn StorageFile) -> Result<Self, String> {
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
        let mut snapshot = Self::parse::<F>(&mut rest)?;
        snapshot.state_at = covered.len() - rest.len();
        snapshot.bytes = bytes;
        Ok(snapshot)
    }

    fn parse<F: Form<Mark = M>>(rest: &mut &[u8]) -> Result<Self, String> {
        let cut = |_| "it is cut off".to_owned();
        let number = |rest: &mut &[u8]| rest.try_get_u64_le().map_err(cut);
        let (fold_version, sequence) = take_begin(rest)?;
        let mut chain = [0; 32];
        rest.try_copy_to_slice(&mut chain).map_err(cut)?;
        let (segment, offset) = (number(rest)?, number(rest)?);
        let mark = F::take_mark(rest)?;
        let count = rest.try_get_u32_le().map_err(cut)?;
        let mut segments = Vec::new();
        for _ in 0..count {
            let (first, len) = (number(rest)?, number(rest)?);
            let count = rest.try_get_u32_le().map_err(cut)?;
            let mut points = Vec::new();
            for _ in 0..count {
                points.push(Point {
                    sequence: number(rest)?,
                    offset: number(rest)?,
                    before: F::take_mark(rest)?,
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
            mark,
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
