//! A recorded ledger, played again: pacing, re-keying, comparing.
//!
//! **The decision.** A ledger already says who did what, when, and upon which step. A replay reads it by cursor into a
//! stream of intended steps, and has officers make them again, each by the client call that makes it. Intended times
//! are absolute: a replay that falls behind catches up, and its lag is measured, never hidden in a chain of waits. One
//! pacer lets the steps go, so pauses and changes of speed have one place; each office's lane makes them.
//!
//! **The invariant.** Each office's steps are made in their recorded order, and none before what it answers. Ids are
//! given anew; payloads stay the bytes that were recorded, but for the few fields in which the offices would not
//! know them again (see [`rekey`]). Memory is bounded, however long the ledger is.
//!
//! ```
//! use std::time::Duration;
//! use replay::{Control, Next, Pace, Speed};
//!
//! let mut pace = Pace::new(Speed::times(60.0)?);
//! let hour = Duration::from_secs(3_600);
//! assert_eq!(pace.next(hour), Next::Due(Duration::from_secs(60)));
//! // After half of it someone doubles the speed.
//! pace.take(Control::Faster, Duration::from_secs(30));
//! assert_eq!(pace.next(hour), Next::Due(Duration::from_secs(45)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod compare;
mod fetched;
mod lag;
mod lane;
mod pace;
mod pacer;
mod plan;
mod play;
mod recording;
pub mod rekey;
mod speed;

pub use compare::{Comparison, Difference, Rules, Side, compare};
pub use fetched::{Fetched, Sequences, quiet, sequences};
pub use lag::{Lag, LagReport};
pub use ledger::Names;
pub use pace::{Control, Next, Pace, Rhythm};
pub use pacer::Clock;
pub use plan::{Intended, Plan, Selection, Verdict};
pub use play::{LIVE, Manner, Played, Progress, StepRefused, play};
pub use recording::{Lane, Recorded, Recording, ReplayError};
pub use speed::{FaultySpeed, Speed};
