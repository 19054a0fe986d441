//! Reads a segment's frames with every check there is, and tells a torn tail from damage.

use std::path::PathBuf;

use bytes::{Buf, Bytes, BytesMut};

use crate::entry::{
    BODY_BYTES_MAX, Chain, DurablePoint, Entry, FRAME_HEADER_BYTES, body_without_chain,
    decode_frame, frame_body, next_chain,
};
use crate::error::LedgerError;
use crate::storage::StorageFile;

const WINDOW_BYTES: usize = 1024 * 1024;

/// Reads a file front to back in a window.
pub(crate) struct Scanner<'a> {
    file: &'a dyn StorageFile,
    path: PathBuf,
    len: u64,
    offset: u64,
    window: Bytes,
    pub(crate) next: u64,
    pub(crate) chain: Chain,
}

/// What stands where a frame was expected.
pub(crate) enum Scanned {
    /// An entry, and where its frame begins.
    Entry(Entry, u64),
    /// Nothing more.
    End,
    /// Something that is no frame, and why.
    Fault(String),
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(
        file: &'a dyn StorageFile,
        path: PathBuf,
        next: u64,
        chain: Chain,
    ) -> Result<Self, LedgerError> {
        let len = file.len().map_err(LedgerError::io("read", path.clone()))?;
        Ok(Self {
            file,
            path,
            len,
            offset: 0,
            window: Bytes::new(),
            next,
            chain,
        })
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn damaged(&self, what: String) -> LedgerError {
        LedgerError::Damaged {
            file: self.path.clone(),
            offset: self.offset,
            what,
        }
    }

    pub(crate) fn scan(&mut self) -> Result<Scanned, LedgerError> {
        if self.offset == self.len {
            return Ok(Scanned::End);
        }
        self.require(FRAME_HEADER_BYTES)?;
        if self.window.len() < FRAME_HEADER_BYTES {
            return Ok(Scanned::Fault("a frame's header is cut off".to_owned()));
        }
        let length = (&self.window[..4]).get_u32_le() as usize;
        if (1..=BODY_BYTES_MAX + 1024).contains(&length) {
            self.require(FRAME_HEADER_BYTES + length)?;
        }
        let fault = match decode_frame(&self.window) {
            Ok(Some((entry, len))) => match self.check(&entry, len) {
                None => {
                    let at = self.offset;
                    self.window.advance(len);
                    self.offset += len as u64;
                    self.next += 1;
                    self.chain = entry.chain;
                    return Ok(Scanned::Entry(entry, at));
                }
                Some(fault) => fault,
            },
            Ok(None) => "a frame is cut off".to_owned(),
            Err(fault) => fault.0,
        };
        Ok(Scanned::Fault(fault))
    }

    fn check(&self, entry: &Entry, len: usize) -> Option<String> {
        if entry.sequence != self.next {
            return Some(format!(
                "entry {} stands where {} belongs",
                entry.sequence, self.next
            ));
        }
        let body = &self.window[FRAME_HEADER_BYTES..len];
        match body_without_chain(body) {
            Some(bare) if next_chain(&self.chain, bare) == entry.chain => None,
            _ => Some(format!("the chain breaks at entry {}", entry.sequence)),
        }
    }

    /// Whether everything from here on is zero.
    pub(crate) fn only_zeros_left(&self) -> Result<bool, LedgerError> {
        let mut at = self.offset;
        while at < self.len {
            let bytes = self.read(at, WINDOW_BYTES)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    /// Looks beyond a fault for a whole frame that names a durable point above the fault: then what stands
    /// at the fault was once on disk, and is damage; otherwise it is a torn tail.
    pub(crate) fn is_below_a_durable_point(&self, segment: u64) -> Result<bool, LedgerError> {
        let fault = DurablePoint {
            segment,
            offset: self.offset,
        };
        let rest = Bytes::from(self.read(
            self.offset,
            usize::try_from(self.len - self.offset).unwrap_or(usize::MAX),
        )?);
        for at in 1..rest.len().saturating_sub(FRAME_HEADER_BYTES) {
            // Every body begins with its sequence: tag 1, a varint.
            if rest[at + FRAME_HEADER_BYTES] != 0x08 || rest[at + 3] > 1 {
                continue;
            }
            let Some(sequence) = leading_sequence(&rest[at + FRAME_HEADER_BYTES..]) else {
                continue;
            };
            if sequence < self.next || sequence - self.next > rest.len() as u64 {
                continue;
            }
            let candidate = rest.slice(at..);
            if !matches!(frame_body(&candidate), Ok(Some(_))) {
                continue;
            }
            if let Ok(Some((entry, _))) = decode_frame(&candidate)
                && entry.durable.is_some_and(|durable| durable > fault)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn read(&self, at: u64, count: usize) -> Result<Vec<u8>, LedgerError> {
        let left = usize::try_from(self.len - at).unwrap_or(usize::MAX);
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
        let mut window = BytesMut::with_capacity(self.window.len() + fresh.len());
        window.extend_from_slice(&self.window);
        window.extend_from_slice(&fresh);
        self.window = window.freeze();
        Ok(())
    }
}

fn leading_sequence(body: &[u8]) -> Option<u64> {
    let mut rest = body.get(1..)?;
    prost::encoding::decode_varint(&mut rest).ok()
}
