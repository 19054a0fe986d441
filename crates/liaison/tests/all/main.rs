//! The binary, as a user has it: one test binary, a module a theme.

mod commands;
mod fits;
mod harness;
mod help;
mod imports;
mod json;
mod parts;
mod records;
mod remade;
mod runs;
mod terminal;
mod told;
mod visible;
