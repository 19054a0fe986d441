//! What a template may refer to: values that earlier steps keep, and the columns of a CSV file.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use prost_reflect::Kind;

use crate::error::TemplateMistake;

/// Rows of values, by column.
#[derive(Debug, Default)]
pub struct Csv {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    /// Reads CSV text: a line of column names, then one line or more of values.
    pub fn parse(text: &str) -> Result<Self, TemplateMistake> {
        let wrong = |message: String, remedy: &str| TemplateMistake {
            path: String::new(),
            message,
            remedy: remedy.to_owned(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .from_reader(text.as_bytes());
        let broken = |error: csv::Error| {
            wrong(
                format!("the CSV file cannot be read: {error}"),
                "write as many values on each line as there are column names",
            )
        };
        let columns: Vec<String> = reader
            .headers()
            .map_err(broken)?
            .iter()
            .map(str::to_owned)
            .collect();
        let rows: Result<Vec<Vec<String>>, csv::Error> = reader
            .records()
            .map(|record| Ok(record?.iter().map(str::to_owned).collect()))
            .collect();
        let rows = rows.map_err(broken)?;
        if rows.is_empty() {
            return Err(wrong(
                "the CSV file has no rows".to_owned(),
                "write a line of column names, and values on the lines below",
            ));
        }
        Ok(Self { columns, rows })
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values of a column, row by row.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row[column].as_str())
    }

    /// The value that the arrival `index` takes: rows in order, from the first again after the last.
    pub(super) fn value(&self, column: usize, index: u64) -> &str {
        let row = index % self.rows.len() as u64;
        &self.rows[row as usize][column]
    }
}

/// What the templates of one workflow may refer to. It grows from step to step.
#[derive(Default)]
pub struct Scope {
    pub(super) kept: Vec<(String, Kind)>,
    pub(super) csv: Option<Arc<Csv>>,
    place: Cell<u64>,
}

// A descriptor's own `Debug` does not end where a message has itself as a field.
impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.kept.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Scope")
            .field("kept", &names)
            .field("csv", &self.csv)
            .finish()
    }
}

impl Scope {
    /// Nothing kept, and the CSV file if there is one.
    pub fn new(csv: Option<Arc<Csv>>) -> Self {
        Self {
            csv,
            ..Self::default()
        }
    }

    /// Gives a slot to a value of the kind `kind`. A name kept again has the slot it had, and the new kind.
    pub fn keep(&mut self, name: &str, kind: Kind) -> usize {
        if let Some(slot) = self.slot(name) {
            self.kept[slot].1 = kind;
            return slot;
        }
        self.kept.push((name.to_owned(), kind));
        self.kept.len() - 1
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.kept.len()
    }

    /// Numbers the placeholders that follow from `place`. Each step of a workflow begins at a number of its own: what is
    /// drawn in one step stays as it is when another changes.
    pub fn begin_at(&self, place: u64) {
        self.place.set(place);
    }

    /// The slot of a value that is kept by this name.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.kept.iter().position(|(kept, _)| kept == name)
    }

    pub(super) fn next_place(&self) -> u64 {
        self.place.replace(self.place.get() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_round() {
        let csv = Csv::parse("name, age\nChun,61\n\"Jon, the chief\",55\n").expect("CSV");
        assert_eq!(csv.columns(), ["name", "age"]);
        assert_eq!(
            (csv.value(0, 0), csv.value(0, 3)),
            ("Chun", "Jon, the chief")
        );
        let error = Csv::parse("name,age\n1\n").unwrap_err();
        assert!(error.message.contains("cannot be read"), "{error}");
        assert!(Csv::parse("name,age\n").is_err());
    }

    #[test]
    fn a_name_kept_again_keeps_its_slot() {
        let mut scope = Scope::default();
        assert_eq!(scope.keep("a", Kind::String), 0);
        assert_eq!(scope.keep("b", Kind::Int32), 1);
        assert_eq!(scope.keep("a", Kind::Bytes), 0);
        assert_eq!(scope.slots(), 2);
    }
}
