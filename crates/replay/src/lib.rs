//! A recorded ledger, played again: pacing, re-keying, comparing.
//!
//! **The decision.** A ledger already says who did what, when, and upon which step. A replay reads it by cursor into a
//! stream of intended steps, and has officers make them again, each by the client call that makes it. Intended times
//! are absolute: a replay that falls behind catches up, and its lag is measured, never hidden in a chain of waits.
//!
//! **The invariant.** Each office's steps are made in their recorded order, and none before what it answers. Ids are
//! given anew; payloads stay the bytes that were recorded, but for the few fields in which the offices would not
//! know them again (see [`rekey`]). Memory is bounded, however long the ledger is.
//!
//! ```
//! use replay::{Pace, Speed};
//!
//! let start = "2018-09-14T00:00:00Z".parse()?;
//! let mut pace = Pace::new(start, Speed::times(60.0)?, None);
//! let later = "2018-09-14T01:00:00Z".parse()?;
//! assert_eq!(pace.due(later), std::time::Duration::from_secs(60));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
pub mod compare;
mod fetched;
mod lag;
mod lane;
mod pace;
mod plan;
mod play;
mod recording;
pub mod rekey;
mod simulated;

pub use compare::{Comparison, Difference, Rules, Side, compare};
pub use fetched::{Fetched, Sequences, quiet, sequences};
pub use lag::{Lag, LagReport};
pub use ledger::Names;
pub use pace::{FaultySpeed, Pace, Speed};
pub use plan::{Intended, Plan, Selection, Verdict};
pub use play::{Manner, Patience, Played, Progress, StepRefused, play};
pub use recording::{Lane, Recorded, Recording, ReplayError};
pub use simulated::{SimulatedError, play_simulated, start_of};
