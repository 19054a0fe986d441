//! What stands for placeholders when a message is made.

use jiff::Timestamp;
use uuid::Uuid;

use crate::draw::Draw;
use crate::keep::Kept;

/// What an arrival knows when a message of it is made.
#[derive(Debug, Clone, Default)]
pub struct Values<'a> {
    /// The seed of all draws.
    pub seed: u64,
    /// The arrival, from 0, over all shards.
    pub index: u64,
    /// The message within its stream, from 0.
    pub message: u64,
    /// The request id; a new one for every message.
    pub request_id: Uuid,
    /// Where it is called: `south`, `north`, or the target's name.
    pub at: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Where the instants of this run begin; another in every run. `{{instant}}` is this and 4.096 µs for each arrival,
    /// so no two arrivals of a run have the same, and no two runs, unless they make over 244,000 arrivals a second.
    pub instants_from: Timestamp,
    /// What earlier steps have kept, by slot.
    pub kept: Vec<Option<Kept>>,
}

impl Values<'_> {
    /// A time that no other arrival has: different for each arrival, and within it for each message up to the 4,096th.
    pub(crate) fn instant(&self) -> Timestamp {
        let nanoseconds = i128::from(self.index) * 4_096 + i128::from(self.message % 4_096);
        let instant = self.instants_from.as_nanosecond() + nanoseconds;
        Timestamp::from_nanosecond(instant).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn draw(&self, place: u64) -> Draw {
        Draw::new(&[self.seed, self.index, self.message, place])
    }
}
