//! Wrapped text, frames and bars for a terminal.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;
use words::style::{clean, styled};
use words::table::{WIDTH_MAX, cut};

/// Text over as many lines of `width` columns as it needs; a word that is longer has its own, and is cut to `longest`.
pub(super) fn wrap(text: &str, width: usize, longest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace().map(clean) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(&word, longest));
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Lines in a heavy frame, as wide as may be. The first is the heading.
pub(super) fn boxed(lines: &[String], style: Style) -> String {
    let width = WIDTH_MAX - 4;
    let side = styled(style, "┃");
    let mut text = styled(style, &format!("┏{}┓", "━".repeat(width + 2))) + "\n";
    for (index, line) in lines.iter().enumerate() {
        let line = cut(line, width);
        let room = " ".repeat(width - line.width());
        let line = if index == 0 {
            styled(style, &line)
        } else {
            line
        };
        let _ = writeln!(text, "{side} {line}{room} {side}");
    }
    text + &styled(style, &format!("┗{}┛", "━".repeat(width + 2))) + "\n"
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
    fn text_is_wrapped_at_words() {
        assert_eq!(wrap("one two three", 7, 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 5, 5), ["abcd…", "k"]);
        assert_eq!(wrap("abcdefghij k", 5, usize::MAX), ["abcdefghij", "k"]);
        assert!(wrap(" \n", 5, 5).is_empty());
    }

    #[test]
    fn a_bar_shows_more_than_nothing() {
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(0.000_1, 10), "▏");
        assert_eq!(bar(0.5, 3), "█▌");
        assert_eq!(bar(7.0, 3), "███");
    }
}
