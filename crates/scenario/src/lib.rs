//! Scenario files, and the timelines drawn from them.
//!
//! **The decision.** A scenario states how much is to happen; a seed only draws when, and between whom. So a
//! total in the file is the total of every timeline: nothing is thrown per event that could change a count,
//! and what does not count (a declined proposal, a refused document) is drawn beside what does.
//!
//! **The invariant.** A scenario that [`Scenario::parse`] returns gives a timeline for every seed; what can
//! never happen is a mistake with its line and column, and all mistakes come at once. Draws use whole numbers
//! from one seeded generator, so the same text and seed give the same timeline on any machine. No clock, no
//! I/O, no runtime.
//!
//! ```
//! use scenario::{Act, Scenario};
//!
//! let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
//! let scenario = Scenario::parse("kaesong-2018.toml", text)?;
//! let timeline = scenario.timeline(1);
//! let closed = timeline.events.iter().filter(|event| matches!(event.act, Act::CloseMeeting { .. }));
//! assert_eq!(closed.count(), 46);
//!
//! let error = Scenario::parse("mine.toml", "[scenario]\nnam = \"mine\"").unwrap_err();
//! let line = error.to_string().lines().find(|line| line.contains("did you mean")).map(str::to_owned);
//! assert_eq!(line.as_deref(), Some("mine.toml:2:1: `scenario.nam` is no key; did you mean `name`?"));
//! # Ok::<(), reading::FileError>(())
//! ```

mod absence;
mod amount;
mod answers;
mod calendar;
mod calls;
mod consultations;
mod counts;
mod delay;
mod documents;
mod draw;
mod events;
mod faults;
mod follows;
mod meetings;
mod negotiation;
mod quantiles;
mod rhythm;
mod scenario;
mod shipped;
mod staff;
mod timeline;
mod totals;

pub use answers::{Answer, Answers};
pub use calendar::Calendar;
pub use scenario::Scenario;
pub use shipped::{SCHEMA, shipped, shipped_text};
pub use staff::Staff;
pub use timeline::{Act, Event, Fault, FaultSpan, Key, Timeline};
pub use totals::Totals;
