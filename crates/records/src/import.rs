//! `liaison import`: other people's records, or our own exports, into a pair of ledgers.

mod columns;
mod foreign;
mod input;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use encoding_rs::Encoding;
use formats::{ImportError, Imported, Layout};
use jiff::tz::TimeZone;
use ledger::Reconciliation;
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{FAINT, HEADING, clean, styled};
use words::{tally, time};

use crate::import::columns::ColumnsArgs;
use crate::room::Staged;
use crate::{ledger_command, source, zone};
use command::failure::Failure;
use command::settings::Settings;

/// Skipped rows that the text shows.
const SHOWN_MAX: usize = 10;

const EXAMPLES: &str = "\
What `liaison ledger export` wrote as jsonl, csv, ocel or xes comes back as the same steps; it needs no more than \
the file. A file may be packed (gzip). Of other people's records, a row or an event becomes a document that South or North sent; with --kind also \
a contact or a call. Columns are named by the header, else numbered from 1; of JSON they are keys, or pointers \
such as /sender/name; of an event log the attributes of an event, case: and an attribute of its trace (XES), or the \
qualifier of an object (OCEL). Rows may come in any order. Rows that cannot be read, that the office does not take, \
or that stay within one side are skipped, and told by their lines; exit code 99 if that is most of them. Names and \
subjects that are longer than the office takes are cut; the whole row is the body.

FORMAT is unix, unix-ms, unix-us, unix-ns, rfc3339, rfc2822 (as in mail), or a pattern such as %Y-%m-%d %H:%M:%S; a \
time is local (--utc-offset, --time-zone) unless it says an offset, or the pattern says Z, UTC or +09:00. RULE compares from, to, columns, numbers and 'text' with <, <=, >, >=, ==, !=; matches with =~ /regex/; \
looks up with in @FILE, a name a line; and joins with and, or, not. Numbers are compared as numbers. A rule about \
from alone says on which side a name is: then from and to both decide. A rule that does not ask for from takes rows \
whose sender is blank.

KIND: contact, regular consultation, on-demand consultation; call, closing call, unanswered call; notice, note, \
document. Any other is a message.

Examples:
  liaison import steps.jsonl --out again
  liaison import claims.xes --south-when 'from in @south.txt'
  liaison import mail.csv --header --time sent:rfc3339 --from sender --to recipient --south-when 'from in @south.txt'
  liaison import edges.txt --delimiter space --time 3:unix --from 1 --to 2 --south-when 'from < to'
  liaison import chat.json --time ts:unix --from user --south-when 'from in @south.txt'
  liaison import sms.csv --header --encoding cp949 --time 'at:%Y. %m. %d. %p %I:%M' --from name --south-when \
\"way == 'out'\"
  liaison import log.xes.gz --time-zone Europe/Berlin --south-when \"concept:name =~ /^Send/\"

JSON: {\"rows\", \"steps\", \"documents\", \"contacts\", \"calls\", \"skipped\", \"unreadable\", \"one_side\", \
\"refused\", \"further_recipients\", \"cut\", \"local_times\", \"encoding\", \"skipped_rows\": [{\"line\", \"column\", \"why\", \"message\", \"remedy\"}] (100 at most), \"first\", \
\"last\", \"out\", \"tally\", \"reconciled\"}; rows = documents + contacts + calls + skipped (rows + \
further_recipients, if each is an exchange), of our own exports rows = steps + skipped.";

/// Turn other people's records, or our own exports, into a pair of ledgers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The records: CSV, TSV, space separated, JSON, an event log, or an export of ours; also packed with gzip
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the file is [default: what its extension or its beginning says]
    #[arg(long, value_enum)]
    format: Option<FormatWord>,

    /// What its text is in, such as cp949, latin1, utf-16le [default: what it says itself, else utf-8]
    #[arg(long, value_name = "NAME", value_parser = input::parse_encoding)]
    encoding: Option<&'static Encoding>,

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
    /// A JSON array of objects
    Json,
    /// Object-centric event log (OCEL 2.0, in JSON or XML)
    Ocel,
    /// Event log (XES)
    Xes,
}

impl ImportArgs {
    /// Imports.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let not_read = |error| {
            Failure::Usage(format!(
                "failed to read {name}: {error}; name a file of records"
            ))
        };
        let mut input = input::open(&self.file, self.encoding).map_err(not_read)?;
        let head = input.text.fill_buf().map_err(not_read)?;
        let is_named = self.format.is_some() || self.delimiter.is_some();
        if let Some((what, remedy)) = foreign::not_read(head, !is_named) {
            return Err(Failure::Usage(format!(
                "{name} is {what}, which is not read; {remedy}"
            )));
        }
        let (strict, layout) = (self.strict, self.layout(head));
        let (each, zone) = (self.columns.is_each(), self.columns.zone());
        let out = self.out.unwrap_or_else(|| {
            Path::new("liaison-data").join(unpacked(&self.file).file_stem().unwrap_or_default())
        });
        let mapping = self.columns.mapping(layout)?;
        let staged = Staged::begin(&out, self.force)?;
        let text = input.text;
        let imported = match &mapping {
            Some(mapping) => {
                formats::import_rows(&name, text, layout, mapping, strict, staged.path())
            }
            None => formats::import_steps(&name, text, layout, strict, staged.path()),
        };
        let imported = imported.map_err(to_failure)?;
        let reconciled = reconcile(staged.path())?;
        zone::keep(staged.path(), &zone)?;
        staged.settle()?;
        let done = Done {
            name: &name,
            out: &out,
            encoding: input.encoding.map(Encoding::name),
            each,
            zone: &zone,
            imported,
            reconciled,
        };
        settings
            .output
            .print(|| done.to_text(), || done.to_json())?;
        done.check()
    }

    fn layout(&self, head: &[u8]) -> Layout {
        let extension = unpacked(&self.file).extension().unwrap_or_default();
        let extension = extension.to_string_lossy();
        let is_tsv = extension.eq_ignore_ascii_case("tsv");
        let delimited = Layout::Delimited {
            delimiter: if is_tsv { b'\t' } else { b',' },
            header: false,
        };
        let found = match self.format {
            Some(FormatWord::Csv) => delimited,
            Some(FormatWord::Jsonl) => Layout::JsonLines,
            Some(FormatWord::Json) => Layout::JsonArray,
            Some(FormatWord::Ocel) => Layout::ocel(head),
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

/// The file's name without what says that it is packed.
fn unpacked(file: &Path) -> &Path {
    match file.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => {
            Path::new(file.file_stem().unwrap_or_default())
        }
        _ => file,
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

/// What came of it.
struct Done<'a> {
    name: &'a str,
    out: &'a Path,
    /// What the file's text was in, if not UTF-8.
    encoding: Option<&'static str>,
    /// Whether each of several recipients is an exchange of its own.
    each: bool,
    /// Whose hours are told.
    zone: &'a TimeZone,
    imported: Imported,
    reconciled: Reconciliation,
}

impl Done<'_> {
    /// Rows, with each of several recipients one of its own.
    fn items(&self) -> u64 {
        let further = if self.each { self.imported.further } else { 0 };
        self.imported.rows + further
    }

    fn check(&self) -> Result<(), Failure> {
        let out = self.out.display();
        if !self.reconciled.agreed {
            return Err(Failure::Disagreed(format!(
                "failed to reconcile what was written to {out}; check it with `liaison ledger verify`"
            )));
        }
        let (skipped, items) = (self.imported.skipped(), self.items());
        if skipped * 2 <= items {
            return Ok(());
        }
        let first = self.imported.told.first();
        let first = first.map_or_else(String::new, |told| {
            format!(", the first: {}:{}", self.name, told.mistake)
        });
        Err(Failure::Disagreed(format!(
            "most rows were skipped, {} of {}; {out} holds the others; check the columns and the rule{first}",
            thousands(skipped),
            thousands(items)
        )))
    }

    /// What else is to be known, a line each.
    fn notes(&self) -> Vec<String> {
        let Imported {
            unreadable,
            one_side,
            refused,
            further,
            cut,
            local,
            ..
        } = self.imported;
        let further_words = if self.each {
            "recipients beside the first are exchanges of their own (--recipients first takes the first)"
        } else {
            "recipients beside the first are left out (--recipients each takes all)"
        };
        let notes = [
            (unreadable, "cannot be read"),
            (one_side, "stay within one side"),
            (refused, "are refused by the office"),
            (further, further_words),
            (
                cut,
                "have names or subjects that are cut; the whole row is the body",
            ),
            (
                local,
                "have times without an offset, taken as --utc-offset or --time-zone says (default +09:00)",
            ),
        ];
        let notes = notes.iter().filter(|(count, _)| *count > 0);
        let notes = notes.map(|(count, what)| format!("{} {what}", thousands(*count)));
        let encoding = self.encoding.map(|encoding| format!("read as {encoding}"));
        notes.chain(encoding).collect()
    }

    fn to_text(&self) -> String {
        let (name, imported) = (self.name, &self.imported);
        let at = |time| time::words_in(Some(&protocol::timestamp_to_pb(time)), self.zone);
        let mut text = styled(HEADING, &clean(name)) + "\n";
        let _ = writeln!(
            text,
            "{} rows, {} to {}",
            thousands(imported.rows),
            at(imported.first),
            at(imported.last)
        );
        for note in self.notes() {
            let _ = writeln!(text, "  {note}");
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
            ledger_command::reconciled_text(&self.reconciled)
        );
        let out = self.out.display();
        let _ = write!(
            text,
            "\nnext:\n  liaison tally {out} --by week\n  liaison ledger show {out}/south --limit 20\n"
        );
        text
    }

    fn to_json(&self) -> Value {
        let imported = &self.imported;
        let rows = imported.told.iter().map(|skipped| {
            json!({
                "line": skipped.mistake.line,
                "column": skipped.mistake.column,
                "why": skipped.why,
                "message": skipped.mistake.message,
                "remedy": skipped.mistake.remedy,
            })
        });
        let rows: Vec<Value> = rows.collect();
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
            "further_recipients": imported.further,
            "cut": imported.cut,
            "local_times": imported.local,
            "encoding": self.encoding.unwrap_or("UTF-8"),
            "skipped_rows": rows,
            "first": imported.first.to_string(),
            "last": imported.last.to_string(),
            "out": self.out,
            "tally": tally::to_json(&protocol::tally_to_pb(&imported.tally)),
            "reconciled": self.reconciled,
        })
    }
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
