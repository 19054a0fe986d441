//! The ledger through its public face: one binary, a module a theme.

mod failed_writes;
mod flips;
mod power_cuts;
mod records;
mod torn_tails;
