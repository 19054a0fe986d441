//! The rules of an office through their public face: one binary, a module a theme.

mod calls;
mod contacts;
mod crossings;
mod deadlines;
mod documents;
mod hellos;
mod line;
mod meetings;
mod pair;
mod refusals;
mod requests;
mod restore;
mod snapshot;
mod tally;
mod traffic;
mod tree;
mod tried;
