//! How many exchanges a scenario brings, block by block.

use crate::amount::Amount;
use crate::consultations::Consultations;
use crate::draw::Draw;
use crate::events::Events;
use crate::meetings::Meetings;
use crate::totals::Totals;

/// Where the seeds of further copies of the traffic are drawn; the parts draw from the streams below.
const SEEDS_STREAM: u64 = 1 << 32;

/// How many each block brings under one seed.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) documents: Vec<u64>,
    pub(crate) meetings: Vec<u64>,
    pub(crate) consultations: Vec<u64>,
}

impl Counts {
    pub(crate) fn totals(
        &self,
        meetings: &[Meetings],
        consultations: &[Consultations],
        events: &Events,
    ) -> Totals {
        let meetings = meetings
            .iter()
            .map(|block| block.kind)
            .zip(self.meetings.iter().copied());
        let consultations = consultations
            .iter()
            .map(|block| block.kind)
            .zip(self.consultations.iter().copied());
        Totals::new(
            meetings
                .chain(consultations)
                .chain(events.contacts.iter().copied()),
            self.documents.iter().sum::<u64>() + events.documents,
        )
    }
}

/// The totals of blocks that have one.
pub(crate) fn exact(amounts: impl Iterator<Item = Amount>) -> Vec<u64> {
    amounts.filter_map(Amount::total).collect()
}

/// A seed for each copy of the traffic; the first is drawn under `seed` itself.
pub(crate) fn seeds(seed: u64, copies: u32) -> impl Iterator<Item = u64> {
    let mut seeds = Draw::new(seed, SEEDS_STREAM);
    (0..copies).map(move |copy| if copy == 0 { seed } else { seeds.seed() })
}
