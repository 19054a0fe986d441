//! The words of the domain, once: what a kind, a rank or a form is called in files, in flags and on paper.

use std::str::FromStr;

use crate::call::{CallKind, LineDeclaration};
use crate::contact::{ContactKind, Formality};
use crate::document::{Form, Precedence};
use crate::officer::Rank;
use crate::step::StepKind;

/// A word that means nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {what}; write one of {}", known.join(", "))]
pub struct UnknownWord {
    /// As it was written.
    pub word: String,
    /// What was wanted.
    pub what: &'static str,
    /// The words that would be understood.
    pub known: Vec<String>,
}

/// How a word is compared: in any case, and with hyphens or underscores for blanks.
fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', '_'], " ")
}

macro_rules! words {
    ($($of:ident is a $what:literal: $($variant:ident $word:literal,)*;)*) => {$(
        impl $of {
            /// Every one of them, by its word.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)*];
        }

        impl FromStr for $of {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let wanted = plain(text);
                let found = Self::WORDS.iter().find(|(word, _)| plain(word) == wanted);
                found.map(|(_, meant)| *meant).ok_or_else(|| UnknownWord {
                    word: text.trim().to_owned(),
                    what: $what,
                    known: Self::WORDS.iter().map(|(word, _)| (*word).to_owned()).collect(),
                })
            }
        }
    )*};
}

words! {
    Rank is a "rank":
        Chief "chief",
        DeputyChief "deputy chief",
        GovernmentOfficial "government official",
        WorkingLevelOfficial "working-level official",;
    ContactKind is a "kind of contact":
        GovernmentOfficials "government officials",
        WorkingLevel "working level",
        Chiefs "chiefs",
        RegularConsultation "regular",
        OnDemandConsultation "on demand",
        NotStated "not stated",;
    Formality is a "formality":
        Official "official",
        Informal "informal",
        Private "private",;
    Form is a "form":
        Message "message",
        Notice "notice",
        Note "note",
        Document "document",;
    Precedence is a "precedence":
        Flash "flash",
        Immediate "immediate",
        Priority "priority",
        Routine "routine",;
    CallKind is a "kind of call":
        Opening "opening",
        Closing "closing",;
    LineDeclaration is a "declaration":
        Cut "cut",
        Restored "restored",;
}

impl ContactKind {
    /// How many of [`ContactKind::WORDS`] are meetings; they come first.
    const MEETINGS_COUNT: usize = 3;

    /// The kinds that are negotiated first, by their words.
    pub const MEETINGS: &'static [(&'static str, Self)] =
        Self::WORDS.split_at(Self::MEETINGS_COUNT).0;

    /// The kinds that are not, by their words.
    pub const CONSULTATIONS: &'static [(&'static str, Self)] =
        Self::WORDS.split_at(Self::MEETINGS_COUNT).1;
}

impl Rank {
    /// The word.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, rank)| *rank == self);
        found.map_or("", |(word, _)| word)
    }
}

impl FromStr for StepKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let wanted = plain(text);
        let found = Self::ALL.into_iter().find(|kind| kind.words() == wanted);
        found.ok_or_else(|| UnknownWord {
            word: text.trim().to_owned(),
            what: "kind of step",
            known: Self::ALL
                .map(|kind| kind.words().replace(' ', "-"))
                .to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_in_any_case_and_with_hyphens() {
        assert_eq!("Deputy-Chief".parse(), Ok(Rank::DeputyChief));
        assert_eq!(
            "working level official".parse(),
            Ok(Rank::WorkingLevelOfficial)
        );
        assert_eq!("on-demand".parse(), Ok(ContactKind::OnDemandConsultation));
        assert_eq!("DOCUMENT_SENT".parse(), Ok(StepKind::DocumentSent));
    }

    #[test]
    fn a_word_that_is_none_lists_those_that_are() {
        let error = "general".parse::<Rank>().expect_err("it is no rank");
        assert_eq!(
            error.to_string(),
            "\"general\" is no rank; write one of chief, deputy chief, government official, working-level official"
        );
    }

    #[test]
    fn meetings_are_what_is_negotiated() {
        assert!(
            ContactKind::MEETINGS
                .iter()
                .all(|(_, kind)| kind.is_meeting())
        );
        let others = ContactKind::CONSULTATIONS;
        assert!(others.len() == 3 && others.iter().all(|(_, kind)| !kind.is_meeting()));
    }
}
