//! The rules of an office through their public face: one binary, a module a theme.

mod crossings;
mod hellos;
mod meetings;
mod pair;
mod traffic;
mod tree;
mod tried;
