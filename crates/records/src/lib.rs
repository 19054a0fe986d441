//! The commands over ledgers, on disk and of running offices: `ledger`, `tally`, `import`, `replay`.
//!
//! **The decision.** What is recorded is read in one way, whoever asks: [`source`] opens what an argument names, and [`room`]
//! sees to where a new ledger goes.
//!
//! **The invariant.** A ledger that is read is never written, and nothing is written where something else lies, unless `--force`
//! says so; then only what an earlier run left is removed.

mod fit;
mod import;
pub mod labels;
mod ledger_command;
mod replay;
pub mod room;
pub mod source;
mod tally;
pub mod zone;

pub use fit::FitArgs;
pub use import::ImportArgs;
pub use ledger_command::{LedgerArgs, reconciled_text};
pub use replay::ReplayArgs;
pub use tally::TallyArgs;
