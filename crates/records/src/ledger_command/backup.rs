//! `liaison ledger backup`: a whole copy, also of a ledger that an office is writing to.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ledger::BackedUp;
use serde_json::json;
use words::figures::thousands;

use crate::room::rooms;
use command::failure::Failure;
use command::settings::Settings;
use command::system;

use crate::{source, zone};

const EXAMPLES: &str = "\
What is durable when the command begins is copied, byte for byte, and the copy is read back; its offices may run \
meanwhile. Files that are copied by hand beside a running office make a ledger that knows it has lost entries, and \
does not open. To put a backup back, stop the office and move the copy to where its ledger was: if the office went on \
since, its peer knows more than the copy, and `liaison ledger restore` has it fetched.

Examples:
  liaison ledger backup liaison-data/up --out backups/monday
  liaison ledger backup liaison-data/south --out backups/south

JSON: an array of {\"ledger\", \"out\", \"entries\", \"bytes\"}";

/// Copy a ledger, or a pair, whole, while its offices run
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackupArgs {
    /// A ledger, or a directory with south/ and north/ inside
    ledger: PathBuf,

    /// Where the copy goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,
}

struct Copied {
    ledger: PathBuf,
    out: PathBuf,
    held: BackedUp,
}

impl BackupArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let mut copied = Vec::new();
        let (staged, rooms) = rooms(&self.ledger, &self.out, self.force)?;
        for room in rooms {
            let held = ledger::backup(&*source::storage(&room.from), room.storage, system::now())?;
            copied.push(Copied {
                ledger: room.from,
                out: room.out,
                held,
            });
        }
        zone::carry(&self.ledger, staged.path())?;
        staged.settle()?;
        settings
            .output
            .print(|| text(&copied, &self.out), || json_of(&copied))
    }
}

fn text(copied: &[Copied], out: &Path) -> String {
    let mut text = String::new();
    for Copied { out, held, .. } in copied {
        let _ = writeln!(
            text,
            "{}: {} entries, {} bytes",
            out.display(),
            thousands(held.entries),
            thousands(held.bytes)
        );
    }
    let _ = writeln!(text, "next: liaison ledger verify {}", out.display());
    text
}

fn json_of(copied: &[Copied]) -> serde_json::Value {
    let one = |copied: &Copied| {
        json!({
            "ledger": copied.ledger,
            "out": copied.out,
            "entries": copied.held.entries,
            "bytes": copied.held.bytes,
        })
    };
    copied.iter().map(one).collect()
}
