//! What comes from outside, as it may come: one binary, a module a theme.

mod checked;
mod conversions;
mod envelopes;
mod foreign;
mod originals;
