//! What may happen: acts in any order, each an attempt whose object is chosen when its turn comes.

use ledger::faulty::Unsynced;
use office::StepKind;
use proptest::prelude::*;

use super::called::Answer;

#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A new stream begins with a Hello, and goes on before it is answered.
    Open(Hello, Vec<Said>, Then),
    /// A new stream begins with something that is no Hello.
    Begin(Said, Then),
    /// A new stream on which nothing is said.
    Silence,
    /// Something is said on one of the streams there are.
    Say(usize, Vec<Said>, Then),
    /// Two streams at once, with the same parcels.
    Race(Vec<Content>),
    /// An honest client sends a document. It may wait for its delivery.
    Send { delivered: bool },
    /// An honest client repeats a request, as it was or with another document.
    Repeat { which: usize, other: bool },
    /// An officer answers one of the caller's documents.
    AnswerDocument(u64),
    /// The peer ends the office's own call, and answers the next ones so.
    Answer { answer: Answer, stale: bool },
    /// The peer acknowledges on the office's own call.
    Acknowledge(Acknowledged),
    /// The peer says on the office's own call what it should not.
    Uninvited(Uninvited),
    /// Backoffs and waits for a Hello pass.
    LongRest,
    /// The office is dropped where it is, and opened again.
    Drop,
    /// The office drains, and is opened again.
    Drain,
    /// The machine will die in the middle of a write or sync.
    CutPower {
        after: u64,
        unsynced: Unsynced,
        seed: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Hello {
    True,
    NewerEpoch,
    HighestEpoch,
    OlderEpoch,
    WrongPlace,
    NoPlace,
    UnknownVersion,
    ReversedVersions,
    MoreVersions,
    AppendedMore,
    AppendedLess,
    AppendedOtherHash,
    ReceivedMore,
    ReceivedLess,
    ReceivedOtherHash,
    NoMarks,
    ShortHash,
    Restoring { less: usize },
}

#[derive(Debug, Clone)]
pub(super) enum Said {
    Next(Content),
    Repeat { back: usize },
    RepeatOther { back: usize, part: Part },
    Gap { further: u64 },
    Zero,
    OtherHash(Content),
    ShortHash,
    Misnamed,
    NoEnvelope,
    UnknownKind,
    AtLimit,
    TooLarge,
    Hello,
    Nothing,
    Frame(Frame),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Envelope,
    Payload,
    Hash,
}

/// A frame that holds no message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    NoMessage,
    UnknownFlag,
    CompressedUnasked,
    TooLong,
    CutOff,
}

/// A step, legal or not.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) kind: StepKind,
    /// Whose step is answered, and which.
    pub(super) parent: Option<(office::Place, u64)>,
    pub(super) payload: Payload,
    pub(super) time: Time,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Payload {
    Document,
    Terms,
    Contact,
    Call,
    Declaration,
    Unreadable,
    Empty,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    First,
    Usual,
    Last,
}

/// What becomes of a stream when the caller has said what it has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stay,
    HalfClose,
    Reset,
    Leave,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Acknowledged {
    /// A step that the office has, `back` from its last; it may be older than one acknowledged before.
    True {
        back: u64,
        appended: u64,
    },
    Beyond,
    OtherHash {
        back: u64,
    },
    Incomplete,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Uninvited {
    Hello,
    ReturnedNext,
}

pub(super) fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(), 1..24)
}

fn act() -> impl Strategy<Value = Act> {
    let said = || prop::collection::vec(said(), 0..5);
    prop_oneof![
        6 => (hello(), said(), then()).prop_map(|(hello, said, then)| Act::Open(hello, said, then)),
        1 => (self::said(), then()).prop_map(|(said, then)| Act::Begin(said, then)),
        1 => Just(Act::Silence),
        8 => (0..4_usize, said(), then()).prop_map(|(which, said, then)| Act::Say(which, said, then)),
        1 => prop::collection::vec(content(), 1..4).prop_map(Act::Race),
        4 => any::<bool>().prop_map(|delivered| Act::Send { delivered }),
        2 => (0..8_usize, any::<bool>()).prop_map(|(which, other)| Act::Repeat { which, other }),
        1 => (1..6_u64).prop_map(Act::AnswerDocument),
        3 => (answer(), prop::bool::weighted(0.1))
            .prop_map(|(answer, stale)| Act::Answer { answer, stale }),
        4 => acknowledged().prop_map(Act::Acknowledge),
        1 => prop_oneof![Just(Uninvited::Hello), Just(Uninvited::ReturnedNext)]
            .prop_map(Act::Uninvited),
        1 => Just(Act::LongRest),
        1 => Just(Act::Drop),
        1 => Just(Act::Drain),
        2 => (0..8_u64, unsynced(), any::<u64>())
            .prop_map(|(after, unsynced, seed)| Act::CutPower { after, unsynced, seed }),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    prop_oneof![
        24 => Just(Hello::True),
        1 => Just(Hello::NewerEpoch),
        1 => Just(Hello::OlderEpoch),
        1 => Just(Hello::WrongPlace),
        1 => Just(Hello::NoPlace),
        1 => Just(Hello::UnknownVersion),
        1 => Just(Hello::ReversedVersions),
        1 => Just(Hello::MoreVersions),
        1 => Just(Hello::AppendedMore),
        1 => Just(Hello::AppendedLess),
        1 => Just(Hello::AppendedOtherHash),
        1 => Just(Hello::ReceivedMore),
        1 => Just(Hello::ReceivedLess),
        1 => Just(Hello::ReceivedOtherHash),
        1 => Just(Hello::NoMarks),
        1 => Just(Hello::ShortHash),
        2 => (0..4_usize).prop_map(|less| Hello::Restoring { less }),
        1 => Just(Hello::HighestEpoch),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let part = prop_oneof![Just(Part::Envelope), Just(Part::Payload), Just(Part::Hash)];
    prop_oneof![
        24 => content().prop_map(Said::Next),
        4 => (0..6_usize).prop_map(|back| Said::Repeat { back }),
        3 => (0..6_usize, part).prop_map(|(back, part)| Said::RepeatOther { back, part }),
        1 => prop_oneof![1..4_u64, Just(u64::MAX / 2)].prop_map(|further| Said::Gap { further }),
        1 => Just(Said::Zero),
        1 => content().prop_map(Said::OtherHash),
        1 => Just(Said::ShortHash),
        1 => Just(Said::Misnamed),
        1 => Just(Said::NoEnvelope),
        1 => Just(Said::UnknownKind),
        1 => Just(Said::AtLimit),
        1 => Just(Said::TooLarge),
        1 => Just(Said::Hello),
        1 => Just(Said::Nothing),
        2 => frame().prop_map(Said::Frame),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        Just(Frame::NoMessage),
        Just(Frame::UnknownFlag),
        Just(Frame::CompressedUnasked),
        Just(Frame::TooLong),
        Just(Frame::CutOff),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let payload = prop_oneof![
        Just(Payload::Document),
        Just(Payload::Terms),
        Just(Payload::Contact),
        Just(Payload::Call),
        Just(Payload::Declaration),
        Just(Payload::Unreadable),
        Just(Payload::Empty),
    ];
    let time = prop_oneof![1 => Just(Time::First), 8 => Just(Time::Usual), 1 => Just(Time::Last)];
    let place = prop_oneof![Just(office::Place::South), Just(office::Place::North)];
    let any_step = (
        prop::sample::select(&StepKind::ALL[..]),
        prop::option::of((place, 1..8_u64)),
        payload,
        time,
    )
        .prop_map(|(kind, parent, payload, time)| Content {
            kind,
            parent,
            payload,
            time,
        });
    let document = Just(Content {
        kind: StepKind::DocumentSent,
        parent: None,
        payload: Payload::Document,
        time: Time::Usual,
    });
    prop_oneof![document, any_step]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        6 => Just(Then::Stay),
        1 => Just(Then::HalfClose),
        1 => Just(Then::Reset),
        1 => Just(Then::Leave),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        6 => Just(Answer::HasAll),
        2 => Just(Answer::HasNone),
        1 => Just(Answer::Silence),
        1 => Just(Answer::Unavailable),
        1 => Just(Answer::Disagreement),
        1 => Just(Answer::AcknowledgementFirst),
        1 => Just(Answer::Incomplete),
        1 => Just(Answer::WrongPlace),
        1 => Just(Answer::UnknownVersion),
        1 => Just(Answer::ClaimsMore),
        1 => Just(Answer::OtherHash),
    ]
}

fn acknowledged() -> impl Strategy<Value = Acknowledged> {
    prop_oneof![
        8 => (0..4_u64, 0..6_u64)
            .prop_map(|(back, appended)| Acknowledged::True { back, appended }),
        1 => Just(Acknowledged::Beyond),
        1 => (0..3_u64).prop_map(|back| Acknowledged::OtherHash { back }),
        1 => Just(Acknowledged::Incomplete),
    ]
}

fn unsynced() -> impl Strategy<Value = Unsynced> {
    prop_oneof![
        Just(Unsynced::Lost),
        Just(Unsynced::Kept),
        Just(Unsynced::Torn)
    ]
}
