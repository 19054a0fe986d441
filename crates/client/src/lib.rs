//! An office as others speak to it.
//!
//! **The decision.** Whether a refusal is worth another try, and how long to wait before, is decided here and nowhere else
//! ([`Tries`]): by its code and by the office's own RetryInfo. So are the sizes of messages, what quiet is, how a
//! ledger is read in pages and followed, and what of an office's lists waits for an officer.
//!
//! **The invariant.** A call that changes something is repeated under its own request id only, so that however often it is
//! tried it is recorded once.

mod call;
mod calling;
mod endpoint;
mod entries;
mod follow;
mod inbox;
mod quiet;
mod request;
mod retry;

pub use call::{About, Call, Raw, named};
pub use calling::Office;
pub use endpoint::{LetGo, Manner};
pub use entries::Entries;
pub use follow::{Follow, Followed};
pub use inbox::{Inbox, Noun, Waiting, inbox};
pub use quiet::{Quiet, is_quiet, quiet, sequences};
pub use request::{RequestIds, request_id};
pub use retry::{Awaited, Patience, Tries, may_pass, until_settled};

/// The most that an answer may have: an entry may hold a document of the greatest size.
pub const ANSWER_BYTES_MAX: usize = 18 * 1024 * 1024;
/// What goes in one request beside its own few fields; a larger document is uploaded.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024 - 4096;
