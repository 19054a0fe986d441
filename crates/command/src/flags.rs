//! The words of the domain as flags take them.

use clap::ValueEnum;
use office::Place;
use protocol::pb::office as pb;

/// Words of a flag, each with the protobuf value it means.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident means $meant:ident { $($(#[$word_doc:meta])* $word:ident = $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub enum $name { $($(#[$word_doc])* $word,)* }

        impl $name {
            /// The protobuf value.
            pub const fn meant(self) -> pb::$meant {
                match self { $(Self::$word => pb::$meant::$value,)* }
            }

            /// The number of the protobuf value.
            pub const fn number(self) -> i32 {
                self.meant() as i32
            }
        }
    };
}

/// An office, as a flag takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfficeWord {
    /// The South office
    South,
    /// The North office
    North,
}

impl OfficeWord {
    /// The office meant.
    pub const fn place(self) -> Place {
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

#[cfg(test)]
mod tests {
    use office::contact::{ContactKind, Formality};
    use office::document::{Form, Precedence};
    use office::officer::Rank;

    use super::*;

    #[test]
    fn flags_mean_the_protobuf_values() {
        assert_eq!(ConsultationKindWord::NotStated.number(), 6);
        assert_eq!(RankWord::WorkingLevelOfficial.number(), 4);
        assert_eq!(WaitWord::Delivered.number(), 2);
    }

    #[test]
    fn what_a_flag_takes_the_office_reads() {
        fn words<W: ValueEnum>() -> Vec<String> {
            let values = W::value_variants().iter();
            let named = values.filter_map(ValueEnum::to_possible_value);
            named.map(|value| value.get_name().to_owned()).collect()
        }
        let all_read = |words: Vec<String>, reads: fn(&str) -> bool| {
            assert!(words.iter().all(|word| reads(word)), "{words:?}");
        };
        all_read(words::<RankWord>(), |word| word.parse::<Rank>().is_ok());
        all_read(words::<FormalityWord>(), |word| {
            word.parse::<Formality>().is_ok()
        });
        all_read(words::<FormWord>(), |word| word.parse::<Form>().is_ok());
        all_read(words::<PrecedenceWord>(), |word| {
            word.parse::<Precedence>().is_ok()
        });
        let kinds = [words::<MeetingKindWord>(), words::<ConsultationKindWord>()];
        all_read(kinds.concat(), |word| word.parse::<ContactKind>().is_ok());
    }
}
