//! A load run while it lasts: seconds in, the cells of a screen out.
//!
//! **The decision.** A frame is a function of what was seen and of the room there is. So every size, state and palette is drawn
//! in tests, and whoever has the terminal has nothing to do but write.
//!
//! **The invariant.** No terminal, no clock, no I/O. What is kept does not grow with the run, and text from elsewhere moves no
//! cursor.
//!
//! ```
//! use ratatui_core::{buffer::Buffer, layout::Rect};
//! use report::{Interval, Report};
//! use screen::{Heading, Key, Palette, Pressed, View};
//!
//! let heading = Heading { plan: "document".to_owned(), ..Heading::default() };
//! let mut view = View::new(heading, Palette::Plain);
//! view.show(&Interval { calls: 2_000, ..Interval::default() }, &Report::default(), Some(60.0), false);
//! assert_eq!(view.press(Key::Letter('q')), Some(Pressed::Stop));
//!
//! let mut frame = Buffer::empty(Rect::new(0, 0, 80, 24));
//! screen::draw(&view, &mut frame);
//! let first: String = frame.content()[..80].iter().map(|cell| cell.symbol()).collect();
//! assert!(first.starts_with(" document") && first.ends_with("■ stopping "));
//! ```

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

pub use draw::draw;
pub use palette::Palette;
pub use view::{Heading, Key, Pressed, View};
