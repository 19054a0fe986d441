//! Conversions between generated types and the rules' types, one pair a type.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use office::call::{Call, CallKind, LineDeclaration};
use office::contact::{Contact, ContactKind, ContactState, Formality};
use office::document::{Document, DocumentState, Form, Precedence};
use office::line::{Acknowledgement, Hello, LineHash, Mark};
use office::meeting::{MeetingState, MeetingTerms};
use office::officer::{Officer, Rank};
use office::{Collection, Place, StepId, StepKind, Tally};

use crate::pb;

const SECONDS_MIN: i64 = -62_135_596_800;
const SECONDS_MAX: i64 = 253_402_300_799;

/// A time as protobuf writes it.
pub fn timestamp_to_pb(time: Timestamp) -> prost_types::Timestamp {
    // protobuf counts nanoseconds forward from the second before; jiff counts them towards zero.
    let nanoseconds = time.as_nanosecond();
    prost_types::Timestamp {
        seconds: nanoseconds.div_euclid(1_000_000_000) as i64,
        nanos: nanoseconds.rem_euclid(1_000_000_000) as i32,
    }
}

/// A protobuf time, if it lies in the years 1 to 9999.
pub fn timestamp_from_pb(time: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&time.seconds)
        || !(0..1_000_000_000).contains(&time.nanos)
    {
        return None;
    }
    Timestamp::from_nanosecond(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
        .ok()
}

/// A duration of zero or more.
pub fn duration_from_pb(duration: &prost_types::Duration) -> Option<Duration> {
    let nanos = u32::try_from(duration.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(duration.seconds).ok()?, nanos))
}

/// A duration as protobuf writes it.
fn duration_to_pb(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: duration.as_secs() as i64,
        nanos: duration.subsec_nanos() as i32,
    }
}

/// A place as protobuf writes it.
pub fn place_to_pb(place: Place) -> pb::office::Place {
    match place {
        Place::South => pb::office::Place::South,
        Place::North => pb::office::Place::North,
    }
}

/// A place, if the number is one.
pub fn place_from_pb(number: i32) -> Option<Place> {
    match pb::office::Place::try_from(number) {
        Ok(pb::office::Place::South) => Some(Place::South),
        Ok(pb::office::Place::North) => Some(Place::North),
        _ => None,
    }
}

/// A step id as protobuf writes it.
pub fn step_id_to_pb(id: StepId) -> pb::office::StepId {
    pb::office::StepId {
        place: place_to_pb(id.place).into(),
        sequence: id.sequence,
    }
}

/// A step id, if it names a place and a sequence from 1.
pub fn step_id_from_pb(id: &pb::office::StepId) -> Option<StepId> {
    let place = place_from_pb(id.place)?;
    (id.sequence > 0).then_some(StepId {
        place,
        sequence: id.sequence,
    })
}

const STEP_KINDS: [(StepKind, pb::office::StepKind); 16] = [
    (StepKind::DocumentSent, pb::office::StepKind::DocumentSent),
    (
        StepKind::DocumentAcknowledged,
        pb::office::StepKind::DocumentAcknowledged,
    ),
    (
        StepKind::DocumentReceiptRefused,
        pb::office::StepKind::DocumentReceiptRefused,
    ),
    (
        StepKind::DocumentExpired,
        pb::office::StepKind::DocumentExpired,
    ),
    (
        StepKind::MeetingProposed,
        pb::office::StepKind::MeetingProposed,
    ),
    (
        StepKind::MeetingCountered,
        pb::office::StepKind::MeetingCountered,
    ),
    (
        StepKind::MeetingAccepted,
        pb::office::StepKind::MeetingAccepted,
    ),
    (
        StepKind::MeetingDeclined,
        pb::office::StepKind::MeetingDeclined,
    ),
    (
        StepKind::MeetingCancelled,
        pb::office::StepKind::MeetingCancelled,
    ),
    (StepKind::MeetingLapsed, pb::office::StepKind::MeetingLapsed),
    (
        StepKind::MeetingConvened,
        pb::office::StepKind::MeetingConvened,
    ),
    (StepKind::MeetingClosed, pb::office::StepKind::MeetingClosed),
    (
        StepKind::ContactRecorded,
        pb::office::StepKind::ContactRecorded,
    ),
    (
        StepKind::ContactConfirmed,
        pb::office::StepKind::ContactConfirmed,
    ),
    (StepKind::CallRecorded, pb::office::StepKind::CallRecorded),
    (StepKind::LineDeclared, pb::office::StepKind::LineDeclared),
];

/// A step kind as protobuf writes it.
pub fn step_kind_to_pb(kind: StepKind) -> pb::office::StepKind {
    STEP_KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .expect("every kind is in the table")
        .1
}

/// A step kind, if the number is one.
pub fn step_kind_from_pb(number: i32) -> Option<StepKind> {
    STEP_KINDS
        .iter()
        .find(|(_, known)| *known as i32 == number)
        .map(|(kind, _)| *kind)
}

const CONTACT_KINDS: [(ContactKind, pb::office::ContactKind); 6] = [
    (
        ContactKind::GovernmentOfficials,
        pb::office::ContactKind::GovernmentOfficials,
    ),
    (
        ContactKind::WorkingLevel,
        pb::office::ContactKind::WorkingLevel,
    ),
    (ContactKind::Chiefs, pb::office::ContactKind::Chiefs),
    (
        ContactKind::RegularConsultation,
        pb::office::ContactKind::RegularConsultation,
    ),
    (
        ContactKind::OnDemandConsultation,
        pb::office::ContactKind::OnDemandConsultation,
    ),
    (ContactKind::NotStated, pb::office::ContactKind::NotStated),
];

/// A contact kind as protobuf writes it.
pub fn contact_kind_to_pb(kind: ContactKind) -> pb::office::ContactKind {
    CONTACT_KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .expect("every kind is in the table")
        .1
}

/// A contact kind, if the number is one.
pub fn contact_kind_from_pb(number: i32) -> Option<ContactKind> {
    CONTACT_KINDS
        .iter()
        .find(|(_, known)| *known as i32 == number)
        .map(|(kind, _)| *kind)
}

/// A contact state as protobuf writes it.
pub fn contact_state_to_pb(state: ContactState) -> pb::office::ContactState {
    match state {
        ContactState::Recorded => pb::office::ContactState::Recorded,
        ContactState::Confirmed => pb::office::ContactState::Confirmed,
        ContactState::Superseded => pb::office::ContactState::Superseded,
    }
}

/// A document state as protobuf writes it. `delivered` is the line's word on a document without an answer.
pub fn document_state_to_pb(state: DocumentState, delivered: bool) -> pb::office::DocumentState {
    match state {
        DocumentState::Sent if delivered => pb::office::DocumentState::Delivered,
        DocumentState::Sent => pb::office::DocumentState::Sent,
        DocumentState::Expired => pb::office::DocumentState::Expired,
        DocumentState::ReceiptRefused => pb::office::DocumentState::ReceiptRefused,
        DocumentState::Acknowledged => pb::office::DocumentState::Acknowledged,
    }
}

/// A meeting state as protobuf writes it.
pub fn meeting_state_to_pb(state: MeetingState) -> pb::office::MeetingState {
    match state {
        MeetingState::Proposed => pb::office::MeetingState::Proposed,
        MeetingState::Countered => pb::office::MeetingState::Countered,
        MeetingState::Accepted => pb::office::MeetingState::Accepted,
        MeetingState::Convened => pb::office::MeetingState::Convened,
        MeetingState::Closed => pb::office::MeetingState::Closed,
        MeetingState::Declined => pb::office::MeetingState::Declined,
        MeetingState::Cancelled => pb::office::MeetingState::Cancelled,
        MeetingState::Lapsed => pb::office::MeetingState::Lapsed,
    }
}

/// A line hash, if there are 32 bytes.
pub fn hash_from_bytes(bytes: &[u8]) -> Option<LineHash> {
    bytes.try_into().ok().map(LineHash)
}

/// A mark as protobuf writes it.
pub fn mark_to_pb(mark: Mark) -> pb::line::Mark {
    pb::line::Mark {
        sequence: mark.sequence,
        hash: Bytes::copy_from_slice(&mark.hash.0),
    }
}

/// A mark, if its hash has 32 bytes.
pub fn mark_from_pb(mark: &pb::line::Mark) -> Option<Mark> {
    Some(Mark {
        sequence: mark.sequence,
        hash: hash_from_bytes(&mark.hash)?,
    })
}

/// A Hello as protobuf writes it.
pub fn hello_to_pb(hello: &Hello) -> pb::line::Hello {
    pb::line::Hello {
        place: place_to_pb(hello.place).into(),
        epoch: hello.epoch,
        version_min: hello.version_min,
        version_max: hello.version_max,
        appended: Some(mark_to_pb(hello.appended)),
        received: Some(mark_to_pb(hello.received)),
        restoring: hello.restoring,
    }
}

/// A Hello, if it is complete.
pub fn hello_from_pb(hello: &pb::line::Hello) -> Option<Hello> {
    Some(Hello {
        place: place_from_pb(hello.place)?,
        epoch: hello.epoch,
        version_min: hello.version_min,
        version_max: hello.version_max,
        appended: mark_from_pb(hello.appended.as_ref()?)?,
        received: mark_from_pb(hello.received.as_ref()?)?,
        restoring: hello.restoring,
    })
}

/// An acknowledgement as protobuf writes it.
pub fn acknowledgement_to_pb(acknowledgement: &Acknowledgement) -> pb::line::Acknowledgement {
    pb::line::Acknowledgement {
        through: Some(mark_to_pb(acknowledgement.through)),
        appended: acknowledgement.appended,
    }
}

/// An acknowledgement, if it is complete.
pub fn acknowledgement_from_pb(
    acknowledgement: &pb::line::Acknowledgement,
) -> Option<Acknowledgement> {
    Some(Acknowledgement {
        through: mark_from_pb(acknowledgement.through.as_ref()?)?,
        appended: acknowledgement.appended,
    })
}

/// An officer as protobuf writes it.
pub fn officer_to_pb(officer: &Officer) -> pb::office::Officer {
    pb::office::Officer {
        name: officer.name.clone(),
        rank: officer.rank.map_or(0, |rank| rank_to_pb(rank).into()),
    }
}

/// A rank as protobuf writes it.
pub const fn rank_to_pb(rank: Rank) -> pb::office::Rank {
    match rank {
        Rank::Chief => pb::office::Rank::Chief,
        Rank::DeputyChief => pb::office::Rank::DeputyChief,
        Rank::GovernmentOfficial => pb::office::Rank::GovernmentOfficial,
        Rank::WorkingLevelOfficial => pb::office::Rank::WorkingLevelOfficial,
    }
}

/// A rank; `None` for the unspecified one, and for one that is not known here.
pub fn rank_from_pb(number: i32) -> Option<Rank> {
    let ranks = Rank::WORDS.iter().map(|(_, rank)| *rank);
    ranks
        .into_iter()
        .find(|rank| rank_to_pb(*rank) as i32 == number)
}

fn formality_number(formality: Formality) -> i32 {
    match formality {
        Formality::Official => pb::office::Formality::Official,
        Formality::Informal => pb::office::Formality::Informal,
        Formality::Private => pb::office::Formality::Private,
    }
    .into()
}

/// A form as protobuf writes it.
pub const fn form_to_pb(form: Form) -> pb::office::DocumentForm {
    match form {
        Form::Message => pb::office::DocumentForm::Message,
        Form::Notice => pb::office::DocumentForm::Notice,
        Form::Note => pb::office::DocumentForm::Note,
        Form::Document => pb::office::DocumentForm::Document,
    }
}

/// A document as protobuf writes it.
pub fn document_to_pb(document: &Document) -> pb::office::Document {
    let precedence = match document.precedence {
        None => pb::office::Precedence::Unspecified,
        Some(Precedence::Flash) => pb::office::Precedence::Flash,
        Some(Precedence::Immediate) => pb::office::Precedence::Immediate,
        Some(Precedence::Priority) => pb::office::Precedence::Priority,
        Some(Precedence::Routine) => pb::office::Precedence::Routine,
    };
    pb::office::Document {
        form: form_to_pb(document.form).into(),
        subject: document.subject.clone(),
        body: document.body.clone(),
        media_type: document.media_type.clone(),
        signatory: document.signatory.as_ref().map(officer_to_pb),
        addressee: document.addressee.as_ref().map(officer_to_pb),
        in_reply_to: document
            .in_reply_to
            .map(|id| id.name(Collection::Documents))
            .unwrap_or_default(),
        reference: document.reference.clone(),
        precedence: precedence.into(),
        deadline: document.deadline.map(timestamp_to_pb),
    }
}

/// Meeting terms as protobuf writes them.
pub fn terms_to_pb(terms: &MeetingTerms) -> pb::office::MeetingTerms {
    pb::office::MeetingTerms {
        kind: contact_kind_to_pb(terms.kind).into(),
        level: terms.level.map_or(0, |rank| rank_to_pb(rank).into()),
        participants: terms.participants.iter().map(officer_to_pb).collect(),
        place: terms.place.clone(),
        begins_at: terms.begins_at.map(timestamp_to_pb),
        duration: terms.duration.map(duration_to_pb),
        topics: terms.topics.clone(),
        formality: terms.formality.map_or(0, formality_number),
        answer_by: terms.answer_by.map(timestamp_to_pb),
    }
}

/// A contact as protobuf writes it.
pub fn contact_to_pb(contact: &Contact) -> pb::office::Contact {
    pb::office::Contact {
        kind: contact_kind_to_pb(contact.kind).into(),
        level: contact.level.map_or(0, |rank| rank_to_pb(rank).into()),
        participants: contact.participants.iter().map(officer_to_pb).collect(),
        place: contact.place.clone(),
        begun_at: Some(timestamp_to_pb(contact.begun_at)),
        duration: contact.duration.map(duration_to_pb),
        topics: contact.topics.clone(),
        formality: contact.formality.map_or(0, formality_number),
    }
}

/// A call as protobuf writes it.
pub fn call_to_pb(call: &Call) -> pb::office::Call {
    let kind = match call.kind {
        CallKind::Opening => pb::office::CallKind::Opening,
        CallKind::Closing => pb::office::CallKind::Closing,
    };
    let outcome = if call.answered {
        pb::office::CallOutcome::Answered
    } else {
        pb::office::CallOutcome::Unanswered
    };
    pb::office::Call {
        kind: kind.into(),
        day: call.day.to_string(),
        outcome: outcome.into(),
        remark: None,
    }
}

/// A declaration as protobuf writes it.
pub fn declaration_to_pb(declaration: LineDeclaration) -> pb::office::LineDeclaration {
    let statement = match declaration {
        LineDeclaration::Cut => pb::office::LineStatement::Cut,
        LineDeclaration::Restored => pb::office::LineStatement::Restored,
    };
    pb::office::LineDeclaration {
        statement: statement.into(),
        remark: None,
    }
}

/// A tally as protobuf writes it.
pub fn tally_to_pb(tally: &Tally) -> pb::ledger::Tally {
    pb::ledger::Tally {
        contacts: Some(pb::ledger::ContactsTally {
            total: tally.contacts(),
            meetings: Some(pb::ledger::MeetingsTally {
                total: tally.meetings(),
                government_officials: tally.contacts_of(ContactKind::GovernmentOfficials),
                working_level: tally.contacts_of(ContactKind::WorkingLevel),
                chiefs: tally.contacts_of(ContactKind::Chiefs),
            }),
            consultations: Some(pb::ledger::ConsultationsTally {
                regular: tally.contacts_of(ContactKind::RegularConsultation),
                on_demand: tally.contacts_of(ContactKind::OnDemandConsultation),
            }),
            unspecified: tally.contacts_of(ContactKind::NotStated),
        }),
        documents: tally.documents(),
        calls: tally.calls(),
        exchanges: tally.exchanges(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_kind_crosses_and_comes_back() {
        for kind in StepKind::ALL {
            assert_eq!(step_kind_from_pb(step_kind_to_pb(kind).into()), Some(kind));
        }
    }

    #[test]
    fn times_before_1970_keep_their_nanoseconds() {
        let time = Timestamp::from_nanosecond(-1).expect("in range");
        let wire = timestamp_to_pb(time);
        assert_eq!((wire.seconds, wire.nanos), (-1, 999_999_999));
        assert_eq!(timestamp_from_pb(&wire), Some(time));
    }

    #[test]
    fn times_outside_the_calendar_are_refused() {
        for (seconds, nanos) in [
            (SECONDS_MAX + 1, 0),
            (SECONDS_MIN - 1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (i64::MAX, 0),
        ] {
            assert_eq!(
                timestamp_from_pb(&prost_types::Timestamp { seconds, nanos }),
                None
            );
        }
    }
}
