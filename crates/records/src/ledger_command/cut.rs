//! `liaison ledger cut`: a part of a ledger, by time.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use formats::{Cut, CutError, Cutting, PairWriter, Window};
use office::Place;
use serde_json::json;
use words::figures::thousands;
use words::time::{self, Typed};

use crate::room::Staged;
use crate::{source, zone};
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Kept are the exchanges that began at --from or later and before --until, by their author's time, each as far as it had \
come by --until. A step of an exchange that began earlier could stand on nothing, so it is left out, and counted in \
what is printed; a document that answers one from before is kept, and no longer says which. A ledger holds both \
offices' steps, so a pair comes out, of one ledger too (of a pair it is read from South's). Steps get new names and a \
new chain; payloads and author's times stay.

Examples:
  liaison simulate kaesong-2018
  liaison ledger cut liaison-data/kaesong-2018-1 --from 2018-10-01 --until 2018-11-01 --out liaison-data/october
  liaison tally liaison-data/october --by week
  liaison replay liaison-data/october --simulated --verify --force

JSON: {\"out\", \"steps\": {\"south\", \"north\"}, \"left_out\": {\"before\", \"begun_before\", \"after\", \
\"not_received\"}, \"unanchored\", \"tally\"}; left out are steps, unanchored are documents.";

/// Write the part of a ledger between two times, as a pair of its own
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CutArgs {
    /// A ledger, or a directory with south/ and north/ inside
    ledger: PathBuf,

    /// Only exchanges that began at this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    from: Option<Typed>,

    /// Only steps before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    until: Option<Typed>,

    /// Where the two ledgers go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

impl CutArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let zone = zone::of_ledgers(&self.ledger)?;
        let at = |typed: Option<Typed>| typed.map(|typed| typed.at(&zone)).transpose();
        let (from, until) = (
            at(self.from).map_err(Failure::Usage)?,
            at(self.until).map_err(Failure::Usage)?,
        );
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return Err(Failure::Usage(format!(
                "--from {from} is not before --until {until}; write an earlier --from"
            )));
        }
        let window = Window { from, until };
        let found = source::recording(&self.ledger)?;
        let (south, north) = (found.reader(Place::South), found.reader(Place::North));
        // Of one ledger both are the same reader.
        let peers = (south.place() != north.place()).then_some(north);
        let cutting = Cutting::of(south, peers, window).map_err(failed)?;
        let staged = Staged::apart(&self.out, self.force, &self.ledger)?;
        let opened_at = cutting.opened_at().map_err(failed)?;
        let pair = PairWriter::create(staged.path(), opened_at);
        let pair = pair.map_err(|error| failed(error.into()))?;
        let cut = cutting.write(pair).map_err(failed)?;
        zone::carry(&self.ledger, staged.path())?;
        staged.settle()?;
        settings
            .output
            .print(|| self.text(&cut), || self.json(&cut))
    }

    fn text(&self, cut: &Cut) -> String {
        let out = self.out.display();
        let mut text = format!(
            "{out}: {} steps of South's, {} of North's; {} exchanges, {} calls\n",
            thousands(cut.steps[Place::South]),
            thousands(cut.steps[Place::North]),
            thousands(cut.tally.exchanges()),
            thousands(cut.tally.calls()),
        );
        for (count, what) in [
            (cut.before, "steps left out: before --from"),
            (
                cut.begun_before,
                "steps left out: of exchanges that began before --from",
            ),
            (cut.after, "steps left out: at --until or later"),
            (
                cut.not_received,
                "steps left out: of North's, which South had not received",
            ),
            (
                cut.unanchored,
                "documents no longer say which they answer: it was sent before --from",
            ),
        ] {
            if count > 0 {
                let _ = writeln!(text, "  {:>9} {what}", thousands(count));
            }
        }
        let _ = writeln!(text, "next: liaison tally {out}");
        text
    }

    fn json(&self, cut: &Cut) -> serde_json::Value {
        json!({
            "out": self.out,
            "steps": {"south": cut.steps[Place::South], "north": cut.steps[Place::North]},
            "left_out": {
                "before": cut.before,
                "begun_before": cut.begun_before,
                "after": cut.after,
                "not_received": cut.not_received,
            },
            "unanchored": cut.unanchored,
            "tally": words::tally::to_json(&protocol::tally_to_pb(&cut.tally)),
        })
    }
}

fn failed(error: CutError) -> Failure {
    match error {
        CutError::Nothing { .. } => Failure::Usage(format!(
            "failed to cut: {error}; write --from and --until between them"
        )),
        error => Failure::Failed(format!("failed to cut: {error}")),
    }
}
