//! How many of the open meetings were proposed by whom: one caller does not use up everybody's.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Office, Order, Refusal, StepId};

/// Open meetings by the caller who proposed them, since this office was started.
#[derive(Debug, Default)]
pub struct Proposals {
    by_caller: BTreeMap<u64, Vec<StepId>>,
}

impl Proposals {
    /// Judges whether `caller` may propose one more.
    pub fn check(&mut self, caller: u64, order: &Order, office: &Office) -> Result<(), Refusal> {
        let limit = office.limits().caller_open_meetings_max;
        if !matches!(order, Order::ProposeMeeting(_)) {
            return Ok(());
        }
        let Some(own) = self.by_caller.get_mut(&caller) else {
            return Ok(());
        };
        if own.len() as u64 >= limit {
            own.retain(|id| is_open(office, *id));
        }
        if (own.len() as u64) < limit {
            return Ok(());
        }
        Err(Refusal::Exhausted {
            what: "the number of open meetings proposed over one connection",
            limit,
            retry_after: Duration::from_secs(1),
        })
    }

    /// `caller` has proposed `id`.
    pub fn add(&mut self, caller: u64, id: StepId, office: &Office) {
        if !self.by_caller.contains_key(&caller) {
            // Callers go, and what they proposed is closed some day: what is kept stays as small as what is open.
            self.by_caller.retain(|_, own| {
                own.retain(|id| is_open(office, *id));
                !own.is_empty()
            });
        }
        self.by_caller.entry(caller).or_default().push(id);
    }
}

fn is_open(office: &Office, id: StepId) -> bool {
    let meeting = office.exchanges().meetings.get(id);
    meeting.is_some_and(|meeting| meeting.state().is_open())
}
