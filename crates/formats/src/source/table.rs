//! Rows of text: comma, tab or space separated, or a JSON object a line. Each row knows its line.

use std::io::{self, BufRead, Read as _};

use csv_core::ReadRecordResult;
use reading::Mistake;
use serde_json::Value;

use super::{Asked, Layout, Raw, SourceError};

/// Reads rows, one after another.
pub(super) struct Table<'a, R> {
    input: R,
    layout: Layout,
    asked: &'a Asked,
    /// Where the columns asked for stand in a delimited row.
    indices: Vec<usize>,
    csv: csv_core::Reader,
    line: u64,
    pending: Vec<u8>,
}

impl<'a, R: BufRead> Table<'a, R> {
    /// Reads as far as the header, and finds the columns asked for.
    pub(super) fn open(input: R, layout: Layout, asked: &'a Asked) -> Result<Self, SourceError> {
        let delimiter = match layout {
            Layout::Delimited { delimiter, .. } => delimiter,
            _ => b',',
        };
        let csv = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let mut table = Self {
            input,
            layout,
            asked,
            indices: Vec::new(),
            csv,
            line: 0,
            pending: Vec::new(),
        };
        if let Layout::Delimited { header, .. } = layout {
            table.find_columns(header)?;
        }
        Ok(table)
    }

    fn find_columns(&mut self, header: bool) -> Result<(), SourceError> {
        let mistake = |line: u64, name: &str, message: String, remedy: String| {
            SourceError::Mistake(Mistake {
                line: line as usize,
                column: 1,
                key: name.to_owned(),
                message,
                remedy,
            })
        };
        let mut names = Vec::new();
        let mut line = 1;
        if header {
            names = match self.record()? {
                Some(Ok(record)) => {
                    line = record.line;
                    record.fields
                }
                Some(Err(found)) => return Err(SourceError::Mistake(found)),
                None => Vec::new(),
            };
        }
        for wanted in &self.asked.columns {
            let by_name = names.iter().position(|name| name.trim() == wanted);
            let by_number = wanted
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            let known = if header { names.len() } else { usize::MAX };
            let found = by_name.or(by_number.filter(|index| *index < known));
            self.indices.push(found.ok_or_else(|| {
                if header {
                    let message = format!("the header has no column {wanted:?}");
                    let listed = listed(&names);
                    mistake(line, wanted, message, format!("name one of {listed}"))
                } else {
                    let message = format!("{wanted:?} is no column of rows without a header");
                    let remedy = "give its number, from 1, or say --header".to_owned();
                    mistake(line, wanted, message, remedy)
                }
            })?);
        }
        Ok(())
    }

    /// The next row; a mistake if it cannot be read. `None` after the last.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Result<Raw, Mistake>>> {
        match self.layout {
            Layout::Delimited { delimiter, .. } => Ok(self
                .record()?
                .map(|record| record.map(|record| self.pick(record, delimiter)))),
            _ => self.json_row(),
        }
    }

    fn pick(&self, record: Record, delimiter: u8) -> Raw {
        let starts = starts(&record.fields, delimiter);
        let end = record.text.chars().count() + 1;
        let columns = self.indices.iter();
        let columns = columns.map(|index| starts.get(*index).map_or(end, |start| *start));
        let fields = self.indices.iter();
        let fields = fields.map(|index| record.fields.get(*index).cloned());
        Raw {
            line: record.line,
            columns: columns.collect(),
            fields: fields.collect(),
            text: record.text,
        }
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
        let room = (self.asked.row_bytes_max + 1).saturating_sub(self.pending.len());
        let mut bounded = (&mut self.input).take(room as u64);
        let len = bounded.read_until(b'\n', &mut self.pending)?;
        self.line += u64::from(len > 0);
        if self.is_too_long() && !self.pending.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        Ok(len)
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

    fn record(&mut self) -> io::Result<Option<Result<Record, Mistake>>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let line = self.line;
        self.csv.reset();
        let (mut output, mut ends) = (Vec::new(), vec![0; 16]);
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            output.resize((self.pending.len() + 1).max(output.len()), 0);
            let (result, nin, nout, nends) = self.csv.read_record(
                &self.pending[read..],
                &mut output[written..],
                &mut ends[ended..],
            );
            (read, written, ended) = (read + nin, written + nout, ended + nends);
            match result {
                ReadRecordResult::OutputFull => output.resize(output.len() * 2 + 64, 0),
                ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::InputEmpty if self.is_too_long() => {
                    return Ok(Some(Err(self.too_long(line))));
                }
                // csv-core ends the record at the end of the file when it gets no more input.
                ReadRecordResult::InputEmpty => {
                    self.more()?;
                }
            }
        }
        if self.is_too_long() {
            return Ok(Some(Err(self.too_long(line))));
        }
        if !self.pending[read..].trim_ascii().is_empty() {
            return Ok(Some(Err(at(
                line,
                1,
                "a row ends with a carriage return alone".to_owned(),
                "give the file line feeds, as with `tr '\\r' '\\n'`".to_owned(),
            ))));
        }
        let whole = self.pending.strip_suffix(b"\n").unwrap_or(&self.pending);
        let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
        let text = match std::str::from_utf8(whole) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let valid = String::from_utf8_lossy(&whole[..error.valid_up_to()]);
                return Ok(Some(Err(at(
                    line,
                    valid.chars().count() + 1,
                    "the row is no UTF-8 text from here".to_owned(),
                    "save the file as UTF-8".to_owned(),
                ))));
            }
        };
        let mut start = 0;
        let mut fields = Vec::with_capacity(ended);
        for end in &ends[..ended] {
            fields.push(String::from_utf8_lossy(&output[start..*end]).into_owned());
            start = *end;
        }
        Ok(Some(Ok(Record { line, text, fields })))
    }

    fn json_row(&mut self) -> io::Result<Option<Result<Raw, Mistake>>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let line = self.line;
        if self.is_too_long() {
            return Ok(Some(Err(self.too_long(line))));
        }
        let value = match serde_json::from_slice::<Value>(&self.pending) {
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
    fields: Vec<String>,
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

/// Where each field begins, in characters from 1, in a row that quotes only what has to be quoted.
fn starts(fields: &[String], delimiter: u8) -> Vec<usize> {
    let delimiter = char::from(delimiter);
    let mut start = 1;
    fields
        .iter()
        .map(|field| {
            let here = start;
            let quotes = field.matches('"').count();
            let quoted = quotes > 0 || field.contains([delimiter, '\n', '\r']);
            start += field.chars().count() + 1 + if quoted { quotes + 2 } else { 0 };
            here
        })
        .collect()
}

/// A value by its key, or by a JSON pointer such as `/sender/name`.
fn field(value: &Value, key: &str) -> Option<String> {
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
        // A quote that is never closed takes the rest of the file, as a field.
        let last = table.next_row().expect("memory reads").expect("a row");
        assert_eq!(last.map(|raw| raw.line), Ok(3));
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
