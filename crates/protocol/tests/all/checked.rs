//! Foreign messages become the rules' types within every bound, or all that is wrong is told.

use std::fmt::Debug;

use office::call::{Call, LineDeclaration};
use office::contact::Contact;
use office::document::Document;
use office::meeting::MeetingTerms;
use office::officer::Officer;
use office::{Collection, Limits, StepId};
use proptest::prelude::*;
use protocol::pb::office as pb;
use protocol::{
    Checked, Fields, call_to_pb, contact_to_pb, declaration_to_pb, document_to_pb, terms_to_pb,
};

use crate::foreign::{
    calls, closings, contacts, declarations, documents, refusals, remarks, terms, text,
};

/// Bounds so narrow that messages often cross them.
fn limits() -> Limits {
    Limits {
        name_bytes_max: 24,
        subject_bytes_max: 20,
        remark_bytes_max: 16,
        document_bytes_max: 16,
        participants_max: 2,
        topics_max: 2,
        ..Limits::default()
    }
}

/// Checks `message` in the field `m`; every violation names a field of its own in it.
fn judge<T: Checked<M>, M>(message: M) -> Result<Option<T>, TestCaseError> {
    let violations = match T::checked(message, &Fields::of("m", &limits())) {
        Ok(taken) => return Ok(Some(taken)),
        Err(violations) => violations,
    };
    prop_assert!(!violations.is_empty());
    let mut fields: Vec<_> = violations.iter().map(|found| &found.field).collect();
    prop_assert!(fields.iter().all(|field| field.starts_with("m.")));
    fields.sort();
    fields.dedup();
    prop_assert_eq!(fields.len(), violations.len(), "a field is told twice");
    Ok(None)
}

/// What is taken is written as it was read, and is taken again.
fn comes_back<T, M>(taken: &T, message: M, to_pb: fn(&T) -> M) -> Result<(), TestCaseError>
where
    T: Checked<M> + PartialEq + Debug,
    M: PartialEq + Debug,
{
    let written = to_pb(taken);
    prop_assert_eq!(&written, &message);
    let again = judge::<T, M>(written)?;
    prop_assert_eq!(again.as_ref(), Some(taken));
    Ok(())
}

fn fits(text: &str, max: u64) -> bool {
    text.len() as u64 <= max
}

fn are_bounded(officers: &[Officer], place: &str, topics: &[String]) -> bool {
    let limits = limits();
    officers.len() as u64 <= limits.participants_max
        && officers
            .iter()
            .all(|officer| fits(&officer.name, limits.name_bytes_max))
        && fits(place, limits.name_bytes_max)
        && topics.len() as u64 <= limits.topics_max
        && topics
            .iter()
            .all(|topic| !topic.is_empty() && fits(topic, limits.subject_bytes_max))
}

fn is_bounded(officer: Option<&pb::Officer>) -> bool {
    officer.is_none_or(|officer| {
        fits(&officer.name, limits().name_bytes_max) && (0..=4).contains(&officer.rank)
    })
}

fn is_remark_bounded(remark: Option<&pb::Remark>) -> bool {
    remark.is_none_or(|remark| {
        fits(&remark.text, limits().remark_bytes_max) && is_bounded(remark.officer.as_ref())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn a_document_is_within_its_bounds(message in documents()) {
        if let Some(document) = judge::<Document, _>(message.clone())? {
            let limits = limits();
            prop_assert!(!document.subject.is_empty());
            prop_assert!(fits(&document.subject, limits.subject_bytes_max));
            prop_assert!(fits(&document.media_type, limits.name_bytes_max));
            prop_assert!(fits(&document.reference, limits.name_bytes_max));
            prop_assert!(document.body.len() as u64 <= limits.document_bytes_max);
            for officer in [&document.signatory, &document.addressee].into_iter().flatten() {
                prop_assert!(fits(&officer.name, limits.name_bytes_max));
            }
            prop_assert!(document.in_reply_to.is_none_or(|id| id.sequence > 0));
            comes_back(&document, message, document_to_pb)?;
        }
    }

    #[test]
    fn terms_are_within_their_bounds(message in terms()) {
        if let Some(terms) = judge::<MeetingTerms, _>(message.clone())? {
            prop_assert!(terms.kind.is_meeting());
            prop_assert!(are_bounded(&terms.participants, &terms.place, &terms.topics));
            comes_back(&terms, message, terms_to_pb)?;
        }
    }

    #[test]
    fn a_contact_is_within_its_bounds(message in contacts()) {
        if let Some(contact) = judge::<Contact, _>(message.clone())? {
            prop_assert!(!contact.kind.is_meeting());
            prop_assert!(are_bounded(&contact.participants, &contact.place, &contact.topics));
            comes_back(&contact, message, contact_to_pb)?;
        }
    }

    #[test]
    fn a_call_is_within_its_bounds(message in calls()) {
        if let Some(call) = judge::<Call, _>(message.clone())? {
            prop_assert!(is_remark_bounded(message.remark.as_ref()));
            comes_back(&call, pb::Call { remark: None, ..message }, call_to_pb)?;
        }
    }

    #[test]
    fn a_declaration_is_within_its_bounds(message in declarations()) {
        if let Some(declaration) = judge::<LineDeclaration, _>(message.clone())? {
            prop_assert!(is_remark_bounded(message.remark.as_ref()));
            let message = pb::LineDeclaration { remark: None, ..message };
            comes_back(&declaration, message, |declaration| declaration_to_pb(*declaration))?;
        }
    }

    #[test]
    fn what_needs_no_type_is_within_its_bounds(
        remark in remarks(),
        refusal in refusals(),
        closing in closings(),
    ) {
        let taken = judge::<(), _>(remark.clone())?.is_some();
        prop_assert_eq!(taken, is_remark_bounded(Some(&remark)));
        let taken = judge::<(), _>(refusal.clone())?.is_some();
        let bounded = !refusal.reason.is_empty()
            && fits(&refusal.reason, limits().remark_bytes_max)
            && is_bounded(refusal.officer.as_ref());
        prop_assert_eq!(taken, bounded);
        let taken = judge::<(), _>(closing.clone())?.is_some();
        let bounded = is_remark_bounded(closing.remark.as_ref())
            && closing.duration.is_none_or(|duration| protocol::duration_from_pb(&duration).is_some());
        prop_assert_eq!(taken, bounded);
    }

    /// One step has one name, and every other text is told to be none.
    #[test]
    fn a_name_is_the_one_of_its_step(name in prop_oneof![
        text(),
        "offices/(south|north|west)/(documents|meetings|steps)/[0-9+]{1,21}",
    ]) {
        for collection in [Collection::Documents, Collection::Meetings, Collection::Steps] {
            let fields = Fields::of("name", &limits());
            match StepId::checked((name.as_str(), collection), &fields) {
                Ok(id) => prop_assert_eq!(id.name(collection), name.as_str()),
                Err(violations) => {
                    prop_assert_eq!(violations.len(), 1);
                    prop_assert_eq!(violations[0].field.as_str(), "name");
                }
            }
        }
    }
}

/// A field, and two ways to have it wrong.
type Fault<M> = (&'static str, [fn(&mut M); 2]);

/// Plants every choice of the faults into `good`: exactly their fields are told.
fn exactly_these_are_told<T: Checked<M>, M: Clone>(good: &M, faults: &[Fault<M>]) {
    for choice in 0..1_usize << faults.len() {
        let mut message = good.clone();
        let mut planted = Vec::new();
        for (index, (field, plant)) in faults.iter().enumerate() {
            if choice >> index & 1 == 1 {
                plant[(choice.count_ones() as usize + index) % 2](&mut message);
                planted.push(format!("m.{field}"));
            }
        }
        let violations = T::checked(message, &Fields::of("m", &limits())).err();
        let mut told: Vec<_> = violations
            .into_iter()
            .flatten()
            .map(|violation| violation.field)
            .collect();
        told.sort();
        planted.sort();
        assert_eq!(told, planted);
    }
}

const TIME: prost_types::Timestamp = prost_types::Timestamp {
    seconds: 1_536_883_200,
    nanos: 0,
};
const NO_TIME: prost_types::Timestamp = prost_types::Timestamp {
    seconds: i64::MAX,
    nanos: 0,
};
const TORN_TIME: prost_types::Timestamp = prost_types::Timestamp {
    seconds: 0,
    nanos: -1,
};
const NEGATIVE: prost_types::Duration = prost_types::Duration {
    seconds: -1,
    nanos: 0,
};
const TORN_DURATION: prost_types::Duration = prost_types::Duration {
    seconds: 1,
    nanos: 1_000_000_000,
};

fn long() -> String {
    "x".repeat(25)
}

fn official() -> pb::Officer {
    pb::Officer {
        name: "Kim".to_owned(),
        rank: 1,
    }
}

fn remark() -> pb::Remark {
    pb::Remark {
        officer: Some(official()),
        text: "noted".to_owned(),
    }
}

/// The officer of a remark, to plant a fault in.
fn officer_of(remark: &mut Option<pb::Remark>) -> &mut pb::Officer {
    let remark = remark.get_or_insert_default();
    remark.officer.get_or_insert_default()
}

/// The remark's own faults, for a message that has one.
macro_rules! with_remark {
    ($message:ty: $($fault:expr),* $(,)?) => {{
        let faults: &[Fault<$message>] = &[
            $($fault,)*
            ("remark.officer.name", [|m| officer_of(&mut m.remark).name = long(); 2]),
            (
                "remark.officer.rank",
                [|m| officer_of(&mut m.remark).rank = 5, |m| officer_of(&mut m.remark).rank = -1],
            ),
            ("remark.text", [|m| m.remark.get_or_insert_default().text = long(); 2]),
        ];
        faults
    }};
}

#[test]
fn all_that_is_wrong_with_a_document_is_told() {
    let good = pb::Document {
        form: 1,
        subject: "Notice".to_owned(),
        body: vec![1; 16].into(),
        media_type: "text/plain".to_owned(),
        signatory: Some(official()),
        addressee: Some(official()),
        in_reply_to: "offices/north/documents/1".to_owned(),
        reference: "1".to_owned(),
        precedence: 1,
        deadline: Some(TIME),
    };
    let faults: &[Fault<pb::Document>] = &[
        ("form", [|m| m.form = 0, |m| m.form = 5]),
        (
            "subject",
            [|m| m.subject = String::new(), |m| m.subject = long()],
        ),
        ("body", [|m| m.body = vec![1; 17].into(); 2]),
        ("media_type", [|m| m.media_type = long(); 2]),
        (
            "signatory.name",
            [|m| m.signatory.get_or_insert_default().name = long(); 2],
        ),
        (
            "signatory.rank",
            [|m| m.signatory.get_or_insert_default().rank = 5; 2],
        ),
        (
            "addressee.name",
            [|m| m.addressee.get_or_insert_default().name = long(); 2],
        ),
        (
            "addressee.rank",
            [|m| m.addressee.get_or_insert_default().rank = i32::MIN; 2],
        ),
        (
            "in_reply_to",
            [
                |m| m.in_reply_to = "offices/north/meetings/1".to_owned(),
                |m| m.in_reply_to = "offices/north/documents/0".to_owned(),
            ],
        ),
        ("reference", [|m| m.reference = long(); 2]),
        ("precedence", [|m| m.precedence = 5, |m| m.precedence = -1]),
        (
            "deadline",
            [
                |m| m.deadline = Some(NO_TIME),
                |m| m.deadline = Some(TORN_TIME),
            ],
        ),
    ];
    exactly_these_are_told::<Document, _>(&good, faults);
}

/// The faults that terms and contacts share.
macro_rules! of_a_gathering {
    ($message:ty: $($fault:expr),* $(,)?) => {{
        let faults: &[Fault<$message>] = &[
            $($fault,)*
            ("level", [|m| m.level = 5, |m| m.level = -1]),
            ("participants[0].name", [|m| m.participants[0].name = long(); 2]),
            ("participants[1].rank", [|m| m.participants[1].rank = 9; 2]),
            ("place", [|m| m.place = long(); 2]),
            ("duration", [|m| m.duration = Some(NEGATIVE), |m| m.duration = Some(TORN_DURATION)]),
            ("topics[0]", [|m| m.topics[0] = long(), |m| m.topics[0] = String::new()]),
            ("topics[1]", [|m| m.topics[1] = String::new(), |m| m.topics[1] = long()]),
            ("formality", [|m| m.formality = 4, |m| m.formality = i32::MAX]),
        ];
        faults
    }};
}

/// Lists that are too long are told as such, and not item by item.
macro_rules! too_many {
    ($message:ty) => {{
        let faults: &[Fault<$message>] = &[
            (
                "participants",
                [
                    |m| m.participants = vec![official(); 3],
                    |m| {
                        m.participants = vec![
                            pb::Officer {
                                name: long(),
                                rank: 9
                            };
                            3
                        ]
                    },
                ],
            ),
            (
                "topics",
                [
                    |m| m.topics = vec![long(); 3],
                    |m| m.topics = vec![String::new(); 300],
                ],
            ),
        ];
        faults
    }};
}

#[test]
fn all_that_is_wrong_with_terms_is_told() {
    let good = pb::MeetingTerms {
        kind: 1,
        level: 1,
        participants: vec![official(); 2],
        place: "Kaesong".to_owned(),
        begins_at: Some(TIME),
        duration: None,
        topics: vec!["roads".to_owned(), "rails".to_owned()],
        formality: 1,
        answer_by: Some(TIME),
    };
    let faults = of_a_gathering!(pb::MeetingTerms:
        ("kind", [|m| m.kind = 0, |m| m.kind = 4]),
        ("begins_at", [|m| m.begins_at = Some(NO_TIME); 2]),
        ("answer_by", [|m| m.answer_by = Some(TORN_TIME); 2]),
    );
    exactly_these_are_told::<MeetingTerms, _>(&good, faults);
    exactly_these_are_told::<MeetingTerms, _>(&good, too_many!(pb::MeetingTerms));
}

#[test]
fn all_that_is_wrong_with_a_contact_is_told() {
    let good = pb::Contact {
        kind: 4,
        level: 2,
        participants: vec![official(); 2],
        place: "Kaesong".to_owned(),
        begun_at: Some(TIME),
        duration: None,
        topics: vec!["roads".to_owned(), "rails".to_owned()],
        formality: 3,
    };
    let faults = of_a_gathering!(pb::Contact:
        ("kind", [|m| m.kind = 0, |m| m.kind = 3]),
        ("begun_at", [|m| m.begun_at = None, |m| m.begun_at = Some(NO_TIME)]),
    );
    exactly_these_are_told::<Contact, _>(&good, faults);
    exactly_these_are_told::<Contact, _>(&good, too_many!(pb::Contact));
}

#[test]
fn all_that_is_wrong_with_a_call_is_told() {
    let good = pb::Call {
        kind: 1,
        day: "2018-09-14".to_owned(),
        outcome: 1,
        remark: Some(remark()),
    };
    let faults = with_remark!(pb::Call:
        ("kind", [|m| m.kind = 0, |m| m.kind = 3]),
        ("day", [|m| m.day = "2018-02-30".to_owned(), |m| m.day = "2018-9-14".to_owned()]),
        ("outcome", [|m| m.outcome = 0, |m| m.outcome = 3]),
    );
    exactly_these_are_told::<Call, _>(&good, faults);
}

#[test]
fn all_that_is_wrong_with_a_declaration_is_told() {
    let good = pb::LineDeclaration {
        statement: 1,
        remark: Some(remark()),
    };
    let faults = with_remark!(pb::LineDeclaration:
        // UNANSWERED is what an office finds, not what it declares.
        ("statement", [|m| m.statement = 0, |m| m.statement = 3]),
    );
    exactly_these_are_told::<LineDeclaration, _>(&good, faults);
}

#[test]
fn all_that_is_wrong_with_an_answer_is_told() {
    let closing = pb::MeetingClosing {
        remark: Some(remark()),
        duration: None,
    };
    let faults = with_remark!(pb::MeetingClosing:
        ("duration", [|m| m.duration = Some(NEGATIVE), |m| m.duration = Some(TORN_DURATION)]),
    );
    exactly_these_are_told::<(), _>(&closing, faults);

    let refusal = pb::ReceiptRefusal {
        reason: "no".to_owned(),
        officer: Some(official()),
    };
    let faults: &[Fault<pb::ReceiptRefusal>] = &[
        (
            "reason",
            [|m| m.reason = String::new(), |m| m.reason = long()],
        ),
        (
            "officer.name",
            [|m| m.officer.get_or_insert_default().name = long(); 2],
        ),
        (
            "officer.rank",
            [|m| m.officer.get_or_insert_default().rank = 5; 2],
        ),
    ];
    exactly_these_are_told::<(), _>(&refusal, faults);
}
