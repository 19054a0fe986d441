//! Pieces that the page is made of.

use maud::{Markup, Render, html};
use words::style::clean;

/// Text from elsewhere: made visible, and then escaped like all text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foreign<'a>(pub(super) &'a str);

impl Render for Foreign<'_> {
    fn render_to(&self, page: &mut String) {
        clean(self.0).render_to(page);
    }
}

/// A place on a chart, short.
pub(super) fn px(at: f64) -> String {
    let text = format!("{at:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// A share of the width, short.
pub(super) fn share(part: f64) -> String {
    format!("{}%", (part * 1e4).round() / 100.0)
}

/// Whether something is as it should be, in a sign and in words: never by colour alone.
pub(super) fn mark(good: bool, words: &str) -> Markup {
    let (class, sign) = if good {
        ("good", "✓")
    } else {
        ("bad", "✗")
    };
    html! {
        span class=(class) { span aria-hidden="true" { (sign) } " " (Foreign(words)) }
    }
}

/// A section with a heading.
pub(super) fn section(heading: &str, lead: &Markup, body: &Markup) -> Markup {
    html! {
        section {
            h2 { (heading) }
            @if !lead.0.is_empty() { p class="lead" { (lead) } }
            (body)
        }
        "\n"
    }
}

/// A table of no more rows stays on one page of paper.
const ROWS_WHOLE: usize = 10;

/// Text of at most `letters`; an ellipsis stands for the rest. A server may send a megabyte of message.
pub(super) fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Rows under headings, in a box that scrolls where it is too wide.
#[derive(Debug, Default)]
pub(super) struct Table {
    name: &'static str,
    headings: Vec<Markup>,
    right: Vec<bool>,
    rows: Vec<Markup>,
}

impl Table {
    /// A table with these headings. A heading that begins with `>` stands to the right, over numbers.
    pub(super) fn new(name: &'static str, headings: &[&str]) -> Self {
        let mut table = Self {
            name,
            ..Self::default()
        };
        for text in headings {
            let heading = html! { (text.trim_start_matches('>')) };
            table.column(heading, text.starts_with('>'));
        }
        table
    }

    /// Adds a column to the right of those there are.
    pub(super) fn column(&mut self, heading: Markup, right: bool) {
        self.headings.push(heading);
        self.right.push(right);
    }

    fn class(&self, column: usize) -> Option<&'static str> {
        let right = self.right.get(column).is_some_and(|right| *right);
        right.then_some("n")
    }

    /// Adds a row; its first cell names it.
    pub(super) fn row(&mut self, cells: &[&dyn Render]) {
        self.row_of(None, cells);
    }

    /// The same with a class.
    pub(super) fn row_of(&mut self, class: Option<&str>, cells: &[&dyn Render]) {
        let row = html! {
            tr class=[class] {
                @for (column, cell) in cells.iter().enumerate() {
                    @if column == 0 {
                        th scope="row" class=[self.class(column)] { (cell) }
                    } @else {
                        td class=[self.class(column)] { (cell) }
                    }
                }
            }
            "\n"
        };
        self.rows.push(row);
    }
}

/// Whoever has no mouse can reach it and scroll it.
impl Render for Table {
    fn render(&self) -> Markup {
        // On paper a small table is not torn apart.
        let class = if self.rows.len() <= ROWS_WHOLE {
            "scroll whole"
        } else {
            "scroll"
        };
        html! {
            div class=(class) role="region" aria-label=(self.name) tabindex="0" {
                table {
                    thead {
                        tr {
                            @for (column, heading) in self.headings.iter().enumerate() {
                                th scope="col" class=[self.class(column)] { (heading) }
                            }
                        }
                    }
                    tbody { @for row in &self.rows { (row) } }
                }
            }
        }
    }
}

/// Names and what they are; empty values are left out.
pub(super) fn pairs(pairs: &[(&str, Markup)]) -> Markup {
    let present = pairs.iter().filter(|(_, value)| !value.0.is_empty());
    html! {
        dl {
            @for (name, value) in present { div { dt { (Foreign(name)) } dd { (value) } } }
        }
    }
}
