//! Messages as others may write them: valid, nearly valid, and no messages at all.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use prost::encoding::{WireType, decode_key, encode_key, encode_varint, skip_field};
use protocol::pb::office as pb;

/// Short texts, empty ones too.
pub(crate) fn text() -> impl Strategy<Value = String> {
    ".{0,10}"
}

/// Known numbers of an enum, and some unknown ones.
fn number() -> impl Strategy<Value = i32> {
    prop_oneof![8 => 0..7_i32, 1 => any::<i32>()]
}

fn time() -> impl Strategy<Value = prost_types::Timestamp> {
    prop_oneof![
        6 => (-62_135_596_800..253_402_207_200_i64, 0..1_000_000_000_i32),
        1 => any::<(i64, i32)>(),
    ]
    .prop_map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos })
}

fn duration() -> impl Strategy<Value = prost_types::Duration> {
    prop_oneof![
        6 => (0..=i64::MAX, 0..1_000_000_000_i32),
        1 => any::<(i64, i32)>(),
    ]
    .prop_map(|(seconds, nanos)| prost_types::Duration { seconds, nanos })
}

pub(crate) fn officer() -> impl Strategy<Value = pb::Officer> {
    (text(), prop_oneof![8 => 0..5_i32, 1 => any::<i32>()])
        .prop_map(|(name, rank)| pb::Officer { name, rank })
}

fn document_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        2 => (1..=u64::MAX).prop_map(|sequence| format!("offices/south/documents/{sequence}")),
        1 => text(),
        1 => Just("offices/north/documents/0".to_owned()),
    ]
}

pub(crate) fn documents() -> impl Strategy<Value = pb::Document> {
    let people = (any::<bool>(), officer(), prop::option::of(officer()));
    let texts = (text(), text(), text(), document_name());
    let body = prop::collection::vec(any::<u8>(), 0..20);
    (
        number(),
        texts,
        body,
        people,
        number(),
        prop::option::of(time()),
    )
        .prop_map(|(form, texts, body, people, precedence, deadline)| {
            let (subject, media_type, reference, in_reply_to) = texts;
            let (signed, signatory, addressee) = people;
            pb::Document {
                form,
                subject,
                body: body.into(),
                media_type,
                signatory: signed.then_some(signatory),
                addressee,
                in_reply_to,
                reference,
                precedence,
                deadline,
            }
        })
}

pub(crate) fn terms() -> impl Strategy<Value = pb::MeetingTerms> {
    (contacts(), prop::option::of(time())).prop_map(|(contact, answer_by)| pb::MeetingTerms {
        kind: contact.kind,
        level: contact.level,
        participants: contact.participants,
        place: contact.place,
        begins_at: contact.begun_at,
        duration: contact.duration,
        topics: contact.topics,
        formality: contact.formality,
        answer_by,
    })
}

pub(crate) fn contacts() -> impl Strategy<Value = pb::Contact> {
    let numbers = (number(), number(), 0..5_i32);
    let lists = (
        prop::collection::vec(officer(), 0..4),
        prop::collection::vec(text(), 0..4),
    );
    let times = (prop::option::of(time()), prop::option::of(duration()));
    (numbers, lists, text(), times).prop_map(|(numbers, lists, place, times)| pb::Contact {
        kind: numbers.0,
        level: numbers.1,
        participants: lists.0,
        place,
        begun_at: times.0,
        duration: times.1,
        topics: lists.1,
        formality: numbers.2,
    })
}

pub(crate) fn remarks() -> impl Strategy<Value = pb::Remark> {
    (prop::option::of(officer()), text()).prop_map(|(officer, text)| pb::Remark { officer, text })
}

/// Days as they are written, and texts that only look like one.
fn day() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..=9_999_i16, 1..=12_i8, 1..=28_i8)
            .prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}")),
        2 => "[0-9TWZ:+ -]{10}",
        1 => "[0-9]{8}(T[0-9]|Z |\\[\\])",
        1 => text(),
    ]
}

pub(crate) fn calls() -> impl Strategy<Value = pb::Call> {
    (1..4_i32, day(), 1..4_i32, prop::option::of(remarks())).prop_map(
        |(kind, day, outcome, remark)| pb::Call {
            kind,
            day,
            outcome,
            remark,
        },
    )
}

pub(crate) fn declarations() -> impl Strategy<Value = pb::LineDeclaration> {
    (0..5_i32, prop::option::of(remarks()))
        .prop_map(|(statement, remark)| pb::LineDeclaration { statement, remark })
}

pub(crate) fn refusals() -> impl Strategy<Value = pb::ReceiptRefusal> {
    (text(), prop::option::of(officer()))
        .prop_map(|(reason, officer)| pb::ReceiptRefusal { reason, officer })
}

pub(crate) fn closings() -> impl Strategy<Value = pb::MeetingClosing> {
    (prop::option::of(remarks()), prop::option::of(duration()))
        .prop_map(|(remark, duration)| pb::MeetingClosing { remark, duration })
}

/// A field that no message here has. A group may hold fields that look like known ones.
pub(crate) fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    let tag = 500..600_u32;
    let bytes = prop::collection::vec(any::<u8>(), 0..8);
    (tag, bytes, 0..5_u8, 1..11_u32).prop_map(|(tag, bytes, wire_type, inner)| {
        let mut field = Vec::new();
        match wire_type {
            0 => {
                encode_key(tag, WireType::Varint, &mut field);
                encode_varint(u64::from(inner) << 40, &mut field);
            }
            1 => {
                encode_key(tag, WireType::SixtyFourBit, &mut field);
                field.extend(u64::from(inner).to_le_bytes());
            }
            2 => {
                encode_key(tag, WireType::ThirtyTwoBit, &mut field);
                field.extend(inner.to_le_bytes());
            }
            3 => put_bytes(tag, &bytes, &mut field),
            _ => {
                encode_key(tag, WireType::StartGroup, &mut field);
                put_bytes(inner, &bytes, &mut field);
                encode_key(tag, WireType::EndGroup, &mut field);
            }
        }
        field
    })
}

/// A length-delimited field.
pub(crate) fn put_bytes(tag: u32, bytes: &[u8], buf: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, buf);
    encode_varint(bytes.len() as u64, buf);
    buf.extend_from_slice(bytes);
}

/// How many fields of a well-formed message have the number `tag`.
pub(crate) fn count_of(mut message: &[u8], tag: u32) -> usize {
    let mut count = 0;
    while !message.is_empty() {
        let (found, wire_type) = decode_key(&mut message).expect("the message is well-formed");
        skip_field(
            wire_type,
            found,
            &mut message,
            prost::encoding::DecodeContext::default(),
        )
        .expect("the message is well-formed");
        count += usize::from(found == tag);
    }
    count
}

/// Messages whole or joined, some with unknown fields: protobuf reads them all.
pub(crate) fn joined<M: Message>(
    messages: impl Strategy<Value = M>,
) -> impl Strategy<Value = Vec<u8>> {
    let message = messages.prop_map(|message| message.encode_to_vec());
    let unknown = prop::collection::vec(unknown_field(), 0..2).prop_map(|fields| fields.concat());
    prop::collection::vec((unknown, message), 1..3).prop_map(|parts| {
        let parts = parts
            .into_iter()
            .map(|(unknown, message)| [unknown, message].concat());
        parts.collect::<Vec<_>>().concat()
    })
}

/// As [`joined`], with bytes changed and the end cut off; or bytes that nobody wrote.
pub(crate) fn nearly<M: Message>(
    messages: impl Strategy<Value = M>,
) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
    let cut = prop::option::weighted(0.3, any::<Index>());
    let damaged = (joined(messages), changes, cut).prop_map(|(mut bytes, changes, cut)| {
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if let Some(cut) = cut.filter(|_| !bytes.is_empty()) {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    });
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![6 => damaged, 1 => noise]
}
