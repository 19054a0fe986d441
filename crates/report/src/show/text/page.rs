//! A page of text while it is written.

use anstyle::Style;
use words::style::{BAD, GOOD, HEADING, styled};
use words::table::{Table, WIDTH_MAX};

use super::frame::wrap;

/// Everything below a heading stands so many columns in.
const INDENT: usize = 2;

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    /// No line of a table is wider, and no word of a text longer.
    pub(super) width: usize,
}

impl Page {
    pub(super) fn of(width: usize) -> Self {
        let text = String::new();
        Self { text, width }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Text over several lines, two columns in.
    pub(super) fn words(&mut self, style: Style, words: &str) {
        for line in wrap(words, WIDTH_MAX - INDENT, self.width) {
            let line = styled(style, &line);
            self.line(&format!("  {line}"));
        }
    }

    pub(super) fn heading(&mut self, heading: &str) {
        let heading = styled(HEADING, &format!("{heading}:"));
        self.line(&format!("\n{heading}"));
    }

    pub(super) fn table(&mut self, table: Table) {
        self.text
            .push_str(&table.indented(INDENT).render(self.width));
    }
}

/// Whether something is as it should be, in a sign and in words: never by colour alone.
pub(super) fn mark(good: bool, words: &str) -> String {
    let (style, sign) = sign(good);
    styled(style, &format!("{sign} {words}"))
}

pub(super) fn sign(good: bool) -> (Style, &'static str) {
    if good { (GOOD, "✓") } else { (BAD, "✗") }
}
