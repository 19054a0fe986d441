//! Frames of a ledger's entries: the journal's, around an encoded `liaison.ledger.v1.Entry` whose last field is the chain.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use journal::{Chain, DurablePoint, FaultyFrame};

use crate::entry::{Entry, Record};
use crate::form::LedgerForm;

/// Appends a frame of a ledger that began in `format` to `buffer`; returns the chain through it. The body is at most
/// [`crate::BODY_BYTES_MAX`]: what comes from outside is held to less before it gets here.
pub fn encode_frame(
    buffer: &mut BytesMut,
    format: u32,
    sequence: u64,
    recorded_at: Timestamp,
    record: &Record,
    durable: Option<DurablePoint>,
    chain_before: &Chain,
) -> Chain {
    let (form, content) = (LedgerForm::of_format(format), (recorded_at, record));
    journal::encode_frame(&form, buffer, sequence, content, durable, chain_before)
}

/// Reads the frame at the start of `bytes`: the entry, and the frame's length. `None`: too few bytes to tell.
pub fn decode_frame(bytes: &Bytes) -> Result<Option<(Entry, usize)>, FaultyFrame> {
    journal::decode_frame::<LedgerForm>(bytes)
}
