//! Other people's records, a row each, into a pair of ledgers.

mod rule;
mod table;
mod time_format;

use std::io::{self, BufRead};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::TallyReport;
use office::call::{Call, CallKind};
use office::contact::{Contact, ContactKind};
use office::tally::day_of;
use office::{Order, Place};
use prost::Message as _;
use protocol::Fields;
use protocol::pb::office as pb;
use scenario::Mistake;
use serde::{Deserialize, Serialize};

pub use rule::{Rule, RuleError};
pub use table::Layout;
pub use time_format::{TimeColumn, TimeFormat};

use crate::pair::{PairError, PairWriter};
use crate::sorter::Sorter;
use rule::Values;
use table::{Raw, Table, TableError};

/// Rows that are told one by one; those beyond are counted.
pub const TOLD_MAX: usize = 100;

/// What stands in which column. Columns are names; numbers from 1 where rows have no header.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// When.
    pub time: TimeColumn,
    /// Who sent.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What it is: `contact`, `call` and their like; anything else, and all without this column, is a document.
    pub kind: Option<String>,
    /// The other system's id.
    pub id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Which rows South sent.
    pub south_when: Rule,
}

/// Why nothing was imported, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("failed to read {file}: {source}")]
    Read {
        /// The file, as the caller named it.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// There is a mistake that ends it: in the header, or the first one if no row may be left out.
    #[error("{file}:{mistake}")]
    Mistake {
        /// The file, as the caller named it.
        file: String,
        /// What is wrong, and where.
        mistake: Mistake,
    },
    /// Nothing is left to write.
    #[error(
        "{file} gives no exchange ({skipped} of {rows} rows are skipped{first}); check the columns and the rule"
    )]
    Nothing {
        /// The file, as the caller named it.
        file: String,
        /// Rows found.
        rows: u64,
        /// Rows skipped.
        skipped: u64,
        /// The first of them, as `, the first: …`; empty if there is none.
        first: String,
    },
    /// The sorted rows find no room.
    #[error(
        "failed to sort the rows in the temporary directory: {0}; make room there, or name another with TMPDIR"
    )]
    Sort(#[source] io::Error),
    /// The pair cannot be written.
    #[error(transparent)]
    Pair(#[from] PairError),
}

/// Why a row is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It cannot be read.
    Unreadable,
    /// It went from one side to the same side.
    OneSide,
    /// It can be read, and the office does not take it.
    Refused,
}

/// A row that is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Why.
    pub why: Why,
    /// Where, what, and what to do.
    pub mistake: Mistake,
}

/// What became of the rows. `rows` = `documents` + `contacts` + `calls` + [`Self::skipped`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Rows found: the header and blank lines are none.
    pub rows: u64,
    /// Written as documents.
    pub documents: u64,
    /// Written as contacts, each recorded by its sender and confirmed by the other office.
    pub contacts: u64,
    /// Written as calls.
    pub calls: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
    /// Rows from one side to the same side.
    pub one_side: u64,
    /// Rows that the office does not take.
    pub refused: u64,
    /// Skipped rows in the order they were found, [`TOLD_MAX`] at most.
    pub told: Vec<Skipped>,
    /// Time of the first exchange.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
    /// The counts of either ledger.
    pub tally: TallyReport,
}

impl Imported {
    /// Rows that were not written.
    pub fn skipped(&self) -> u64 {
        self.unreadable + self.one_side + self.refused
    }
}

/// Reads rows from `input` and writes `out/south` and `out/north`.
///
/// Rows come in any order; they are written in the order of their times, equal times in the order of their lines, in
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
    let mut reading = Reading::new(file, mapping, layout, strict);
    let sorter = reading.read(input)?;
    reading.write(sorter, out)
}

/// A row as it is sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    line: u64,
    nanoseconds: i128,
    side: Place,
    kind: Kind,
    from: String,
    to: String,
    id: String,
    subject: String,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Document(Form),
    Contact(ContactKind),
    Call { closing: bool, answered: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    Message,
    Notice,
    Note,
    Document,
}

/// What the words of a kind column mean. `None`: a meeting, which is more than one step.
fn kind_of(word: &str) -> Option<Kind> {
    let call = |closing, answered| Kind::Call { closing, answered };
    let word = word.trim().to_lowercase().replace(['_', '-'], " ");
    Some(match &*word {
        "notice" => Kind::Document(Form::Notice),
        "note" => Kind::Document(Form::Note),
        "document" => Kind::Document(Form::Document),
        "contact" | "consultation" | "not stated" => Kind::Contact(ContactKind::NotStated),
        "regular consultation" => Kind::Contact(ContactKind::RegularConsultation),
        "on demand consultation" => Kind::Contact(ContactKind::OnDemandConsultation),
        "call" | "opening call" => call(false, true),
        "closing call" => call(true, true),
        "unanswered call" | "missed call" => call(false, false),
        "meeting" => return None,
        _ => Kind::Document(Form::Message),
    })
}

struct Reading<'m> {
    file: &'m str,
    mapping: &'m Mapping,
    layout: Layout,
    strict: bool,
    per_name: bool,
    found: Imported,
}

/// Where the mapped fields stand among those asked for; the rule's own columns follow.
const TIME: usize = 0;
const FROM: usize = 1;
const TO: usize = 2;
const KIND: usize = 3;

impl<'m> Reading<'m> {
    fn new(file: &'m str, mapping: &'m Mapping, layout: Layout, strict: bool) -> Self {
        Self {
            file,
            mapping,
            layout,
            strict,
            per_name: mapping.south_when.is_per_name(),
            found: Imported {
                rows: 0,
                documents: 0,
                contacts: 0,
                calls: 0,
                unreadable: 0,
                one_side: 0,
                refused: 0,
                told: Vec::new(),
                first: Timestamp::MAX,
                last: Timestamp::MIN,
                tally: TallyReport::from(&office::Tally::default()),
            },
        }
    }

    fn read(&mut self, input: impl BufRead) -> Result<Sorter, ImportError> {
        let read_error = |source| ImportError::Read {
            file: self.file.to_owned(),
            source,
        };
        let mapping = self.mapping;
        let optional = [&mapping.kind, &mapping.id, &mapping.subject];
        let wanted = [&mapping.time.column, &mapping.from, &mapping.to].into_iter();
        let wanted = wanted.chain(optional.into_iter().flatten());
        let wanted = wanted.chain(mapping.south_when.columns()).cloned();
        let mut table = match Table::open(input, self.layout, wanted.collect()) {
            Ok(table) => table,
            Err(TableError::Io(source)) => return Err(read_error(source)),
            Err(TableError::Header(mistake)) => return Err(self.mistake(mistake)),
        };
        let mut sorter = Sorter::new();
        while let Some(raw) = table.next_row().map_err(read_error)? {
            self.found.rows += 1;
            let row = raw
                .map_err(|mistake| (Why::Unreadable, mistake))
                .and_then(|raw| self.row(raw));
            match row {
                Ok(row) => sorter
                    .push((row.nanoseconds, row.line), &row)
                    .map_err(ImportError::Sort)?,
                Err((why, mistake)) => self.skip(why, mistake)?,
            }
        }
        Ok(sorter)
    }

    fn mistake(&self, mistake: Mistake) -> ImportError {
        ImportError::Mistake {
            file: self.file.to_owned(),
            mistake,
        }
    }

    fn skip(&mut self, why: Why, mistake: Mistake) -> Result<(), ImportError> {
        if self.strict {
            return Err(self.mistake(mistake));
        }
        match why {
            Why::Unreadable => self.found.unreadable += 1,
            Why::OneSide => self.found.one_side += 1,
            Why::Refused => self.found.refused += 1,
        }
        if self.found.told.len() < TOLD_MAX {
            self.found.told.push(Skipped { why, mistake });
        }
        Ok(())
    }

    fn row(&self, mut raw: Raw) -> Result<Row, (Why, Mistake)> {
        let mapping = self.mapping;
        let unreadable = |index: usize, name: &str, message: String, remedy: &str| {
            let mistake = Mistake {
                line: raw.line as usize,
                column: raw.columns[index],
                key: name.to_owned(),
                message: format!("column {name}: {message}"),
                remedy: remedy.to_owned(),
            };
            (Why::Unreadable, mistake)
        };
        let required = |index: usize, name: &str| match raw.fields[index].as_deref() {
            Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            _ => Err(unreadable(
                index,
                name,
                "it is empty or missing".to_owned(),
                "fill it in, or leave the row out",
            )),
        };
        let time = required(TIME, &mapping.time.column)?;
        let (from, to) = (required(FROM, &mapping.from)?, required(TO, &mapping.to)?);
        let time = mapping
            .time
            .format
            .read(&time)
            .map_err(|(message, remedy)| {
                unreadable(TIME, &mapping.time.column, message, &remedy)
            })?;
        let mut next = KIND;
        let mut optional = |name: &Option<String>| {
            let index = name.is_some().then_some(next)?;
            next += 1;
            Some(index)
        };
        let [kind, id, subject] = [&mapping.kind, &mapping.id, &mapping.subject].map(&mut optional);
        let kind = match kind {
            None => Kind::Document(Form::Message),
            Some(index) => {
                let word = raw.fields[index].as_deref().unwrap_or_default();
                kind_of(word).ok_or_else(|| {
                    let message = "a meeting is negotiated in steps, and a row is one".to_owned();
                    unreadable(
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
        Ok(Row {
            line: raw.line,
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
            match writer.write(pair, now, &row)? {
                Ok(()) => {
                    self.found.first = self.found.first.min(now);
                    self.found.last = self.found.last.max(now);
                    match row.kind {
                        Kind::Document(_) => self.found.documents += 1,
                        Kind::Contact(_) => self.found.contacts += 1,
                        Kind::Call { .. } => self.found.calls += 1,
                    }
                }
                Err(message) => {
                    let mistake = Mistake {
                        line: row.line as usize,
                        column: 1,
                        key: String::new(),
                        message,
                        remedy: "shorten it, or map another column".to_owned(),
                    };
                    self.skip(Why::Refused, mistake)?;
                }
            }
        }
        let Some(pair) = pair else {
            let first = self.found.told.first();
            return Err(ImportError::Nothing {
                file: self.file.to_owned(),
                rows: self.found.rows,
                skipped: self.found.skipped(),
                first: first.map_or_else(String::new, |told| {
                    format!(", the first: {}:{}", self.file, told.mistake)
                }),
            });
        };
        self.found.tally = TallyReport::from(&pair.finish()?);
        Ok(self.found)
    }
}

/// Rows into steps.
#[derive(Default)]
struct Writer {
    /// The begin of the last contact of each kind: two that begin at once are kept apart.
    contacts: Vec<(ContactKind, Timestamp)>,
}

impl Writer {
    /// Writes a row's steps; the inner error says why the office does not take it.
    fn write(
        &mut self,
        pair: &mut PairWriter,
        now: Timestamp,
        row: &Row,
    ) -> Result<Result<(), String>, PairError> {
        let (order, payload) = match self.order(row, now) {
            Ok(order) => order,
            Err(message) => return Ok(Err(message)),
        };
        let id = match pair.author(row.side, now, &order, payload) {
            Ok(id) => id,
            Err(PairError::Refused(refusal)) => return Ok(Err(refusal.to_string())),
            Err(error) => return Err(error),
        };
        if matches!(order, Order::RecordContact(_)) {
            let confirm = Order::ConfirmContact(id);
            pair.author(row.side.peer(), now, &confirm, Bytes::new())?;
        }
        Ok(Ok(()))
    }

    fn order(&mut self, row: &Row, now: Timestamp) -> Result<(Order, Bytes), String> {
        match row.kind {
            Kind::Document(form) => {
                let message = document(row, form);
                let payload = message.encode_to_vec().into();
                Ok((Order::SendDocument(checked(message)?), payload))
            }
            Kind::Contact(kind) => {
                let mut message = contact(row, kind);
                let begun_at = self.begun_at(kind, now);
                message.begun_at = Some(protocol::timestamp_to_pb(begun_at));
                let payload = message.encode_to_vec().into();
                Ok((
                    Order::RecordContact(checked::<_, Contact>(message)?),
                    payload,
                ))
            }
            Kind::Call { closing, answered } => {
                let call = Call {
                    kind: if closing {
                        CallKind::Closing
                    } else {
                        CallKind::Opening
                    },
                    day: day_of(now),
                    answered,
                };
                let mut message = protocol::call_to_pb(&call);
                message.remark = Some(pb::Remark {
                    officer: Some(officer(&row.from)),
                    text: subject(row),
                });
                let payload = message.encode_to_vec().into();
                Ok((Order::RecordCall(checked::<_, Call>(message)?), payload))
            }
        }
    }

    /// Equal rows are separate contacts, and a contact is known by its kind and begin: a nanosecond keeps them apart.
    fn begun_at(&mut self, kind: ContactKind, now: Timestamp) -> Timestamp {
        let apart = Duration::from_nanos(1);
        let index = self.contacts.iter().position(|(known, _)| *known == kind);
        let begun_at = match index.map(|index| self.contacts[index].1) {
            Some(last) if last >= now => last.checked_add(apart).unwrap_or(now),
            _ => now,
        };
        match index {
            Some(index) => self.contacts[index].1 = begun_at,
            None => self.contacts.push((kind, begun_at)),
        }
        begun_at
    }
}

fn checked<M, T: protocol::Checked<M>>(message: M) -> Result<T, String> {
    T::checked(message, &Fields::default()).map_err(|violations| {
        let told = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description));
        told.collect::<Vec<_>>().join("; ")
    })
}

fn subject(row: &Row) -> String {
    if row.subject.is_empty() {
        format!("line {}", row.line)
    } else {
        row.subject.clone()
    }
}

fn officer(name: &str) -> pb::Officer {
    pb::Officer {
        name: name.to_owned(),
        ..Default::default()
    }
}

fn document(row: &Row, form: Form) -> pb::Document {
    let form = match form {
        Form::Message => pb::DocumentForm::Message,
        Form::Notice => pb::DocumentForm::Notice,
        Form::Note => pb::DocumentForm::Note,
        Form::Document => pb::DocumentForm::Document,
    };
    let line = format!("line {}", row.line);
    pb::Document {
        form: form.into(),
        subject: subject(row),
        body: row.text.clone().into(),
        media_type: "text/plain; charset=utf-8".to_owned(),
        signatory: Some(officer(&row.from)),
        addressee: Some(officer(&row.to)),
        reference: if row.id.is_empty() {
            line
        } else {
            format!("{}, {line}", row.id)
        },
        ..Default::default()
    }
}

fn contact(row: &Row, kind: ContactKind) -> pb::Contact {
    pb::Contact {
        kind: protocol::contact_kind_to_pb(kind).into(),
        participants: vec![officer(&row.from), officer(&row.to)],
        topics: vec![subject(row)],
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
