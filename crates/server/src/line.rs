//! The line: this office's end of both directions.
//!
//! [`dial`] carries this office's parcels to the peer; [`carry`] takes the peer's. The rules of both are
//! [`office::line`]'s; here are only streams, waits and bounds.

mod carry;
mod dial;
mod events;
mod peer;
mod ready;
mod tcp;
mod warned;

pub(crate) use carry::Carry;
pub use dial::{Dial, Dialled, Dialling};
pub(crate) use dial::{DialTimeouts, Dialler};
pub(crate) use events::LineEvents;
pub(crate) use peer::{Connection, PeerWatch};
pub(crate) use ready::ready_batch;
pub use tcp::{SecuredDial, TcpDial};
pub(crate) use warned::Warned;
