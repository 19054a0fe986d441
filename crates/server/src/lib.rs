//! One running office: the only place where tonic, tokio and a ledger meet.
//!
//! **The decision.** One task owns the office's state and its ledger. Handlers and the line send it work over a
//! bounded channel; it judges a batch by [`office`]'s rules, appends it, has it synced, and only then lets the
//! answers leave. So nothing is spoken before it is recorded, and there is no lock around a rule.
//!
//! **The invariant.** No rule of the offices stands here. The caller hands in connections, the clock, the
//! storage and the shutdown: the same code serves sockets, and simulated time.
//!
//! ```
//! use std::sync::Arc;
//! use ledger::MemoryStorage;
//! use server::{Server, Setup};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let setup = Setup::new(office::Place::South, Arc::new(MemoryStorage::default()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let server = Server::open(setup)?;
//! // ... a signal would end it:
//! server.serve(listener, async {}).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boundary;
mod clock;
mod connections;
mod desk;
mod handle;
mod health;
mod incoming;
mod line;
mod methods;
mod metrics;
mod outgoing;
mod owner;
mod phase;
mod read;
mod recovery;
mod seen;
mod server;
mod services;
mod status;
mod tasks;
mod thread;
mod timing;
mod watch;

pub use callers::{Accept, Accepted, Accepting, HandedOver, Io};
pub use clock::{Clock, SystemClock, system_seed};
pub use line::{Dial, Dialled, Dialling, SecuredDial, TcpDial};
pub use seen::Seen;
pub use server::{Knowing, ServeError, Server, Setup};
pub use services::Services;
