//! The journal through its public face: one binary, a module a theme.

mod beside_a_writer;
mod conforming;
mod entries;
mod failed_writes;
mod handles;
mod losses;
mod power_cuts;
mod private_files;
mod torn_tails;
