//! What a meeting and a consultation have in common: who, where, how long, what about.

use std::time::Duration;

use clap::Args;
use protocol::pb::office as pb;
use words::{officer, time};

use command::flags::{FormalityWord, RankWord};

/// Who takes part, where, how long, what about.
#[derive(Debug, Clone, Args)]
pub(crate) struct ContactTermsArgs {
    /// The level, such as deputy-chief
    #[arg(long, value_enum, value_name = "RANK")]
    pub(crate) level: Option<RankWord>,

    /// Who takes part: "Name, rank" or "Name"; may be repeated
    #[arg(long = "participant", value_name = "OFFICER", value_parser = officer::parse)]
    pub(crate) participants: Vec<pb::Officer>,

    /// Where
    #[arg(long)]
    pub(crate) place: Option<String>,

    /// How long, such as 90m
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// What about; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,

    /// Official, informal or private
    #[arg(long, value_enum)]
    pub(crate) formality: Option<FormalityWord>,
}

/// The terms of a meeting as lines of a name and what it is.
pub(crate) fn meeting_pairs(terms: &pb::MeetingTerms) -> Vec<(&'static str, String)> {
    let time_of = |time: Option<&prost_types::Timestamp>| {
        time.map_or_else(String::new, |_| time::words_of(time) + " (UTC+9)")
    };
    vec![
        ("kind", words::contact_kind(terms.kind)),
        ("level", words::rank(terms.level)),
        ("begins", time_of(terms.begins_at.as_ref())),
        ("duration", time::duration_words_of(terms.duration.as_ref())),
        ("place", terms.place.clone()),
        ("topics", terms.topics.join("; ")),
        ("participants", participants(&terms.participants)),
        ("formality", words::formality(terms.formality)),
        ("answer by", time_of(terms.answer_by.as_ref())),
    ]
}

fn participants(officers: &[pb::Officer]) -> String {
    let names: Vec<String> = officers.iter().map(officer::words).collect();
    names.join("; ")
}
