//! Reads a segment's frames with every check there is, and tells a torn tail from damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::error::JournalError;
use crate::form::{CHAIN_START, Chain, DurablePoint, FaultyFrame, Form, Link};
use crate::frame::{
    CHAIN_FIELD_BYTES, FRAME_HEADER_BYTES, body_without_chain, chain_holds, frame_body, frame_len,
};
use crate::storage::StorageFile;

/// Bytes read at a time. A longer frame is read whole: BODY_BYTES_MAX bounds it.
const WINDOW_BYTES: usize = 1024 * 1024;

/// What the next frame must be to follow the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
}

impl Expected {
    /// The first entry of a journal.
    pub(crate) const FIRST: Self = Self {
        sequence: 1,
        chain: CHAIN_START,
    };

    /// What must follow an entry.
    fn behind(link: &Link) -> Self {
        Self {
            sequence: link.sequence.saturating_add(1),
            chain: link.chain,
        }
    }
}

/// Reads a segment front to back in a window.
pub(crate) struct Scanner<F: Form> {
    /// What the entries read so far say of the journal.
    form: F,
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
    /// Through every entry, and what it leaves out is held against what covers that.
    All,
    /// Through every entry. What it leaves out is somebody else's to check, or nobody's.
    Chain,
    /// Into the first entry of a segment: the segments belong together.
    Joints,
}

/// What stands where a frame was expected.
pub(crate) enum Scanned<E> {
    /// An entry, and where its frame begins.
    Entry(E, u64),
    /// Nothing more.
    End,
    /// No entry, or not the next one.
    Fault(Fault),
}

/// A whole frame that was found behind a fault: how it hangs together, and the entry; none if a newer version wrote it.
pub(crate) struct Whole<E> {
    pub(crate) link: Link,
    pub(crate) entry: Option<E>,
}

/// A whole frame, and where it begins; none if there is none.
type FoundAt<E> = Option<(u64, Whole<E>)>;

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

impl<F: Form> Scanner<F> {
    pub(crate) fn new(
        file: Arc<dyn StorageFile>,
        path: PathBuf,
        segment: u64,
        expected: Option<Expected>,
        chain: ChainCheck,
        form: F,
    ) -> Result<Self, JournalError> {
        let len = file.len().map_err(JournalError::io("read", path.clone()))?;
        Ok(Self {
            form,
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

    /// What the entries through the last one say of the journal.
    pub(crate) fn form(&self) -> &F {
        &self.form
    }

    /// What a fault is to whoever opens the journal.
    pub(crate) fn error(&self, fault: &Fault) -> JournalError {
        match fault.kind {
            FaultKind::Newer => JournalError::NewerEntry {
                file: self.path.clone(),
                offset: self.offset,
                what: fault.what.clone(),
            },
            _ => self.damaged(fault.what.clone()),
        }
    }

    pub(crate) fn damaged(&self, what: String) -> JournalError {
        JournalError::Damaged {
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

    /// Reads the next frame.
    pub(crate) fn scan(&mut self) -> Result<Scanned<F::Entry>, JournalError> {
        if self.left() == 0 {
            return Ok(Scanned::End);
        }
        self.require(FRAME_HEADER_BYTES)?;
        if let Ok(Some(len)) = frame_len::<F>(&self.window) {
            self.require(len)?;
        }
        let body = match frame_body::<F>(&self.window) {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(fault(FaultKind::Torn, "a frame is cut off".to_owned())),
            Err(faulty) => return Ok(fault(FaultKind::Torn, faulty.what)),
        };
        Ok(match F::decode(body.clone()) {
            Ok(entry) => self.take(entry, &body),
            Err(FaultyFrame {
                what,
                newer: Some(link),
            }) => self.newer(what, &link, &body),
            Err(faulty) => fault(FaultKind::Unreadable, faulty.what),
        })
    }

    fn take(&mut self, entry: F::Entry, body: &Bytes) -> Scanned<F::Entry> {
        let link = F::link(&entry);
        if let Some(what) = self.misplaced(&link, body) {
            return fault(FaultKind::Misplaced, what);
        }
        if let Err(what) = self.form.follow(&entry, self.chain == ChainCheck::All) {
            let what = format!("entry {}: {what}", link.sequence);
            return fault(FaultKind::Misplaced, what);
        }
        let (at, len) = (self.offset, FRAME_HEADER_BYTES + body.len());
        self.window.advance(len);
        self.offset += len as u64;
        self.expected = Some(Expected::behind(&link));
        self.form.learn(F::content(&entry));
        Scanned::Entry(entry, at)
    }

    fn newer(&self, what: String, link: &Link, body: &Bytes) -> Scanned<F::Entry> {
        if let Some(what) = self.misplaced(link, body) {
            return fault(FaultKind::Misplaced, what);
        }
        let behind = self.offset + (FRAME_HEADER_BYTES + body.len()) as u64;
        Scanned::Fault(Fault {
            kind: FaultKind::Newer,
            what,
            behind: Some((behind, Expected::behind(link))),
        })
    }

    /// Why an entry does not stand in its place, if it does not.
    fn misplaced(&self, link: &Link, body: &[u8]) -> Option<String> {
        let Expected { sequence, chain } = self.expected?;
        if link.sequence != sequence {
            return Some(format!(
                "entry {} stands where {sequence} belongs",
                link.sequence
            ));
        }
        if self.chain == ChainCheck::Joints && self.offset > 0 {
            return None;
        }
        match body_without_chain::<F>(body) {
            Some(bare) if chain_holds(&self.form, &chain, bare, &link.chain) => None,
            _ => Some(format!("the chain breaks at entry {sequence}")),
        }
    }

    /// Whether everything from here on is zero.
    pub(crate) fn only_zeros_left(&self) -> Result<bool, JournalError> {
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
    pub(crate) fn is_below_a_durable_point(&self) -> Result<bool, JournalError> {
        let first = self.expected.map_or(1, |expected| expected.sequence);
        let named = |whole: &Whole<F::Entry>, offset| {
            let here = DurablePoint {
                segment: self.segment,
                offset,
            };
            whole.link.sequence >= first && whole.link.durable == Some(here)
        };
        Ok(self.find(self.offset + 1, named)?.is_some())
    }

    /// The first whole frame at or after `from` that `wanted` takes, and where it begins. Entries of a newer version are
    /// found, too: what they say of the disk holds whatever else they say.
    pub(crate) fn find(
        &self,
        from: u64,
        mut wanted: impl FnMut(&Whole<F::Entry>, u64) -> bool,
    ) -> Result<FoundAt<F::Entry>, JournalError> {
        let mut from = from;
        while from + (FRAME_HEADER_BYTES as u64) < self.len {
            let chunk = Bytes::from(self.read(from, WINDOW_BYTES)?);
            let starts = chunk.len().saturating_sub(FRAME_HEADER_BYTES);
            for start in 0..starts {
                if chunk[start + FRAME_HEADER_BYTES] != F::BODY_BEGIN {
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
    fn frame_at(&self, at: u64, known: &Bytes) -> Result<Option<Whole<F::Entry>>, JournalError> {
        let Ok(Some(len)) = frame_len::<F>(known) else {
            return Ok(None);
        };
        if len < FRAME_HEADER_BYTES + CHAIN_FIELD_BYTES || at + len as u64 > self.len {
            return Ok(None);
        }
        // Two bytes near the end tell most chance finds apart, before anything long is read.
        let chain_at = len - CHAIN_FIELD_BYTES;
        let marked = match known.get(chain_at..chain_at + F::CHAIN_KEY.len()) {
            Some(mark) => mark == F::CHAIN_KEY,
            None => self.read(at + chain_at as u64, F::CHAIN_KEY.len())? == F::CHAIN_KEY,
        };
        if !marked {
            return Ok(None);
        }
        let frame = if known.len() >= len {
            known.clone()
        } else {
            self.read(at, len)?.into()
        };
        Ok(
            match frame_body::<F>(&frame).map(|body| body.map(F::decode)) {
                Ok(Some(Ok(entry))) => Some(Whole {
                    link: F::link(&entry),
                    entry: Some(entry),
                }),
                Ok(Some(Err(faulty))) => faulty.newer.map(|link| Whole { link, entry: None }),
                _ => None,
            },
        )
    }

    /// At most `count` bytes at `at`; fewer at the end of the file.
    fn read(&self, at: u64, count: usize) -> Result<Vec<u8>, JournalError> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; count.min(left)];
        let read = self
            .file
            .read_at(&mut bytes, at)
            .map_err(JournalError::io("read", self.path.clone()))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn require(&mut self, bytes: usize) -> Result<(), JournalError> {
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
            .map_err(JournalError::io("read", self.path.clone()))?;
        window.truncate(kept + read);
        self.window = window.into();
        Ok(())
    }
}

fn fault<E>(kind: FaultKind, what: String) -> Scanned<E> {
    Scanned::Fault(Fault {
        kind,
        what,
        behind: None,
    })
}
