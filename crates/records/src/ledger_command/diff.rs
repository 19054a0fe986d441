//! `liaison ledger diff`: two recordings held against each other, by the field.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use replay::{Comparison, Rules, compare};
use serde_json::json;
use words::figures::thousands;
use words::style::{BAD, GOOD, clean, styled};

use crate::source;
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Steps are compared in each office's own order; what a step answers, by the step that it names. Request ids and times \
are left out unless --strict is given: a replay has its own.

Paths: step (missing or added), order, author, kind, parent, request_id, authored_at, payload.FIELD, state, tally.FIELD.

Examples:
  liaison simulate kaesong-2018 --seed 1 --force
  liaison simulate kaesong-2018 --seed 2 --force
  liaison ledger diff liaison-data/kaesong-2018-1 liaison-data/kaesong-2018-1 --strict
  liaison ledger diff liaison-data/kaesong-2018-1 liaison-data/kaesong-2018-2 --ignore payload --ignore order

JSON: {\"steps\", \"differences\": [{\"step\", \"path\", \"recorded\", \"found\"}], \"more\"}: steps alike, at most 100 \
differences, and how many more there are. Exit code 99 if there is any.";

/// Compare two ledgers step by step: what differs, by the path of the field
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArgs {
    /// What was recorded: a ledger, or a directory with south/ and north/ inside
    #[arg(value_name = "A")]
    one: PathBuf,

    /// What is held against it
    #[arg(value_name = "B")]
    other: PathBuf,

    /// Leave out this path, and all below it
    #[arg(long, value_name = "PATH")]
    ignore: Vec<String>,

    /// Compare request ids and times too
    #[arg(long)]
    strict: bool,
}

impl DiffArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (one, other) = (
            source::recording(&self.one)?,
            source::recording(&self.other)?,
        );
        let rules = if self.strict {
            Rules::strict()
        } else {
            Rules::default()
        };
        let found = compare(one.sides(), other.sides(), &rules.ignoring(self.ignore));
        let found = found.map_err(|error| Failure::Failed(error.to_string()))?;
        settings
            .output
            .print(|| compared_text(&found), || json!(found))?;
        if found.agreed() {
            return Ok(());
        }
        Err(Failure::Disagreed(format!(
            "{} and {} differ; leave out what may differ with --ignore PATH, and see a step with \
             `liaison ledger show LEDGER`",
            self.one.display(),
            self.other.display()
        )))
    }
}

/// What a comparison found, in words.
pub(crate) fn compared_text(found: &Comparison) -> String {
    if found.agreed() {
        return format!(
            "{}: {} steps alike\n",
            styled(GOOD, "no difference"),
            thousands(found.steps)
        );
    }
    let mut text = format!(
        "{}: {} steps alike\n",
        styled(BAD, "differences"),
        thousands(found.steps)
    );
    for difference in &found.differences {
        let step = if difference.step.is_empty() {
            String::new()
        } else {
            format!("{}  ", clean(&difference.step))
        };
        let _ = writeln!(
            text,
            "  {step}{}: {} -> {}",
            clean(&difference.path),
            clean(&difference.recorded),
            clean(&difference.found)
        );
    }
    if found.more > 0 {
        let _ = writeln!(text, "  and {} more", thousands(found.more));
    }
    text
}
