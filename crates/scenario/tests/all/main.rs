//! Scenarios through their public face: one binary, a module a theme.

mod kaesong;
mod mistakes;
mod own;
mod played;
mod shipped;
mod timelines;
