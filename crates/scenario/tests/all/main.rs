//! Scenarios through their public face: one binary, a module a theme.

mod answers;
mod kaesong;
mod mistakes;
mod own;
mod patterns;
mod played;
mod shipped;
mod timelines;
