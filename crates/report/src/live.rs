//! A run while it lasts: seconds in, the cells of a screen out.
//!
//! Nothing here knows a terminal: who has one hands in what was pressed, and draws what [`View::draw`] gives.

mod bars;
mod draw;
mod failures;
mod figures;
mod heat;
mod help;
mod history;
mod over_time;
mod palette;
mod rows;
#[cfg(test)]
mod sample;
mod tables;
#[cfg(test)]
mod tests;
mod view;

pub use palette::Palette;
pub use view::{Heading, Key, Pressed, View};
