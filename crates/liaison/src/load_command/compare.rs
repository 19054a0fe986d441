//! `liaison load compare`: saved runs, held against the first of them.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use report::{Report, Threshold, ThresholdReport, show};
use serde_json::json;

use super::outcome::{self, held, read_saved, worse};
use command::failure::Failure;
use command::output::Format;
use command::settings::Settings;

const EXAMPLES: &str = "\
A figure is better or worse if five runs or more on both sides (--repeat 5) lie apart, and their medians by more than 2 %. \
With fewer there are too few to judge.

Examples:
  liaison load document --rate 500 --duration 10s --repeat 5 --save monday.json
  liaison load compare monday.json tuesday.json wednesday.json
  liaison load compare monday.json tuesday.json --fail-if 'p99>baseline+10%'

Exit codes: 0 done, 99 a figure of a later run is worse (✗), or a --fail-if held.

JSON: {\"baseline\", \"runs\": [{\"run\", \"labels\", \"comparison\": {\"figures\": [{\"name\", \"unit\", \"before\", \"now\", \
\"verdict\"}], \"setup_differs\"}, \"thresholds\"}]}.";

/// Compare saved runs with the first of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// Runs that were saved with --save; the first is the baseline
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,

    /// Fail (exit code 99) if this holds of a later run, such as 'p99>baseline+10%'; may be repeated
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Threshold>,
}

/// A later run, as it stands to the first.
struct Compared {
    name: String,
    report: Report,
    thresholds: Vec<ThresholdReport>,
}

impl CompareArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        outcome::no_ghz(settings, "load compare")?;
        let mut runs = Vec::new();
        for path in &self.runs {
            runs.push((path.display().to_string(), read_saved(path)?));
        }
        let mut runs = runs.into_iter();
        let Some((baseline, before)) = runs.next() else {
            return Err(Failure::Usage("name two saved runs or more".to_owned()));
        };
        let compared: Vec<Compared> = runs
            .map(|(name, mut report)| {
                report.comparison = Some(report::compare(&before, &baseline, &report));
                let fail_if = self.fail_if.iter();
                Compared {
                    thresholds: fail_if
                        .map(|it| it.check_against(&report, Some(&before)))
                        .collect(),
                    name,
                    report,
                }
            })
            .collect();
        match settings.output.format {
            Format::Json => settings.output.json(&to_json(&baseline, &compared))?,
            _ => settings
                .output
                .text(&text(&compared, settings.output.width()))?,
        }
        verdict(&compared)
    }
}

fn text(compared: &[Compared], width: usize) -> String {
    let mut texts = Vec::new();
    for one in compared {
        let Some(comparison) = &one.report.comparison else {
            continue;
        };
        let labels = &one.report.setup.labels;
        let name = match labels.as_slice() {
            [] => one.name.clone(),
            labels => format!("{} ({})", one.name, labels.join(", ")),
        };
        let mut text = show::comparison(&name, comparison, width);
        for threshold in &one.thresholds {
            let sign = if threshold.failed { "✗" } else { "✓" };
            let ThresholdReport {
                text: asked, seen, ..
            } = threshold;
            let _ = writeln!(text, "  {sign} {asked}  seen {seen}");
        }
        texts.push(text);
    }
    texts.join("\n")
}

fn to_json(baseline: &str, compared: &[Compared]) -> serde_json::Value {
    let runs = compared.iter().map(|one| {
        json!({
            "run": one.name,
            "labels": one.report.setup.labels,
            "comparison": one.report.comparison,
            "thresholds": one.thresholds,
        })
    });
    json!({ "baseline": baseline, "runs": runs.collect::<Vec<_>>() })
}

fn verdict(compared: &[Compared]) -> Result<(), Failure> {
    let mut found = Vec::new();
    for one in compared {
        let said = [held(&one.thresholds), worse(&one.report)];
        let said = said.into_iter().flatten();
        found.extend(said.map(|said| format!("{}: {said}", one.name)));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::Disagreed(found.join("; ")))
}
