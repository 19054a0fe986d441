//! What the services promise to those who use them.

mod clocks;
mod documents;
mod listing;
mod meta;
mod repeats;
mod streams;
mod watching;
