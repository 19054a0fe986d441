//! Rows of text: comma, tab or space separated, or a JSON object a line. Each row knows its line.

use std::cell::RefCell;
use std::io::{self, BufRead, Read as _};

use reading::Mistake;
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use super::input::Position;
use super::split::{self, Come, Field, Split};
use super::unique::{self, Unique};
use super::{Asked, Layout, NO_UTF8, Raw, SourceError};

/// Reads rows, one after another.
pub(super) struct Table<'a, R> {
    input: R,
    layout: Layout,
    delimiter: u8,
    asked: &'a Asked,
    /// Where the columns asked for stand in a delimited row.
    indices: Vec<usize>,
    /// How many columns the header names.
    width: Option<usize>,
    line: u64,
    pending: Vec<u8>,
    /// Lines that were taken for a part of a row that cannot be read, to be read again.
    again: Vec<u8>,
}

impl<'a, R: BufRead> Table<'a, R> {
    /// Reads as far as the header, and finds the columns asked for.
    pub(super) fn open(input: R, layout: Layout, asked: &'a Asked) -> Result<Self, SourceError> {
        let delimiter = match layout {
            Layout::Delimited { delimiter, .. } => delimiter,
            _ => b',',
        };
        let mut table = Self {
            input,
            layout,
            delimiter,
            asked,
            indices: Vec::new(),
            width: None,
            line: 0,
            pending: Vec::new(),
            again: Vec::new(),
        };
        if let Layout::Delimited { header, .. } = layout {
            table.pass_over_separator()?;
            table.find_columns(header)?;
        }
        Ok(table)
    }

    /// A first line such as `sep=;` is for spreadsheets, and says what stands between fields.
    fn pass_over_separator(&mut self) -> io::Result<()> {
        if !self.next_line()? {
            return Ok(());
        }
        match self.pending.trim_ascii_end() {
            [s, e, p, b'=', delimiter]
                if [*s, *e, *p].eq_ignore_ascii_case(b"sep") && delimiter.is_ascii() =>
            {
                self.delimiter = *delimiter;
            }
            // The end is cut off by trimming.
            [s, e, p, b'='] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => self.delimiter = b'\t',
            _ => self.read_again(0, self.line - 1),
        }
        Ok(())
    }

    fn find_columns(&mut self, header: bool) -> Result<(), SourceError> {
        let mut names: Vec<String> = Vec::new();
        let mut line = 1;
        if header {
            match self.record()? {
                Some(Ok(record)) => {
                    line = record.line;
                    names.extend(record.fields.into_iter().map(|field| field.text));
                    self.width = Some(names.len());
                }
                Some(Err(found)) => return Err(SourceError::Mistake(found)),
                None => {
                    let message = "the file has no rows, not even a header".to_owned();
                    let remedy = "give one that has rows".to_owned();
                    return Err(SourceError::Mistake(at(1, 1, message, remedy)));
                }
            }
        }
        let required = self.asked.columns.len() - self.asked.optional;
        let wanted = self.asked.columns.iter().enumerate();
        let found: Result<Vec<usize>, Mistake> = wanted
            .map(|(index, wanted)| {
                match find_column(wanted, &names, header, line) {
                    // No row is as wide.
                    Err(_) if index >= required => Ok(usize::MAX),
                    found => found,
                }
            })
            .collect();
        self.indices = found.map_err(SourceError::Mistake)?;
        Ok(())
    }

    /// The next row; a mistake if it cannot be read. `None` after the last.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Result<Raw, Mistake>>> {
        match self.layout {
            Layout::Delimited { .. } => Ok(self
                .record()?
                .map(|record| record.and_then(|record| self.pick(record)))),
            _ => self.json_row(),
        }
    }

    fn pick(&self, record: Record) -> Result<Raw, Mistake> {
        if let Some(width) = self.width
            && let Some(beyond) = record
                .fields
                .iter()
                .skip(width)
                .find(|f| !f.text.trim().is_empty())
        {
            let message = format!(
                "the row has {} fields, the header {width}",
                record.fields.len()
            );
            let remedy = "put the field that has the delimiter inside in quotes".to_owned();
            return Err(at(record.line, beyond.column, message, remedy));
        }
        let end = record.text.chars().count() + 1;
        let column = |index: &usize| record.fields.get(*index).map_or(end, |field| field.column);
        let field = |index: &usize| Some(record.fields.get(*index)?.text.clone());
        Ok(Raw {
            line: record.line,
            columns: self.indices.iter().map(column).collect(),
            fields: self.indices.iter().map(field).collect(),
            text: record.text,
        })
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> io::Result<bool> {
        loop {
            self.pending.clear();
            if self.more()? == 0 {
                return Ok(false);
            }
            if self.line == 1 && self.pending.starts_with(b"\xef\xbb\xbf") {
                self.pending.drain(..3);
            }
            if !self.pending.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Adds the line that follows; returns its length. Of a row that is too long no more is held than shows it.
    fn more(&mut self) -> io::Result<usize> {
        let before = self.pending.len();
        if !self.again.is_empty() {
            let end = self.again.iter().position(|byte| *byte == b'\n');
            let end = end.map_or(self.again.len(), |end| end + 1);
            self.pending.extend(self.again.drain(..end));
        }
        if self.pending.len() == before || !self.pending.ends_with(b"\n") {
            let room = (self.asked.row_bytes_max + 1).saturating_sub(self.pending.len());
            let mut bounded = (&mut self.input).take(room as u64);
            bounded.read_until(b'\n', &mut self.pending)?;
        }
        let len = self.pending.len() - before;
        self.line += u64::from(len > 0);
        Ok(len)
    }

    /// The lines that are held from `start` on are read again, the first of them behind `line`.
    fn read_again(&mut self, start: usize, line: u64) {
        let mut lines = self.pending.split_off(start);
        lines.append(&mut self.again);
        (self.again, self.line) = (lines, line);
    }

    /// Passes over the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        if !self.pending.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        Ok(())
    }

    fn is_too_long(&self) -> bool {
        self.pending.len() > self.asked.row_bytes_max
    }

    fn too_long(&self, line: u64) -> Mistake {
        let (bytes_max, end) = (self.asked.row_bytes_max, self.line);
        at(
            line,
            1,
            format!("the row is longer than {bytes_max} bytes, to line {end}"),
            "close its last quote, or leave it out".to_owned(),
        )
    }

    /// Reads a row over all its lines. Of one that cannot be read the first line is told, and those behind it are rows of
    /// their own: a quote that is not closed takes none of them with it.
    fn record(&mut self) -> io::Result<Option<Result<Record, Mistake>>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let (line, first_len) = (self.line, self.pending.len());
        if self.is_too_long() {
            self.skip_line()?;
            return Ok(Some(Err(self.too_long(line))));
        }
        let mut split = Split::new(char::from(self.delimiter), self.width);
        let (mut taken, mut no_text) = (0, None);
        let torn = loop {
            let text = String::from_utf8_lossy(&self.pending[taken..]);
            if let Err(error) = std::str::from_utf8(&self.pending[taken..]) {
                let valid = &self.pending[taken..taken + error.valid_up_to()];
                let column = String::from_utf8_lossy(valid).chars().count() + 1;
                no_text = no_text.or(Some((self.line, column)));
            }
            match split.take(&text) {
                Come::Whole => break None,
                Come::Torn(what, column) => break Some(torn(line, column, what)),
                Come::Open => {
                    taken = self.pending.len();
                    if self.more()? == 0 {
                        let column = last_quote(&self.pending[..first_len]);
                        break Some(torn(
                            line,
                            column,
                            "the quote that opens here is never closed",
                        ));
                    }
                    if self.is_too_long() {
                        break Some(self.too_long(line));
                    }
                }
            }
        };
        if let Some(mistake) = torn {
            let literal = self.literal(first_len);
            self.read_again(first_len, line);
            return Ok(Some(match literal {
                Some((text, fields)) => Ok(Record { line, text, fields }),
                None => Err(mistake),
            }));
        }
        if let Some((line, column)) = no_text {
            let message = "the row is no UTF-8 text from here".to_owned();
            return Ok(Some(Err(at(line, column, message, NO_UTF8.to_owned()))));
        }
        let whole = String::from_utf8_lossy(&self.pending);
        let whole = whole.strip_suffix('\n').unwrap_or(&whole);
        let text = whole.strip_suffix('\r').unwrap_or(whole).to_owned();
        let fields = split.fields();
        Ok(Some(Ok(Record { line, text, fields })))
    }

    /// The first line held with its quotes as letters, as many who write tabs between fields mean them.
    fn literal(&self, first_len: usize) -> Option<(String, Vec<Field>)> {
        let line = std::str::from_utf8(&self.pending[..first_len]).ok()?;
        let text = line.trim_end_matches(['\r', '\n']).to_owned();
        if self.delimiter != b'\t' || text.contains('\r') {
            return None;
        }
        let fields = split::plain('\t', &text);
        Some((text, fields))
    }

    fn json_row(&mut self) -> io::Result<Option<Result<Raw, Mistake>>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let line = self.line;
        if self.is_too_long() {
            self.skip_line()?;
            return Ok(Some(Err(self.too_long(line))));
        }
        if let Err(error) = std::str::from_utf8(&self.pending) {
            let valid = String::from_utf8_lossy(&self.pending[..error.valid_up_to()]);
            let message = "the line is no UTF-8 text from here".to_owned();
            let column = valid.chars().count() + 1;
            return Ok(Some(Err(at(line, column, message, NO_UTF8.to_owned()))));
        }
        let twice = RefCell::default();
        let nowhere = || Position { line, column: 0 };
        let mut reader = serde_json::Deserializer::from_slice(&self.pending);
        let read = Unique::new(&twice, &nowhere).deserialize(&mut reader);
        let read = read.and_then(|value| reader.end().map(|()| value));
        let value = match read {
            Ok(value) if value.is_object() => value,
            Ok(_) => {
                let message = "the line is no JSON object".to_owned();
                let remedy = "write one object a line, such as {\"from\": \"a\", \"to\": \"b\"}";
                return Ok(Some(Err(at(line, 1, message, remedy.to_owned()))));
            }
            Err(error) => {
                let text = error.to_string();
                let what = text.split(" at line").next().unwrap_or_default();
                let message = format!("the line is no JSON: {what}");
                let remedy = "write one object a line".to_owned();
                return Ok(Some(Err(at(line, error.column().max(1), message, remedy))));
            }
        };
        if let Some((key, _)) = twice.into_inner() {
            let (message, remedy) = unique::words(&key);
            let column = unique::column(&self.pending);
            return Ok(Some(Err(at(line, column, message, remedy.to_owned()))));
        }
        let text = String::from_utf8_lossy(self.pending.trim_ascii()).into_owned();
        let wanted = self.asked.columns.iter();
        let fields = wanted.clone().map(|key| field(&value, key)).collect();
        let columns = wanted.map(|key| place_of(&text, key)).collect();
        Ok(Some(Ok(Raw {
            line,
            text,
            fields,
            columns,
        })))
    }
}

struct Record {
    line: u64,
    text: String,
    fields: Vec<Field>,
}

/// Where a column stands, by its name or its number from 1.
fn find_column(wanted: &str, names: &[String], header: bool, line: u64) -> Result<usize, Mistake> {
    let wrong = |message: String, remedy: String| Mistake {
        key: wanted.to_owned(),
        ..at(line, 1, message, remedy)
    };
    let named = |(index, name): (usize, &String)| (name.trim() == wanted).then_some(index);
    let by_name: Vec<usize> = names.iter().enumerate().filter_map(named).collect();
    match by_name[..] {
        [only] => return Ok(only),
        [] => {}
        _ => {
            let numbers: Vec<String> = by_name.iter().map(|at| (at + 1).to_string()).collect();
            let message = format!("the header has the column {wanted:?} more than once");
            let numbers = numbers.join(" or ");
            return Err(wrong(message, format!("name one by its number, {numbers}")));
        }
    }
    let known = if header { names.len() } else { usize::MAX };
    let by_number = wanted.parse::<usize>().ok();
    let by_number = by_number.and_then(|number| number.checked_sub(1));
    by_number.filter(|index| *index < known).ok_or_else(|| {
        if header {
            let message = format!("the header has no column {wanted:?}");
            wrong(message, format!("name one of {}", listed(names)))
        } else {
            let message = format!("{wanted:?} is no column of rows without a header");
            let remedy = "give its number, from 1, or say --header".to_owned();
            wrong(message, remedy)
        }
    })
}

fn torn(line: u64, column: usize, what: &str) -> Mistake {
    let remedy = if what.contains("carriage") {
        "give the file line feeds, as with `tr '\\r' '\\n'`"
    } else {
        "close the quote, and double quotes inside a quoted field"
    };
    let column = if what.contains("carriage") { 1 } else { column };
    at(line, column, what.to_owned(), remedy.to_owned())
}

/// Where the last quote of a line stands, in characters from 1.
fn last_quote(line: &[u8]) -> usize {
    let end = line.iter().rposition(|byte| *byte == b'"').unwrap_or(0);
    String::from_utf8_lossy(&line[..end]).chars().count() + 1
}

fn at(line: u64, column: usize, message: String, remedy: String) -> Mistake {
    Mistake {
        line: line as usize,
        column,
        key: String::new(),
        message,
        remedy,
    }
}

/// Names, so many that they fit a line.
fn listed(names: &[String]) -> String {
    const NAMES_MAX: usize = 12;
    let mut listed: Vec<&str> = names
        .iter()
        .map(|name| name.trim())
        .take(NAMES_MAX)
        .collect();
    if names.len() > NAMES_MAX {
        listed.push("…");
    }
    listed.join(", ")
}

/// A value by its key, or by a JSON pointer such as `/sender/name`.
pub(super) fn field(value: &Value, key: &str) -> Option<String> {
    let found = value
        .get(key)
        .or_else(|| value.pointer(key).filter(|_| key.starts_with('/')))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Where a key stands in a line, or the line's beginning.
fn place_of(text: &str, key: &str) -> usize {
    let last = key.rsplit('/').next().unwrap_or(key);
    text.find(&format!("\"{last}\""))
        .map_or(1, |at| text[..at].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(columns: &[&str]) -> Asked {
        Asked {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            optional: 0,
            text: true,
            row_bytes_max: 1_000,
        }
    }

    fn rows(text: &str, layout: Layout, wanted: &[&str]) -> Vec<Result<Raw, Mistake>> {
        let asked = asked(wanted);
        let mut table = Table::open(text.as_bytes(), layout, &asked).expect("it has columns");
        std::iter::from_fn(|| table.next_row().expect("memory reads")).collect()
    }

    fn delimited(delimiter: u8, header: bool) -> Layout {
        Layout::Delimited { delimiter, header }
    }

    fn fields(raw: &Result<Raw, Mistake>) -> Vec<&str> {
        let raw = raw.as_ref().expect("it is a row");
        raw.fields
            .iter()
            .map(|field| field.as_deref().unwrap_or("-"))
            .collect()
    }

    #[test]
    fn a_row_knows_its_line_whatever_stands_between() {
        let text = "\u{feff}a,b\n\n1,2\r\n\r\n\"x\ny\",3\n4\n5,6";
        let found = rows(text, delimited(b',', true), &["b", "a"]);
        let lines: Vec<u64> = found.iter().flatten().map(|raw| raw.line).collect();
        assert_eq!(lines, [3, 5, 7, 8]);
        assert_eq!(fields(&found[0]), ["2", "1"]);
        assert_eq!(fields(&found[1]), ["3", "x\ny"]);
        assert_eq!(fields(&found[2]), ["-", "4"]);
        assert_eq!(fields(&found[3]), ["6", "5"]);
        assert_eq!(found[0].as_ref().map(|raw| &*raw.text), Ok("1,2"));
    }

    #[test]
    fn columns_have_numbers_where_they_have_no_names() {
        let found = rows("1 2 9\n3 4 9\n", delimited(b' ', false), &["3", "1"]);
        assert_eq!(fields(&found[1]), ["9", "3"]);
        assert_eq!(
            found[1].as_ref().map(|raw| raw.columns.clone()),
            Ok(vec![5, 1])
        );
    }

    #[test]
    fn json_values_are_found_by_key_and_by_pointer() {
        let text = "{\"n\": 1, \"who\": {\"name\": \"Ä\"}}\n\n[]\n{\"n\": nul}\n";
        let found = rows(text, Layout::JsonLines, &["n", "/who/name", "none"]);
        assert_eq!(fields(&found[0]), ["1", "Ä", "-"]);
        assert_eq!(found[0].as_ref().map(|raw| raw.columns[1]), Ok(18));
        let mistake = found[1].as_ref().expect_err("an array is no row");
        assert_eq!((mistake.line, mistake.column), (3, 1));
        let mistake = found[2].as_ref().expect_err("it is no JSON");
        assert!(
            mistake.to_string().starts_with("4:10: the line is no JSON"),
            "{mistake}"
        );
    }

    #[test]
    fn rows_that_cannot_be_read_are_told_and_passed_over() {
        let asked = asked(&["1"]);
        let mut table = Table::open(&b"a,b\n\xff,1\n2,\"3\n"[..], delimited(b',', false), &asked)
            .expect("it has columns");
        table.next_row().expect("memory reads");
        let mistake = table.next_row().expect("memory reads").expect("a row");
        let mistake = mistake.expect_err("it is no text");
        assert_eq!((mistake.line, mistake.column), (2, 1));
        let last = table.next_row().expect("memory reads").expect("a row");
        let mistake = last.expect_err("its quote is not closed").to_string();
        assert!(
            mistake.starts_with("3:3: the quote that opens here is never closed"),
            "{mistake}"
        );
        assert!(table.next_row().expect("memory reads").is_none());
    }

    #[test]
    fn a_row_that_is_too_long_is_told_and_passed_over() {
        let long = "x".repeat(2_000);
        for (layout, first, last) in [
            (delimited(b',', false), "a", "b"),
            (Layout::JsonLines, "{\"1\":\"a\"}", "{\"1\":\"b\"}"),
        ] {
            let found = rows(&format!("{first}\n{long}\n{last}\n"), layout, &["1"]);
            assert_eq!(found.len(), 3);
            let mistake = found[1].as_ref().expect_err("it is too long").to_string();
            assert!(
                mistake.starts_with("2:1: the row is longer than 1000"),
                "{mistake}"
            );
            assert_eq!(fields(&found[2]), ["b"]);
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_told_with_those_that_are() {
        let open = |wanted: &str, header| {
            let asked = asked(&[wanted]);
            let table = Table::open(&b"src,dst\n"[..], delimited(b',', header), &asked);
            match table.err() {
                Some(SourceError::Mistake(mistake)) => mistake.to_string(),
                other => panic!("{wanted:?} was to be missing: {other:?}"),
            }
        };
        assert_eq!(
            open("from", true),
            "1:1: the header has no column \"from\"; name one of src, dst"
        );
        assert!(open("3", true).contains("no column \"3\""));
        assert!(open("from", false).contains("give its number"));
    }
}
