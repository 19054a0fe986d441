//! Columns for people, within 100 columns of a terminal.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::{HEADING, clean, styled};

/// No line of a table is wider.
pub const WIDTH_MAX: usize = 100;
const GAP: usize = 2;

/// Rows under headings.
#[derive(Debug, Default)]
pub struct Table {
    headings: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings. A heading that begins with `>` stands to the right, over numbers.
    pub fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings
                .iter()
                .map(|text| text.trim_start_matches('>'))
                .collect(),
            right: headings.iter().map(|text| text.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: as many cells as headings.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows
            .push(cells.iter().map(|cell| clean(cell)).collect());
    }

    /// The table. If it is too wide, the widest column is cut.
    pub fn render(&self) -> String {
        let widths = self.widths();
        let headings: Vec<String> = self.headings.iter().map(ToString::to_string).collect();
        let mut text = String::new();
        let heading = self.line(&headings, &widths);
        text.push_str(&styled(HEADING, heading.trim_end()));
        text.push('\n');
        for row in &self.rows {
            text.push_str(self.line(row, &widths).trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings.iter().map(|text| text.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let widest = (0..widths.len()).max_by_key(|index| widths[*index]);
        if let Some(widest) = widest.filter(|_| total > WIDTH_MAX) {
            widths[widest] = widths[widest].saturating_sub(total - WIDTH_MAX).max(8);
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), right) in cells.iter().zip(widths).zip(&self.right) {
            let cell = cut(cell, *width);
            let room = " ".repeat(width.saturating_sub(cell.width()));
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            if *right {
                line.push_str(&room);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&room);
            }
        }
        line
    }
}

/// Text of at most `width` columns; an ellipsis stands for the rest.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(letter);
    }
    short.push('…');
    short
}

/// Lines of a name and what it is, the names in one column. Empty values are left out.
pub fn pairs(indent: usize, pairs: &[(&str, String)]) -> String {
    let present = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = present().map(|(name, _)| name.width()).max().unwrap_or(0);
    let margin = " ".repeat(indent);
    let mut text = String::new();
    for (name, value) in present() {
        let room = " ".repeat(width - name.width() + GAP);
        let _ = writeln!(text, "{margin}{name}{room}{}", clean(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut table = Table::new(&["name", "subject", ">bytes"]);
        table.row(vec![
            "offices/south/documents/1".into(),
            "x".repeat(300),
            "12".into(),
        ]);
        table.row(vec![
            "offices/south/documents/2".into(),
            "전통문".into(),
            "1,200".into(),
        ]);
        let rendered = anstream::adapter::strip_str(&table.render()).to_string();
        for line in rendered.lines() {
            assert!(line.width() <= WIDTH_MAX, "{line}");
        }
        assert!(rendered.contains('…'));
        assert!(
            rendered
                .lines()
                .nth(2)
                .is_some_and(|line| line.ends_with("1,200"))
        );
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(cut("전통문", 5), "전통…");
        assert_eq!(cut("전통문", 6), "전통문");
    }

    #[test]
    fn empty_values_are_left_out() {
        let text = pairs(2, &[("kind", "chiefs".into()), ("place", String::new())]);
        assert_eq!(text, "  kind  chiefs\n");
    }
}
