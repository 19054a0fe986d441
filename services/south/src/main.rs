//! The South office.

fn main() {}
