//! Steps as protobuf writes them, without a protobuf message in between.
//!
//! Nearly every entry is a step. Built and read as a `pb::Entry`, each costs several allocations; written and read
//! here it costs none. What is written is what prost would write. What does not look exactly like that is left
//! to prost. Figures: `cargo bench -p ledger`.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use journal::{Chain, DurablePoint};
use office::StepKind;
use office::line::LineHash;
use prost_types::Timestamp as PbTimestamp;

use crate::entry::{Entry, Parcel, Record};

/// `liaison.ledger.v1.Direction`.
pub(crate) const OUTBOUND: u8 = 1;
/// `liaison.ledger.v1.Direction`.
pub(crate) const INBOUND: u8 = 2;

const SEQUENCE: u8 = 1 << 3;
const RECORDED_AT: u8 = 2 << 3 | 2;
const DIRECTION: u8 = 3 << 3;
const KIND: u8 = 4 << 3;
const ENVELOPE: u8 = 5 << 3 | 2;
const PAYLOAD: u8 = 6 << 3 | 2;
const LINE_HASH: u8 = 7 << 3 | 2;
const DURABLE: u8 = 11 << 3 | 2;
const CHAIN: u8 = 15 << 3 | 2;
/// The first and the second field of a `Timestamp` or a `DurablePoint`.
const FIRST: u8 = 1 << 3;
const SECOND: u8 = 2 << 3;

const HASH_BYTES: u8 = 32;

/// Small fields, put together before they go to the buffer at once.
struct Head {
    bytes: [u8; 64],
    len: usize,
}

impl Head {
    fn new() -> Self {
        Self {
            bytes: [0; 64],
            len: 0,
        }
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// A field that is left out if it is zero.
    fn number(&mut self, key: u8, value: u64) {
        if value != 0 {
            self.byte(key);
            self.varint(value);
        }
    }

    /// The key and length of `bytes`, which follow; nothing if there are none.
    fn announce(&mut self, key: u8, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.byte(key);
            self.varint(bytes.len() as u64);
        }
    }

    /// Two numbers in a message of their own.
    fn pair(&mut self, key: u8, first: u64, second: u64) {
        self.byte(key);
        let len_at = self.len;
        self.byte(0);
        self.number(FIRST, first);
        self.number(SECOND, second);
        self.bytes[len_at] = (self.len - len_at - 1) as u8;
    }

    fn put(&self, buffer: &mut BytesMut) {
        buffer.put_slice(&self.bytes[..self.len]);
    }
}

/// Writes a step up to its durable point.
pub(crate) fn put_step(
    buffer: &mut BytesMut,
    sequence: u64,
    recorded_at: Timestamp,
    direction: u8,
    parcel: &Parcel,
) {
    let time = seconds_and_nanos(recorded_at);
    let kind = protocol::step_kind_to_pb(parcel.kind) as u64;
    let mut head = Head::new();
    head.number(SEQUENCE, sequence);
    head.pair(RECORDED_AT, time.seconds as u64, time.nanos as u64);
    head.number(DIRECTION, u64::from(direction));
    head.number(KIND, kind);
    head.announce(ENVELOPE, &parcel.envelope);
    let mut middle = Head::new();
    middle.announce(PAYLOAD, &parcel.payload);
    buffer.reserve(parcel.envelope.len() + parcel.payload.len() + 256);
    head.put(buffer);
    buffer.put_slice(&parcel.envelope);
    middle.put(buffer);
    buffer.put_slice(&parcel.payload);
    buffer.put_slice(&[LINE_HASH, HASH_BYTES]);
    buffer.put_slice(&parcel.hash.0);
}

/// Writes the durable point of a batch's first entry.
pub(crate) fn put_durable(buffer: &mut BytesMut, durable: DurablePoint) {
    let mut head = Head::new();
    head.pair(DURABLE, durable.segment, durable.offset);
    head.put(buffer);
}

/// protobuf counts nanoseconds forward from the second before; jiff counts them towards zero.
fn seconds_and_nanos(time: Timestamp) -> PbTimestamp {
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    if nanos < 0 {
        return PbTimestamp {
            seconds: seconds - 1,
            nanos: nanos + 1_000_000_000,
        };
    }
    PbTimestamp { seconds, nanos }
}

/// Reads a step, if the body is exactly as [`put_step`] begins it: every field in order, none twice.
pub(crate) fn take_step(body: &Bytes) -> Option<Entry> {
    let mut fields = Fields { rest: &body[..] };
    let sequence = fields.number(SEQUENCE)?;
    let (seconds, nanos) = fields.pair(RECORDED_AT)?;
    let recorded_at = protocol::timestamp_from_pb(&PbTimestamp {
        seconds: seconds as i64,
        nanos: i32::try_from(nanos).ok()?,
    })?;
    let direction = fields.number(DIRECTION)?;
    let kind = kind_of(fields.number(KIND)?)?;
    let parcel = Parcel {
        kind,
        envelope: body.slice(fields.range(body, ENVELOPE)?),
        payload: body.slice(fields.range(body, PAYLOAD)?),
        hash: LineHash(fields.hash(LINE_HASH)?),
    };
    let durable = if fields.rest.first() == Some(&DURABLE) {
        let (segment, offset) = fields.pair(DURABLE)?;
        Some(DurablePoint { segment, offset })
    } else {
        None
    };
    let chain: Chain = fields.hash(CHAIN)?;
    let record = match direction {
        1 => Record::Outbound(parcel),
        2 => Record::Inbound(parcel),
        _ => return None,
    };
    fields.rest.is_empty().then_some(Entry {
        sequence,
        recorded_at,
        record,
        durable,
        chain,
    })
}

/// The sequence and the direction of an entry that begins as a step does; the rest is left unread.
pub(crate) fn glance(body: &Bytes) -> Option<(u64, u64)> {
    let mut fields = Fields { rest: &body[..] };
    let sequence = fields.number(SEQUENCE)?;
    fields.pair(RECORDED_AT)?;
    Some((sequence, fields.number(DIRECTION)?))
}

/// Where the fields of a step begin and end that its line hash covers: the envelope and the payload. `None` if the body is
/// not laid out as [`put_step`] lays out one: then nothing but the chain may cover what is in it.
pub(crate) fn covered_by_line_hash(body: &[u8]) -> Option<Range<usize>> {
    let mut fields = Fields { rest: body };
    fields.number(SEQUENCE)?;
    fields.pair(RECORDED_AT)?;
    let direction = fields.number(DIRECTION)?;
    if direction != u64::from(OUTBOUND) && direction != u64::from(INBOUND) {
        return None;
    }
    fields.number(KIND)?;
    let start = body.len() - fields.rest.len();
    fields.range(body, ENVELOPE)?;
    fields.range(body, PAYLOAD)?;
    let end = body.len() - fields.rest.len();
    fields.hash(LINE_HASH)?;
    Some(start..end)
}

fn kind_of(number: u64) -> Option<StepKind> {
    protocol::step_kind_from_pb(i32::try_from(number).ok()?)
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn key(&mut self, key: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == key).then(|| self.rest = rest)
    }

    fn varint(&mut self) -> Option<u64> {
        if let Some((first, rest)) = self.rest.split_first()
            && *first < 0x80
        {
            self.rest = rest;
            return Some(u64::from(*first));
        }
        prost::encoding::decode_varint(&mut self.rest).ok()
    }

    fn number(&mut self, key: u8) -> Option<u64> {
        self.key(key)?;
        self.varint()
    }

    /// Where in `body` a field's bytes stand; nowhere if it is left out.
    fn range(&mut self, body: &[u8], key: u8) -> Option<Range<usize>> {
        if self.rest.first() != Some(&key) {
            return Some(0..0);
        }
        let len = usize::try_from(self.number(key)?).ok()?;
        let at = body.len() - self.rest.len();
        self.rest = self.rest.get(len..)?;
        Some(at..at + len)
    }

    fn hash(&mut self, key: u8) -> Option<[u8; 32]> {
        self.key(key)?;
        self.key(HASH_BYTES)?;
        let (hash, rest) = self.rest.split_first_chunk::<32>()?;
        self.rest = rest;
        Some(*hash)
    }

    fn pair(&mut self, key: u8) -> Option<(u64, u64)> {
        let len = usize::try_from(self.number(key)?).ok()?;
        let (inner, rest) = self.rest.split_at_checked(len)?;
        let mut inner = Fields { rest: inner };
        let mut number = |key| match inner.rest.first() {
            Some(found) if *found == key => inner.number(key),
            _ => Some(0),
        };
        let pair = (number(FIRST)?, number(SECOND)?);
        self.rest = rest;
        inner.rest.is_empty().then_some(pair)
    }
}
