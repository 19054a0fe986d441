//! `liaison ledger fork`: a ledger up to a point, for offices to carry on from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ledger::Forked;
use office::{PerPlace, Place};
use serde_json::json;
use words::figures::thousands;

use crate::room::{Staged, create};
use command::failure::Failure;
use command::flags::OfficeWord;
use command::settings::Settings;
use command::system;

use crate::{source, zone};

const EXAMPLES: &str = "\
The entries kept are the original bytes; one more raises the epoch, so that the fork's offices are never taken for the \
original's. Of a pair, both ledgers are forked at the last point, by entry SEQ of South's (or --office's), at which \
both held the same steps: where one was on its way, that lies a little before SEQ, and is told. The original is only \
read, also while its offices run. A ledger that is forked alone needs a peer that holds the same.

Examples:
  liaison simulate kaesong-2018
  liaison ledger fork liaison-data/kaesong-2018-1 --at 400 --out liaison-data/forked
  liaison up --data liaison-data/forked

JSON: {\"out\", \"office\", \"at\", \"south\": {\"entries\", \"left_behind\", \"epoch\"}, \"north\": the same}; an office \
that was not forked is null.";

/// Copy a ledger, or a pair, up to an entry: offices can carry on from there
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ForkArgs {
    /// A ledger, or a directory with south/ and north/ inside
    ledger: PathBuf,

    /// The last entry to keep, by its sequence
    #[arg(long, value_name = "SEQ")]
    at: u64,

    /// In whose ledger SEQ stands, of a pair [default: south]
    #[arg(
        long,
        value_enum,
        value_name = "south|north",
        hide_possible_values = true
    )]
    office: Option<OfficeWord>,

    /// Where the fork goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

impl ForkArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (of, forked) = match source::ledgers_in(&self.ledger)?.as_slice() {
            [one, other] => self.pair(one, other)?,
            _ => self.one()?,
        };
        settings
            .output
            .print(|| self.text(of, &forked), || self.json(of, &forked))
    }

    fn pair(&self, one: &Path, other: &Path) -> Result<(Place, PerPlace<Option<Forked>>), Failure> {
        let recording = source::pair(one, other)?;
        let of = self.office.map_or(Place::South, OfficeWord::place);
        let reader = |place| recording.reader(place).clone();
        let readers = PerPlace::new(reader(Place::South), reader(Place::North));
        let staged = self.check(&readers[of])?;
        let into = |place: Place| create(&staged.path().join(place.word()));
        let into = PerPlace::new(into(Place::South)?, into(Place::North)?);
        let forked = ledger::fork_pair(&readers, of, self.at, into, system::now())?;
        self.settle(staged)?;
        let (south, north) = (forked[Place::South], forked[Place::North]);
        Ok((of, PerPlace::new(Some(south), Some(north))))
    }

    fn one(&self) -> Result<(Place, PerPlace<Option<Forked>>), Failure> {
        let reader = source::read(&source::ledger_in(&self.ledger)?)?;
        let of = reader.place();
        if let Some(other) = self.office.map(OfficeWord::place).filter(|it| *it != of) {
            return Err(Failure::Usage(format!(
                "{} is the {of} office's ledger; leave --office {other} out, or name the pair",
                self.ledger.display()
            )));
        }
        let staged = self.check(&reader)?;
        let mut forked = PerPlace::default();
        forked[of] = Some(ledger::fork(
            &reader,
            self.at,
            create(staged.path())?,
            system::now(),
        )?);
        self.settle(staged)?;
        Ok((of, forked))
    }

    fn settle(&self, staged: Staged) -> Result<(), Failure> {
        zone::carry(&self.ledger, staged.path())?;
        staged.settle()
    }

    /// Nothing is made before it is known that there is something to fork.
    fn check(&self, reader: &ledger::Reader) -> Result<Staged, Failure> {
        let last = reader.sequence();
        if self.at == 0 || self.at > last {
            return Err(Failure::Usage(format!(
                "the {} office's ledger in {} holds no entry {}; write --at 1 to {last}",
                reader.place(),
                self.ledger.display(),
                self.at
            )));
        }
        Staged::apart(&self.out, self.force, &self.ledger)
    }

    fn text(&self, of: Place, forked: &PerPlace<Option<Forked>>) -> String {
        let mut text = String::new();
        for place in Place::BOTH {
            let Some(forked) = forked[place] else {
                continue;
            };
            let _ = writeln!(
                text,
                "{place}: {} entries kept, {} left behind, epoch {}",
                thousands(forked.entries),
                thousands(forked.left_behind),
                forked.epoch
            );
        }
        let kept = forked[of].map_or(self.at, |forked| forked.entries);
        if kept < self.at {
            let _ = writeln!(
                text,
                "at entry {} of {of} the two ledgers did not hold the same; they last did at entry {kept}",
                self.at
            );
        }
        let out = self.out.display();
        let pair = forked[of.peer()].is_some();
        let next = if pair { "up --data" } else { "ledger verify" };
        let _ = writeln!(text, "next: liaison {next} {out}");
        text
    }

    fn json(&self, of: Place, forked: &PerPlace<Option<Forked>>) -> serde_json::Value {
        let told = |place: Place| {
            forked[place].map(|forked| {
                json!({
                    "entries": forked.entries,
                    "left_behind": forked.left_behind,
                    "epoch": forked.epoch,
                })
            })
        };
        json!({
            "out": self.out,
            "office": of.word(),
            "at": self.at,
            "south": told(Place::South),
            "north": told(Place::North),
        })
    }
}
