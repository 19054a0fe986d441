//! How what an office does is told to people, in a terminal, a page or JSON: once.
//!
//! **The decision.** A noun, a figure, a payload, a step of a ledger and a refusal have one telling each, and it stands here.
//! Whoever prints chooses what to tell and where, never how it reads.
//!
//! **The invariant.** Text from elsewhere comes out visible: nothing in it moves a cursor, turns the reading around or ends a
//! line. No I/O, no clock, no runtime.
//!
//! ```
//! assert_eq!(words::document_state(4), "RECEIPT_REFUSED");
//! assert_eq!(words::figures::thousands(1_048_576), "1,048,576");
//! let deadline = words::time::parse_time("2018-09-14T10:00")?;
//! assert_eq!(words::time::words(deadline), "2018-09-14 10:00:00");
//! # Ok::<(), String>(())
//! ```

pub mod contact;
pub mod document;
mod entry;
mod event;
pub mod figures;
pub mod hex;
pub mod inbox;
pub mod json;
pub mod labels;
pub mod meeting;
mod nouns;
pub mod officer;
mod refusal;
pub mod status;
pub mod style;
pub mod table;
pub mod tally;
pub mod telephone;
pub mod time;
pub mod wire;

pub use entry::Line;
pub use event::Event;
pub use nouns::*;
pub use refusal::{Doubt, Refused, code_name};
