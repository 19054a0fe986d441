//! The commands over the wire: `liaison tap` and `liaison proxy`.
//!
//! **The decision.** A tap is a proxy that fails nothing and looks on. What it sees goes to a thread of its own over a queue that
//! is bounded in bytes, and from there to a file and to a screen, each at its own pace.
//!
//! **The invariant.** Nothing that is recorded or shown keeps waiting what passes. What could not be looked at in time is told
//! as missing, and what a screen could not show in time as not shown.

mod ends;
mod flags;
mod proxy;
mod schemas;
mod secrets;
mod tap;

pub use flags::LookingOn;
pub use proxy::ProxyArgs;
pub use schemas::{SchemaArgs, asked};
pub use tap::{Looking, TapArgs, Watching, read_recording};
