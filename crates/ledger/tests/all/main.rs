//! The ledger through its public face: one binary, a module a theme.

mod beginnings;
mod flips;
mod forking;
mod formats;
mod frames;
mod histories;
mod newer;
mod reconciling;
mod records;
mod restoring;
mod shortened;
mod snapshots;
