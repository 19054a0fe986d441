//! `liaison scenario fit`: a scenario whose traffic is like that of a ledger, and how like.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use fit::{Distances, Observed, Weeks};
use jiff::tz::{Offset, TimeZone};
use ledger::{MemoryStorage, Storage};
use office::tally::OFFICE_TIME;
use scenario::Scenario;
use serde_json::json;
use simulator::Simulation;
use words::figures::thousands;
use words::time;

use command::failure::Failure;
use command::file_out::FileOut;
use command::output::note;
use command::settings::Settings;
use command::system::Stopwatch;
use command::zone::ZoneArgs;

use crate::source::{self, Named};
use crate::zone;

const EXAMPLES: &str = "\
Of documents it takes totals, hours of the week, weeks, direction, sizes, gaps, and how long answers and replies \
take; of meetings and consultations their kinds, totals, days, notice, durations, and how often they are countered, \
declined or cancelled. Replies are documents that name what they answer; where none does, documents that go back \
between the same two officers.

With --check it fits every second week, plays the fitted scenario through both offices, and holds what comes out \
against the weeks that the fit did not see.

Examples:
  liaison simulate kaesong-2018
  liaison scenario fit liaison-data/kaesong-2018-1 > fitted.toml
  liaison scenario check fitted.toml
  liaison scenario fit liaison-data/CollegeMsg --utc-offset -07:00 --out fitted.toml
  liaison scenario fit liaison-data/CollegeMsg --check

JSON (with --out): {\"out\", \"name\", \"documents\", \"contacts\"}. With --check: {\"tolerance\", \"within\", \"held_out\": \
{\"fitted\": [{\"what\", \"ks\", \"one\", \"other\"}], \"gaps\", \"burstiness\": [fitted, held out]}, \"own_weeks\": the same \
between the ledger's own weeks}. Exit code 99 if a distance is above the tolerance.";

/// A scenario whose traffic is like that of a ledger
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FitArgs {
    /// The ledger's directory, or one with south/ and north/ inside
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,

    /// The scenario's name
    #[arg(long, value_name = "NAME", default_value = "fitted")]
    name: String,

    #[command(flatten)]
    zone: ZoneArgs,

    /// Where to write it [default: stdout]
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Replace the file
    #[arg(long, requires = "out")]
    force: bool,

    /// Hold the fit of every second week against the weeks between
    #[arg(long)]
    check: bool,

    /// The largest Kolmogorov-Smirnov distance that --check lets pass
    #[arg(long, value_name = "D", default_value_t = 0.05, requires = "check")]
    tolerance: f64,

    /// The seed that --check plays the scenario under
    #[arg(long, value_name = "N", default_value_t = 1, requires = "check")]
    seed: u64,
}

impl FitArgs {
    /// Fits.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = source::ledgers_in(&self.ledger)?.swap_remove(0);
        let storage = source::storage(&path);
        let offset = self.offset(&*storage)?;
        let observed = observe(&*storage, offset)?;
        if self.check {
            return self.held_out(&observed, offset, settings);
        }
        let text = fitted(&observed, &self.name, Weeks::All)?;
        let Some(out) = &self.out else {
            return settings.output.data(&text);
        };
        write(out, &text, self.force)?;
        let scenario = Scenario::parse(&self.name, &text)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let totals = scenario.totals(1, 1);
        settings.output.print(
            || {
                format!(
                    "{}: {} documents and {} contacts in {} days\n\nnext:\n  liaison scenario plot {out}\n  \
                     liaison simulate {out}\n",
                    out.display(),
                    thousands(totals.documents),
                    thousands(totals.contacts()),
                    thousands(scenario.calendar().days()),
                    out = out.display(),
                )
            },
            || {
                json!({
                    "out": out, "name": self.name, "documents": totals.documents,
                    "contacts": totals.contacts(),
                })
            },
        )
    }

    /// How far the scenario's clocks are from UTC. They are as far all the year: of a zone with daylight saving, as far as
    /// when the ledger begins.
    fn offset(&self, storage: &dyn Storage) -> Result<Offset, Failure> {
        let zone = zone::of(&self.zone, &Named::Directory(self.ledger.clone()))?;
        if let Ok(offset) = zone.to_fixed_offset() {
            return Ok(offset);
        }
        let first = ledger::read(storage)?.after(0).next_entry()?;
        let offset = first.map_or(OFFICE_TIME, |entry| zone.to_offset(entry.recorded_at));
        note(&format!(
            "a scenario's clocks have no daylight saving: all of it is told at {}, where those of {} are when the ledger \
             begins; another is --utc-offset",
            time::zone_words(&TimeZone::fixed(offset)),
            time::zone_words(&zone),
        ));
        Ok(offset)
    }

    /// Fits the odd weeks, and compares with the even ones.
    fn held_out(
        &self,
        observed: &Observed,
        offset: Offset,
        settings: &Settings,
    ) -> Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let text = fitted(observed, &self.name, Weeks::Odd)?;
        let scenario = Scenario::parse(&self.name, &text)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let fitting = stopwatch.elapsed();
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        Simulation::in_storages(&scenario, self.seed, south.clone(), north)
            .run()
            .map_err(|error| {
                Failure::Failed(format!("failed to simulate the fitted scenario: {error}"))
            })?;
        let simulated = observe(&south, offset)?;
        let held_out = Distances::between((&simulated, Weeks::All), (observed, Weeks::Even));
        let own = Distances::between((observed, Weeks::Odd), (observed, Weeks::Even));
        let within = held_out.most() <= self.tolerance;
        let all = stopwatch.elapsed();
        settings.output.print(
            || {
                let table = held_out.to_text(&own, self.tolerance);
                format!("{table}fitted in {fitting:.1?}, all of it in {all:.1?}\n")
            },
            || {
                json!({
                    "tolerance": self.tolerance, "within": within, "held_out": held_out, "own_weeks": own,
                })
            },
        )?;
        if within {
            return Ok(());
        }
        Err(Failure::Disagreed(format!(
            "the fit is further from the weeks held out than {}; where the ledger's own weeks are as far apart, no fit can \
             be nearer",
            self.tolerance
        )))
    }
}

fn observe(storage: &dyn Storage, offset: Offset) -> Result<Observed, Failure> {
    let reader = ledger::read(storage)?;
    let mut observed = Observed::begin(offset);
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry()? {
        observed.take(&entry);
    }
    observed.finish();
    Ok(observed)
}

fn fitted(observed: &Observed, name: &str, weeks: Weeks) -> Result<String, Failure> {
    observed
        .scenario(name, weeks)
        .map_err(|error| Failure::Failed(format!("failed to fit a scenario: {error}")))
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    FileOut::write(path, text, force).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return Failure::Usage(format!(
                "{} is there already; add --force to replace it",
                path.display()
            ));
        }
        Failure::Failed(format!("failed to write {}: {error}", path.display()))
    })
}
