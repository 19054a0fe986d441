//! Two real offices in one process, simulated time, a seeded network: one seed, one ledger.
//!
//! **The decision.** Nothing of an office is imitated: the same [`server`] code runs twice, gRPC included, over
//! pipes in memory. What is simulated is what an office is handed from outside: time, the network, and officers
//! who act. All of it runs on one thread whose clock is paused, and jumps to the next moment at which something
//! happens, so months take as long as their work.
//!
//! **The invariant.** The same scenario, faults and seed give the same bytes in both ledgers, on any machine.
//! Every draw is of whole numbers from one seeded generator; nothing here asks the system for time or randomness.
//!
//! ```
//! use scenario::Scenario;
//! use simulator::{Faults, Simulation};
//!
//! let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
//! let scenario = Scenario::parse("kaesong-2018.toml", text)?;
//! let outcome = Simulation::in_memory(&scenario, 1).run()?;
//! assert!(outcome.reconciliation.agreed);
//! assert_eq!(outcome.tallies[office::Place::South].exchanges(), 458);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acted;
mod clock;
mod crossing;
mod fault;
mod network;
mod pair;
mod replayed;
mod simulation;

pub use acted::Stage;
pub use crossing::Crossed;
pub use fault::Faults;
pub use replayed::{SimulatedError, play_simulated};
pub use simulation::{Outcome, Simulation, SimulationError};
