//! Other people's files as rows of named fields: text, JSON lines, and the events of event logs.

mod input;
mod ocel;
mod ocel_xml;
mod recognise;
mod split;
mod table;
mod unique;
mod xes;

use std::io::{self, BufRead};

use reading::Mistake;

use crate::import_error::ImportError;
use ocel::Whole;
use table::Table;

/// What to do about text that is no UTF-8.
const NO_UTF8: &str =
    "save the file as UTF-8, or name its encoding with --encoding, such as cp949 or latin1";

/// How a file writes its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Fields between delimiters, quoted as RFC 4180 has it.
    Delimited {
        /// One ASCII character.
        delimiter: u8,
        /// Whether the first row names the columns.
        header: bool,
    },
    /// A JSON object a line. Columns are keys, or JSON pointers such as `/sender/name`.
    JsonLines,
    /// A JSON array of objects. Columns are as in JSON lines.
    JsonArray,
    /// The events of an OCEL 2.0 log in JSON. Columns are `id`, `type`, `time`, an event's attributes, and the
    /// qualifiers of its relationships, which give the id of the object.
    Ocel,
    /// The same in XML.
    OcelXml,
    /// The events of an XES log. Columns are the keys of an event's attributes, and with `case:` before them those of
    /// its trace.
    Xes,
}

impl Layout {
    /// What a row is called.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Delimited { .. } | Self::JsonLines => "line",
            Self::JsonArray => "object",
            Self::Ocel | Self::OcelXml | Self::Xes => "event",
        }
    }

    /// Whether it is an event log, which says itself what is what.
    pub fn is_log(self) -> bool {
        matches!(self, Self::Ocel | Self::OcelXml | Self::Xes)
    }
}

/// A row, as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    /// The line that it begins on, from 1.
    pub(crate) line: u64,
    /// The row as it stands in the file, without its line end; an event as JSON.
    pub(crate) text: String,
    /// The fields asked for; `None` where there is none.
    pub(crate) fields: Vec<Option<String>>,
    /// Where those begin, in characters from 1; of an event where it begins itself.
    pub(crate) columns: Vec<usize>,
}

/// What is asked of a file.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The names of the fields.
    pub(crate) columns: Vec<String>,
    /// As many of them, at the end, may have no column.
    pub(crate) optional: usize,
    /// Whether the row itself is wanted.
    pub(crate) text: bool,
    /// A row may be as long.
    pub(crate) row_bytes_max: usize,
}

/// Takes one row, or what is wrong with it.
pub(crate) type Take<'t> = dyn FnMut(Result<Raw, Mistake>) -> Result<(), ImportError> + 't;

/// Why a file was not read to its end.
#[derive(Debug)]
pub(crate) enum SourceError {
    Io(io::Error),
    /// Nothing behind it can be read.
    Mistake(Mistake),
    /// Whoever takes the rows wants no more.
    Stop(ImportError),
}

impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Gives each row of `input` to `take`, in the order of the file; memory is bounded by one row.
pub(crate) fn each(
    input: impl BufRead,
    layout: Layout,
    asked: &Asked,
    take: &mut Take<'_>,
) -> Result<(), SourceError> {
    match layout {
        Layout::Ocel => ocel::each(input, Whole::Log, asked, take),
        Layout::JsonArray => ocel::each(input, Whole::Array, asked, take),
        Layout::OcelXml => ocel_xml::each(input, asked, take),
        Layout::Xes => xes::each(input, asked, take),
        Layout::Delimited { .. } | Layout::JsonLines => {
            let mut table = Table::open(input, layout, asked)?;
            while let Some(raw) = table.next_row()? {
                take(raw).map_err(SourceError::Stop)?;
            }
            Ok(())
        }
    }
}

fn mistake(line: u64, column: usize, message: String, remedy: &str) -> Mistake {
    Mistake {
        line: line as usize,
        column: column.max(1),
        key: String::new(),
        message,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;
