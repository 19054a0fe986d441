//! `liaison load merge`: saved runs, joined.

use std::path::PathBuf;

use clap::Args;
use report::Threshold;

use super::arguments::FilesArgs;
use super::outcome::{Judge, read_saved};
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Histograms are added value by value, so the percentiles are those of one run over all shards.

Examples:
  liaison load merge a.json b.json
  liaison load merge shard-*.json --html all.html --fail-if 'p99>20ms'

JSON: as `liaison load` prints it.";

/// Join saved runs of one plan, such as its shards
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MergeArgs {
    /// Runs that were saved with --save
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    runs: Vec<PathBuf>,

    /// Fail (exit code 99) if this holds; may be repeated
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Threshold>,

    #[command(flatten)]
    files: FilesArgs,
}

impl MergeArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let judge = Judge::new(&self.fail_if, None, &self.files, settings)?;
        let mut reports = Vec::new();
        for path in &self.runs {
            reports.push((path.display().to_string(), read_saved(path)?));
        }
        let report = report::merge(reports)
            .map_err(|error| Failure::Failed(format!("failed to merge: {error}")))?;
        judge.tell(report)
    }
}
