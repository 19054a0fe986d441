//! What an import comes to: what was written, and what was skipped, with its place.

use jiff::Timestamp;
use reading::Mistake;
use serde::Serialize;

use crate::import_error::ImportError;
use crate::pair::PairWriter;
use crate::source::SourceError;

/// Rows that are told one by one; those beyond are counted.
pub const TOLD_MAX: usize = 100;

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

/// What became of the rows. Of other people's records `rows` (with each of several recipients an exchange of its own,
/// `rows` + `further`) = `documents` + `contacts` + `calls` + [`Self::skipped`]; of our own exports a row is a step, and `rows` = `steps` + [`Self::skipped`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Rows found, lines or events: the header and blank lines are none.
    pub rows: u64,
    /// Steps that either ledger took.
    pub steps: u64,
    /// Documents written.
    pub documents: u64,
    /// Contacts written. Of other people's records each is recorded by its sender and confirmed by the other office;
    /// of our own those that count, meetings too.
    pub contacts: u64,
    /// Calls written.
    pub calls: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
    /// Rows from one side to the same side.
    pub one_side: u64,
    /// Rows that the office does not take.
    pub refused: u64,
    /// Recipients of rows that went to several, the first of each not counted.
    pub further: u64,
    /// Exchanges whose names or subject are longer than the office takes, and were cut.
    pub cut: u64,
    /// Rows whose time says no offset.
    pub local: u64,
    /// Skipped rows in the order they were found, [`TOLD_MAX`] at most.
    pub told: Vec<Skipped>,
    /// Time of the first exchange.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
    /// The counts of either ledger.
    pub tally: office::Tally,
}

impl Imported {
    /// Rows that were not written.
    pub fn skipped(&self) -> u64 {
        self.unreadable + self.one_side + self.refused
    }
}

/// Keeps account of an import.
pub(crate) struct Account<'f> {
    file: &'f str,
    strict: bool,
    pub(crate) found: Imported,
}

impl<'f> Account<'f> {
    pub(crate) fn open(file: &'f str, strict: bool) -> Self {
        Self {
            file,
            strict,
            found: Imported {
                rows: 0,
                steps: 0,
                documents: 0,
                contacts: 0,
                calls: 0,
                unreadable: 0,
                one_side: 0,
                refused: 0,
                further: 0,
                cut: 0,
                local: 0,
                told: Vec::new(),
                first: Timestamp::MAX,
                last: Timestamp::MIN,
                tally: office::Tally::default(),
            },
        }
    }

    /// Why the file was not read to its end.
    pub(crate) fn not_read(&self, error: SourceError) -> ImportError {
        match error {
            SourceError::Io(source) => ImportError::Read {
                file: self.file.to_owned(),
                source,
            },
            SourceError::Mistake(mistake) => self.mistake(mistake),
            SourceError::Stop(error) => error,
        }
    }

    fn mistake(&self, mistake: Mistake) -> ImportError {
        ImportError::Mistake {
            file: self.file.to_owned(),
            mistake,
        }
    }

    /// Counts a row that is not written; an error if none may be.
    pub(crate) fn skip(&mut self, why: Why, mistake: Mistake) -> Result<(), ImportError> {
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

    /// Counts a row that is written.
    pub(crate) fn written(&mut self, at: Timestamp) {
        self.found.first = self.found.first.min(at);
        self.found.last = self.found.last.max(at);
    }

    /// The end: `pair` if anything was begun, else what to do.
    pub(crate) fn close(
        mut self,
        pair: Option<PairWriter>,
        remedy: &'static str,
    ) -> Result<Imported, ImportError> {
        match pair {
            Some(pair) if self.found.steps > 0 => {
                self.found.tally = pair.finish()?;
                Ok(self.found)
            }
            _ => {
                let first = self.found.told.first();
                Err(ImportError::Nothing {
                    file: self.file.to_owned(),
                    rows: self.found.rows,
                    skipped: self.found.skipped(),
                    first: first.map_or_else(String::new, |told| {
                        format!(", the first: {}:{}", self.file, told.mistake)
                    }),
                    remedy,
                })
            }
        }
    }
}
