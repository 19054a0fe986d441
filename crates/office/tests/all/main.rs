//! The rules of an office through their public face: one binary, a module a theme.

mod crossings;
mod pair;
mod tree;
mod tried;
