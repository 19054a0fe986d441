//! Reads a segment's frames with every check there is, and tells a torn tail from damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::entry::{Chain, DurablePoint, Entry, FaultyFrame, NewerEntry};
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
    chain: ChainCheck,
}

/// How much of the chain is computed again. Checksums and sequences are always checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChainCheck {
    /// Through every entry.
    All,
    /// Into the first entry of a segment: the segments belong together.
    Joints,
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

/// What a whole frame holds that was found behind a fault.
pub(crate) enum Whole {
    /// An entry.
    Entry(Entry),
    /// One of a newer version.
    Newer(NewerEntry),
}

impl Whole {
    pub(crate) fn sequence(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.sequence,
            Self::Newer(newer) => newer.sequence,
        }
    }

    fn durable(&self) -> Option<DurablePoint> {
        match self {
            Self::Entry(entry) => entry.durable,
            Self::Newer(newer) => newer.durable,
        }
    }
}

/// Why what stands there is not the next entry.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) what: String,
    /// Behind an entry of a newer version: where the next one begins, and what it must be.
    pub(crate) behind: Option<(u64, Expected)>,
}

/// What a fault may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// No whole frame: a torn write may look like this.
    Torn,
    /// A whole frame that holds no entry. No torn write has a checksum that holds.
    Unreadable,
    /// A whole entry in its place, of which this version does not know what it says.
    Newer,
    /// A whole entry that does not follow the one before.
    Misplaced,
}

/// What must follow an entry.
fn follows(sequence: u64, chain: Chain) -> Expected {
    Expected {
        sequence: sequence.saturating_add(1),
        chain,
    }
}

impl Scanner {
    pub(crate) fn new(
        file: Arc<dyn StorageFile>,
        path: PathBuf,
        segment: u64,
        expected: Option<Expected>,
        chain: ChainCheck,
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
            chain,
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

    /// What a fault is to whoever opens the ledger.
    pub(crate) fn error(&self, fault: &Fault) -> LedgerError {
        match fault.kind {
            FaultKind::Newer => LedgerError::NewerEntry {
                file: self.path.clone(),
                offset: self.offset,
                what: fault.what.clone(),
            },
            _ => self.damaged(fault.what.clone()),
        }
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

    /// Goes on behind an entry of a newer version, which begins here.
    pub(crate) fn pass(&mut self, behind: u64, expected: Expected) {
        let passed = usize::try_from(behind - self.offset).unwrap_or(usize::MAX);
        self.window.advance(passed.min(self.window.len()));
        self.offset = behind;
        self.expected = Some(expected);
    }

    pub(crate) fn scan(&mut self) -> Result<Scanned, LedgerError> {
        if self.left() == 0 {
            return Ok(Scanned::End);
        }
        self.require(FRAME_HEADER_BYTES)?;
        if let Ok(Some(len)) = frame_len(&self.window) {
            self.require(len)?;
        }
        let fault = |kind, what| {
            Ok(Scanned::Fault(Fault {
                kind,
                what,
                behind: None,
            }))
        };
        let body = match frame_body(&self.window) {
            Ok(Some(body)) => body,
            Ok(None) => return fault(FaultKind::Torn, "a frame is cut off".to_owned()),
            Err(faulty) => return fault(FaultKind::Torn, faulty.what),
        };
        let len = FRAME_HEADER_BYTES + body.len();
        let entry = match decode_body(body.clone()) {
            Ok(entry) => entry,
            Err(FaultyFrame {
                what,
                newer: Some(NewerEntry {
                    sequence, chain, ..
                }),
            }) => {
                return Ok(Scanned::Fault(
                    match self.misplaced(sequence, &chain, &body) {
                        Some(what) => Fault {
                            kind: FaultKind::Misplaced,
                            what,
                            behind: None,
                        },
                        None => Fault {
                            kind: FaultKind::Newer,
                            what,
                            behind: Some((self.offset + len as u64, follows(sequence, chain))),
                        },
                    },
                ));
            }
            Err(faulty) => return fault(FaultKind::Unreadable, faulty.what),
        };
        if let Some(what) = self.misplaced(entry.sequence, &entry.chain, &body) {
            return fault(FaultKind::Misplaced, what);
        }
        let at = self.offset;
        self.window.advance(len);
        self.offset += len as u64;
        self.expected = Some(follows(entry.sequence, entry.chain));
        Ok(Scanned::Entry(entry, at))
    }

    fn misplaced(&self, found: u64, found_chain: &Chain, body: &[u8]) -> Option<String> {
        let Expected { sequence, chain } = self.expected?;
        if found != sequence {
            return Some(format!("entry {found} stands where {sequence} belongs"));
        }
        if self.chain == ChainCheck::Joints && self.offset > 0 {
            return None;
        }
        match body_without_chain(body) {
            Some(bare) if next_chain(&chain, bare) == *found_chain => None,
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
        let named = |whole: &Whole, offset| {
            let here = DurablePoint {
                segment: self.segment,
                offset,
            };
            whole.sequence() >= first && whole.durable() == Some(here)
        };
        Ok(self.find(self.offset + 1, named)?.is_some())
    }

    /// The first whole frame at or after `from` that `wanted` takes, and where it begins. Entries of a newer version are
    /// found, too: what they say of the disk holds whatever else they say.
    pub(crate) fn find(
        &self,
        from: u64,
        wanted: impl Fn(&Whole, u64) -> bool,
    ) -> Result<Option<(u64, Whole)>, LedgerError> {
        let mut from = from;
        while from + (FRAME_HEADER_BYTES as u64) < self.len {
            let chunk = Bytes::from(self.read(from, WINDOW_BYTES)?);
            let starts = chunk.len().saturating_sub(FRAME_HEADER_BYTES);
            for start in 0..starts {
                if chunk[start + FRAME_HEADER_BYTES] != SEQUENCE_TAG {
                    continue;
                }
                let at = from + start as u64;
                if let Some(whole) = self.frame_at(at, &chunk.slice(start..))?
                    && wanted(&whole, at)
                {
                    return Ok(Some((at, whole)));
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
    fn frame_at(&self, at: u64, known: &Bytes) -> Result<Option<Whole>, LedgerError> {
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
        Ok(match frame_body(&frame).map(|body| body.map(decode_body)) {
            Ok(Some(Ok(entry))) => Some(Whole::Entry(entry)),
            Ok(Some(Err(faulty))) => faulty.newer.map(Whole::Newer),
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
        let kept = self.window.len();
        let at = self.offset + kept as u64;
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let fresh = (bytes - kept).max(WINDOW_BYTES).min(left);
        let mut window = vec![0; kept + fresh];
        window[..kept].copy_from_slice(&self.window);
        let read = self
            .file
            .read_at(&mut window[kept..], at)
            .map_err(LedgerError::io("read", self.path.clone()))?;
        window.truncate(kept + read);
        self.window = window.into();
        Ok(())
    }
}
