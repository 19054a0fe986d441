//! What must differ from the recording: request ids, names, and the few fields that an office would not take again.
//!
//! A payload keeps its recorded bytes. Spliced anew, and only where the value differs, are the fields `in_reply_to`
//! (the document answered has another name now), `deadline` and `answer_by` (a time that has passed would end the
//! exchange at once), and the nanoseconds of a contact's `begun_at` (if the office already holds that contact, as
//! it does when a ledger is replayed a second time).

use bytes::{BufMut as _, Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use office::{Collection, Place, StepId, StepKind};
use prost::Message as _;
use prost::bytes::Buf as _;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

const REPLY_FIELD: u32 = 7;
const DEADLINE_FIELD: u32 = 10;
const ANSWER_BY_FIELD: u32 = 9;
const BEGUN_AT_FIELD: u32 = 5;
const BODY_FIELD: u32 = 3;

/// Fresh request ids of one office: the same for the same seed, office and order. A simulation's officers draw
/// theirs alike, so a simulated ledger that is replayed under its own seed comes out the same.
#[derive(Debug, Clone)]
pub struct RequestIds(ChaCha8Rng);

impl RequestIds {
    /// The ids of `place` under `seed`.
    pub fn new(seed: u64, place: Place) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(16 + place as u64);
        Self(draws)
    }

    /// The next one.
    pub fn draw(&mut self) -> String {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}

/// The document that a document answers.
pub fn reply_of(kind: StepKind, payload: &Bytes) -> Option<StepId> {
    if kind != StepKind::DocumentSent {
        return None;
    }
    let name = protocol::field_of(payload, REPLY_FIELD);
    Collection::Documents
        .parse(std::str::from_utf8(&name).ok()?)
        .ok()
}

/// The payload with another document answered.
pub fn with_reply(payload: &Bytes, reply: StepId) -> Bytes {
    let name = reply.name(Collection::Documents);
    with_field(payload, REPLY_FIELD, name.as_bytes())
}

/// The payload without the document answered: what is left can be compared.
pub fn without_reply(payload: &Bytes) -> Bytes {
    split_field(payload, REPLY_FIELD).0
}

/// The payload with its deadline moved by `shift`, if it has one that is before `now`.
pub fn with_deadline(
    kind: StepKind,
    payload: &Bytes,
    now: Timestamp,
    shift: SignedDuration,
) -> Option<Bytes> {
    let field = match kind {
        StepKind::DocumentSent => DEADLINE_FIELD,
        StepKind::MeetingProposed | StepKind::MeetingCountered => ANSWER_BY_FIELD,
        _ => return None,
    };
    let bytes = protocol::field_of(payload, field);
    if bytes.is_empty() {
        return None;
    }
    let time = protocol::timestamp_from_pb(&prost_types::Timestamp::decode(bytes).ok()?)?;
    let moved = time.checked_add(shift).ok().filter(|_| time <= now)?;
    let moved = protocol::timestamp_to_pb(moved).encode_to_vec();
    Some(with_field(payload, field, &moved))
}

/// A contact's payload with other nanoseconds in `begun_at`, drawn from `seed`: its key is another then.
pub fn with_other_key(payload: &Bytes, seed: u64, entry: u64) -> Option<Bytes> {
    let begun_at = protocol::field_of(payload, BEGUN_AT_FIELD);
    let mut begun_at = prost_types::Timestamp::decode(begun_at).ok()?;
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    draws.set_stream(32);
    draws.set_word_pos(u128::from(entry) * 2);
    begun_at.nanos = (draws.next_u64() % 1_000_000_000) as i32;
    Some(with_field(
        payload,
        BEGUN_AT_FIELD,
        &begun_at.encode_to_vec(),
    ))
}

/// A document's payload without its body, and the body: what an upload sends apart.
pub fn without_body(payload: &Bytes) -> (Bytes, Bytes) {
    let (rest, _) = split_field(payload, BODY_FIELD);
    (rest, protocol::field_of(payload, BODY_FIELD))
}

/// The message with field `tag` holding `value`, where it stood or else at the end.
fn with_field(message: &Bytes, tag: u32, value: &[u8]) -> Bytes {
    let (rest, at) = split_field(message, tag);
    let at = at.unwrap_or(rest.len());
    let mut spliced = BytesMut::with_capacity(rest.len() + value.len() + 16);
    spliced.put_slice(&rest[..at]);
    encode_key(tag, WireType::LengthDelimited, &mut spliced);
    encode_varint(value.len() as u64, &mut spliced);
    spliced.put_slice(value);
    spliced.put_slice(&rest[at..]);
    spliced.freeze()
}

/// The message without field `tag`, and where in what is left that field stood first.
fn split_field(message: &Bytes, tag: u32) -> (Bytes, Option<usize>) {
    let mut rest = message.clone();
    let mut kept = BytesMut::with_capacity(message.len());
    let mut at = None;
    while rest.has_remaining() {
        let begin = rest.clone();
        let Some(found) = skip_one(&mut rest) else {
            // What cannot be read stays as it is.
            kept.put_slice(&begin);
            break;
        };
        if found == tag {
            at = at.or(Some(kept.len()));
        } else {
            kept.put_slice(&begin[..begin.len() - rest.len()]);
        }
    }
    (kept.freeze(), at)
}

/// Skips one field; returns its number.
fn skip_one(rest: &mut Bytes) -> Option<u32> {
    let (tag, wire_type) = decode_key(rest).ok()?;
    if wire_type == WireType::LengthDelimited {
        let len = usize::try_from(decode_varint(rest).ok()?).ok()?;
        if len > rest.remaining() {
            return None;
        }
        rest.advance(len);
        return Some(tag);
    }
    skip_field(wire_type, tag, rest, DecodeContext::default()).ok()?;
    Some(tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::pb::office as pb;

    use super::*;

    fn document(subject: String, body: Vec<u8>, reply: u64) -> pb::Document {
        pb::Document {
            subject,
            body: body.into(),
            in_reply_to: StepId::new(Place::North, reply).name(Collection::Documents),
            reference: "S-017".to_owned(),
            ..Default::default()
        }
    }

    proptest! {
        #[test]
        fn only_the_answered_name_changes(
            subject in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..200),
            reply in 1_u64..u64::MAX, given in 1_u64..u64::MAX, unknown in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = document(subject.clone(), body.clone(), reply).encode_to_vec();
            // A field from the future.
            encode_key(99, WireType::LengthDelimited, &mut bytes);
            encode_varint(unknown.len() as u64, &mut bytes);
            bytes.extend_from_slice(&unknown);
            let bytes = Bytes::from(bytes);
            prop_assert_eq!(reply_of(StepKind::DocumentSent, &bytes), Some(StepId::new(Place::North, reply)));
            let given = StepId::new(Place::North, given);
            let changed = with_reply(&bytes, given);
            prop_assert_eq!(reply_of(StepKind::DocumentSent, &changed), Some(given));
            prop_assert_eq!(with_reply(&changed, StepId::new(Place::North, reply)), bytes.clone(), "and back, byte for byte");
            prop_assert_eq!(protocol::field_of(&changed, 99).to_vec(), unknown);
            prop_assert_eq!(without_reply(&changed), without_reply(&bytes));
        }

        #[test]
        fn bytes_that_are_no_message_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = with_reply(&bytes, StepId::new(Place::South, 1));
            let _ = without_body(&bytes);
            let _ = with_other_key(&bytes, 1, 1);
        }

        #[test]
        fn ids_are_fresh_for_each_seed_and_office(seed in any::<u64>()) {
            let draw = |seed, place| RequestIds::new(seed, place).draw();
            prop_assert_eq!(draw(seed, Place::South), draw(seed, Place::South));
            prop_assert_ne!(draw(seed, Place::South), draw(seed, Place::North));
            prop_assert_ne!(draw(seed, Place::South), draw(seed.wrapping_add(1), Place::South));
        }
    }

    #[test]
    fn a_deadline_moves_only_when_it_has_passed() {
        let time = |text: &str| text.parse::<Timestamp>().expect("it is a time");
        let deadline = time("2018-09-15T00:00:00Z");
        let document = pb::Document {
            deadline: Some(protocol::timestamp_to_pb(deadline)),
            ..Default::default()
        };
        let payload = Bytes::from(document.encode_to_vec());
        let day = SignedDuration::from_hours(24);
        let moved = with_deadline(StepKind::DocumentSent, &payload, deadline, day);
        let moved = pb::Document::decode(moved.expect("it has passed")).expect("it is one");
        assert_eq!(
            moved
                .deadline
                .as_ref()
                .and_then(protocol::timestamp_from_pb),
            Some(time("2018-09-16T00:00:00Z"))
        );
        let before = time("2018-09-14T00:00:00Z");
        assert_eq!(
            with_deadline(StepKind::DocumentSent, &payload, before, day),
            None
        );
        assert_eq!(
            with_deadline(StepKind::CallRecorded, &payload, deadline, day),
            None
        );
    }
}
