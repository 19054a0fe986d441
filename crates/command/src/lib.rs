//! What every command is made of.
//!
//! **The decision.** A command reads its settings, speaks to an office or opens a ledger, and prints once. What all of them need
//! for it stands here, so that a command's own file holds its arguments, its call and nothing else.
//!
//! **The invariant.** Data goes to stdout, everything else to stderr, and the exit code alone tells a script what happened
//! ([`Failure::exit_code`](failure::Failure::exit_code)). Nothing here knows a command.

pub mod act;
pub mod body;
pub mod connect;
pub mod failure;
pub mod file_out;
pub mod flags;
pub mod format;
pub mod listing;
pub mod output;
pub mod progress;
pub mod request;
pub mod settings;
pub mod shown;
pub mod system;
pub mod zone;
