//! A ledger into other people's formats, in one pass over its entries.

mod calendar;
mod cells;
mod delimited;
mod diagram;
mod json_lines;
mod ocel;
#[cfg(feature = "parquet")]
mod parquet;
mod xes;

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ledger::{Entry, Record};
use office::Exchanges;

use crate::told::{Teller, Told};

pub use cells::Cells;

/// A format that a ledger is exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a step, with everything in it.
    Jsonl,
    /// A row a step, as RFC 4180 has it.
    Csv,
    /// A Mermaid sequence diagram.
    Mermaid,
    /// The meetings as an iCalendar, RFC 5545.
    Ics,
    /// Object-centric event log, OCEL 2.0 in JSON.
    Ocel,
    /// Event log, XES 1.0 (IEEE 1849); a trace an exchange.
    Xes,
    /// A typed table, a row a step. Only with the feature `parquet`.
    Parquet,
}

impl Format {
    /// Whether this build can write it.
    pub const fn is_built(self) -> bool {
        !matches!(self, Self::Parquet) || cfg!(feature = "parquet")
    }
}

/// Which steps are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    pub until: Option<Timestamp>,
    /// As many of them at most.
    pub first: Option<u64>,
}

impl Wanted {
    fn takes(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Steps.
    pub steps: u64,
    /// What the format is made of: lines, events, meetings.
    pub items: u64,
    /// Parcels whose envelope cannot be read; they are left out.
    pub unreadable: u64,
}

/// Writes one format.
trait Form {
    /// Takes a step. Those that are not wanted are shown too: a later step may need them.
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()>;
    /// Writes what is left; returns how many items there are.
    fn finish(&mut self, exchanges: &Exchanges) -> io::Result<u64>;
}

/// Exports the entries of one ledger, given one after another from the first. Memory is bounded but for what a
/// format needs whole: meetings, 32 bytes a step for XES, and for Parquet 64 Ki rows or 32 MiB of them.
pub struct Export<'w> {
    form: Opened<'w>,
    teller: Teller,
    wanted: Wanted,
    exported: Exported,
}

impl<'w> Export<'w> {
    /// Begins to write `format` to `out`; an error if this build cannot ([`Format::is_built`]).
    pub fn begin(format: Format, out: impl Write + 'w, wanted: Wanted) -> io::Result<Self> {
        Self::begin_with(format, Cells::default(), out, wanted)
    }

    /// The same with the cells of [`Format::Csv`] as `cells` says; other formats have none.
    pub fn begin_with(
        format: Format,
        cells: Cells,
        out: impl Write + 'w,
        wanted: Wanted,
    ) -> io::Result<Self> {
        if !format.is_built() {
            let without = "this build has no Parquet; build it with the feature `parquet`";
            return Err(io::Error::new(io::ErrorKind::Unsupported, without));
        }
        Ok(Self {
            form: Opened::Not {
                format,
                cells,
                out: Box::new(out),
            },
            teller: Teller::default(),
            wanted,
            exported: Exported::default(),
        })
    }

    /// The same with the days and hours of `zone`: without it they are those at the offices.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.teller.zone = zone;
        self
    }

    /// Takes an entry. Local notes are passed over.
    pub fn take(&mut self, entry: &Entry) -> io::Result<()> {
        let form = match entry.record {
            Record::Opening { format_version, .. } => self.form.open(format_version),
            _ => self.form.open(0),
        };
        let form = form?;
        let Some(told) = self.teller.tell(entry) else {
            let is_step = ledger::payload_of(entry).is_some();
            self.exported.unreadable += u64::from(is_step);
            return Ok(());
        };
        let room = self
            .wanted
            .first
            .is_none_or(|first| self.exported.steps < first);
        let wanted = room && self.wanted.takes(told.recorded_at);
        self.exported.steps += u64::from(wanted);
        form.step(&told, wanted)
    }

    /// Writes the end.
    pub fn finish(mut self) -> io::Result<Exported> {
        self.exported.items = self.form.open(0)?.finish(&self.teller.exchanges)?;
        Ok(self.exported)
    }
}

/// A format's head says what its rows have, and an older ledger's export stays what it was: it is written with the first
/// entry, which says the ledger's format.
enum Opened<'w> {
    Not {
        format: Format,
        cells: Cells,
        out: Box<dyn Write + 'w>,
    },
    Yes(Box<dyn Form + 'w>),
}

impl<'w> Opened<'w> {
    fn open(&mut self, format_version: u32) -> io::Result<&mut (dyn Form + 'w)> {
        if let Self::Not { format, cells, out } = self {
            let out = std::mem::replace(out, Box::new(io::sink()));
            let has_authors = format_version >= ledger::AUTHORS_SINCE;
            *self = Self::Yes(match format {
                Format::Jsonl => Box::new(json_lines::JsonLines::new(out)),
                Format::Csv => Box::new(delimited::Delimited::begin(out, *cells, has_authors)?),
                Format::Mermaid => Box::new(diagram::Diagram::begin(out)?),
                Format::Ics => Box::new(calendar::Calendar::new(out)),
                Format::Ocel => Box::new(ocel::Ocel::begin(out, has_authors)?),
                Format::Xes => Box::new(xes::Xes::new(out)?),
                #[cfg(feature = "parquet")]
                Format::Parquet => Box::new(parquet::Table::begin(out)?),
                #[cfg(not(feature = "parquet"))]
                Format::Parquet => return Err(io::ErrorKind::Unsupported.into()),
            });
        }
        match self {
            Self::Yes(form) => Ok(&mut **form),
            Self::Not { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(test)]
mod tests;
