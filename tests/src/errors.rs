//! Every refusal that can be reached from outside: its code, and what its details say.

mod answers;
mod deadlines;
mod fields;
mod limits;
mod line;
mod states;
mod transport;
