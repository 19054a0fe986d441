//! What passes on connections, wherever it comes from, and what is said on them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::blank::{Blanker, Secrets};
use crate::conversation::{Bounds, Conversation};
use crate::event::{Event, Side};

/// Something that has passed on one of several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed<'a> {
    /// Which, from 1 on.
    pub connection: u64,
    /// When, since the recording began.
    pub at: Duration,
    /// What.
    pub what: Passing<'a>,
}

/// What has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing<'a> {
    /// The connection was opened, by the first, to the second.
    Opened(SocketAddr, SocketAddr),
    /// Bytes that a side has sent.
    Bytes(Side, &'a [u8]),
    /// So many bytes of a side were not seen.
    Missing(Side, u64),
    /// A side sends nothing more.
    Ended(Side),
    /// The connection was broken off, if that is known by whom.
    Broken(Option<Side>),
}

/// Blanks what passes on any number of connections.
#[derive(Debug, Default)]
pub struct Blanking {
    connections: BTreeMap<u64, (Blanker, [bool; 2])>,
    out: Vec<u8>,
}

impl Blanking {
    /// Takes what has passed, and gives what may be kept of it.
    pub fn take(
        &mut self,
        passed: Passed<'_>,
        secrets: &dyn Secrets,
        mut each: impl FnMut(Passed<'_>),
    ) {
        let (blanker, over) = self.connections.entry(passed.connection).or_default();
        let out = &mut self.out;
        out.clear();
        let mut give = |from, out: &[u8]| {
            if !out.is_empty() {
                let what = Passing::Bytes(from, out);
                each(Passed { what, ..passed });
            }
        };
        match passed.what {
            Passing::Opened(..) => each(passed),
            Passing::Bytes(from, bytes) => {
                blanker.take(from, bytes, secrets, out);
                give(from, out);
            }
            Passing::Missing(from, _) => {
                blanker.miss(from, out);
                give(from, out);
                each(passed);
            }
            Passing::Ended(from) => {
                blanker.end(from, out);
                give(from, out);
                each(passed);
                over[from as usize] = true;
                if *over == [true; 2] {
                    self.connections.remove(&passed.connection);
                }
            }
            Passing::Broken(_) => {
                for from in Side::BOTH {
                    out.clear();
                    blanker.end(from, out);
                    give(from, out);
                }
                each(passed);
                self.connections.remove(&passed.connection);
            }
        }
    }
}

/// Listens to any number of connections.
#[derive(Debug)]
pub struct Listening {
    bounds: Bounds,
    connections: BTreeMap<u64, (Conversation, [bool; 2])>,
}

impl Listening {
    /// Keeping at most so much of each.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            connections: BTreeMap::new(),
        }
    }

    /// Takes what has passed, and tells what happened by it; false once the connection is over.
    pub fn take(&mut self, passed: Passed<'_>, each: &mut impl FnMut(Event)) -> bool {
        let Passed {
            connection,
            at,
            what,
        } = passed;
        let is_known = self.connections.contains_key(&connection);
        if !is_known && matches!(what, Passing::Ended(_) | Passing::Broken(_)) {
            // It is over already.
            return true;
        }
        let bounds = self.bounds;
        let (conversation, over) = self
            .connections
            .entry(connection)
            .or_insert_with(|| (Conversation::new(bounds), [false; 2]));
        match what {
            Passing::Opened(..) => {}
            Passing::Bytes(from, bytes) => conversation.take(from, at, bytes, each),
            Passing::Missing(from, bytes) => conversation.miss(from, at, bytes, each),
            Passing::Ended(from) => {
                conversation.end(from, at, each);
                over[from as usize] = true;
            }
            Passing::Broken(_) => {
                for from in Side::BOTH.into_iter().filter(|it| !over[*it as usize]) {
                    conversation.end(from, at, each);
                }
                *over = [true; 2];
            }
        }
        let is_open = *over != [true; 2];
        if !is_open {
            self.connections.remove(&connection);
        }
        is_open
    }
}
