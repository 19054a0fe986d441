//! Other people's records, a row or an event each, into a pair of ledgers.

mod rule;
mod time_format;
mod writer;

use std::io::BufRead;
use std::path::Path;

use jiff::Timestamp;
use office::Place;
use reading::Mistake;

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

/// A row may be as long, over all its lines.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// What stands in which column. Columns are names; numbers from 1 where rows have no header. [`Layout`] says what they
/// are elsewhere.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// When.
    pub time: TimeColumn,
    /// Who sent.
    pub from: String,
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
}

impl Mapping {
    /// What the standard of an event log says of its columns: the time, the resource as who sent, and the activity as
    /// the subject. `None` for rows, where every file has columns of its own.
    pub fn standard(layout: Layout, south_when: Rule) -> Option<Self> {
        let (time, from, id, subject) = match layout {
            Layout::Ocel => ("time", "resource", "id", "type"),
            Layout::Xes => (
                "time:timestamp",
                "org:resource",
                "case:concept:name",
                "concept:name",
            ),
            Layout::Delimited { .. } | Layout::JsonLines => return None,
        };
        Some(Self {
            time: TimeColumn {
                column: time.to_owned(),
                format: TimeFormat::Rfc3339,
            },
            from: from.to_owned(),
            to: None,
            kind: None,
            id: Some(id.to_owned()),
            subject: Some(subject.to_owned()),
            south_when,
        })
    }

    /// The columns in the order of [`TIME`] and those that follow it; the rule's own come last.
    fn columns(&self) -> Vec<String> {
        let optional = [&self.to, &self.kind, &self.id, &self.subject];
        let columns = [&self.time.column, &self.from].into_iter();
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
        per_name: mapping.to.is_some() && mapping.south_when.is_per_name(),
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
const FROM: usize = 1;
const OPTIONAL: usize = 2;

/// A field of a row that cannot be read.
fn unreadable(
    raw: &Raw,
    index: usize,
    name: &str,
    message: String,
    remedy: &str,
) -> (Why, Mistake) {
    let mistake = Mistake {
        line: raw.line as usize,
        column: raw.columns[index],
        key: name.to_owned(),
        message: format!("column {name}: {message}"),
        remedy: remedy.to_owned(),
    };
    (Why::Unreadable, mistake)
}

/// A field that has something in it.
fn required(raw: &Raw, index: usize, name: &str) -> Result<String, (Why, Mistake)> {
    match raw.fields[index].as_deref() {
        Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err(unreadable(
            raw,
            index,
            name,
            "it is empty or missing".to_owned(),
            "fill it in, or leave the row out",
        )),
    }
}

impl Reading<'_> {
    fn read(&mut self, input: impl BufRead) -> Result<Sorter, ImportError> {
        let asked = Asked {
            columns: self.mapping.columns(),
            text: true,
            row_bytes_max: ROW_BYTES_MAX,
        };
        let mut sorter = Sorter::new();
        let read = source::each(input, self.layout, &asked, &mut |raw| {
            self.account.found.rows += 1;
            let number = self.account.found.rows;
            let row = raw
                .map_err(|mistake| (Why::Unreadable, mistake))
                .and_then(|raw| self.row(number, raw));
            match row {
                Ok(row) => sorter
                    .push((row.nanoseconds, number), &row)
                    .map_err(ImportError::Sort),
                Err((why, mistake)) => self.account.skip(why, mistake),
            }
        });
        read.map_err(|error| self.account.not_read(error))?;
        Ok(sorter)
    }

    fn row(&self, number: u64, mut raw: Raw) -> Result<Row, (Why, Mistake)> {
        let mapping = self.mapping;
        let mut next = OPTIONAL;
        let mut optional = |name: &Option<String>| {
            let index = name.is_some().then_some(next)?;
            next += 1;
            Some(index)
        };
        let [to, kind, id, subject] =
            [&mapping.to, &mapping.kind, &mapping.id, &mapping.subject].map(&mut optional);
        let time = required(&raw, TIME, &mapping.time.column)?;
        let from = required(&raw, FROM, &mapping.from)?;
        let to = match (to, &mapping.to) {
            (Some(index), Some(name)) => required(&raw, index, name)?,
            _ => String::new(),
        };
        let time = mapping
            .time
            .format
            .read(&time)
            .map_err(|(message, remedy)| {
                unreadable(&raw, TIME, &mapping.time.column, message, &remedy)
            })?;
        let kind = match kind {
            None => Kind::Document(Form::Message),
            Some(index) => {
                let word = raw.fields[index].as_deref().unwrap_or_default();
                kind_of(word).ok_or_else(|| {
                    let message = "a meeting is negotiated in steps, and a row is one".to_owned();
                    unreadable(
                        &raw,
                        index,
                        mapping.kind.as_deref().unwrap_or_default(),
                        message,
                        "write contact",
                    )
                })?
            }
        };
        let side = self.side(&raw, next, &from, &to)?;
        let mut take = |index: Option<usize>| {
            let field = index.and_then(|index| raw.fields[index].take());
            field.unwrap_or_default().trim().to_owned()
        };
        let (id, subject) = (take(id), take(subject));
        let (word, numbered) = match self.layout.row() {
            "line" => ("line", raw.line),
            word => (word, number),
        };
        Ok(Row {
            line: raw.line,
            column: raw.columns[TIME],
            told: format!("{word} {numbered}"),
            nanoseconds: time.as_nanosecond(),
            side,
            kind,
            from,
            to,
            id,
            subject,
            text: raw.text,
        })
    }

    /// Which office sent a row.
    fn side(&self, raw: &Raw, first: usize, from: &str, to: &str) -> Result<Place, (Why, Mistake)> {
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
                column: raw.columns[FROM],
                key: self.mapping.from.clone(),
                message: format!("{from:?} and {to:?} are both of {place}"),
                remedy: "only what went between the two sides is written".to_owned(),
            };
            return Err((Why::OneSide, mistake));
        }
        Ok(if south { Place::South } else { Place::North })
    }

    fn write(mut self, sorter: Sorter, out: &Path) -> Result<Imported, ImportError> {
        let mut writer = Writer::default();
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
