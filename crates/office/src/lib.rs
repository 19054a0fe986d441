//! The rules of a liaison office.
//!
//! **The decision.** Everything an office knows is a fold of the steps in its ledger. So this crate has two
//! halves: [`Office::plan`] judges what this office wants to author, and [`Office::record`] takes what is in
//! the ledger, its own steps and the peer's alike. The shell stands between: it writes the planned step to
//! disk first, and only then speaks of it.
//!
//! **The invariant.** Pure: no runtime, no socket, no clock, no I/O. `now` is an argument and decides only
//! *when* a step is authored. Two offices that hold the same steps of each author, in whatever interleaving
//! the line allowed, hold the same state and the same counts.
//!
//! ```
//! use office::{Mutation, Office, Order, Place};
//!
//! let mut office = Office::new(Place::South, office::Limits::default());
//! let now = "2018-09-14T00:00:00Z".parse()?;
//! let call = office::call::Call { kind: office::call::CallKind::Opening, day: "2018-09-14".parse()?, answered: true };
//! let step = office.plan(now, &Order::RecordCall(call))?;
//! // ... the shell appends `step` to the ledger, and then:
//! office.record(&step, office::line::LineHash::ZERO, Mutation::default());
//! assert_eq!(office.exchanges().tally.calls(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
pub mod authority;
pub mod call;
pub mod contact;
mod deadlines;
pub mod document;
pub mod exchanges;
pub mod hold;
pub mod limits;
pub mod line;
pub mod meeting;
pub mod office;
pub mod officer;
pub mod order;
mod outbox;
pub mod pages;
pub mod place;
mod proposals;
mod raw;
pub mod refusal;
pub mod request;
mod slots;
pub mod snapshot;
pub mod step;
pub mod tally;
pub mod time;
mod vocabulary;

pub use exchanges::{Applied, Exchanges};
pub use limits::Limits;
pub use office::Office;
pub use order::{Mutation, Order};
pub use outbox::Outbox;
pub use place::{PerPlace, Place};
pub use proposals::Proposals;
pub use refusal::{Refusal, Violation};
pub use request::RequestId;
pub use snapshot::{FOLD_VERSION, SnapshotError};
pub use step::{Collection, Content, Step, StepId, StepKind};
pub use tally::{Count, Counted, Tally};
pub use vocabulary::UnknownWord;
