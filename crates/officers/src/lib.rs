//! Who plays an office: officers who act a timeline, and officers who answer people.
//!
//! **The decision.** Officers are clients like any other: they reach their office over a channel, and know neither how it
//! runs nor whose time it is. So the same officers act in a simulation of months, and beside people in a room.
//!
//! **The invariant.** An act is tried again under its own request id until it is done, or refused for good; and it waits
//! for the acts of its exchange that come before it, at either office.
//!
//! ```no_run
//! use office::{PerPlace, Place};
//! use officers::{live_seed, play_live};
//! use scenario::Scenario;
//! use tonic::transport::Endpoint;
//!
//! # async fn play() -> Result<(), Box<dyn std::error::Error>> {
//! let text = scenario::shipped_text("workshop").expect("it is shipped");
//! let scenario = Scenario::parse("workshop.toml", text)?;
//! let now = jiff::Timestamp::now();
//! let offices = PerPlace::new(
//!     Endpoint::from_static("http://127.0.0.1:6001").connect_lazy(),
//!     Endpoint::from_static("http://127.0.0.1:6002").connect_lazy(),
//! );
//! let timeline = scenario.timeline(1).moved(now, 60);
//! let steps = play_live(timeline, live_seed(1, now), offices).await?;
//! # let _ = steps;
//! # Ok(())
//! # }
//! ```

mod acting;
mod answering;
mod desk;
mod live;
mod timetable;

pub use acting::{Exchanges, Officers, Refused};
pub use answering::answer_live;
pub use desk::Desk;
pub use live::{live_seed, play_live};
pub use timetable::Timetable;
