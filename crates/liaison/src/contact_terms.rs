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
