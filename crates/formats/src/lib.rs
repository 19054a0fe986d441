//! Other people's formats: their records into a pair of ledgers, and a ledger into their formats.
//!
//! **The decision.** Everything passes through steps. What comes in becomes steps that the rules take, appended to
//! both ledgers of a pair by the same crates that a running office uses; what goes out is told from the steps of one
//! ledger, in its order, each once.
//!
//! **The invariant.** Knows no runtime, no socket and no clock: times are those of the records. The same input gives
//! the same bytes. Whatever cannot be taken is told with its line, and counted apart; nothing is dropped in silence.
//!
//! ```
//! use formats::{Layout, Mapping, Recipients, Rule, import_rows};
//!
//! let rule = Rule::parse("from < to", |path| std::fs::read_to_string(path))?;
//! let mapping = Mapping {
//!     time: "3:unix".parse()?,
//!     from: Some("1".to_owned()),
//!     to: Some("2".to_owned()),
//!     kind: None,
//!     id: None,
//!     subject: None,
//!     south_when: rule,
//!     zone: jiff::tz::TimeZone::UTC,
//!     recipients: Recipients::Each,
//! };
//! let out = tempfile::tempdir()?;
//! let rows = &b"1,2,1536886800\n4,3,1536886860\n"[..];
//! let layout = Layout::Delimited { delimiter: b',', header: false };
//! let imported = import_rows("rows.csv", rows, layout, &mapping, true, out.path())?;
//! assert_eq!(imported.tally.documents(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cut;
mod export;
#[cfg(test)]
mod fixture;
mod import_error;
mod imported;
mod pair;
mod payload;
mod plot;
mod rows;
mod sorter;
mod source;
mod steps;
mod told;

pub use cut::{Cut, CutError, Cutting, Window};
pub use export::{Cells, Export, Exported, Format, Wanted};
pub use import_error::ImportError;
pub use imported::{Imported, Skipped, TOLD_MAX, Why};
pub use pair::{PairError, PairWriter};
pub use payload::officers_of;
pub use plot::Plot;
pub use rows::{Mapping, Recipients, Rule, RuleError, TimeColumn, TimeFormat, import_rows};
pub use source::Layout;
pub use steps::import_steps;
pub use told::{Teller, Told};
