//! The bytes of TCP connections, in their order, out of segments that come in any.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::Segment;
use crate::event::Side;
use crate::passed::{Passed, Passing};

/// Connections that are followed at once; of more, the one that was quiet longest is given up.
const FLOWS_MAX: usize = 4_096;
/// Segments that wait for one before them.
const AHEAD_MAX: usize = 1_024;
const AHEAD_BYTES_MAX: usize = 4 * 1024 * 1024;
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<(SocketAddr, SocketAddr), Flow>,
    count: u64,
    passed_over: u64,
}

#[derive(Debug)]
struct Flow {
    number: u64,
    client: SocketAddr,
    halves: [Half; 2],
    heard: Duration,
}

#[derive(Debug, Default)]
struct Half {
    /// The sequence number that comes next, once one has come.
    next: Option<u32>,
    /// Segments that came too early, by how far.
    ahead: Vec<Ahead>,
    ahead_bytes: usize,
    is_over: bool,
}

#[derive(Debug)]
struct Ahead {
    sequence: u32,
    at: Duration,
    bytes: Vec<u8>,
    is_last: bool,
}

impl Flows {
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    pub(super) fn take(
        &mut self,
        at: Duration,
        segment: Option<Segment<'_>>,
        each: &mut impl FnMut(Passed<'_>),
    ) {
        let Some(segment) = segment else {
            self.passed_over += 1;
            return;
        };
        let key = if segment.from < segment.to {
            (segment.from, segment.to)
        } else {
            (segment.to, segment.from)
        };
        let begins = segment.is_first && segment.acknowledges.is_none();
        let is_again = |flow: &Flow| {
            let half = &flow.halves[Side::Client as usize];
            begins
                && half
                    .next
                    .is_some_and(|next| next != segment.sequence.wrapping_add(1))
        };
        if self.open.get(&key).is_some_and(is_again) {
            self.close(key, at, each);
        }
        if !self.open.contains_key(&key) {
            // The last words of a connection that is over, or a word of one that was refused.
            if segment.is_reset || (segment.payload.is_empty() && !segment.is_first) {
                return;
            }
            self.open(key, at, &segment, each);
        }
        let Some(flow) = self.open.get_mut(&key) else {
            return;
        };
        flow.heard = at;
        let is_over = flow.take(at, &segment, each);
        if is_over {
            self.open.remove(&key);
        }
    }

    fn open(
        &mut self,
        key: (SocketAddr, SocketAddr),
        at: Duration,
        segment: &Segment<'_>,
        each: &mut impl FnMut(Passed<'_>),
    ) {
        if self.open.len() >= FLOWS_MAX {
            let quiet = self.open.iter().min_by_key(|(_, flow)| flow.heard);
            if let Some(quiet) = quiet.map(|(key, _)| *key) {
                self.close(quiet, at, each);
            }
        }
        self.count += 1;
        let is_from_client = match (segment.is_first, segment.acknowledges) {
            (true, acknowledges) => acknowledges.is_none(),
            // Joined midway: whoever begins with the preface, or has the higher port.
            _ => segment.payload.starts_with(PREFACE) || segment.from.port() > segment.to.port(),
        };
        let (client, server) = if is_from_client {
            (segment.from, segment.to)
        } else {
            (segment.to, segment.from)
        };
        let flow = Flow {
            number: self.count,
            client,
            halves: Default::default(),
            heard: at,
        };
        each(flow.passed(at, Passing::Opened(client, server)));
        self.open.insert(key, flow);
    }

    fn close(
        &mut self,
        key: (SocketAddr, SocketAddr),
        at: Duration,
        each: &mut impl FnMut(Passed<'_>),
    ) {
        if let Some(mut flow) = self.open.remove(&key) {
            for from in Side::BOTH {
                while flow.skip(at, from, each) {}
            }
            each(flow.passed(at, Passing::Broken(None)));
        }
    }

    pub(super) fn end(&mut self, each: &mut impl FnMut(Passed<'_>)) {
        let keys: Vec<_> = self
            .open
            .iter()
            .map(|(key, flow)| (*key, flow.heard))
            .collect();
        for (key, heard) in keys {
            self.close(key, heard, each);
        }
    }
}

impl Flow {
    fn passed<'a>(&self, at: Duration, what: Passing<'a>) -> Passed<'a> {
        Passed {
            connection: self.number,
            at,
            what,
        }
    }

    /// Takes a segment; true if the connection is over by it.
    fn take(
        &mut self,
        at: Duration,
        segment: &Segment<'_>,
        each: &mut impl FnMut(Passed<'_>),
    ) -> bool {
        let from = if segment.from == self.client {
            Side::Client
        } else {
            Side::Server
        };
        if segment.is_first {
            self.halves[from as usize].next = Some(segment.sequence.wrapping_add(1));
        }
        // What the other has acknowledged has come there: if it is not here, it was not captured.
        if let Some(acknowledged) = segment.acknowledges {
            let other = from.other();
            while self.halves[other as usize].lacks_before(acknowledged)
                && self.skip(at, other, each)
            {}
        }
        let half = &mut self.halves[from as usize];
        if !segment.is_first
            && (!segment.payload.is_empty() || segment.is_last || segment.missing > 0)
        {
            half.next.get_or_insert(segment.sequence);
            half.ahead_bytes += segment.payload.len();
            half.ahead.push(Ahead {
                sequence: segment.sequence,
                at,
                bytes: segment.payload.to_vec(),
                is_last: segment.is_last,
            });
        }
        self.give(from, each);
        if segment.missing > 0 {
            let half = &mut self.halves[from as usize];
            let missing = u32::try_from(segment.missing).unwrap_or(u32::MAX);
            half.next = half.next.map(|next| next.wrapping_add(missing));
            each(self.passed(at, Passing::Missing(from, segment.missing)));
        }
        let half = &self.halves[from as usize];
        if half.ahead.len() > AHEAD_MAX || half.ahead_bytes > AHEAD_BYTES_MAX {
            self.skip(at, from, each);
        }
        if segment.is_reset {
            for side in Side::BOTH {
                while self.skip(at, side, each) {}
            }
            each(self.passed(at, Passing::Broken(Some(from))));
            return true;
        }
        self.halves.iter().all(|half| half.is_over)
    }

    /// Gives out what comes next, as far as it is here.
    fn give(&mut self, from: Side, each: &mut impl FnMut(Passed<'_>)) {
        let number = self.number;
        let half = &mut self.halves[from as usize];
        let Some(mut next) = half.next else { return };
        while let Some(place) = half
            .ahead
            .iter()
            .position(|it| next.wrapping_sub(it.sequence) as i32 >= 0)
        {
            let ahead = half.ahead.swap_remove(place);
            half.ahead_bytes -= ahead.bytes.len();
            // What came before came again.
            let known = next.wrapping_sub(ahead.sequence) as usize;
            let passed = |what| Passed {
                connection: number,
                at: ahead.at,
                what,
            };
            if let Some(new) = ahead.bytes.get(known..).filter(|it| !it.is_empty()) {
                next = next.wrapping_add(new.len() as u32);
                each(passed(Passing::Bytes(from, new)));
            }
            if ahead.is_last && !half.is_over {
                half.is_over = true;
                each(passed(Passing::Ended(from)));
            }
        }
        half.next = Some(next);
    }

    /// Gives up what is missing before the first segment that waits; false if none does.
    fn skip(&mut self, at: Duration, from: Side, each: &mut impl FnMut(Passed<'_>)) -> bool {
        let half = &mut self.halves[from as usize];
        let Some(next) = half.next else { return false };
        let gap = half
            .ahead
            .iter()
            .map(|it| it.sequence.wrapping_sub(next))
            .min();
        let Some(gap) = gap else { return false };
        half.next = Some(next.wrapping_add(gap));
        each(self.passed(at, Passing::Missing(from, u64::from(gap))));
        self.give(from, each);
        true
    }
}

impl Half {
    /// Whether something is missing before `acknowledged`, and later segments wait for it.
    fn lacks_before(&self, acknowledged: u32) -> bool {
        let next = self.next.filter(|_| !self.ahead.is_empty());
        next.is_some_and(|next| acknowledged.wrapping_sub(next) as i32 > 0)
    }
}
