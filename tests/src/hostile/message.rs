//! The messages of a caller who holds to nothing.

use bytes::Bytes;
use jiff::Timestamp;
use office::{Place, Step, StepId, StepKind};
use prost::Message as _;
use protocol::pb::line as pb;
use protocol::pb::line::carry_request::Message as Says;
use protocol::pb::office as office_pb;

use super::act::{Content, Frame, Hello, Part, Payload, Said, Time};
use super::caller::framed;
use super::place::LINE_MESSAGE_BYTES_MAX;
use super::truth::{MALFORMED, Reason, TOO_LARGE, last_mark, mark_at, sealed};

/// What is to be said.
pub(super) enum Message {
    Says(Option<Says>),
    /// Bytes that are no message, and how they are refused.
    Bytes(Bytes, Reason),
}

/// What the caller knows of the office.
pub(super) struct Known<'a> {
    /// The office's own steps.
    pub(super) own: &'a [pb::Parcel],
    /// The caller's parcels that the office has, or will have when it has heard what was said.
    pub(super) received: &'a [pb::Parcel],
    pub(super) peer_epoch: u64,
}

impl Known<'_> {
    pub(super) fn hello(&self, what: Hello) -> pb::Hello {
        let other = Bytes::from_static(&[7; 32]);
        let (own, received, known) = (self.own, self.received, self.peer_epoch);
        let mut hello = pb::Hello {
            place: office_pb::Place::North.into(),
            epoch: known.max(1),
            version_min: 1,
            version_max: 1,
            appended: Some(last_mark(received)),
            received: Some(last_mark(own)),
            restoring: false,
        };
        let less = |parcels: &[pb::Parcel], less: usize| {
            mark_at(parcels, parcels.len().saturating_sub(less) as u64)
        };
        let more = |parcels: &[pb::Parcel]| {
            let sequence = parcels.len() as u64 + 1;
            let hash = other.clone();
            Some(pb::Mark { sequence, hash })
        };
        let false_last = |parcels: &[pb::Parcel]| {
            let hash = other.clone();
            Some(pb::Mark {
                hash,
                ..last_mark(parcels)
            })
        };
        match what {
            Hello::True => {}
            Hello::NewerEpoch => hello.epoch = known.saturating_add(1).max(2),
            Hello::HighestEpoch => hello.epoch = u64::MAX,
            Hello::OlderEpoch => hello.epoch = known.saturating_sub(1),
            Hello::WrongPlace => hello.place = office_pb::Place::South.into(),
            Hello::NoPlace => hello.place = 77,
            Hello::UnknownVersion => (hello.version_min, hello.version_max) = (2, 3),
            Hello::ReversedVersions => (hello.version_min, hello.version_max) = (2, 1),
            Hello::MoreVersions => (hello.version_min, hello.version_max) = (0, 9),
            Hello::AppendedMore => hello.appended = more(received),
            Hello::AppendedLess => hello.appended = less(received, 1),
            Hello::AppendedOtherHash => hello.appended = false_last(received),
            Hello::ReceivedMore => hello.received = more(own),
            Hello::ReceivedLess => hello.received = less(own, 1),
            Hello::ReceivedOtherHash => hello.received = false_last(own),
            Hello::NoMarks => (hello.appended, hello.received) = (None, None),
            Hello::ShortHash => {
                hello.received.get_or_insert_default().hash = Bytes::from_static(&[0; 31]);
            }
            Hello::Restoring { less: by } => {
                hello.appended = less(received, by);
                hello.restoring = true;
            }
        }
        hello
    }

    /// The message of `said`; `None` if there is nothing to repeat. Only what stood at the `start` is repeated with
    /// other content: what is not durable yet cannot be compared.
    pub(super) fn message(&self, said: &Said, start: &[pb::Parcel]) -> Option<Message> {
        let document = Content {
            kind: StepKind::DocumentSent,
            parent: None,
            payload: Payload::Document,
            time: Time::Usual,
        };
        let next = || self.next(&document);
        let sealed = |envelope: &[u8], payload: &[u8]| {
            let (envelope, payload) = (envelope.to_vec().into(), payload.to_vec().into());
            sealed(self.received, &envelope, &payload)
        };
        let parcel = match said {
            Said::Next(content) => self.next(content),
            Said::Repeat { back } => repeated(self.received, *back)?,
            Said::RepeatOther { back, part } => {
                let mut parcel = repeated(start, *back)?;
                let other =
                    Bytes::from_static(b"\x0a\x02\x08\x01\x12\x04what was never sent before");
                match part {
                    Part::Envelope => parcel.envelope = other,
                    Part::Payload => parcel.payload = other,
                    Part::Hash => parcel.hash = Bytes::from_static(&[7; 32]),
                }
                parcel
            }
            Said::Gap { further } => pb::Parcel {
                sequence: next().sequence + further,
                ..next()
            },
            Said::Zero => pb::Parcel {
                sequence: 0,
                ..next()
            },
            Said::OtherHash(content) => pb::Parcel {
                hash: Bytes::from_static(&[7; 32]),
                ..self.next(content)
            },
            Said::ShortHash => pb::Parcel {
                hash: Bytes::from_static(&[7; 31]),
                ..next()
            },
            Said::Misnamed => {
                let step = step(&document, next().sequence + 1);
                sealed(&protocol::encode_envelope(&step, None), b"")
            }
            Said::NoEnvelope => sealed(b"\xff\xff\xff", b""),
            Said::UnknownKind => {
                let envelope = pb::Envelope::decode(next().envelope).expect("it is one");
                let envelope = pb::Envelope {
                    kind: 99,
                    ..envelope
                };
                sealed(&envelope.encode_to_vec(), b"")
            }
            Said::AtLimit => sealed(&next().envelope, &vec![0; self.room_for_payload()]),
            Said::TooLarge => sealed(&next().envelope, &vec![0; self.room_for_payload() + 1]),
            Said::Hello => return Some(Message::Says(Some(Says::Hello(self.hello(Hello::True))))),
            Said::Nothing => return Some(Message::Says(None)),
            Said::Frame(frame) => return Some(no_message(*frame)),
        };
        Some(Message::Says(Some(Says::Parcel(parcel))))
    }

    pub(super) fn next(&self, content: &Content) -> pb::Parcel {
        let step = step(content, self.received.len() as u64 + 1);
        let envelope = protocol::encode_envelope(&step, None);
        sealed(self.received, &envelope, &payload(content.payload))
    }

    /// Bytes of payload in the largest message that is taken.
    fn room_for_payload(&self) -> usize {
        let document = Content {
            kind: StepKind::DocumentSent,
            parent: None,
            payload: Payload::Empty,
            time: Time::Usual,
        };
        let limit = LINE_MESSAGE_BYTES_MAX as usize;
        let filled = pb::Parcel {
            payload: vec![0; limit / 2].into(),
            ..self.next(&document)
        };
        let message = Some(Says::Parcel(filled));
        let around = pb::CarryRequest { message }.encoded_len() - limit / 2;
        limit - around
    }
}

/// Whether it is over the limit of a message, however it was meant: a parcel at the limit that is repeated with more in it is.
pub(super) fn is_too_large(says: Option<&Says>) -> bool {
    let message = says.cloned();
    pb::CarryRequest { message }.encoded_len() > LINE_MESSAGE_BYTES_MAX as usize
}

fn repeated(parcels: &[pb::Parcel], back: usize) -> Option<pb::Parcel> {
    let index = parcels.len().checked_sub(back + 1)?;
    parcels.get(index).cloned()
}

fn step(content: &Content, sequence: u64) -> Step {
    let time = match content.time {
        Time::First => Timestamp::from_second(-62_135_596_800),
        Time::Usual => Timestamp::from_second(1_536_900_000),
        Time::Last => Ok(Timestamp::MAX),
    };
    Step {
        id: StepId::new(Place::North, sequence),
        parent: content
            .parent
            .map(|(place, sequence)| StepId::new(place, sequence)),
        kind: content.kind,
        authored_at: time.expect("it is a time"),
        content: office::Content::Plain,
    }
}

fn payload(payload: Payload) -> Bytes {
    let encoded = match payload {
        Payload::Document => crate::harness::document("a letter").encode_to_vec(),
        Payload::Terms => crate::harness::terms("a topic").encode_to_vec(),
        Payload::Contact => office_pb::Contact {
            kind: office_pb::ContactKind::RegularConsultation.into(),
            begun_at: Some(prost_types::Timestamp {
                seconds: 1_536_900_000,
                nanos: 0,
            }),
            ..Default::default()
        }
        .encode_to_vec(),
        Payload::Call => office_pb::Call {
            kind: office_pb::CallKind::Opening.into(),
            day: "2018-09-14".to_owned(),
            outcome: office_pb::CallOutcome::Answered.into(),
            remark: None,
        }
        .encode_to_vec(),
        Payload::Declaration => office_pb::LineDeclaration {
            statement: office_pb::LineStatement::Cut.into(),
            remark: None,
        }
        .encode_to_vec(),
        Payload::Unreadable => b"\xff\xff".to_vec(),
        Payload::Empty => Vec::new(),
    };
    encoded.into()
}

fn no_message(frame: Frame) -> Message {
    let (bytes, reason) = match frame {
        Frame::NoMessage => (framed(b"\x0a\x7e"), MALFORMED),
        Frame::UnknownFlag => (Bytes::from_static(b"\x02\0\0\0\0"), MALFORMED),
        Frame::CompressedUnasked => (Bytes::from_static(b"\x01\0\0\0\x01\0"), MALFORMED),
        Frame::TooLong => (Bytes::from_static(b"\0\xff\xff\xff\xff"), TOO_LARGE),
        Frame::CutOff => (Bytes::from_static(b"\0\0\0\0\x09\x01\x02"), MALFORMED),
    };
    Message::Bytes(bytes, reason)
}
