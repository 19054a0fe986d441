//! Columns for people: within 100 columns on a terminal, whole in a file or a pipe. Styles are put on last, so that they have no width.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::{HEADING, clean, styled};

/// On a terminal no line of a table is wider.
pub const WIDTH_MAX: usize = 100;
/// In a file or a pipe nothing is cut.
pub const WHOLE: usize = usize::MAX;
const GAP: usize = 2;

/// A cell of a table: text on one line, made visible, in a style.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub fn of(style: Style, text: &str) -> Self {
        Self {
            text: clean(text),
            style,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::of(Style::new(), text.as_ref())
    }
}

/// No column is cut to less.
const CUT_TO_MIN: usize = 8;

/// Rows under headings.
#[derive(Debug, Default)]
pub struct Table {
    indent: usize,
    named: bool,
    right: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings. A heading that begins with `>` stands to the right, over numbers.
    pub fn new(headings: &[&str]) -> Self {
        Self::headed(HEADING, headings)
    }

    /// The same with its headings in `style`.
    pub fn headed(style: Style, headings: &[&str]) -> Self {
        let mut table = Self::bare(headings);
        let cells = headings.iter().map(|text| text.trim_start_matches('>'));
        table
            .rows
            .push(cells.map(|text| Cell::of(style, text)).collect());
        table
    }

    /// The same without its headings: they only say what stands to the right.
    pub fn bare(headings: &[&str]) -> Self {
        Self {
            indent: 0,
            named: false,
            right: headings.iter().map(|text| text.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// The same, so many columns in.
    #[must_use]
    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// The same, whose rows are called by what stands first in them: that is cut last.
    #[must_use]
    pub fn named(self) -> Self {
        Self {
            named: true,
            ..self
        }
    }

    /// Adds a row: as many cells as headings.
    pub fn row(&mut self, cells: Vec<String>) {
        self.cells(cells.into_iter().map(Cell::from).collect());
    }

    /// The same of cells in styles.
    pub fn cells(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.right.len());
        self.rows.push(cells);
    }

    /// The table, at most `width` columns wide. If it is too wide, the widest column is cut, and if that does not do, the next.
    pub fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn widths(&self, most: usize) -> Vec<usize> {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.width().max(*width);
            }
        }
        let gaps = GAP * widths.len().saturating_sub(1);
        let total = self.indent + widths.iter().sum::<usize>() + gaps;
        let mut over = total.saturating_sub(most);
        for first in [usize::from(self.named), 0] {
            let cut = |widths: &[usize]| {
                let wide = (first..widths.len()).filter(|index| widths[*index] > CUT_TO_MIN);
                wide.max_by_key(|index| widths[*index])
            };
            while over > 0
                && let Some(widest) = cut(&widths)
            {
                let less = over.min(widths[widest] - CUT_TO_MIN);
                widths[widest] -= less;
                over -= less;
            }
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        // Room is written before what follows it, so that no line ends in room.
        let mut room = self.indent;
        for ((cell, width), right) in cells.iter().zip(widths).zip(&self.right) {
            let text = cut(&cell.text, *width);
            let spare = width.saturating_sub(text.width());
            if *right {
                room += spare;
            }
            if !text.is_empty() {
                line.push_str(&" ".repeat(room));
                line.push_str(&styled(cell.style, &text));
                room = 0;
            }
            room += GAP + if *right { 0 } else { spare };
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
        let rendered = anstream::adapter::strip_str(&table.render(WIDTH_MAX)).to_string();
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
    fn a_file_or_a_pipe_gets_every_column_whole() {
        let (subject, topics) = ("x".repeat(300), "y".repeat(40));
        let mut table = Table::new(&["name", "subject", "topics"]).named();
        table.row(vec!["n".repeat(90), subject.clone(), topics.clone()]);
        let text = table.render(WHOLE);
        assert!(text.contains(&subject) && text.contains(&topics), "{text}");
        assert!(!text.contains('…'), "{text}");
        assert!(table.render(WIDTH_MAX).contains('…'));
    }

    #[test]
    fn names_are_cut_last() {
        let name = "offices/south/documents/1000";
        let rendered = |subject: &str| {
            let mut table = Table::new(&["name", "state", "sent", "subject"]).named();
            let state = "RECEIPT_REFUSED ".repeat(2);
            let sent = "2026-11-30 02:03:17";
            let row = [name, state.trim(), sent, subject];
            table.row(row.map(str::to_owned).to_vec());
            anstream::adapter::strip_str(&table.render(WIDTH_MAX)).to_string()
        };
        // Shorter than the name, as long, and longer; and so long that one column is not enough.
        for length in [14, 26, 28, 29, 300] {
            let text = rendered(&"x".repeat(length));
            assert!(text.contains(name), "{text}");
            let widths = text.lines().map(UnicodeWidthStr::width);
            assert!(widths.max() <= Some(WIDTH_MAX), "{text}");
        }
    }

    #[test]
    fn where_one_column_is_not_enough_the_next_is_cut_too() {
        let mut table = Table::bare(&["", "", ""]).named();
        table.row(["x".repeat(90), "y".repeat(40), "z".repeat(20)].to_vec());
        let text = table.render(WIDTH_MAX);
        assert_eq!(text.trim_end().width(), WIDTH_MAX, "{text}");
        for letter in ['x', 'y', 'z'] {
            assert!(text.contains(letter), "{text}");
        }
    }

    #[test]
    fn no_line_ends_in_room_and_numbers_stand_to_the_right() {
        let mut table = Table::bare(&["name", "message", ">calls"]).indented(2);
        table.row(vec!["전통문".into(), "x".repeat(300), "12".into()]);
        table.row(vec!["a".into(), String::new(), "1,200".into()]);
        table.row(vec!["a".into(), "b".into(), String::new()]);
        let text = table.render(WIDTH_MAX);
        for line in text.lines() {
            assert!(
                line.starts_with("  ") && line.width() <= WIDTH_MAX,
                "{line}"
            );
            assert_eq!(line, line.trim_end());
        }
        let ends: Vec<_> = text.lines().take(2).map(UnicodeWidthStr::width).collect();
        assert_eq!(ends, [WIDTH_MAX; 2]);
    }

    #[test]
    fn a_style_has_no_width() {
        let mut table = Table::bare(&["", ""]).indented(2);
        table.cells(vec![Cell::of(Style::new().bold(), "a"), "b".into()]);
        assert_eq!(table.render(WIDTH_MAX), "  \u{1b}[1ma\u{1b}[0m  b\n");
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
