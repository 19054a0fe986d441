//! Entries, and the frames they are stored in.
//!
//! A frame is: the body's length (4 bytes, little-endian, at least 1), a CRC-32C over the length and the body
//! (4 bytes, little-endian), and the body, an encoded `liaison.ledger.v1.Entry` whose last field is the chain.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use office::line::{Acknowledgement, LineHash};
use office::{Place, StepKind};
use prost::Message;
use protocol::pb::ledger as pb;
use sha2::{Digest, Sha256};

/// The version of the format that this software writes.
pub const FORMAT_VERSION: u32 = 1;

/// Bytes before a frame's body.
pub const FRAME_HEADER_BYTES: usize = 8;

/// The longest body: a document of the greatest size, and room for what stands around it.
pub const BODY_BYTES_MAX: usize = 17 * 1024 * 1024;

/// The encoded chain field: tag 15, length-delimited, 32 bytes.
const CHAIN_FIELD: [u8; 2] = [0x7a, 32];
const CHAIN_FIELD_BYTES: usize = CHAIN_FIELD.len() + 32;

/// SHA-256 over everything a ledger holds up to an entry.
pub type Chain = [u8; 32];

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A step of this office.
    Outbound(Parcel),
    /// A step of the peer.
    Inbound(Parcel),
    /// The ledger begins.
    Opening {
        /// The format's version.
        format_version: u32,
        /// Whose ledger.
        place: Place,
        /// Its restore counter.
        epoch: u64,
    },
    /// The peer acknowledged.
    AcknowledgementTaken(Acknowledgement),
    /// An office was restored.
    EpochRaised {
        /// Whose counter.
        place: Place,
        /// Its new value.
        epoch: u64,
        /// Mutations wait until the peer has given back what was missing.
        restoring: bool,
    },
}

/// A step as a ledger stores it and the line carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What was done.
    pub kind: StepKind,
    /// The envelope's bytes, as they came in.
    pub envelope: Bytes,
    /// The payload's bytes, as they came in.
    pub payload: Bytes,
    /// The line hash.
    pub hash: LineHash,
}

/// How far a ledger was on disk when a batch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct DurablePoint {
    /// The segment's first sequence.
    pub segment: u64,
    /// The offset in it.
    pub offset: u64,
}

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Gapless, from 1.
    pub sequence: u64,
    /// When it was recorded, by this office's clock.
    pub recorded_at: Timestamp,
    /// What it holds.
    pub record: Record,
    /// In a batch's first entry: what was durable before it.
    pub durable: Option<DurablePoint>,
    /// The chain through this entry.
    pub chain: Chain,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultyFrame(pub String);

impl Entry {
    /// The entry as protobuf writes it.
    pub fn to_pb(&self) -> pb::Entry {
        let mut entry = without_chain(self.sequence, self.recorded_at, &self.record, self.durable);
        entry.chain = Bytes::copy_from_slice(&self.chain);
        entry
    }

    /// Reads an entry's protobuf form.
    pub fn from_pb(entry: pb::Entry) -> Result<Self, FaultyFrame> {
        let fault = |what: &str| FaultyFrame(format!("entry {}: {what}", entry.sequence));
        let place = |number| protocol::place_from_pb(number).ok_or_else(|| fault("unknown place"));
        let recorded_at = entry
            .recorded_at
            .as_ref()
            .and_then(protocol::timestamp_from_pb)
            .ok_or_else(|| fault("no time"))?;
        let record = match (entry.direction(), &entry.note) {
            (direction @ (pb::Direction::Outbound | pb::Direction::Inbound), None) => {
                let parcel = Parcel {
                    kind: protocol::step_kind_from_pb(entry.kind)
                        .ok_or_else(|| fault("unknown kind of step"))?,
                    envelope: entry.envelope.clone(),
                    payload: entry.payload.clone(),
                    hash: protocol::hash_from_bytes(&entry.line_hash)
                        .ok_or_else(|| fault("no line hash"))?,
                };
                if direction == pb::Direction::Outbound {
                    Record::Outbound(parcel)
                } else {
                    Record::Inbound(parcel)
                }
            }
            (pb::Direction::Local, Some(pb::entry::Note::Opening(opening))) => Record::Opening {
                format_version: opening.format_version,
                place: place(opening.place)?,
                epoch: opening.epoch,
            },
            (pb::Direction::Local, Some(pb::entry::Note::AcknowledgementTaken(taken))) => {
                let acknowledgement = taken
                    .acknowledgement
                    .as_ref()
                    .and_then(protocol::acknowledgement_from_pb);
                Record::AcknowledgementTaken(
                    acknowledgement.ok_or_else(|| fault("an incomplete acknowledgement"))?,
                )
            }
            (pb::Direction::Local, Some(pb::entry::Note::EpochRaised(raised))) => {
                Record::EpochRaised {
                    place: place(raised.place)?,
                    epoch: raised.epoch,
                    restoring: raised.restoring,
                }
            }
            _ => return Err(fault("neither a step nor a known note")),
        };
        let durable = entry.durable.map(|at| DurablePoint {
            segment: at.segment,
            offset: at.offset,
        });
        let chain = entry.chain[..].try_into().map_err(|_| fault("no chain"))?;
        Ok(Self {
            sequence: entry.sequence,
            recorded_at,
            record,
            durable,
            chain,
        })
    }
}

fn without_chain(
    sequence: u64,
    recorded_at: Timestamp,
    record: &Record,
    durable: Option<DurablePoint>,
) -> pb::Entry {
    let mut entry = pb::Entry {
        sequence,
        recorded_at: Some(protocol::timestamp_to_pb(recorded_at)),
        durable: durable.map(|at| pb::DurablePoint {
            segment: at.segment,
            offset: at.offset,
        }),
        ..Default::default()
    };
    let mut direction = pb::Direction::Local;
    match record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => {
            direction = match record {
                Record::Outbound(_) => pb::Direction::Outbound,
                _ => pb::Direction::Inbound,
            };
            entry.kind = protocol::step_kind_to_pb(parcel.kind).into();
            entry.envelope = parcel.envelope.clone();
            entry.payload = parcel.payload.clone();
            entry.line_hash = Bytes::copy_from_slice(&parcel.hash.0);
        }
        Record::Opening {
            format_version,
            place,
            epoch,
        } => {
            entry.note = Some(pb::entry::Note::Opening(pb::Opening {
                format_version: *format_version,
                place: protocol::place_to_pb(*place).into(),
                epoch: *epoch,
            }));
        }
        Record::AcknowledgementTaken(acknowledgement) => {
            entry.note = Some(pb::entry::Note::AcknowledgementTaken(
                pb::AcknowledgementTaken {
                    acknowledgement: Some(protocol::acknowledgement_to_pb(acknowledgement)),
                },
            ));
        }
        Record::EpochRaised {
            place,
            epoch,
            restoring,
        } => {
            entry.note = Some(pb::entry::Note::EpochRaised(pb::EpochRaised {
                place: protocol::place_to_pb(*place).into(),
                epoch: *epoch,
                restoring: *restoring,
            }));
        }
    }
    entry.direction = direction.into();
    entry
}

/// Appends a frame to `buffer`; returns the chain through it.
pub fn encode_frame(
    buffer: &mut BytesMut,
    sequence: u64,
    recorded_at: Timestamp,
    record: &Record,
    durable: Option<DurablePoint>,
    chain_before: &Chain,
) -> Chain {
    let entry = without_chain(sequence, recorded_at, record, durable);
    let body_len = entry.encoded_len() + CHAIN_FIELD_BYTES;
    let length = u32::try_from(body_len).expect("bodies are held to BODY_BYTES_MAX");
    buffer.reserve(FRAME_HEADER_BYTES + body_len);
    let start = buffer.len();
    buffer.put_u32_le(length);
    buffer.put_u32_le(0);
    entry.encode(buffer).expect("a BytesMut grows");
    let chain = next_chain(chain_before, &buffer[start + FRAME_HEADER_BYTES..]);
    buffer.put_slice(&CHAIN_FIELD);
    buffer.put_slice(&chain);
    let crc = checksum(length, &buffer[start + FRAME_HEADER_BYTES..]);
    buffer[start + 4..start + FRAME_HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    chain
}

/// Reads the frame at the start of `bytes`. `None`: too few bytes to tell.
pub fn decode_frame(bytes: &Bytes) -> Result<Option<(Entry, usize)>, FaultyFrame> {
    let Some(body) = frame_body(bytes)? else {
        return Ok(None);
    };
    let len = FRAME_HEADER_BYTES + body.len();
    let entry = pb::Entry::decode(body)
        .map_err(|error| FaultyFrame(format!("the entry cannot be read: {error}")))?;
    Ok(Some((Entry::from_pb(entry)?, len)))
}

/// The body of the frame at the start of `bytes`, if its checksum holds.
pub(crate) fn frame_body(bytes: &Bytes) -> Result<Option<Bytes>, FaultyFrame> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return Ok(None);
    }
    let mut header = &bytes[..FRAME_HEADER_BYTES];
    let (length, crc) = (header.get_u32_le(), header.get_u32_le());
    let body_len = length as usize;
    // Checked before anything is allocated or waited for.
    if !(1..=BODY_BYTES_MAX + 1024).contains(&body_len) {
        return Err(FaultyFrame(format!("a frame of {length} bytes is none")));
    }
    if bytes.len() < FRAME_HEADER_BYTES + body_len {
        return Ok(None);
    }
    let body = bytes.slice(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + body_len);
    if checksum(length, &body) != crc {
        return Err(FaultyFrame("the checksum does not hold".to_owned()));
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
