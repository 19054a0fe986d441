//! `liaison simulate`: a scenario played by two offices in simulated time.

mod play;
mod report;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use scenario::Scenario;

use crate::failure::Failure;
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison simulate kaesong-2018
  liaison simulate kaesong-2018 --seed 7 --out /tmp/kaesong --force
  liaison simulate kaesong-2018 --force --output json

The same scenario and seed give byte-identical ledgers on any machine.

JSON: {\"scenario\", \"seed\", \"out\", \"tally\", \"reconciled\": {\"agreed\", \"south_to_north\", \"north_to_south\", \
\"differences\"}, \"steps\", \"wall_ms\"}; the tally as `liaison tally` prints it.";

/// Play a scenario: two offices, simulated time, one seed
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// A scenario that comes with the software, or a scenario file
    #[arg(value_name = "NAME-or-FILE")]
    scenario: String,

    /// What is drawn when, and between whom
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Where the two ledgers go [default: liaison-data/SCENARIO-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

impl SimulateArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let scenario = find(&self.scenario)?;
        let out = self.out.unwrap_or_else(|| {
            PathBuf::from("liaison-data").join(format!("{}-{}", scenario.name, self.seed))
        });
        make_room(&out, self.force)?;
        let report = play::play(&scenario, self.seed, &out)?;
        settings
            .output
            .print(|| report.to_text(), || report.to_json())?;
        report.check()
    }
}

/// The scenario named: one that is shipped, or a file.
fn find(name: &str) -> Result<Scenario, Failure> {
    if let Some(text) = scenario::shipped_text(name) {
        return parse(name, text);
    }
    match fs::read_to_string(name) {
        Ok(text) => parse(name, &text),
        Err(error) => Err(Failure::Usage(unknown(name, &error))),
    }
}

fn parse(name: &str, text: &str) -> Result<Scenario, Failure> {
    Scenario::parse(name, text).map_err(|error| {
        let one = error.mistakes.len() == 1;
        let count = if one {
            "a mistake".to_owned()
        } else {
            format!("{} mistakes", error.mistakes.len())
        };
        Failure::Usage(format!("the scenario {name} has {count}\n{error}"))
    })
}

fn unknown(name: &str, error: &std::io::Error) -> String {
    let mut text = format!(
        "{name:?} is no scenario that comes with the software, and no file that can be read ({error})\n\
         Scenarios that come with it:\n"
    );
    for (known, toml) in scenario::shipped() {
        let title =
            Scenario::parse(known, toml).map_or_else(|_| String::new(), |found| found.title);
        let _ = writeln!(text, "  {known:<20}  {title}");
    }
    text.push_str("Name one of them, or a scenario file of your own");
    text
}

/// Refuses a directory that is not empty, unless an earlier run may be replaced: then only what such a run writes
/// is removed.
fn make_room(out: &Path, force: bool) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::Failed(format!(
            "failed to make room at {}: {error}",
            path.display()
        ))
    };
    let names = match fs::read_dir(out) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(out, error)),
    };
    let names: Vec<PathBuf> = names.flatten().map(|name| name.path()).collect();
    if names.is_empty() {
        return Ok(());
    }
    if !force {
        return Err(Failure::Usage(format!(
            "{} is not empty; name another --out, or replace what is there with --force",
            out.display()
        )));
    }
    for path in ["south", "north"].map(|place| out.join(place)) {
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_scenario_is_found_by_its_name() {
        assert_eq!(
            find("kaesong-2018").map(|found| found.name).ok().as_deref(),
            Some("kaesong-2018")
        );
    }

    #[test]
    fn an_unknown_scenario_is_a_usage_error_that_lists_the_known() {
        let error = find("panmunjom-1953").expect_err("there is none");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("kaesong-2018"), "{error}");
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("mine.toml");
        fs::write(&file, "[scenario]\nnam = \"mine\"\n").expect("it is ours");
        let error = find(&file.display().to_string()).expect_err("it has mistakes");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("mine.toml:2:1"), "{error}");
    }

    #[test]
    fn what_is_there_stays_unless_forced() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path();
        assert!(make_room(out, false).is_ok());
        assert!(make_room(&out.join("new"), false).is_ok());
        fs::create_dir(out.join("south")).expect("it is new");
        fs::write(out.join("notes.txt"), "mine").expect("it is ours");
        assert_eq!(
            make_room(out, false)
                .expect_err("it is not empty")
                .exit_code(),
            2
        );
        assert!(make_room(out, true).is_ok());
        assert!(!out.join("south").exists() && out.join("notes.txt").exists());
    }
}
