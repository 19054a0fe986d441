//! Whoever calls an office.
//!
//! **The decision.** A caller is a connection. Who stands behind it is known by a certificate, by the pipe within one process
//! that it came over, or not at all; what they may do with that is [`office::authority`]'s. What they may take of the office's
//! places and memory is counted here, a caller's and everybody's, before anything is allocated.
//!
//! **The invariant.** Whoever wants much never keeps out whoever wants little; the peer never gives way; and a connection
//! ends when what let it in no longer holds.

mod accept;
mod budget;
mod call;
mod caller;
mod greeting;
mod handshakes;
mod io;
mod known;
mod places;
mod slots;
mod tapped;
mod told;
mod watched;

pub use accept::{Accept, Accepted, Accepting, HandedOver, Trouble};
pub use budget::{Budget, Lease};
pub use call::{Call, Room, Turn, author, room, turn};
pub use caller::{Called, Caller, Carried, OpenCall};
pub use greeting::{Door, Greeting, PREFACE, no_longer_holds};
pub use io::Io;
pub use known::Known;
pub use places::{Place, Places};
pub use slots::{GivesWay, Keeper, Slot, Slots};
pub use tapped::Tapped;
pub use told::Told;
pub use watched::Watched;
