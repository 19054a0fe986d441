//! The words of the domain as flags take them, and as people read them.

use clap::ValueEnum;
use office::Place;
use protocol::pb::office as pb;

/// Words of a flag, each with the protobuf value it means.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident means $meant:ident { $($(#[$word_doc:meta])* $word:ident = $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($(#[$word_doc])* $word,)* }

        impl $name {
            /// The number of the protobuf value.
            pub(crate) const fn number(self) -> i32 {
                match self { $(Self::$word => pb::$meant::$value as i32,)* }
            }
        }
    };
}

/// An office, as a flag takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OfficeWord {
    /// The South office
    South,
    /// The North office
    North,
}

impl OfficeWord {
    pub(crate) const fn place(self) -> Place {
        match self {
            Self::South => Place::South,
            Self::North => Place::North,
        }
    }
}

words! {
    /// The form of a document.
    FormWord means DocumentForm {
        /// A message
        Message = Message,
        /// A telephone notice
        Notice = Notice,
        /// A note
        Note = Note,
        /// A document in full form
        Document = Document,
    }
}

words! {
    /// The delivery speed asked for.
    PrecedenceWord means Precedence {
        /// The fastest
        Flash = Flash,
        /// After FLASH
        Immediate = Immediate,
        /// After IMMEDIATE
        Priority = Priority,
        /// The slowest
        Routine = Routine,
    }
}

words! {
    /// When a send answers.
    WaitWord means Wait {
        /// Durable at the office that sends
        Recorded = Recorded,
        /// Durable at the other office too
        Delivered = Delivered,
        /// Answered by an officer there (acknowledged or refused), or expired
        Acknowledged = Acknowledged,
    }
}

words! {
    /// How far a document has come.
    DocumentStateWord means DocumentState {
        /// Durable at the sender
        Sent = Sent,
        /// Durable at the receiver too
        Delivered = Delivered,
        /// Acknowledged by an officer of the receiver
        Acknowledged = Acknowledged,
        /// Receipt refused by an officer of the receiver
        ReceiptRefused = ReceiptRefused,
        /// The deadline passed without an answer
        Expired = Expired,
    }
}

words! {
    /// How far a meeting has come.
    MeetingStateWord means MeetingState {
        /// An offer is open
        Proposed = Proposed,
        /// A counter-offer is open
        Countered = Countered,
        /// Accepted by the other side
        Accepted = Accepted,
        /// Begun
        Convened = Convened,
        /// Ended, and counted
        Closed = Closed,
        /// Declined
        Declined = Declined,
        /// Called off
        Cancelled = Cancelled,
        /// The open offer's time passed
        Lapsed = Lapsed,
    }
}

words! {
    /// How far a contact has come.
    ContactStateWord means ContactState {
        /// Recorded by one office
        Recorded = Recorded,
        /// Confirmed by the other, and counted
        Confirmed = Confirmed,
        /// Both recorded it at once, and South's record stands
        Superseded = Superseded,
    }
}

words! {
    /// The kind of a meeting.
    MeetingKindWord means ContactKind {
        /// Among government officials of both sides
        GovernmentOfficials = GovernmentOfficials,
        /// Working-level talks
        WorkingLevel = WorkingLevel,
        /// Between chiefs and deputy chiefs of the office
        Chiefs = Chiefs,
    }
}

words! {
    /// The kind of a consultation.
    ConsultationKindWord means ContactKind {
        /// A regular (standing) consultation
        Regular = RegularConsultation,
        /// A consultation on demand
        OnDemand = OnDemandConsultation,
        /// A contact whose kind is not stated
        NotStated = NotStated,
    }
}

words! {
    /// The rank of an officer, and the level of a contact.
    RankWord means Rank {
        /// Chief of the office
        Chief = Chief,
        /// Deputy chief of the office
        DeputyChief = DeputyChief,
        /// Government official
        GovernmentOfficial = GovernmentOfficial,
        /// Working-level official
        WorkingLevelOfficial = WorkingLevelOfficial,
    }
}

words! {
    /// The formality of a contact.
    FormalityWord means Formality {
        /// Official
        Official = Official,
        /// Informal
        Informal = Informal,
        /// Private
        Private = Private,
    }
}

/// A state as people read it: `RECEIPT_REFUSED` of `DOCUMENT_STATE_RECEIPT_REFUSED`.
pub(crate) fn state<'n>(name: &'n str, prefix: &str) -> &'n str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A word as people read it: `deputy chief` of `RANK_DEPUTY_CHIEF`; empty for the unspecified one.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    match state(name, prefix) {
        "UNSPECIFIED" => String::new(),
        rest => rest.to_lowercase().replace('_', " "),
    }
}

/// The state of a document.
pub(crate) fn document_state(state_number: i32) -> &'static str {
    let known = pb::DocumentState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "DOCUMENT_STATE_")
}

/// The state of a meeting.
pub(crate) fn meeting_state(state_number: i32) -> &'static str {
    let known = pb::MeetingState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "MEETING_STATE_")
}

/// The state of a contact.
pub(crate) fn contact_state(state_number: i32) -> &'static str {
    let known = pb::ContactState::try_from(state_number).unwrap_or_default();
    state(known.as_str_name(), "CONTACT_STATE_")
}

/// The kind of a contact.
pub(crate) fn contact_kind(number: i32) -> String {
    protocol::contact_kind_from_pb(number).map_or_else(String::new, |kind| kind.word().to_owned())
}

/// The form of a document.
pub(crate) fn form(number: i32) -> String {
    let known = pb::DocumentForm::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "DOCUMENT_FORM_")
}

/// The precedence of a document, in capitals as the field writes it.
pub(crate) fn precedence(number: i32) -> String {
    let known = pb::Precedence::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "PRECEDENCE_").to_uppercase()
}

/// A rank.
pub(crate) fn rank(number: i32) -> String {
    let known = pb::Rank::try_from(number).unwrap_or_default();
    match known {
        pb::Rank::WorkingLevelOfficial => "working-level official".to_owned(),
        _ => word(known.as_str_name(), "RANK_"),
    }
}

/// A formality.
pub(crate) fn formality(number: i32) -> String {
    let known = pb::Formality::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "FORMALITY_")
}

/// What an office states of the telephone line.
pub(crate) fn statement(number: i32) -> String {
    let known = pb::LineStatement::try_from(number).unwrap_or_default();
    word(known.as_str_name(), "LINE_STATEMENT_")
}

/// What was done.
pub(crate) fn step(number: i32) -> String {
    protocol::step_kind_from_pb(number).map_or_else(
        || format!("step of kind {number}"),
        |kind| kind.words().to_owned(),
    )
}

/// An office.
pub(crate) fn place(number: i32) -> String {
    protocol::place_from_pb(number).map_or_else(|| "-".to_owned(), |place| place.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_mean_the_protobuf_values() {
        assert_eq!(ConsultationKindWord::NotStated.number(), 6);
        assert_eq!(RankWord::WorkingLevelOfficial.number(), 4);
        assert_eq!(WaitWord::Delivered.number(), 2);
    }

    #[test]
    fn words_are_those_of_the_domain() {
        assert_eq!(document_state(4), "RECEIPT_REFUSED");
        assert_eq!(contact_kind(4), "regular consultation");
        assert_eq!(rank(2), "deputy chief");
        assert_eq!(rank(0), "");
        assert_eq!(precedence(1), "FLASH");
    }
}
