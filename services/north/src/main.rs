//! The North office.

fn main() {}
