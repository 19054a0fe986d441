//! Columns, boxes and bars for a terminal, within 100 columns. Styles are put on last, so that they have no width.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;
use words::table::cut;

use crate::show::figures::clean;

/// No line is wider.
pub(super) const WIDTH_MAX: usize = 100;
const GAP: usize = 2;
const INDENT: usize = 2;

/// Whether styles are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// They are: for a terminal.
    Styled,
    /// They are not: for a file, a pipe, or `NO_COLOR`.
    Plain,
}

impl Colours {
    /// `text` in `style`, if styles are wanted.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Styled if !text.is_empty() && style != Style::new() => {
                format!("{style}{text}{style:#}")
            }
            _ => text.to_owned(),
        }
    }
}

/// A cell of a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub(super) fn of(style: Style, text: &str) -> Self {
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

/// Rows under headings, two columns in.
#[derive(Debug, Default)]
pub(super) struct Table {
    right: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings. A heading that begins with `>` stands to the right, over numbers.
    pub(super) fn new(style: Style, headings: &[&str]) -> Self {
        let mut table = Self::bare(headings);
        let cells = headings
            .iter()
            .map(|text| Cell::of(style, text.trim_start_matches('>')));
        table.rows.push(cells.collect());
        table
    }

    /// The same without its headings: they only say what stands to the right.
    pub(super) fn bare(headings: &[&str]) -> Self {
        Self {
            right: headings.iter().map(|text| text.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: as many cells as headings.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.right.len());
        self.rows.push(cells);
    }

    /// The table. If it is too wide, the widest column is cut.
    pub(super) fn render(&self, colours: Colours) -> String {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.width().max(*width);
            }
        }
        let total = INDENT + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let widest = (0..widths.len()).max_by_key(|index| widths[*index]);
        if let Some(widest) = widest.filter(|_| total > WIDTH_MAX) {
            widths[widest] = widths[widest].saturating_sub(total - WIDTH_MAX).max(8);
        }
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&self.line(row, &widths, colours));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[Cell], widths: &[usize], colours: Colours) -> String {
        let mut line = String::new();
        // Room is written before what follows it, so that no line ends in room.
        let mut room = INDENT;
        for ((cell, width), right) in cells.iter().zip(widths).zip(&self.right) {
            let text = cut(&cell.text, *width);
            let spare = width.saturating_sub(text.width());
            if *right {
                room += spare;
            }
            if !text.is_empty() {
                line.push_str(&" ".repeat(room));
                line.push_str(&colours.paint(cell.style, &text));
                room = 0;
            }
            room += GAP + if *right { 0 } else { spare };
        }
        line
    }
}

/// Text over as many lines of `width` columns as it needs; a word that is too long is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace().map(clean) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(&word, width));
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Lines in a heavy frame, as wide as may be. The first is the heading.
pub(super) fn boxed(lines: &[String], style: Style, colours: Colours) -> String {
    let width = WIDTH_MAX - 4;
    let side = colours.paint(style, "┃");
    let mut text = colours.paint(style, &format!("┏{}┓", "━".repeat(width + 2))) + "\n";
    for (index, line) in lines.iter().enumerate() {
        let line = cut(line, width);
        let room = " ".repeat(width - line.width());
        let line = if index == 0 {
            colours.paint(style, &line)
        } else {
            line
        };
        let _ = writeln!(text, "{side} {line}{room} {side}");
    }
    text + &colours.paint(style, &format!("┗{}┛", "━".repeat(width + 2))) + "\n"
}

/// A bar of at most `width`, in eighths. More than nothing is seen.
pub(super) fn bar(part: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if part <= 0.0 {
        return String::new();
    }
    let eighths = ((part.min(1.0) * width as f64 * 8.0).round() as usize).max(1);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_ends_in_room() {
        let mut table = Table::new(Style::new(), &["name", "message", ">calls"]);
        table.row(vec!["전통문".into(), "x".repeat(300).into(), "12".into()]);
        table.row(vec!["a".into(), "".into(), "1,200".into()]);
        table.row(vec!["a".into(), "b".into(), "".into()]);
        let text = table.render(Colours::Plain);
        for line in text.lines() {
            assert!(line.width() <= WIDTH_MAX, "{line}");
            assert_eq!(line, line.trim_end());
        }
        let ends: Vec<_> = text.lines().take(3).map(UnicodeWidthStr::width).collect();
        assert_eq!(ends, [WIDTH_MAX; 3], "numbers stand to the right");
    }

    #[test]
    fn a_style_has_no_width() {
        let style = Style::new().bold();
        let mut table = Table::bare(&["", ""]);
        table.row(vec![Cell::of(style, "a"), "b".into()]);
        assert_eq!(table.render(Colours::Plain), "  a  b\n");
        assert_eq!(table.render(Colours::Styled), "  \u{1b}[1ma\u{1b}[0m  b\n");
    }

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 5), ["abcd…", "k"]);
        assert!(wrap(" \n", 5).is_empty());
    }

    #[test]
    fn a_bar_shows_more_than_nothing() {
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(0.000_1, 10), "▏");
        assert_eq!(bar(0.5, 3), "█▌");
        assert_eq!(bar(7.0, 3), "███");
    }
}
