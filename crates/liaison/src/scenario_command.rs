//! `liaison scenario`: what a scenario says, whether it can be played, and what it looks like.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use formats::Plot;
use scenario::Scenario;
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{HEADING, clean, styled};

use crate::simulate::find;
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison scenario list
  liaison scenario show workshop > mine.toml
  liaison scenario check mine.toml
  liaison scenario plot kaesong-2018
  liaison scenario plot mine.toml --seed 7 --svg mine.svg
  liaison scenario fit liaison-data/kaesong-2018-1 > fitted.toml
  liaison scenario schema > scenario.schema.json";

/// Look at scenarios: list, show, check, plot, fit, and the schema of their files
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ScenarioArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The scenarios that come with the software
    ///
    /// JSON: [{"name", "title", "days", "contacts", "meetings", "documents"}].
    #[command(after_help = "Examples:\n  liaison scenario list")]
    List,
    /// A scenario's file as it is, to copy and change
    #[command(after_help = "Examples:\n  liaison scenario show workshop > mine.toml")]
    Show {
        /// A scenario that comes with the software, or a scenario file
        #[arg(value_name = "NAME-or-FILE")]
        scenario: String,
    },
    /// Every mistake of scenario files at once, with line, column and remedy; exit code 2 if there are any
    ///
    /// JSON: [{"file", "name", "mistakes": [{"line", "column", "key", "message", "remedy"}]}].
    #[command(after_help = "Examples:\n  liaison scenario check mine.toml")]
    Check {
        /// Scenario files, or names of scenarios that come with the software
        #[arg(value_name = "NAME-or-FILE", required = true)]
        scenarios: Vec<String>,
    },
    /// The timeline that a seed draws
    ///
    /// JSON: {"name", "seed", "rows": [{"row", "count", "times"}]}.
    #[command(
        after_help = "Examples:\n  liaison scenario plot kaesong-2018\n  liaison scenario plot mine.toml --seed 7 --svg mine.svg"
    )]
    Plot {
        /// A scenario that comes with the software, or a scenario file
        #[arg(value_name = "NAME-or-FILE")]
        scenario: String,
        /// What is drawn when, and between whom
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Write a picture to this file instead
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    Fit(records::FitArgs),
    /// The JSON Schema of scenario files, for editors
    #[command(after_help = "Examples:\n  liaison scenario schema > scenario.schema.json")]
    Schema,
}

impl ScenarioArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let output = settings.output;
        match self.command {
            Command::List => {
                let known: Vec<Scenario> = scenario::shipped()
                    .iter()
                    .map(|(name, _)| find(name))
                    .collect::<Result<_, _>>()?;
                output.print(|| list_text(&known), || known.iter().map(listed).collect())
            }
            Command::Show { scenario } => output.data(&text_of(&scenario)?),
            Command::Check { scenarios } => check(&scenarios, settings),
            Command::Plot {
                scenario,
                seed,
                svg,
            } => {
                let scenario = find(&scenario)?;
                let plot = Plot::of(&scenario, seed);
                let Some(path) = svg else {
                    return output.print(|| plot.to_text(), || plot.to_json());
                };
                fs::write(&path, plot.to_svg()).map_err(|error| {
                    Failure::Failed(format!("failed to write {}: {error}", path.display()))
                })
            }
            Command::Fit(args) => args.run(settings),
            Command::Schema => output.data(scenario::SCHEMA),
        }
    }
}

fn text_of(name: &str) -> Result<String, Failure> {
    if let Some(text) = scenario::shipped_text(name) {
        return Ok(text.to_owned());
    }
    // The error lists what there is.
    fs::read_to_string(name).map_err(|_| match find(name) {
        Err(failure) => failure,
        Ok(_) => Failure::Failed(format!("{name} is gone")),
    })
}

fn check(names: &[String], settings: &Settings) -> Result<(), Failure> {
    let mut checked = Vec::new();
    for name in names {
        let parsed = Scenario::parse(name, &text_of(name)?);
        checked.push((name, parsed));
    }
    let text = || {
        let mut text = String::new();
        for (name, parsed) in &checked {
            let _ = match parsed {
                Ok(scenario) => writeln!(text, "{}: {}", clean(name), summary(scenario)),
                Err(error) => writeln!(text, "{error}"),
            };
        }
        text
    };
    let value = || {
        let one = |(file, parsed): &(&String, Result<Scenario, reading::FileError>)| {
            let mistakes = parsed.as_ref().err().map(|error| &error.mistakes[..]);
            let mistakes = mistakes.unwrap_or_default().iter().map(|mistake| {
                json!({
                    "line": mistake.line,
                    "column": mistake.column,
                    "key": mistake.key,
                    "message": mistake.message,
                    "remedy": mistake.remedy,
                })
            });
            json!({
                "file": file,
                "name": parsed.as_ref().ok().map(|scenario| &scenario.name),
                "mistakes": mistakes.collect::<Vec<_>>(),
            })
        };
        checked.iter().map(one).collect()
    };
    settings.output.print(text, value)?;
    let wrong = checked.iter().filter(|(_, parsed)| parsed.is_err()).count();
    if wrong == 0 {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{wrong} of {} scenarios cannot be played",
        checked.len()
    )))
}

fn summary(scenario: &Scenario) -> String {
    let totals = scenario.totals(1, 1);
    let drawn = if scenario.has_rates() {
        " (of seed 1: it has rates)"
    } else {
        ""
    };
    format!(
        "{} days, {} contacts of which {} meetings, {} documents{drawn}",
        thousands(scenario.calendar().days()),
        thousands(totals.contacts()),
        thousands(totals.meetings()),
        thousands(totals.documents)
    )
}

fn list_text(known: &[Scenario]) -> String {
    let mut text = String::new();
    for scenario in known {
        let Scenario { name, title, .. } = scenario;
        let name = styled(HEADING, &format!("{name:<18}"));
        let title = clean(title);
        let _ = writeln!(text, "{name} {title}\n{:<18} {}", "", summary(scenario));
    }
    text
}

fn listed(scenario: &Scenario) -> Value {
    let totals = scenario.totals(1, 1);
    json!({
        "name": scenario.name,
        "title": scenario.title,
        "days": scenario.calendar().days(),
        "contacts": totals.contacts(),
        "meetings": totals.meetings(),
        "documents": totals.documents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_listed_with_its_totals() {
        let known: Vec<Scenario> = scenario::shipped()
            .iter()
            .map(|(name, _)| find(name).expect("it is shipped"))
            .collect();
        let text = anstream::adapter::strip_str(&list_text(&known)).to_string();
        assert!(
            text.contains("285 contacts of which 46 meetings, 173 documents"),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert_eq!(listed(&known[0])["documents"], 173);
    }

    #[test]
    fn a_scenario_that_is_not_there_is_a_usage_error() {
        let failure = text_of("kaesong-2019").expect_err("there is none");
        assert_eq!(failure.exit_code(), 2);
    }
}
