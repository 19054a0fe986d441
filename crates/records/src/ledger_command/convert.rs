//! `liaison ledger convert`: a ledger's entries in the newest format.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use ledger::Converted;
use serde_json::json;
use words::figures::thousands;

use crate::room::rooms;
use crate::{source, zone};
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
A ledger goes on in the format that it began with. This makes a new one: the same entries, at the same sequences and \
times, with the bytes of each step as they came in. The old one is only read; stop its office first, or what it \
records meanwhile is not in the new one. The new one is verified before this ends.

Examples:
  liaison simulate workshop --out old
  liaison ledger convert old --out new

JSON: an array of {\"ledger\", \"out\", \"entries\", \"from_format\", \"to_format\"}";

/// Make a ledger, or a pair, of an older format's entries in the newest format
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConvertArgs {
    /// A ledger, or a directory with south/ and north/ inside
    ledger: PathBuf,

    /// Where the new one goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

impl ConvertArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let mut made = Vec::new();
        let (staged, rooms) = rooms(&self.ledger, &self.out, self.force)?;
        for room in rooms {
            let converted = ledger::convert(&source::read(&room.from)?, &room.storage)?;
            made.push((room.from, room.out, converted));
        }
        zone::carry(&self.ledger, staged.path())?;
        staged.settle()?;
        settings.output.print(
            || {
                let mut text = String::new();
                for (
                    _,
                    out,
                    Converted {
                        entries,
                        from_format,
                        to_format,
                    },
                ) in &made
                {
                    let (out, entries) = (out.display(), thousands(*entries));
                    let _ = writeln!(
                        text,
                        "{out}: {entries} entries, format {from_format} to {to_format}, verified"
                    );
                }
                if made.len() > 1 {
                    let _ = writeln!(
                        text,
                        "next: liaison ledger reconcile {}",
                        self.out.display()
                    );
                }
                text
            },
            || {
                let one = |(ledger, out, converted): &(PathBuf, PathBuf, Converted)| {
                    json!({
                        "ledger": ledger,
                        "out": out,
                        "entries": converted.entries,
                        "from_format": converted.from_format,
                        "to_format": converted.to_format,
                    })
                };
                made.iter().map(one).collect()
            },
        )
    }
}
