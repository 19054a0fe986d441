//! Kinds, states, ranks and forms.

use office::{Place, StepKind};
use protocol::pb::office as pb;

use crate::labels;

/// A state as people read it: `RECEIPT_REFUSED` of `DOCUMENT_STATE_RECEIPT_REFUSED`.
pub fn state<'n>(name: &'n str, prefix: &str) -> &'n str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A word as people read it: `deputy chief` of `RANK_DEPUTY_CHIEF`; empty for the unspecified one.
pub fn word(name: &str, prefix: &str) -> String {
    match state(name, prefix) {
        "UNSPECIFIED" => String::new(),
        rest => rest.to_lowercase().replace('_', " "),
    }
}

/// The state of a document.
pub fn document_state(state_number: i32) -> &'static str {
    let known = pb::DocumentState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "DOCUMENT_STATE_")
}

/// The state of a meeting.
pub fn meeting_state(state_number: i32) -> &'static str {
    let known = pb::MeetingState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "MEETING_STATE_")
}

/// The state of a contact.
pub fn contact_state(state_number: i32) -> &'static str {
    let known = pb::ContactState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "CONTACT_STATE_")
}

/// The kind of a contact.
pub fn contact_kind(number: i32) -> String {
    protocol::contact_kind_from_pb(number).map_or_else(String::new, |kind| kind.word().to_owned())
}

/// The form of a document.
pub fn form(number: i32) -> String {
    let known = pb::DocumentForm::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "DOCUMENT_FORM_")
}

/// The precedence of a document, in capitals as the field writes it.
pub fn precedence(number: i32) -> String {
    let known = pb::Precedence::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "PRECEDENCE_").to_uppercase()
}

/// A rank, of whichever office.
pub fn rank(number: i32) -> String {
    rank_of(None, number)
}

/// A rank of an office, if it is known whose.
pub(crate) fn rank_of(place: Option<Place>, number: i32) -> String {
    protocol::rank_from_pb(number).map_or_else(String::new, |rank| labels::rank(place, rank))
}

/// A formality.
pub fn formality(number: i32) -> String {
    let known = pb::Formality::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "FORMALITY_")
}

/// What an office states of the telephone line.
pub fn statement(number: i32) -> String {
    let known = pb::LineStatement::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "LINE_STATEMENT_")
}

/// What was done.
pub fn step(number: i32) -> String {
    protocol::step_kind_from_pb(number).map_or_else(
        || format!("step of kind {number}"),
        |kind| kind.words().to_owned(),
    )
}

/// A kind of step as programs read it: `STEP_KIND_DOCUMENT_SENT`.
pub fn step_name(kind: StepKind) -> &'static str {
    protocol::step_kind_to_pb(kind).as_str_name()
}

/// What an officer does to make a step, as a command is called; none for what a clock does.
pub const fn verb(kind: StepKind) -> Option<&'static str> {
    Some(match kind {
        StepKind::DocumentSent => "send",
        StepKind::DocumentAcknowledged => "acknowledge",
        StepKind::DocumentReceiptRefused => "refuse",
        StepKind::MeetingProposed => "propose",
        StepKind::MeetingCountered => "counter",
        StepKind::MeetingAccepted => "accept",
        StepKind::MeetingDeclined => "decline",
        StepKind::MeetingCancelled => "cancel",
        StepKind::MeetingConvened => "convene",
        StepKind::MeetingClosed => "close",
        StepKind::ContactRecorded => "record",
        StepKind::ContactConfirmed => "confirm",
        StepKind::CallRecorded => "call",
        StepKind::LineDeclared => "declare",
        StepKind::DocumentExpired | StepKind::MeetingLapsed => return None,
    })
}

/// An office.
pub fn place(number: i32) -> String {
    protocol::place_from_pb(number).map_or_else(|| "-".to_owned(), |place| place.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_domain() {
        assert_eq!(document_state(4), "RECEIPT_REFUSED");
        assert_eq!(contact_kind(4), "regular consultation");
        assert_eq!(rank(2), "deputy chief");
        assert_eq!(rank(0), "");
        assert_eq!(precedence(1), "FLASH");
    }
}
