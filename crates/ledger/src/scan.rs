//! Reads a segment's frames with every check there is, and tells a torn tail from damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::entry::{Chain, DurablePoint, Entry};
use crate::error::LedgerError;
use crate::frame::{
    CHAIN_FIELD, CHAIN_FIELD_BYTES, FRAME_HEADER_BYTES, body_without_chain, decode_body,
    frame_body, frame_len, next_chain,
};
use crate::storage::StorageFile;

/// Bytes read at a time. A longer frame is read whole: BODY_BYTES_MAX bounds it.
pub(crate) const WINDOW_BYTES: usize = 1024 * 1024;

/// Every body begins with its sequence: tag 1, a varint.
const SEQUENCE_TAG: u8 = 0x08;

/// What the next frame must be to follow the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
}

/// Reads a segment front to back in a window.
pub(crate) struct Scanner {
    file: Arc<dyn StorageFile>,
    path: PathBuf,
    segment: u64,
    len: u64,
    offset: u64,
    window: Bytes,
    /// `None`: whatever comes is taken, and what follows it is checked again.
    expected: Option<Expected>,
}

/// What stands where a frame was expected.
pub(crate) enum Scanned {
    /// An entry, and where its frame begins.
    Entry(Entry, u64),
    /// Nothing more.
    End,
    /// No entry, or not the next one.
    Fault(Fault),
}

/// Why what stands there is not the next entry.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) what: String,
}

/// What a fault may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// No whole frame: a torn write may look like this.
    Torn,
    /// A whole frame that holds no entry. No torn write has a checksum that holds.
    Unreadable,
    /// A whole entry that does not follow the one before.
    Misplaced,
}

impl Scanner {
    pub(crate) fn new(
        file: Arc<dyn StorageFile>,
        path: PathBuf,
        segment: u64,
        expected: Option<Expected>,
    ) -> Result<Self, LedgerError> {
        let len = file.len().map_err(LedgerError::io("read", path.clone()))?;
        Ok(Self {
            file,
            path,
            segment,
            len,
            offset: 0,
            window: Bytes::new(),
            expected,
        })
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes from here to the end of the file.
    pub(crate) fn left(&self) -> u64 {
        self.len.saturating_sub(self.offset)
    }

    /// What the next frame must be.
    pub(crate) fn expected(&self) -> Option<Expected> {
        self.expected
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn damaged(&self, what: String) -> LedgerError {
        LedgerError::Damaged {
            file: self.path.clone(),
            offset: self.offset,
            what,
        }
    }

    /// Goes on at `offset` with whatever stands there. The bytes are read anew.
    pub(crate) fn resume(&mut self, offset: u64, expected: Option<Expected>) {
        self.offset = offset;
        self.expected = expected;
        self.window = Bytes::new();
    }

    pub(crate) fn scan(&mut self) -> Result<Scanned, LedgerError> {
        if self.left() == 0 {
            return Ok(Scanned::End);
        }
        self.require(FRAME_HEADER_BYTES)?;
        if let Ok(Some(len)) = frame_len(&self.window) {
            self.require(len)?;
        }
        let fault = |kind, what| Ok(Scanned::Fault(Fault { kind, what }));
        let body = match frame_body(&self.window) {
            Ok(Some(body)) => body,
            Ok(None) => return fault(FaultKind::Torn, "a frame is cut off".to_owned()),
            Err(faulty) => return fault(FaultKind::Torn, faulty.0),
        };
        let len = FRAME_HEADER_BYTES + body.len();
        let entry = match decode_body(body.clone()) {
            Ok(entry) => entry,
            Err(faulty) => return fault(FaultKind::Unreadable, faulty.0),
        };
        if let Some(what) = self.misplaced(&entry, &body) {
            return fault(FaultKind::Misplaced, what);
        }
        let at = self.offset;
        self.window.advance(len);
        self.offset += len as u64;
        self.expected = Some(Expected {
            sequence: entry.sequence.saturating_add(1),
            chain: entry.chain,
        });
        Ok(Scanned::Entry(entry, at))
    }

    fn misplaced(&self, entry: &Entry, body: &[u8]) -> Option<String> {
        let Expected { sequence, chain } = self.expected?;
        if entry.sequence != sequence {
            return Some(format!(
                "entry {} stands where {sequence} belongs",
                entry.sequence
            ));
        }
        match body_without_chain(body) {
            Some(bare) if next_chain(&chain, bare) == entry.chain => None,
            _ => Some(format!("the chain breaks at entry {sequence}")),
        }
    }

    /// Whether everything from here on is zero.
    pub(crate) fn only_zeros_left(&self) -> Result<bool, LedgerError> {
        let mut at = self.offset;
        loop {
            let bytes = self.read(at, WINDOW_BYTES)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if bytes.is_empty() {
                return Ok(true);
            }
            at += bytes.len() as u64;
        }
    }

    /// Whether what stands at the fault here was once on disk: then it is damage, otherwise a torn tail. The
    /// first frame of each batch names the durable point before it, which is its own place; one behind the
    /// fault was written only after what stands at the fault was synced.
    pub(crate) fn is_below_a_durable_point(&self) -> Result<bool, LedgerError> {
        let first = self.expected.map_or(1, |expected| expected.sequence);
        let named = |entry: &Entry, offset| {
            let here = DurablePoint {
                segment: self.segment,
                offset,
            };
            entry.sequence >= first && entry.durable == Some(here)
        };
        Ok(self.find(self.offset + 1, named)?.is_some())
    }

    /// The first whole frame at or after `from` whose entry `wanted` takes, and where it begins.
    pub(crate) fn find(
        &self,
        from: u64,
        wanted: impl Fn(&Entry, u64) -> bool,
    ) -> Result<Option<(u64, Entry)>, LedgerError> {
        let mut from = from;
        while from + (FRAME_HEADER_BYTES as u64) < self.len {
            let chunk = Bytes::from(self.read(from, WINDOW_BYTES)?);
            let starts = chunk.len().saturating_sub(FRAME_HEADER_BYTES);
            for start in 0..starts {
                if chunk[start + FRAME_HEADER_BYTES] != SEQUENCE_TAG {
                    continue;
                }
                let at = from + start as u64;
                if let Some(entry) = self.frame_at(at, &chunk.slice(start..))?
                    && wanted(&entry, at)
                {
                    return Ok(Some((at, entry)));
                }
            }
            if starts == 0 {
                break;
            }
            from += starts as u64;
        }
        Ok(None)
    }

    /// The entry of a whole frame at `at`, of which `known` holds the first bytes.
    fn frame_at(&self, at: u64, known: &Bytes) -> Result<Option<Entry>, LedgerError> {
        let Ok(Some(len)) = frame_len(known) else {
            return Ok(None);
        };
        if len < FRAME_HEADER_BYTES + CHAIN_FIELD_BYTES || at + len as u64 > self.len {
            return Ok(None);
        }
        // Two bytes near the end tell most chance finds apart, before anything long is read.
        let chain_at = len - CHAIN_FIELD_BYTES;
        let marked = match known.get(chain_at..chain_at + CHAIN_FIELD.len()) {
            Some(mark) => mark == CHAIN_FIELD,
            None => self.read(at + chain_at as u64, CHAIN_FIELD.len())? == CHAIN_FIELD,
        };
        if !marked {
            return Ok(None);
        }
        let frame = if known.len() >= len {
            known.clone()
        } else {
            self.read(at, len)?.into()
        };
        Ok(match frame_body(&frame) {
            Ok(Some(body)) => decode_body(body).ok(),
            _ => None,
        })
    }

    /// At most `count` bytes at `at`; fewer at the end of the file.
    fn read(&self, at: u64, count: usize) -> Result<Vec<u8>, LedgerError> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; count.min(left)];
        let read = self
            .file
            .read_at(&mut bytes, at)
            .map_err(LedgerError::io("read", self.path.clone()))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn require(&mut self, bytes: usize) -> Result<(), LedgerError> {
        if self.window.len() >= bytes {
            return Ok(());
        }
        let at = self.offset + self.window.len() as u64;
        let fresh = self.read(at, (bytes - self.window.len()).max(WINDOW_BYTES))?;
        if self.window.is_empty() {
            self.window = fresh.into();
            return Ok(());
        }
        let mut window = BytesMut::with_capacity(self.window.len() + fresh.len());
        window.extend_from_slice(&self.window);
        window.extend_from_slice(&fresh);
        self.window = window.freeze();
        Ok(())
    }
}
