//! `liaison simulate`: a scenario played by two offices in simulated time.

mod plan;
mod play;
mod report;
mod seeds;

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use jiff::tz::TimeZone;
use plan::Plan;
use records::room::Staged;
use scenario::Scenario;
use simulator::Faults;
use words::time::Typed;

use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison simulate kaesong-2018
  liaison simulate kaesong-2018 --seed 7 --out /tmp/kaesong --force
  liaison simulate kaesong-2018 --scale 100 --pairs 2 --force
  liaison simulate kaesong-2018 --seeds 1..1001 --check --cuts 3 --crashes 3 --crossings 2
  liaison simulate kaesong-2018 --force --output json

The same scenario and seed give byte-identical ledgers on any machine, with faults too.

JSON: {\"scenario\", \"seed\", \"scale\", \"pairs\", \"out\", \"tally\", \"reconciled\": {\"agreed\", \"south_to_north\", \
\"north_to_south\", \"differences\"}, \"steps\", \"wall_ms\"}; the tally as `liaison tally` prints it, of all pairs together.
JSON with --seeds: {\"scenario\", \"seeds\", \"steps\", \"exchanges\", \"crossings\", \"failed\", \"failures\": [{\"seed\", \
\"what\"}], \"wall_ms\"}.";

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

    /// So many times the traffic in the same days; every total holds exactly
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    scale: u32,

    /// So many pairs side by side, on all processors, each under a seed of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pairs: u64,

    /// Stop at this time: nothing is done later. Totals are then not reached
    #[arg(long, value_name = "TIME", value_parser = words::time::parse_typed)]
    until: Option<Typed>,

    /// Leave out the faults that the scenario itself has
    #[arg(long)]
    no_faults: bool,

    /// Cut the line so often; when and how long is drawn from the seed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    cuts: u32,

    /// Have an office die and start again so often
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    crashes: u32,

    /// Have both offices act at once, so often, on a meeting beside the scenario's
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    crossings: u32,

    /// Play every seed from A to before B; only with --check
    #[arg(long, value_name = "A..B", value_parser = seeds, requires = "check", conflicts_with_all = ["seed", "pairs", "out"])]
    seeds: Option<Range<u64>>,

    /// Play each seed twice, in memory, and tell only what is wrong
    #[arg(long, requires = "seeds")]
    check: bool,

    /// Where the ledgers go [default: liaison-data/SCENARIO-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

impl SimulateArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let scenario = find(&self.scenario)?;
        let zone = TimeZone::fixed(scenario.calendar().utc_offset());
        let until = self.until.map(|until| until.at(&zone)).transpose();
        let plan = Plan {
            seed: self.seed,
            scale: self.scale,
            pairs: self.pairs,
            until: until.map_err(Failure::Usage)?,
            timetable: !self.no_faults,
            faults: Faults {
                cuts: self.cuts,
                crashes: self.crashes,
                crossings: self.crossings,
            },
        };
        if let Some(seeds) = self.seeds {
            let checked = seeds::check(&scenario, seeds, plan);
            settings
                .output
                .print(|| checked.to_text(), || checked.to_json())?;
            return checked.check();
        }
        let out = self.out.unwrap_or_else(|| {
            PathBuf::from("liaison-data").join(format!("{}-{}", scenario.name, self.seed))
        });
        let staged = Staged::begin(&out, self.force)?;
        let report = play::play(&scenario, plan, staged.path(), &out)?;
        staged.settle()?;
        settings
            .output
            .print(|| report.to_text(), || report.to_json())?;
        report.check()
    }
}

/// Seeds as typed: `1..101` is a hundred.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(first, end)| {
        let range = first.parse().ok()?..end.parse().ok()?;
        (range.start < range.end).then_some(range)
    });
    range.ok_or_else(|| {
        "write two numbers, the smaller first, such as 1..101 for a hundred seeds".to_owned()
    })
}

/// The scenario named: one that is shipped, or a file.
pub(crate) fn find(name: &str) -> Result<Scenario, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_with_its_end_left_out() {
        assert_eq!(seeds("1..101"), Ok(1..101));
        for text in ["", "7", "3..3", "5..3", "a..b", "1..-2"] {
            assert!(seeds(text).is_err(), "{text}");
        }
    }

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
}
