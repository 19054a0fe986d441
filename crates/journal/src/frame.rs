//! Frames: how entries lie in a file.
//!
//! A frame is: the body's length (4 bytes, little-endian, at least 1), a CRC-32C over the length and the body
//! (4 bytes, little-endian), and the body, which ends with the chain.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::form::{Chain, DurablePoint, FaultyFrame, Form};

/// Bytes before a frame's body.
pub const FRAME_HEADER_BYTES: usize = 8;

/// What ends a body: the chain, and what stands before it.
pub(crate) const CHAIN_FIELD_BYTES: usize = 2 + size_of::<Chain>();

/// Appends a frame to `buffer`; returns the chain through it. The body is at most [`Form::BODY_BYTES_MAX`]: what comes
/// from outside is held to less before it gets here.
pub fn encode_frame<F: Form>(
    form: &F,
    buffer: &mut BytesMut,
    sequence: u64,
    content: F::Content<'_>,
    durable: Option<DurablePoint>,
    chain_before: &Chain,
) -> Chain {
    let start = buffer.len();
    buffer.put_u64_le(0);
    form.encode(buffer, sequence, content, durable);
    let body = start + FRAME_HEADER_BYTES;
    let chain = next_chain(form, chain_before, &buffer[body..]);
    buffer.put_slice(&F::CHAIN_KEY);
    buffer.put_slice(&chain);
    let body_len = buffer.len() - body;
    // A longer frame would be written, acknowledged, and then read by nobody.
    assert!(
        body_len <= F::BODY_BYTES_MAX,
        "an entry of {body_len} bytes was let through; the limit is {}",
        F::BODY_BYTES_MAX
    );
    let length = u32::try_from(body_len).expect("a body is shorter than 4 GiB");
    let crc = checksum(length, &buffer[body..]);
    buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
    buffer[start + 4..body].copy_from_slice(&crc.to_le_bytes());
    chain
}

/// Reads the frame at the start of `bytes`: the entry, and the frame's length. `None`: too few bytes to tell.
pub fn decode_frame<F: Form>(bytes: &Bytes) -> Result<Option<(F::Entry, usize)>, FaultyFrame> {
    let Some(body) = frame_body::<F>(bytes)? else {
        return Ok(None);
    };
    let len = FRAME_HEADER_BYTES + body.len();
    Ok(Some((F::decode(body)?, len)))
}

/// The length of the whole frame at the start of `bytes`, bounded before anything is allocated or waited for.
/// `None`: too few bytes to tell.
pub(crate) fn frame_len<F: Form>(bytes: &[u8]) -> Result<Option<usize>, FaultyFrame> {
    let Some(length) = bytes.get(..4) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(length.try_into().expect("4 bytes were taken")) as usize;
    if !(1..=F::BODY_BYTES_MAX).contains(&length) {
        return Err(FaultyFrame::new(format!(
            "a frame of {length} bytes cannot be one"
        )));
    }
    Ok(Some(FRAME_HEADER_BYTES + length))
}

/// The body of the frame at the start of `bytes`, if its checksum holds. `None`: too few bytes to tell.
pub(crate) fn frame_body<F: Form>(bytes: &Bytes) -> Result<Option<Bytes>, FaultyFrame> {
    let Some(len) = frame_len::<F>(bytes)?.filter(|len| bytes.len() >= *len) else {
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

/// The chain through an entry, from its frame's body up to the chain.
pub(crate) fn next_chain<F: Form>(form: &F, before: &Chain, body: &[u8]) -> Chain {
    match form.hashed(body) {
        [whole, []] => hash_of_one(before, whole),
        [first, second] => hash_of_two(before, first, second),
    }
}

// Two functions without type parameters: written as one, or for each form, hashing a frame costs 20 to 30 ns more.
fn hash_of_one(before: &Chain, whole: &[u8]) -> Chain {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(whole);
    hasher.finalize().into()
}

fn hash_of_two(before: &Chain, first: &[u8], second: &[u8]) -> Chain {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(first);
    hasher.update(second);
    hasher.finalize().into()
}

/// Whether `chain` is the chain through an entry.
pub(crate) fn chain_holds<F: Form>(form: &F, before: &Chain, body: &[u8], chain: &Chain) -> bool {
    next_chain(form, before, body) == *chain || holds_otherwise(form, before, body, chain)
}

#[cold]
fn holds_otherwise<F: Form>(form: &F, before: &Chain, body: &[u8], chain: &Chain) -> bool {
    let other = form.otherwise();
    other.is_some_and(|other| next_chain(&other, before, body) == *chain)
}

/// A frame's body up to its chain.
pub(crate) fn body_without_chain<F: Form>(body: &[u8]) -> Option<&[u8]> {
    let at = body.len().checked_sub(CHAIN_FIELD_BYTES)?;
    (body[at..].starts_with(&F::CHAIN_KEY)).then(|| &body[..at])
}

#[inline]
fn checksum(length: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), body)
}
