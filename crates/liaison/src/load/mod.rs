//! `liaison load`: open-loop load, and what is seen of it.

// The command that shows it comes next; then this line goes.
#[allow(dead_code, reason = "only tests call it so far")]
mod live;
