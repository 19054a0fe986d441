//! Mistakes in a file: where, what, and what to write instead.

use std::cell::RefCell;
use std::fmt;

use crate::visible;

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key it is about, such as `meetings[2].total`; empty if the text is no TOML there.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message quotes the file, which may be anybody's.
        let (message, remedy) = (visible::line(&self.message), visible::line(&self.remedy));
        write!(f, "{}:{}: {message}; {remedy}", self.line, self.column)
    }
}

/// A file that cannot be used, with all its mistakes in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file, as the caller named it.
    pub source_name: String,
    /// The mistakes; at least one.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{mistake}", visible::line(&self.source_name))?;
        }
        Ok(())
    }
}

/// Mistakes while they are being found. Reading goes on after each, so that all come at once.
#[derive(Debug)]
pub struct Mistakes<'t> {
    text: &'t str,
    found: RefCell<Vec<Mistake>>,
    missing: RefCell<Vec<Mistake>>,
    // Lines that are no TOML: what else seems wrong on them is a consequence.
    unreadable_lines: RefCell<Vec<usize>>,
}

impl<'t> Mistakes<'t> {
    /// None found yet in `text`.
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            found: RefCell::default(),
            missing: RefCell::default(),
            unreadable_lines: RefCell::default(),
        }
    }

    /// Adds a mistake at byte `offset` of the text.
    pub fn add(&self, offset: usize, key: &str, message: String, remedy: String) {
        let mistake = self.at(offset, key, message, remedy);
        if !self.unreadable_lines.borrow().contains(&mistake.line) {
            self.found.borrow_mut().push(mistake);
        }
    }

    /// Adds a key that is not there.
    pub fn add_missing(&self, offset: usize, key: &str, remedy: String) {
        let message = format!("`{key}` is missing");
        self.missing
            .borrow_mut()
            .push(self.at(offset, key, message, remedy));
    }

    /// Adds text that is no TOML.
    pub fn add_unreadable(&self, offset: usize, message: &str) {
        let remedy = "write it as TOML 1.0 has it".to_owned();
        let mistake = self.at(offset, "", message.to_owned(), remedy);
        let mut lines = self.unreadable_lines.borrow_mut();
        // Of several on one line, the first is the cause.
        if !lines.contains(&mistake.line) {
            lines.push(mistake.line);
            self.found.borrow_mut().push(mistake);
        }
    }

    /// The error, if anything is wrong.
    pub fn into_error(self, source_name: &str) -> Option<FileError> {
        let mut mistakes = self.found.into_inner();
        // What is missing may stand in the text that could not be read.
        if self.unreadable_lines.into_inner().is_empty() {
            mistakes.append(&mut self.missing.into_inner());
        }
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        let source_name = source_name.to_owned();
        (!mistakes.is_empty()).then_some(FileError {
            source_name,
            mistakes,
        })
    }

    fn at(&self, offset: usize, key: &str, message: String, remedy: String) -> Mistake {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Mistake {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            message,
            remedy,
        }
    }
}

/// The word of `known` that `word` was likely meant to be.
pub fn near_miss<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance_max = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (edits(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters to insert, drop or replace to come from `from` to `to`.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, wanted) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_near() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(near_miss("totl", &["kind", "total"]), Some("total"));
        assert_eq!(near_miss("colour", &["kind", "total"]), None);
    }
}
