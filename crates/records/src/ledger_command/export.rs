//! `liaison ledger export`: a ledger in other people's formats.

use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use formats::{Cells, Export, Exported, Format, Wanted};
use ledger::Entry;
use serde_json::json;
use words::figures::thousands;
use words::time::{self, Typed};

use crate::source::{self, Named, Range, Source};
use crate::zone;
use command::connect::block_on;
use command::failure::Failure;
use command::file_out::FileOut;
use command::output::note;
use command::settings::{OfficesArgs, Settings};
use command::shown::{Showing, Shown};

/// A diagram with more characters than this is more than Mermaid draws unless it is told to (its `maxTextSize`).
const DIAGRAM_CHARS_MAX: u64 = 50_000;

const EXAMPLES: &str = "\
A LEDGER is a directory, or a running office: south, north, or its address. Both ledgers of a pair hold the same \
steps: one of them is enough.

Examples:
  liaison simulate kaesong-2018
  liaison ledger export liaison-data/kaesong-2018-1/south --format csv --out steps.csv
  liaison ledger export liaison-data/kaesong-2018-1/south --format csv --neutral --out sheet.csv
  liaison ledger export liaison-data/kaesong-2018-1/south --format mermaid --from 2018-11-02 --first 20
  liaison ledger export liaison-data/kaesong-2018-1/south --format ics --out meetings.ics
  liaison ledger export liaison-data/kaesong-2018-1/south --format ocel --out kaesong.jsonocel
  liaison ledger export liaison-data/kaesong-2018-1/south --format parquet --out steps.parquet

jsonl: a line a step: {\"sequence\", \"recorded_at\", \"direction\", \"what\", \"name\", \"step\", \"parent\", \
\"authored_at\", \"request_id\", \"inert\", \"counted\": {\"what\", \"day\", \"office\"}, \"payload_type\", \
\"payload\", \"payload_bytes\"}; a body is base64, and so is payload_bytes, which is there where the payload would not \
come back from its JSON. csv has the same in columns, the payload as JSON; for a spreadsheet add --neutral. In ocel steps are \
events, what they are about and who is named in them objects; in xes a trace is an exchange. parquet has the columns \
of csv, typed, with the payload's bytes: times in microseconds (UTC), days as dates, request ids as UUIDs.

To a terminal what it would act on is written out, such as ‹U+202E› (in JSON \\u202e); a pipe or a file gets every \
byte. A diagram and a calendar are for the eye, and have it so always.

JSON (with --out): {\"out\", \"format\", \"steps\", \"items\", \"unreadable\"}; items are lines, messages, meetings or \
events.";

/// Write a ledger as JSON lines, CSV, a diagram, a calendar, an event log, or a Parquet table
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExportArgs {
    /// The ledger
    #[arg(value_parser = source::parse)]
    ledger: Named,

    /// What to write
    #[arg(long, value_enum)]
    format: FormatWord,

    /// Where to write it [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Replace the file
    #[arg(long, requires = "out")]
    force: bool,

    /// csv for a spreadsheet: a cell that would be a formula (=, +, -, @, tab or CR first) gets an apostrophe in front,
    /// and texts are quoted. Numbers stay. Not for `liaison import`: the apostrophes would stay too
    #[arg(long)]
    neutral: bool,

    /// Only steps recorded at this time or later; only meetings with such a step
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    from: Option<Typed>,

    /// Only steps recorded before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    until: Option<Typed>,

    /// At most so many steps
    #[arg(long, value_name = "N")]
    first: Option<u64>,

    #[command(flatten)]
    offices: OfficesArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatWord {
    /// JSON lines: everything, a step a line
    Jsonl,
    /// CSV: a step a row
    Csv,
    /// Mermaid sequence diagram
    Mermaid,
    /// Calendar of meetings (iCalendar)
    Ics,
    /// Object-centric event log (OCEL 2.0, JSON)
    Ocel,
    /// Event log (XES)
    Xes,
    /// Typed table (Parquet): a step a row; in builds with --features parquet
    Parquet,
}

impl FormatWord {
    fn format(self) -> Format {
        match self {
            Self::Jsonl => Format::Jsonl,
            Self::Csv => Format::Csv,
            Self::Mermaid => Format::Mermaid,
            Self::Ics => Format::Ics,
            Self::Ocel => Format::Ocel,
            Self::Xes => Format::Xes,
            Self::Parquet => Format::Parquet,
        }
    }

    /// How it is shown on a terminal.
    fn shown(self) -> Shown {
        match self {
            Self::Jsonl | Self::Ocel => Shown::Json,
            Self::Csv | Self::Mermaid | Self::Ics | Self::Xes | Self::Parquet => Shown::Text,
        }
    }
}

impl ExportArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        self.can_be_written()?;
        let offices = settings.offices(&self.offices)?;
        let chars = Cell::new(0);
        let exported = block_on(async {
            let source = Source::open(&self.ledger, &offices).await?;
            match &self.out {
                None => {
                    let is_terminal = self.is_shown();
                    let out = BufWriter::new(io::stdout().lock());
                    let out = Showing::new(out, self.format.shown(), is_terminal);
                    let out = Counted { out, chars: &chars };
                    self.write(&source, out, Failure::Output).await
                }
                Some(path) => {
                    let failed = |error| to_failure(path, &error);
                    let (written, file) = FileOut::begin(path, self.force).map_err(failed)?;
                    let out = BufWriter::with_capacity(256 * 1024, file);
                    let out = Counted { out, chars: &chars };
                    let exported = self.write(&source, out, failed).await?;
                    written.settle().map_err(failed)?;
                    Ok(exported)
                }
            }
        })?;
        self.note(&exported, chars.get());
        if exported.unreadable > 0 {
            note(&format!(
                "{} steps have envelopes that cannot be read, and are left out; `liaison ledger verify` tells where",
                thousands(exported.unreadable)
            ));
        }
        let Some(path) = &self.out else {
            return Ok(());
        };
        let word = self.format.to_possible_value();
        let word = word.map(|word| word.get_name().to_owned());
        settings.output.print(
            || {
                format!(
                    "{}: {} steps, {} {}\n",
                    path.display(),
                    thousands(exported.steps),
                    thousands(exported.items),
                    self.items()
                )
            },
            || {
                json!({
                    "out": path,
                    "format": word,
                    "steps": exported.steps,
                    "items": exported.items,
                    "unreadable": exported.unreadable,
                })
            },
        )
    }

    /// Says what else is to be known of what was written, which has `chars` characters.
    fn note(&self, exported: &Exported, chars: u64) {
        if self.format == FormatWord::Mermaid && chars > DIAGRAM_CHARS_MAX {
            note(&format!(
                "{} characters are more than Mermaid draws by default ({}, its maxTextSize); choose a part with --from, \
                 --until and --first",
                thousands(chars),
                thousands(DIAGRAM_CHARS_MAX)
            ));
        }
        if self.format == FormatWord::Ics && exported.items == 0 {
            let part = self.from.is_some() || self.until.is_some() || self.first.is_some();
            note(if part {
                "the calendar is empty: no meeting has a step in the part chosen with --from, --until and --first"
            } else {
                "the calendar is empty: the ledger has no meeting that says when; consultations, documents and calls are not in it"
            });
        }
    }

    /// Whether it goes to a terminal: then what a terminal would act on is made visible. A file gets every byte.
    fn is_shown(&self) -> bool {
        self.out.is_none() && io::stdout().is_terminal()
    }

    fn can_be_written(&self) -> Result<(), Failure> {
        if self.neutral && self.format != FormatWord::Csv {
            return Err(Failure::Usage(
                "--neutral is for spreadsheets; write it with --format csv".to_owned(),
            ));
        }
        if !self.format.format().is_built() {
            return Err(Failure::Usage(
                "this liaison was built without Parquet; build one that has it with `cargo build --release \
                 --features parquet`"
                    .to_owned(),
            ));
        }
        if self.format == FormatWord::Parquet && self.is_shown() {
            let message = "a Parquet file is no text for a terminal; name a file with --out";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(())
    }

    fn items(&self) -> &'static str {
        match self.format {
            FormatWord::Jsonl => "lines",
            FormatWord::Csv | FormatWord::Parquet => "rows",
            FormatWord::Mermaid => "messages",
            FormatWord::Ics => "meetings",
            FormatWord::Ocel | FormatWord::Xes => "events",
        }
    }

    async fn write(
        &self,
        source: &Source,
        out: impl Write,
        failed: impl Fn(io::Error) -> Failure,
    ) -> Result<Exported, Failure> {
        let zone = zone::of(&self.offices.zone, &self.ledger)?;
        let at = |typed: Option<Typed>| typed.map(|typed| typed.at(&zone)).transpose();
        let wanted = Wanted {
            from: at(self.from).map_err(Failure::Usage)?,
            until: at(self.until).map_err(Failure::Usage)?,
            first: self.first,
        };
        let cells = Cells {
            neutral: self.neutral,
            visible: self.is_shown(),
        };
        let format = self.format.format();
        let export = Export::begin_with(format, cells, out, wanted).map_err(&failed)?;
        let mut export = export.in_zone(zone);
        source
            .entries(Range::default(), |entry| {
                let entry = Entry::from_pb(entry).map_err(|fault| {
                    Failure::Failed(format!("failed to export the ledger: {fault}"))
                })?;
                export.take(&entry).map_err(&failed)
            })
            .await?;
        export.finish().map_err(failed)
    }
}

/// Counts the characters that pass, as JavaScript does: those beyond the first 65,536 are two.
struct Counted<'a, W> {
    out: W,
    chars: &'a Cell<u64>,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let len = self.out.write(buffer)?;
        let units = buffer[..len].iter().map(|byte| match byte {
            // The second and later bytes of a character.
            0x80..=0xbf => 0,
            0xf0.. => 2,
            _ => 1,
        });
        self.chars.set(self.chars.get() + units.sum::<u64>());
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn to_failure(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Failure::Usage(format!(
            "{path} is there already; name another --out, or replace it with --force"
        ));
    }
    Failure::Failed(format!("failed to write {path}: {error}"))
}
