//! Pieces of HTML. All text that is not written here goes through [`esc`].

use std::fmt::Write as _;

use crate::show::figures::clean;

/// Writes to a page, which cannot fail.
macro_rules! put {
    ($page:expr, $($arg:tt)*) => {{ let _ = std::fmt::Write::write_fmt(&mut $page, format_args!($($arg)*)); }};
}
pub(super) use put;

/// Text as HTML, in an element or in an attribute.
pub(super) fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in clean(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
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
pub(super) fn mark(good: bool, words: &str) -> String {
    let (class, sign) = if good {
        ("good", "✓")
    } else {
        ("bad", "✗")
    };
    format!(
        "<span class=\"{class}\"><span aria-hidden=\"true\">{sign}</span> {}</span>",
        esc(words)
    )
}

/// A section with a heading. `lead` is HTML.
pub(super) fn section(heading: &str, lead: &str, body: &str) -> String {
    let mut page = String::new();
    put!(page, "<section><h2>{}</h2>", esc(heading));
    if !lead.is_empty() {
        put!(page, "<p class=\"lead\">{lead}</p>");
    }
    put!(page, "{body}</section>\n");
    page
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
    head: String,
    body: String,
    right: Vec<bool>,
    name: String,
    rows: usize,
}

impl Table {
    /// A table with these headings, in HTML. A heading that begins with `>` stands to the right, over numbers.
    pub(super) fn new(name: &str, headings: &[&str]) -> Self {
        let mut head = String::new();
        let right: Vec<_> = headings.iter().map(|text| text.starts_with('>')).collect();
        for (text, right) in headings.iter().zip(&right) {
            let class = if *right { " class=\"n\"" } else { "" };
            put!(
                head,
                "<th scope=\"col\"{class}>{}</th>",
                text.trim_start_matches('>')
            );
        }
        Self {
            head,
            right,
            body: String::new(),
            name: esc(name),
            rows: 0,
        }
    }

    /// Adds a row of HTML; its first cell names it.
    pub(super) fn row(&mut self, cells: &[String]) {
        self.row_of("", cells);
    }

    /// The same with a class.
    pub(super) fn row_of(&mut self, class: &str, cells: &[String]) {
        self.rows += 1;
        if class.is_empty() {
            self.body.push_str("<tr>");
        } else {
            put!(self.body, "<tr class=\"{class}\">");
        }
        for (index, cell) in cells.iter().enumerate() {
            let right = self.right.get(index).is_some_and(|right| *right);
            let class = if right { " class=\"n\"" } else { "" };
            if index == 0 {
                put!(self.body, "<th scope=\"row\"{class}>{cell}</th>");
            } else {
                put!(self.body, "<td{class}>{cell}</td>");
            }
        }
        self.body.push_str("</tr>\n");
    }

    /// The table. Whoever has no mouse can reach it and scroll it.
    pub(super) fn render(&self) -> String {
        // On paper a small table is not torn apart.
        let whole = if self.rows <= ROWS_WHOLE {
            " whole"
        } else {
            ""
        };
        format!(
            "<div class=\"scroll{whole}\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table><thead><tr>{}</tr></thead>\
             <tbody>{}</tbody></table></div>",
            self.name, self.head, self.body
        )
    }
}

/// Names and what they are. Values are HTML; empty ones are left out.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let mut page = "<dl>".to_owned();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(page, "<div><dt>{}</dt><dd>{value}</dd></div>", esc(name));
    }
    page + "</dl>"
}
