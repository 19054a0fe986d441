//! `liaison ledger backup`: a whole copy, also of a ledger that an office is writing to.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ledger::BackedUp;
use serde_json::json;

use super::room::{create, room_at};
use crate::failure::Failure;
use crate::output::thousands;
use crate::settings::Settings;
use crate::{source, system};

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
        let ledgers = source::ledgers_in(&self.ledger)?;
        let is_pair = ledgers.first().is_some_and(|first| *first != self.ledger);
        room_at(&self.out, self.force, &self.ledger)?;
        let mut copied = Vec::new();
        for ledger in ledgers {
            let out = if is_pair {
                self.out.join(ledger.file_name().unwrap_or_default())
            } else {
                self.out.clone()
            };
            let from = source::storage(&ledger);
            let held = ledger::backup(&*from, create(&out)?, system::now())?;
            copied.push(Copied { ledger, out, held });
        }
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
