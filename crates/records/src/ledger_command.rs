//! `liaison ledger`: show, export, verify, reconcile, diff, cut, fork, back up, convert, restore.

mod backup;
mod bytes;
mod convert;
mod cut;
pub(crate) mod diff;
mod export;
mod fork;
mod show;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use words::figures::thousands;
use words::style::{BAD, GOOD, clean, styled};

use command::failure::Failure;
use command::flags::OfficeWord;
use command::settings::Settings;
use command::system;

use crate::source;

/// Read, export, check, cut, fork, back up, convert and restore ledgers
#[derive(Debug, Args)]
pub struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    Show(show::ShowArgs),
    Export(export::ExportArgs),
    Verify(VerifyArgs),
    Reconcile(ReconcileArgs),
    Diff(diff::DiffArgs),
    Cut(cut::CutArgs),
    Fork(fork::ForkArgs),
    Backup(backup::BackupArgs),
    Convert(convert::ConvertArgs),
    Restore(RestoreArgs),
}

const VERIFY_EXAMPLES: &str = "\
Example:
  liaison simulate kaesong-2018
  liaison ledger verify liaison-data/kaesong-2018-1

JSON: an array of {\"ledger\", \"segments\", \"entries\", \"outbound\", \"inbound\", \"newer\", \"missing\", \"faults\": \
[{\"file\", \"offset\", \"what\"}]}. Exit code 99 if anything does not hold, 1 if all holds but a newer \
version wrote some of it.";

/// Check every byte of a ledger: frames, checksums, sequence, chain, line hashes
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct VerifyArgs {
    /// The ledgers' directories, or one with south/ and north/ inside
    #[arg(required = true, value_name = "LEDGER")]
    ledgers: Vec<PathBuf>,
}

const RECONCILE_EXAMPLES: &str = "\
Examples:
  liaison simulate kaesong-2018
  liaison ledger reconcile liaison-data/kaesong-2018-1
  liaison ledger reconcile liaison-data/kaesong-2018-1/south liaison-data/kaesong-2018-1/north

JSON: {\"agreed\", \"south_to_north\", \"north_to_south\", \"differences\": [text]}. Exit code 99 if they differ.";

/// Compare the two ledgers of one pair: same steps, same bytes, same counts
#[derive(Debug, Args)]
#[command(after_help = RECONCILE_EXAMPLES)]
struct ReconcileArgs {
    /// One ledger, or a directory with south/ and north/ inside
    #[arg(value_name = "A")]
    one: PathBuf,

    /// The other ledger
    #[arg(value_name = "B")]
    other: Option<PathBuf>,
}

const RESTORE_EXAMPLES: &str = "\
What is whole is kept, damage is saved aside, and the epoch is raised. The office that is started on the ledger \
next takes no mutation until its peer has given back what was missing. Stop the office first.

Example:
  liaison ledger restore liaison-data/up/south --office south

JSON: {\"ledger\", \"entries\", \"missing\", \"epoch\", \"saved\": [file]}";

/// Make a damaged ledger ready to fetch from the peer what is missing
#[derive(Debug, Args)]
#[command(after_help = RESTORE_EXAMPLES)]
struct RestoreArgs {
    /// The ledger's directory
    ledger: PathBuf,

    /// Whose ledger it is
    #[arg(
        long,
        value_enum,
        value_name = "south|north",
        hide_possible_values = true
    )]
    office: OfficeWord,
}

impl LedgerArgs {
    /// Runs the command below.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            LedgerCommand::Show(args) => args.run(settings),
            LedgerCommand::Export(args) => args.run(settings),
            LedgerCommand::Verify(args) => args.run(settings),
            LedgerCommand::Reconcile(args) => args.run(settings),
            LedgerCommand::Diff(args) => args.run(settings),
            LedgerCommand::Cut(args) => args.run(settings),
            LedgerCommand::Fork(args) => args.run(settings),
            LedgerCommand::Convert(args) => args.run(settings),
            LedgerCommand::Backup(args) => args.run(settings),
            LedgerCommand::Restore(args) => args.run(settings),
        }
    }
}

impl VerifyArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let mut ledgers = Vec::new();
        for path in &self.ledgers {
            ledgers.append(&mut source::ledgers_in(path)?);
        }
        let mut found = Vec::new();
        for path in ledgers {
            let verification = ledger::verify(&*source::storage(&path))?;
            found.push((path, verification));
        }
        let faults: usize = found
            .iter()
            .map(|(_, verified)| verified.faults.len())
            .sum();
        settings.output.print(
            || {
                found
                    .iter()
                    .map(|(path, verified)| verified_text(path, verified))
                    .collect()
            },
            || {
                let to_json = |(path, verified): &(PathBuf, ledger::Verification)| {
                    let mut value = json!(verified);
                    value["ledger"] = json!(path);
                    value
                };
                found.iter().map(to_json).collect()
            },
        )?;
        let newer = found.iter().map(|(_, verified)| verified.newer).sum();
        unverified(faults, newer).map_or(Ok(()), Err)
    }
}

/// Why ledgers with so many faults, and so many entries of a newer version, are not verified.
fn unverified(faults: usize, newer: u64) -> Option<Failure> {
    match (faults, newer) {
        (0, 0) => None,
        (0, _) => Some(Failure::Failed(format!(
            "failed to verify all of it: a newer version wrote entries that only it can read ({newer}). Nothing is damaged: use \
             that version, and do not restore"
        ))),
        (_, 0) => Some(Failure::Disagreed(format!(
            "failed to verify; faults: {faults}. Nothing has been thrown away. Stop the office, run \
             `liaison ledger restore LEDGER --office OFFICE`, and start it again: it fetches from its peer what is \
             missing"
        ))),
        _ => Some(Failure::Disagreed(format!(
            "failed to verify; faults: {faults}. Nothing has been thrown away. A newer version wrote entries that only it can \
             read ({newer}): verify and restore with that version"
        ))),
    }
}

fn verified_text(path: &std::path::Path, verified: &ledger::Verification) -> String {
    let newer = match verified.newer {
        0 => String::new(),
        1 => ", holds 1 entry of a newer version".to_owned(),
        newer => format!(", holds {} entries of a newer version", thousands(newer)),
    };
    let sound = if !verified.faults.is_empty() {
        styled(BAD, "damaged")
    } else if verified.newer > 0 {
        "not damaged".to_owned()
    } else {
        styled(GOOD, "sound")
    };
    let mut text = format!(
        "{}: {sound}{newer}; entries {}, segments {}, steps of this office {}, of its peer {}\n",
        path.display(),
        thousands(verified.entries),
        thousands(verified.segments),
        thousands(verified.outbound),
        thousands(verified.inbound),
    );
    for fault in &verified.faults {
        let told = format!("{} at offset {}: {}", fault.file, fault.offset, fault.what);
        let _ = writeln!(text, "  {}", clean(&told));
    }
    text
}

impl ReconcileArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (one, other) = self.paths()?;
        let found = ledger::reconcile(&source::read(&one)?, &source::read(&other)?)?;
        settings
            .output
            .print(|| reconciled_text(&found), || json!(found))?;
        if found.agreed {
            return Ok(());
        }
        Err(Failure::Disagreed(format!(
            "failed to reconcile {} and {}. While the line is busy one ledger may be ahead: try again once it is \
             quiet. If they still differ, check each with `liaison ledger verify`",
            one.display(),
            other.display()
        )))
    }

    fn paths(&self) -> Result<(PathBuf, PathBuf), Failure> {
        if let Some(other) = &self.other {
            return Ok((source::ledger_in(&self.one)?, source::ledger_in(other)?));
        }
        match source::ledgers_in(&self.one)?.as_slice() {
            [one, other] => Ok((one.clone(), other.clone())),
            _ => Err(Failure::Usage(format!(
                "{} holds one ledger; name its peer's too, or a directory with south/ and north/ inside",
                self.one.display()
            ))),
        }
    }
}

/// What a reconciliation found, in words.
pub fn reconciled_text(found: &ledger::Reconciliation) -> String {
    if found.agreed {
        return format!(
            "{}: {} steps from South to North, {} from North to South\n",
            styled(GOOD, "both ledgers agree"),
            thousands(found.south_to_north),
            thousands(found.north_to_south)
        );
    }
    let mut text = format!("{}\n", styled(BAD, "the ledgers differ"));
    for difference in &found.differences {
        let _ = writeln!(text, "  {}", clean(difference));
    }
    text
}

impl RestoreArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = source::ledger_in(&self.ledger)?;
        let place = self.office.place();
        let restored = ledger::restore(&source::storage(&path), place, system::now())?;
        settings.output.print(
            || {
                let mut text = format!(
                    "{}: {} entries kept, epoch {}\n",
                    path.display(),
                    thousands(restored.entries),
                    restored.epoch
                );
                if restored.missing > 0 {
                    let missing = thousands(restored.missing);
                    let _ = writeln!(text, "  missing at the end: {missing} entries that were durable");
                }
                for file in &restored.saved {
                    let _ = writeln!(text, "  saved aside: {}", clean(file));
                }
                let _ = writeln!(text, "next: start the {place} office again; it takes no mutation until its peer has given back what \
                     was missing (`liaison status` shows it)");
                text
            },
            || {
                json!({
                    "ledger": path,
                    "entries": restored.entries,
                    "missing": restored.missing,
                    "epoch": restored.epoch,
                    "saved": restored.saved,
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_has_words_and_a_code_of_its_own() {
        let code = |faults, newer| unverified(faults, newer).map(|failure| failure.exit_code());
        assert_eq!(
            [code(0, 0), code(0, 2), code(1, 0), code(1, 2)],
            [None, Some(1), Some(99), Some(99)]
        );
        let newer = ledger::Verification {
            entries: 12,
            newer: 1,
            ..ledger::Verification::default()
        };
        let text = verified_text(std::path::Path::new("south"), &newer);
        assert!(
            text.starts_with("south: not damaged, holds 1 entry of a newer version; entries 12"),
            "{text}"
        );
    }
}
