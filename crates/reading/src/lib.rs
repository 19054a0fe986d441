//! Text that comes from people: files that they write, and words that come from elsewhere.
//!
//! **The decision.** Reading goes on after a mistake, so that all come at once, each with its line, its column and what to
//! write instead ([`file()`]). Words from elsewhere are kept as they came, and made visible where they are shown ([`visible`]).
//!
//! **The invariant.** A reader gives nothing only if it has told a mistake. No I/O, no clock, no runtime, and no office.
//!
//! ```
//! let text = "name = \"mine\"\nrat = 3";
//! let read = reading::file("mine.toml", text, &["name", "rate"], |table, _| {
//!     let name = table.required("name")?.text(64)?;
//!     Some((name, table.integer("rate", 1..=10)?))
//! });
//! let error = read.unwrap_err().to_string();
//! assert_eq!(error.lines().last(), Some("mine.toml:2:1: `rat` is no key; did you mean `rate`?"));
//! ```

mod duration;
mod mistake;
mod table;
pub mod visible;

use toml::de::DeTable;

pub use duration::{FaultyDuration, duration, signed_duration};
pub use mistake::{FileError, Mistake, Mistakes, near_miss};
pub use table::{Table, Value, offset_of, offset_text};

/// Reads the text of a TOML file: `read` gets its root, whose keys are `known`. `source_name` is how mistakes name the file.
///
/// # Panics
/// `read` gave nothing, and told no mistake.
pub fn file<T>(
    source_name: &str,
    text: &str,
    known: &[&str],
    read: impl for<'a> FnOnce(&Table<'a>, &'a Mistakes<'a>) -> Option<T>,
) -> Result<T, FileError> {
    let mistakes = Mistakes::new(text);
    let got = {
        let (root, unreadable) = DeTable::parse_recoverable(text);
        for error in &unreadable {
            mistakes.add_unreadable(error.span().map_or(0, |span| span.start), error.message());
        }
        let table = Table::new(&mistakes, root.get_ref(), 0..0, "", known);
        read(&table, &mistakes)
    };
    match (mistakes.into_error(source_name), got) {
        (Some(error), _) => Err(error),
        (None, got) => Ok(got.expect("what cannot be read is a mistake")),
    }
}
