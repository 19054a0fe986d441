//! What a report looks like: to people on a terminal, to a browser, and to programs that know other tools.
//!
//! Each is a pure function from a [`Report`](crate::report::Report) to text. None knows a clock, a file or a terminal: who
//! calls decides where the text goes, and leaves styles out where they are not wanted.

mod csv;
mod figures;
#[cfg(test)]
pub(crate) mod fixture;
mod ghz;
mod head;
mod html;
mod markdown;
mod prometheus;
#[cfg(test)]
mod tests;
mod text;

pub use csv::csv;
pub use ghz::ghz;
pub use html::html;
pub use markdown::markdown;
pub use prometheus::prometheus;
pub use text::{comparison, text};
