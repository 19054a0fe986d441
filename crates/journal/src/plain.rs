//! The plainest form: an entry is its bytes.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::error::JournalError;
use crate::form::{Chain, DurablePoint, FaultyFrame, Form, Link};

/// The form of entries that are bytes and nothing else.
///
/// A body is: a byte that begins it; the sequence; 1 and the durable point (segment, offset) in a batch's first entry, 0 in
/// any other; the bytes; and the chain. Numbers have 8 bytes, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plain;

/// An entry of a [`Plain`] journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainEntry {
    /// How it hangs together with what stands before it.
    pub link: Link,
    /// What was appended.
    pub bytes: Bytes,
}

const FIRST_OF_BATCH: u8 = 1;
const LATER: u8 = 0;

impl Form for Plain {
    type Entry = PlainEntry;
    type Content<'a> = &'a [u8];
    type Mark = ();
    type Error = JournalError;

    const NOUN: &'static str = "journal";
    const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
    const BODY_BEGIN: u8 = 0xe1;
    const CHAIN_KEY: [u8; 2] = [0xc4, 32];

    fn encode(
        &self,
        body: &mut BytesMut,
        sequence: u64,
        content: &[u8],
        durable: Option<DurablePoint>,
    ) {
        body.put_u8(Self::BODY_BEGIN);
        body.put_u64_le(sequence);
        match durable {
            Some(DurablePoint { segment, offset }) => {
                body.put_u8(FIRST_OF_BATCH);
                body.put_u64_le(segment);
                body.put_u64_le(offset);
            }
            None => body.put_u8(LATER),
        }
        body.put_slice(content);
    }

    fn decode(body: Bytes) -> Result<PlainEntry, FaultyFrame> {
        let cut = |_| FaultyFrame::new("the entry is cut off");
        let mut rest = &body[..];
        if rest.try_get_u8().map_err(cut)? != Self::BODY_BEGIN {
            return Err(FaultyFrame::new("no entry begins so"));
        }
        let sequence = rest.try_get_u64_le().map_err(cut)?;
        let durable = match rest.try_get_u8().map_err(cut)? {
            LATER => None,
            FIRST_OF_BATCH => Some(DurablePoint {
                segment: rest.try_get_u64_le().map_err(cut)?,
                offset: rest.try_get_u64_le().map_err(cut)?,
            }),
            _ => {
                return Err(FaultyFrame::new(
                    "it neither begins a batch nor follows in one",
                ));
            }
        };
        let Some((bytes, [0xc4, 32, chain @ ..])) = rest.split_last_chunk::<34>() else {
            return Err(FaultyFrame::new("no chain"));
        };
        let chain: Chain = *chain;
        let from = body.len() - rest.len();
        Ok(PlainEntry {
            link: Link {
                sequence,
                durable,
                chain,
            },
            bytes: body.slice(from..from + bytes.len()),
        })
    }

    fn link(entry: &PlainEntry) -> Link {
        entry.link
    }

    fn content(entry: &PlainEntry) -> &[u8] {
        &entry.bytes
    }

    fn kept_bytes(entry: &PlainEntry) -> usize {
        entry.bytes.len()
    }

    fn learn(&mut self, _: &[u8]) {}

    fn stamp(&self) -> u64 {
        0
    }

    fn take_stamp(&mut self, _: u64) {}

    fn count((): &mut (), _: &[u8]) {}

    fn put_mark((): &(), _: &mut Vec<u8>) {}

    fn take_mark(_: &mut &[u8]) -> Result<(), String> {
        Ok(())
    }
}
