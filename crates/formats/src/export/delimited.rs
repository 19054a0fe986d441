//! CSV: a row a step, as RFC 4180 has it.

use std::io::{self, Write};

use office::{Exchanges, StepKind};
use prost::Message as _;
use protocol::pb::office as pb;

use super::Form;
use super::cells::Cells;
use crate::payload::{PayloadTold, officers_of, subject_of};
use crate::told::Told;

/// The columns. The payload stands whole behind all else, as JSON, and where that would not give back the same bytes as
/// base64 too; some of it before that, to be sorted and grouped by.
const COLUMNS: [&str; 19] = [
    "sequence",
    "recorded_at",
    "direction",
    "office",
    "what",
    "name",
    "step",
    "parent",
    "authored_at",
    "request_id",
    "inert",
    "counted",
    "counted_day",
    "counted_office",
    "subject",
    "reference",
    "officers",
    "payload",
    "payload_bytes",
];

/// The last column of a ledger whose format has it.
const MADE_BY: &str = "made_by";

pub(super) struct Delimited<W: Write> {
    rows: csv::Writer<W>,
    cells: Cells,
    has_authors: bool,
    count: u64,
}

impl<W: Write> Delimited<W> {
    pub(super) fn begin(out: W, cells: Cells, has_authors: bool) -> io::Result<Self> {
        let mut rows = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .quote_style(cells.quotes())
            .from_writer(out);
        rows.write_record(COLUMNS.into_iter().chain(has_authors.then_some(MADE_BY)))?;
        Ok(Self {
            rows,
            cells,
            has_authors,
            count: 0,
        })
    }
}

impl<W: Write> Form for Delimited<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        let step = &told.step;
        let payload = PayloadTold::new(step.kind, &told.payload, false);
        let row: [String; COLUMNS.len()] = [
            told.sequence.to_string(),
            told.recorded_at.to_string(),
            told.direction().to_owned(),
            step.id.place.word().to_owned(),
            step.kind.words().to_owned(),
            told.name(),
            step.id.to_string(),
            told.parent_name(),
            step.authored_at.to_string(),
            told.request_id_text(),
            told.applied.inert.to_string(),
            told.counted().to_owned(),
            told.counted_day(),
            told.counted_office().to_owned(),
            subject_of(step.kind, &told.payload),
            reference_of(told),
            officers_words(told),
            payload.text(),
            payload.bytes.unwrap_or_default(),
        ];
        let made_by = self.has_authors.then_some(&told.made_by);
        let cells = row.iter().chain(made_by);
        let told: Vec<_> = cells.map(|cell| self.cells.told(cell)).collect();
        self.rows.write_record(told.iter().map(|cell| &**cell))?;
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        self.rows.flush()?;
        Ok(self.count)
    }
}

/// The officers that a step names, as in `signatory Chun; addressee Jon`.
pub(super) fn officers_words(told: &Told) -> String {
    let officers = officers_of(told.step.kind, &told.payload).into_iter();
    let words = officers.map(|(role, officer)| format!("{role} {}", officer.name));
    words.collect::<Vec<_>>().join("; ")
}

/// The sender's own reference of a document; empty for other steps.
pub(super) fn reference_of(told: &Told) -> String {
    if told.step.kind != StepKind::DocumentSent {
        return String::new();
    }
    pb::Document::decode(told.payload.clone())
        .unwrap_or_default()
        .reference
}
