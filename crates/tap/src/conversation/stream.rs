//! One stream of a conversation.

use std::time::Duration;

use crate::event::{HeadKind, Side, get};
use crate::gather::Gather;
use crate::hpack::Field;

/// What may be sent before a window has to move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    /// Not known where something was missed.
    left: Option<i64>,
    starved: Option<Duration>,
}

impl Credit {
    pub(super) fn of(left: Option<i64>) -> Self {
        Self {
            left,
            starved: None,
        }
    }

    pub(super) fn is_known(self) -> bool {
        self.left.is_some()
    }

    /// Whether nothing is left by what was sent.
    pub(super) fn spend(&mut self, at: Duration, bytes: i64) -> bool {
        let Some(left) = &mut self.left else {
            return false;
        };
        *left -= bytes;
        let is_starved = bytes > 0 && *left <= 0 && self.starved.is_none();
        if is_starved {
            self.starved = Some(at);
        }
        is_starved
    }

    /// How long nothing could be sent, if that is over.
    pub(super) fn feed(&mut self, at: Duration, bytes: i64) -> Option<Duration> {
        let left = self.left.as_mut()?;
        *left = left.saturating_add(bytes);
        let starved = self.starved.filter(|_| *left > 0)?;
        self.starved = None;
        Some(at.saturating_sub(starved))
    }
}

#[derive(Debug)]
pub(super) struct StreamHalf {
    pub(super) gather: Gather,
    pub(super) is_over: bool,
    pub(super) credit: Credit,
    has_begun: bool,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) halves: [StreamHalf; 2],
    /// Until a header list says otherwise it is.
    pub(super) is_grpc: bool,
}

impl Stream {
    pub(super) fn new(credits: [Option<i64>; 2], is_late: bool) -> Self {
        let halves = credits.map(|credit| {
            let mut gather = Gather::default();
            if is_late {
                gather.missed();
            }
            StreamHalf {
                gather,
                is_over: false,
                credit: Credit::of(credit),
                has_begun: is_late,
            }
        });
        Self {
            halves,
            is_grpc: true,
        }
    }

    /// What a header list of `from` is, and what it says of the stream.
    pub(super) fn head(&mut self, from: Side, fields: &[Field], ends: bool) -> HeadKind {
        if let Some(is_grpc) = super::is_grpc(fields) {
            self.is_grpc = is_grpc;
        }
        let half = &mut self.halves[from as usize];
        let status = get(fields, ":status");
        if from == Side::Server && status.is_some_and(|it| it.starts_with('1')) {
            return HeadKind::Informational;
        }
        let begins = !half.has_begun || status.is_some() || get(fields, ":path").is_some();
        half.has_begun = true;
        match from {
            _ if !begins => HeadKind::Trailers,
            Side::Client => HeadKind::Request,
            Side::Server if ends => HeadKind::TrailersOnly,
            Side::Server => HeadKind::Response,
        }
    }
}
