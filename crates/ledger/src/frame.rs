//! Frames: how entries lie in a file.
//!
//! A frame is: the body's length (4 bytes, little-endian, at least 1), a CRC-32C over the length and the body
//! (4 bytes, little-endian), and the body, an encoded `liaison.ledger.v1.Entry` whose last field is the chain.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use prost::Message;
use protocol::pb::ledger as pb;
use sha2::{Digest, Sha256};

use crate::codec::{INBOUND, OUTBOUND, put_durable, put_step, take_step};
use crate::entry::{Chain, DurablePoint, Entry, FaultyFrame, Record, without_chain};

/// Bytes before a frame's body.
pub const FRAME_HEADER_BYTES: usize = 8;

/// The longest body: a line message of the greatest size, and room for what stands around it in an entry.
pub const BODY_BYTES_MAX: usize = 17 * 1024 * 1024 + 1024;

/// The encoded chain field: tag 15, length-delimited, 32 bytes.
pub(crate) const CHAIN_FIELD: [u8; 2] = [0x7a, 32];
pub(crate) const CHAIN_FIELD_BYTES: usize = CHAIN_FIELD.len() + 32;

/// Appends a frame to `buffer`; returns the chain through it. The body is at most [`BODY_BYTES_MAX`]: what comes
/// from outside is held to less before it gets here.
pub fn encode_frame(
    buffer: &mut BytesMut,
    sequence: u64,
    recorded_at: Timestamp,
    record: &Record,
    durable: Option<DurablePoint>,
    chain_before: &Chain,
) -> Chain {
    let start = buffer.len();
    buffer.put_u64_le(0);
    match record {
        Record::Outbound(parcel) => put_step(buffer, sequence, recorded_at, OUTBOUND, parcel),
        Record::Inbound(parcel) => put_step(buffer, sequence, recorded_at, INBOUND, parcel),
        _ => without_chain(sequence, recorded_at, record, None)
            .encode(buffer)
            .expect("a BytesMut grows"),
    }
    if let Some(durable) = durable {
        put_durable(buffer, durable);
    }
    let body = start + FRAME_HEADER_BYTES;
    let chain = next_chain(chain_before, &buffer[body..]);
    buffer.put_slice(&CHAIN_FIELD);
    buffer.put_slice(&chain);
    let body_len = buffer.len() - body;
    // A longer frame would be written, acknowledged, and then read by nobody.
    assert!(
        body_len <= BODY_BYTES_MAX,
        "an entry of {body_len} bytes was let through; the limit is {BODY_BYTES_MAX}"
    );
    let length = u32::try_from(body_len).expect("BODY_BYTES_MAX is less than 4 GiB");
    let crc = checksum(length, &buffer[body..]);
    buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
    buffer[start + 4..body].copy_from_slice(&crc.to_le_bytes());
    chain
}

/// Reads the frame at the start of `bytes`. `None`: too few bytes to tell.
pub fn decode_frame(bytes: &Bytes) -> Result<Option<(Entry, usize)>, FaultyFrame> {
    let Some(body) = frame_body(bytes)? else {
        return Ok(None);
    };
    let len = FRAME_HEADER_BYTES + body.len();
    Ok(Some((decode_body(body)?, len)))
}

/// Reads the entry in a frame's body. Envelope and payload are slices of it.
pub(crate) fn decode_body(body: Bytes) -> Result<Entry, FaultyFrame> {
    if let Some(entry) = take_step(&body) {
        return Ok(entry);
    }
    let entry = pb::Entry::decode(body)
        .map_err(|error| FaultyFrame::new(format!("the entry cannot be read: {error}")))?;
    Entry::from_pb(entry)
}

/// The length of the whole frame at the start of `bytes`, bounded before anything is allocated or waited for.
/// `None`: too few bytes to tell.
pub(crate) fn frame_len(bytes: &[u8]) -> Result<Option<usize>, FaultyFrame> {
    let Some(length) = bytes.get(..4) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(length.try_into().expect("4 bytes were taken")) as usize;
    if !(1..=BODY_BYTES_MAX).contains(&length) {
        return Err(FaultyFrame::new(format!(
            "a frame of {length} bytes cannot be one"
        )));
    }
    Ok(Some(FRAME_HEADER_BYTES + length))
}

/// The body of the frame at the start of `bytes`, if its checksum holds. `None`: too few bytes to tell.
pub(crate) fn frame_body(bytes: &Bytes) -> Result<Option<Bytes>, FaultyFrame> {
    let Some(len) = frame_len(bytes)?.filter(|len| bytes.len() >= *len) else {
        return Ok(None);
    };
    let mut header = &bytes[..FRAME_HEADER_BYTES];
    let (length, crc) = (header.get_u32_le(), header.get_u32_le());
    let body = bytes.slice(FRAME_HEADER_BYTES..len);
    if checksum(length, &body) != crc {
        return Err(FaultyFrame::new("the checksum does not hold"));
    }
    Ok(Some(body))
}

/// The chain through an entry, from its frame's body (or the body before the chain field).
pub(crate) fn next_chain(before: &Chain, body_without_chain: &[u8]) -> Chain {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(body_without_chain);
    hasher.finalize().into()
}

/// A frame's body up to its chain field.
pub(crate) fn body_without_chain(body: &[u8]) -> Option<&[u8]> {
    let at = body.len().checked_sub(CHAIN_FIELD_BYTES)?;
    (body[at..].starts_with(&CHAIN_FIELD)).then(|| &body[..at])
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), body)
}
