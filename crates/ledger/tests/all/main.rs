//! The ledger through its public face: one binary, a module a theme.

mod beside_a_writer;
mod failed_writes;
mod flips;
mod forking;
mod formats;
mod frames;
mod handles;
mod histories;
mod logs;
mod newer;
mod power_cuts;
mod private_files;
mod reconciling;
mod records;
mod restoring;
mod shortened;
mod snapshots;
mod torn_tails;
