//! `liaison import`: other people's records, or our own exports, into a pair of ledgers.

mod columns;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use formats::{ImportError, Imported, Layout};
use ledger::Reconciliation;
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{FAINT, HEADING, clean, styled};
use words::{tally, time};

use crate::import::columns::ColumnsArgs;
use crate::room::make_room;
use crate::{ledger_command, source};
use command::failure::Failure;
use command::settings::Settings;

/// Skipped rows that the text shows.
const SHOWN_MAX: usize = 10;

const EXAMPLES: &str = "\
What `liaison ledger export` wrote as jsonl, csv, ocel or xes comes back as the same steps; it needs no more than \
the file. Of other people's records, a row or an event becomes a document that South or North sent; with --kind also \
a contact or a call. Columns are named by the header, else numbered from 1; of JSON lines they are keys, or pointers \
such as /sender/name; of an event log the attributes of an event, case: and an attribute of its trace (XES), or the \
qualifier of an object (OCEL). Rows may come in any order. Rows that cannot be read, that the office does not take, \
or that stay within one side are skipped, and told by their lines.

FORMAT is unix, unix-ms, unix-us, unix-ns, rfc3339, or a pattern such as %Y-%m-%d %H:%M:%S (at UTC+9 unless it has \
an offset). RULE compares from, to, columns, numbers and 'text' with <, <=, >, >=, ==, !=; matches with =~ /regex/; \
looks up with in @FILE, a name a line; and joins with and, or, not. Numbers are compared as numbers. A rule about \
from alone says on which side a name is: then from and to both decide.

KIND: contact, regular consultation, on-demand consultation; call, closing call, unanswered call; notice, note, \
document. Any other is a message.

Examples:
  liaison import steps.jsonl --out again
  liaison import claims.xes --south-when 'from in @south.txt'
  liaison import mail.csv --header --time sent:rfc3339 --from sender --to recipient --south-when 'from in @south.txt'
  liaison import edges.txt --delimiter space --time 3:unix --from 1 --to 2 --south-when 'from < to'
  liaison import chat.jsonl --time at:unix-ms --from /by/name --to room --south-when 'from =~ /^s-/' --out /tmp/chat

JSON: {\"rows\", \"steps\", \"documents\", \"contacts\", \"calls\", \"skipped\", \"unreadable\", \"one_side\", \
\"refused\", \"skipped_rows\": [{\"line\", \"column\", \"why\", \"message\", \"remedy\"}] (100 at most), \"first\", \
\"last\", \"out\", \"tally\", \"reconciled\"}; rows = documents + contacts + calls + skipped, of our own exports \
rows = steps + skipped.";

/// Turn other people's records, or our own exports, into a pair of ledgers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The records: CSV, TSV, space separated, JSON lines, an event log, or an export of ours
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the file is [default: what its extension or its beginning says]
    #[arg(long, value_enum)]
    format: Option<FormatWord>,

    /// What stands between two fields: a character, or comma, tab, space [default: tab for .tsv, else comma]
    #[arg(long, value_name = "C", value_parser = parse_delimiter)]
    delimiter: Option<u8>,

    /// The first row names the columns
    #[arg(long)]
    header: bool,

    #[command(flatten)]
    columns: ColumnsArgs,

    /// Where the two ledgers go [default: liaison-data/FILE without its extension]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace what an earlier run left in --out
    #[arg(long)]
    force: bool,

    /// Stop at the first row that would be skipped
    #[arg(long)]
    strict: bool,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "comma" => Ok(b','),
        "tab" | "\\t" => Ok(b'\t'),
        "space" => Ok(b' '),
        _ => match text.as_bytes() {
            [one] if one.is_ascii() && !b"\"\n\r".contains(one) => Ok(*one),
            _ => Err("write one ASCII character, or comma, tab or space".to_owned()),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatWord {
    /// Rows, with commas or what --delimiter says between fields
    Csv,
    /// JSON lines: an object a line
    Jsonl,
    /// Object-centric event log (OCEL 2.0, JSON)
    Ocel,
    /// Event log (XES)
    Xes,
}

impl ImportArgs {
    /// Imports.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let read = File::open(&self.file).and_then(|file| {
            let is_directory = file.metadata()?.is_dir();
            if is_directory {
                return Err(std::io::ErrorKind::IsADirectory.into());
            }
            Ok(file)
        });
        let not_read = |error| {
            Failure::Usage(format!(
                "failed to read {name}: {error}; name a file of records"
            ))
        };
        let file = read.map_err(not_read)?;
        let out = self.out.clone().unwrap_or_else(|| {
            Path::new("liaison-data").join(self.file.file_stem().unwrap_or_default())
        });
        let mut input = BufReader::with_capacity(256 * 1024, file);
        let head = input.fill_buf().map_err(not_read)?;
        let (strict, layout) = (self.strict, self.layout(head));
        let mapping = self.columns.mapping(layout)?;
        make_room(&out, self.force)?;
        let imported = match &mapping {
            Some(mapping) => formats::import_rows(&name, input, layout, mapping, strict, &out),
            None => formats::import_steps(&name, input, layout, strict, &out),
        };
        let imported = imported.map_err(to_failure)?;
        let reconciled = reconcile(&out)?;
        settings.output.print(
            || to_text(&name, &out, &imported, &reconciled),
            || to_json(&out, &imported, &reconciled),
        )?;
        if reconciled.agreed {
            return Ok(());
        }
        Err(Failure::Disagreed(format!(
            "failed to reconcile what was written to {}; check it with `liaison ledger verify`",
            out.display()
        )))
    }

    fn layout(&self, head: &[u8]) -> Layout {
        let extension = self.file.extension().unwrap_or_default();
        let extension = extension.to_string_lossy();
        let is_tsv = extension.eq_ignore_ascii_case("tsv");
        let delimited = Layout::Delimited {
            delimiter: if is_tsv { b'\t' } else { b',' },
            header: false,
        };
        let found = match self.format {
            Some(FormatWord::Csv) => delimited,
            Some(FormatWord::Jsonl) => Layout::JsonLines,
            Some(FormatWord::Ocel) => Layout::Ocel,
            Some(FormatWord::Xes) => Layout::Xes,
            None if self.delimiter.is_some() => delimited,
            None => Layout::recognise(&extension, head),
        };
        match found {
            Layout::Delimited { delimiter, .. } => Layout::Delimited {
                delimiter: self.delimiter.unwrap_or(delimiter),
                header: self.header,
            },
            other => other,
        }
    }
}

fn to_failure(error: ImportError) -> Failure {
    Failure::Failed(error.to_string())
}

fn reconcile(out: &Path) -> Result<Reconciliation, Failure> {
    let (south, north) = (out.join("south"), out.join("north"));
    Ok(ledger::reconcile(
        &source::read(&south)?,
        &source::read(&north)?,
    )?)
}

fn to_text(name: &str, out: &Path, imported: &Imported, reconciled: &Reconciliation) -> String {
    let mut text = styled(HEADING, &clean(name)) + "\n";
    let _ = writeln!(
        text,
        "{} rows, {} to {}",
        thousands(imported.rows),
        time::words(imported.first),
        time::words(imported.last)
    );
    for (count, what) in [
        (imported.unreadable, "cannot be read"),
        (imported.one_side, "stay within one side"),
        (imported.refused, "are refused by the office"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {} {what}", thousands(count));
        }
    }
    for skipped in imported.told.iter().take(SHOWN_MAX) {
        let _ = writeln!(text, "  {}", clean(&format!("{name}:{}", skipped.mistake)));
    }
    let untold = imported.skipped().saturating_sub(SHOWN_MAX as u64);
    if untold > 0 {
        let more = format!("  and {} more; --output json lists 100", thousands(untold));
        let _ = writeln!(text, "{}", styled(FAINT, &more));
    }
    let _ = write!(
        text,
        "\n{}\n{}",
        tally::lines(&protocol::tally_to_pb(&imported.tally)),
        ledger_command::reconciled_text(reconciled)
    );
    let out = out.display();
    let _ = write!(
        text,
        "\nnext:\n  liaison tally {out} --by week\n  liaison ledger show {out}/south --limit 20\n"
    );
    text
}

fn to_json(out: &Path, imported: &Imported, reconciled: &Reconciliation) -> Value {
    let rows: Vec<Value> = imported
        .told
        .iter()
        .map(|skipped| {
            json!({
                "line": skipped.mistake.line,
                "column": skipped.mistake.column,
                "why": skipped.why,
                "message": skipped.mistake.message,
                "remedy": skipped.mistake.remedy,
            })
        })
        .collect();
    json!({
        "rows": imported.rows,
        "steps": imported.steps,
        "documents": imported.documents,
        "contacts": imported.contacts,
        "calls": imported.calls,
        "skipped": imported.skipped(),
        "unreadable": imported.unreadable,
        "one_side": imported.one_side,
        "refused": imported.refused,
        "skipped_rows": rows,
        "first": imported.first.to_string(),
        "last": imported.last.to_string(),
        "out": out,
        "tally": tally::to_json(&protocol::tally_to_pb(&imported.tally)),
        "reconciled": reconciled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_a_character_or_a_word() {
        for (text, byte) in [
            (",", b','),
            ("tab", b'\t'),
            ("\\t", b'\t'),
            ("space", b' '),
            (";", b';'),
        ] {
            assert_eq!(parse_delimiter(text), Ok(byte));
        }
        for text in ["", "::", "\"", "ä"] {
            assert!(parse_delimiter(text).is_err(), "{text:?}");
        }
    }
}
