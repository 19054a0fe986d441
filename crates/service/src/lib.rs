//! What a process needs around a server: flags, logs and signals.
//!
//! A service is [`main`]; whoever runs an office beside something else takes the parts.

mod admin;
mod handles;
mod identities;
mod logs;
mod options;
pub mod pages;
mod run;
mod signals;
mod telling;

pub use handles::make_room;
pub use identities::{Identified, Identities};
pub use logs::{VisibleFields, init_logs};
pub use options::Options;
pub use run::{bind, main, run};
pub use signals::shutdown_signal;
pub use telling::telling;
