//! The ledger through its public face: one binary, a module a theme.

mod records;
mod torn_tails;
