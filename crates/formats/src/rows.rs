//! Other people's records, a row or an event each, into a pair of ledgers.

mod recipients;
mod rule;
mod time_format;
mod writer;

use std::io::BufRead;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use office::{Limits, Place};
use reading::Mistake;

pub use recipients::Recipients;
pub use rule::{Rule, RuleError};
pub use time_format::{TimeColumn, TimeFormat};

use crate::import_error::ImportError;
use crate::imported::{Account, Imported, Why};
use crate::pair::PairWriter;
use crate::sorter::Sorter;
use crate::source::{self, Asked, Layout, Raw};
use office::document::Form;
use rule::Values;
use writer::{Kind, Row, Writer, kind_of};

/// What to do about a list where one value belongs.
const POINTER: &str = "name one of its values, as with a pointer such as /to/0 or /to/0/email";

/// A row may be as long, over all its lines.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// What stands in which column. Columns are names; numbers from 1 where rows have no header. [`Layout`] says what they
/// are elsewhere.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// When.
    pub time: TimeColumn,
    /// Who sent. Without this column, or where it is empty, nobody is the signatory: the rule must not ask for it then.
    pub from: Option<String>,
    /// To whom. Without this column nobody is the addressee.
    pub to: Option<String>,
    /// What it is: `contact`, `call` and their like; anything else, and all without this column, is a document.
    pub kind: Option<String>,
    /// The other system's id.
    pub id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Which rows South sent.
    pub south_when: Rule,
    /// Where times are that say no offset.
    pub zone: TimeZone,
    /// What becomes of a row that went to several.
    pub recipients: Recipients,
}

impl Mapping {
    /// What the standard of an event log says of its columns: the time, the resource as who sent, and the activity as
    /// the subject. `None` for rows, where every file has columns of its own.
    pub fn standard(layout: Layout, south_when: Rule, zone: TimeZone) -> Option<Self> {
        let (time, from, id, subject) = match layout {
            Layout::Ocel | Layout::OcelXml => ("time", "resource", "id", "type"),
            Layout::Xes => (
                "time:timestamp",
                "org:resource",
                "case:concept:name",
                "concept:name",
            ),
            Layout::Delimited { .. } | Layout::JsonLines | Layout::JsonArray => return None,
        };
        Some(Self {
            time: TimeColumn {
                column: time.to_owned(),
                format: TimeFormat::Rfc3339,
            },
            from: Some(from.to_owned()),
            to: None,
            kind: None,
            id: Some(id.to_owned()),
            subject: Some(subject.to_owned()),
            south_when,
            zone,
            recipients: Recipients::Each,
        })
    }

    /// The columns in the order of [`TIME`] and those that follow it; the rule's own come last.
    fn columns(&self) -> Vec<String> {
        let optional = [&self.from, &self.to, &self.kind, &self.id, &self.subject];
        let columns = std::iter::once(&self.time.column);
        let columns = columns.chain(optional.into_iter().flatten());
        columns.chain(self.south_when.columns()).cloned().collect()
    }
}

/// Reads rows from `input` and writes `out/south` and `out/north`.
///
/// Rows come in any order; they are written in the order of their times, equal times in the order of the file, in
/// bounded memory. With `strict` the first row that would be skipped ends it, and nothing is written unless the office
/// refused the row.
pub fn import_rows(
    file: &str,
    input: impl BufRead,
    layout: Layout,
    mapping: &Mapping,
    strict: bool,
    out: &Path,
) -> Result<Imported, ImportError> {
    let mut reading = Reading {
        mapping,
        layout,
        per_name: mapping.from.is_some()
            && mapping.to.is_some()
            && mapping.south_when.is_per_name(),
        account: Account::open(file, strict),
    };
    let sorter = reading.read(input)?;
    reading.write(sorter, out)
}

struct Reading<'m> {
    mapping: &'m Mapping,
    layout: Layout,
    per_name: bool,
    account: Account<'m>,
}

/// Where the mapped fields stand among those asked for.
const TIME: usize = 0;
const OPTIONAL: usize = 1;

/// What PM4Py writes where there is nothing.
const NOTHING: [&str; 3] = ["nan", "NaN", "NaT"];

const ANOTHER_COLUMN: &str = "fill it in, leave the row out, or let another column say who is South, as in --south-when \"direction == 'out'\"";

/// Why a row is skipped.
type Skip = (Why, Mistake);

/// A mapped column of a row.
#[derive(Debug, Clone, Copy)]
struct Column<'m> {
    index: usize,
    name: &'m str,
}

impl Column<'_> {
    /// It cannot be read.
    fn wrong(self, raw: &Raw, message: &str, remedy: &str) -> Skip {
        let mistake = Mistake {
            line: raw.line as usize,
            column: raw.columns[self.index],
            key: self.name.to_owned(),
            message: format!("column {}: {message}", self.name),
            remedy: remedy.to_owned(),
        };
        (Why::Unreadable, mistake)
    }

    fn missing(self, raw: &Raw, remedy: &str) -> Skip {
        self.wrong(raw, "it is empty or missing", remedy)
    }
}

impl Reading<'_> {
    fn read(&mut self, input: impl BufRead) -> Result<Sorter, ImportError> {
        let asked = Asked {
            columns: self.mapping.columns(),
            optional: 0,
            text: true,
            row_bytes_max: ROW_BYTES_MAX,
        };
        let mut sorter = Sorter::new();
        let mut items = 0;
        let read = source::each(input, self.layout, &asked, &mut |raw| {
            self.account.found.rows += 1;
            let number = self.account.found.rows;
            let rows = raw
                .map_err(|mistake| (Why::Unreadable, mistake))
                .and_then(|raw| self.rows(number, raw));
            let rows = rows.unwrap_or_else(|skip| vec![Err(skip)]);
            for row in rows {
                items += 1;
                match row {
                    Ok(row) => sorter
                        .push((row.nanoseconds, items), &row)
                        .map_err(ImportError::Sort)?,
                    Err((why, mistake)) => self.account.skip(why, mistake)?,
                }
            }
            Ok(())
        });
        read.map_err(|error| self.account.not_read(error))?;
        Ok(sorter)
    }

    /// The columns that are mapped beside the time, and where those of the rule begin.
    fn optional(&self) -> ([Option<Column<'_>>; 5], usize) {
        let mapping = self.mapping;
        let mut next = OPTIONAL;
        let columns = [
            &mapping.from,
            &mapping.to,
            &mapping.kind,
            &mapping.id,
            &mapping.subject,
        ];
        let columns = columns.map(|name| {
            let column = Column {
                index: next,
                name: name.as_deref()?,
            };
            next += 1;
            Some(column)
        });
        (columns, next)
    }

    /// What a field says; `None` if that is nothing.
    fn value<'r>(&self, raw: &'r Raw, index: usize) -> Option<&'r str> {
        let text = raw.fields[index].as_deref()?.trim();
        let nothing = text.is_empty() || (self.layout.is_log() && NOTHING.contains(&text));
        (!nothing).then_some(text)
    }

    fn time(&mut self, raw: &Raw) -> Result<Timestamp, Skip> {
        let column = &self.mapping.time.column;
        let column = Column {
            index: TIME,
            name: column,
        };
        let text = self.value(raw, TIME);
        let text = text.ok_or_else(|| column.missing(raw, "fill it in, or leave the row out"))?;
        let read = self.mapping.time.format.read(text, &self.mapping.zone);
        let read = read.map_err(|(message, remedy)| column.wrong(raw, &message, &remedy))?;
        self.account.found.local += u64::from(read.local);
        Ok(read.time)
    }

    fn kind(&self, raw: &Raw, column: Option<Column<'_>>) -> Result<Kind, Skip> {
        let Some(column) = column else {
            return Ok(Kind::Document(Form::Message));
        };
        let word = self.value(raw, column.index).unwrap_or_default();
        kind_of(word).ok_or_else(|| {
            let message = "a meeting is negotiated in steps, and a row is one";
            column.wrong(raw, message, "write contact")
        })
    }

    /// Who sent; empty if that is not known, and need not be.
    fn from(&self, raw: &Raw, column: Option<Column<'_>>) -> Result<String, Skip> {
        let Some(column) = column else {
            return Ok(String::new());
        };
        match self.value(raw, column.index) {
            None if self.mapping.south_when.asks_for_sender() || self.per_name => {
                Err(column.missing(raw, ANOTHER_COLUMN))
            }
            None => Ok(String::new()),
            Some(text) => match recipients::listed(text) {
                None => Ok(text.to_owned()),
                Some(what) => Err(column.wrong(raw, what, POINTER)),
            },
        }
    }

    /// To whom, one or several; nobody is an empty name.
    fn to(&self, raw: &Raw, column: Option<Column<'_>>) -> Result<Vec<String>, Skip> {
        let Some(column) = column else {
            return Ok(vec![String::new()]);
        };
        match self.value(raw, column.index) {
            None if self.mapping.south_when.asks_for_addressee() || self.per_name => {
                Err(column.missing(raw, ANOTHER_COLUMN))
            }
            None => Ok(vec![String::new()]),
            Some(text) => recipients::split(text).map_err(|what| column.wrong(raw, what, POINTER)),
        }
    }

    /// What becomes of a row: one exchange, or one for each of its recipients.
    fn rows(&mut self, number: u64, mut raw: Raw) -> Result<Vec<Result<Row, Skip>>, Skip> {
        let ([from, to, kind, id, subject], first) = self.optional();
        let (from, mut to) = (self.from(&raw, from)?, self.to(&raw, to)?);
        let kind = self.kind(&raw, kind)?;
        let take = |column: Option<Column<'_>>| {
            let text = column.and_then(|column| self.value(&raw, column.index));
            text.unwrap_or_default().to_owned()
        };
        let (id, subject) = (take(id), take(subject));
        let sides: Vec<Result<Place, Skip>> = {
            let sides = to.iter().map(|to| self.side(&raw, first, &from, to));
            sides.collect()
        };
        let time = self.time(&raw)?;
        self.account.found.further += to.len() as u64 - 1;
        if self.mapping.recipients == Recipients::First {
            to.truncate(1);
        }
        let (word, numbered) = match self.layout.row() {
            "line" => ("line", raw.line),
            word => (word, number),
        };
        let row = Row {
            line: raw.line,
            column: raw.columns[TIME],
            told: format!("{word} {numbered}"),
            nanoseconds: time.as_nanosecond(),
            side: Place::South,
            kind,
            from,
            to: String::new(),
            id,
            subject,
            text: std::mem::take(&mut raw.text),
        };
        let rows = to.into_iter().zip(sides).map(|(to, side)| {
            let mut row = Row {
                side: side?,
                to,
                ..row.clone()
            };
            self.account.found.cut += u64::from(row.cut(&Limits::default()));
            Ok(row)
        });
        Ok(rows.collect())
    }

    /// Which office sent a row.
    fn side(&self, raw: &Raw, first: usize, from: &str, to: &str) -> Result<Place, Skip> {
        let columns: Vec<String> = raw.fields[first..]
            .iter()
            .map(|field| field.clone().unwrap_or_default())
            .collect();
        let holds = |from, to| {
            let columns = &columns;
            self.mapping.south_when.holds(Values { from, to, columns })
        };
        let south = holds(from, to);
        if self.per_name && holds(to, from) == south {
            let place = if south { Place::South } else { Place::North };
            let mistake = Mistake {
                line: raw.line as usize,
                column: raw.columns[OPTIONAL],
                key: self.mapping.from.clone().unwrap_or_default(),
                message: format!("{from:?} and {to:?} are both of {place}"),
                remedy: "only what went between the two sides is written".to_owned(),
            };
            return Err((Why::OneSide, mistake));
        }
        Ok(if south { Place::South } else { Place::North })
    }

    fn write(mut self, sorter: Sorter, out: &Path) -> Result<Imported, ImportError> {
        let mut writer = Writer::new(&self.mapping.zone);
        let mut pair = None;
        for row in sorter.sorted::<Row>().map_err(ImportError::Sort)? {
            let row = row.map_err(ImportError::Sort)?;
            let now = Timestamp::from_nanosecond(row.nanoseconds)
                .expect("it was a time before it was sorted");
            let pair = match &mut pair {
                Some(pair) => pair,
                none => none.insert(PairWriter::create(out, now)?),
            };
            let found = &mut self.account.found;
            match writer.write(pair, now, &row)? {
                Ok(steps) => {
                    found.steps += steps;
                    match row.kind {
                        Kind::Document(_) => found.documents += 1,
                        Kind::Contact(_) => found.contacts += 1,
                        Kind::Call { .. } => found.calls += 1,
                    }
                    self.account.written(now);
                }
                Err(message) => {
                    let mistake = Mistake {
                        line: row.line as usize,
                        column: if self.layout.row() == "line" {
                            1
                        } else {
                            row.column
                        },
                        key: String::new(),
                        message,
                        remedy: "shorten it, or map another column".to_owned(),
                    };
                    self.account.skip(Why::Refused, mistake)?;
                }
            }
        }
        self.account.close(pair, "check the columns and the rule")
    }
}

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod tests;
