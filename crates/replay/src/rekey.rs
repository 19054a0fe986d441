//! What must differ from the recording: request ids, names, and the few fields that an office would not take again.
//!
//! A payload keeps its recorded bytes. Spliced anew, and only where the value differs, are the fields `in_reply_to`
//! (the document answered has another name now), `deadline` and `answer_by` (a time that has passed would end the
//! exchange at once), and the nanoseconds of a contact's `begun_at` (if the office already holds that contact, as
//! it does when a ledger is replayed a second time).

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use office::StepKind;
use prost::Message as _;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

const DEADLINE_FIELD: u32 = 10;
const ANSWER_BY_FIELD: u32 = 9;
const BEGUN_AT_FIELD: u32 = 5;

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
    Some(protocol::with_field(payload, field, &moved))
}

/// A contact's payload with other nanoseconds in `begun_at`, drawn from `seed`: its key is another then.
pub fn with_other_key(payload: &Bytes, seed: u64, entry: u64) -> Option<Bytes> {
    let begun_at = protocol::field_of(payload, BEGUN_AT_FIELD);
    let mut begun_at = prost_types::Timestamp::decode(begun_at).ok()?;
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    draws.set_stream(32);
    draws.set_word_pos(u128::from(entry) * 2);
    begun_at.nanos = (draws.next_u64() % 1_000_000_000) as i32;
    Some(protocol::with_field(
        payload,
        BEGUN_AT_FIELD,
        &begun_at.encode_to_vec(),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::pb::office as pb;

    use super::*;

    proptest! {
        #[test]
        fn bytes_that_are_no_message_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = with_other_key(&bytes, 1, 1);
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
