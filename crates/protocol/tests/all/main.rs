//! What comes from outside, as it may come: one binary, a module a theme.

mod foreign;
mod originals;
