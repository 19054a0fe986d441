//! A scenario fitted to a ledger: whose totals, rhythm, shares, sizes, bursts and response times are the ledger's.
//!
//! What a ledger has is observed in one pass, written down as a scenario file, and held against what another ledger
//! has: of the weeks that the fit did not see, or of a run of the fitted scenario.
//!
//! **The invariant.** What is written is read again by `scenario` before it is returned, and whatever was not measured says
//! that it is assumed. Knows no runtime and no clock.

mod contacts;
mod distances;
mod gaps;
mod observed;
mod sample;
mod text;
mod weeks;
mod write;

pub use distances::{Distance, Distances};
pub use observed::{Observed, Weeks};

/// Why no scenario can be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// There is nothing to fit to.
    #[error("the ledger has no exchange to fit a scenario to")]
    Empty,
    /// The period is longer than a scenario's can be.
    #[error(
        "the ledger has {days} days, and a scenario at most {max}: cut a part with `liaison ledger cut` and fit that"
    )]
    TooLong {
        /// From the first exchange to the last.
        days: i64,
        /// The most there may be.
        max: i64,
    },
    /// A scenario cannot say what the ledger has.
    #[error("no scenario can say what the ledger has: {0}")]
    Unsayable(#[from] reading::FileError),
}

#[cfg(test)]
mod pair {
    pub(crate) use formats::PairWriter;
}

/// The ledger that `formats` tests its exports with.
#[cfg(test)]
#[path = "../../formats/src/fixture.rs"]
mod fixture;

#[cfg(test)]
mod tests;
