//! Crossings: both offices act at once on one meeting, again and again, with whatever verb the seed draws.
//!
//! Officers of a scenario take turns, so their steps never cross. These do not: what one does reaches the other only
//! after it has acted too. Refusals are part of it, and pass unnoticed; both offices must end alike.

use std::time::Duration;

use office::meeting::MeetingTerms;
use office::officer::Officer;
use office::{PerPlace, Place};
use officers::Desk;
use protocol::pb::office as pb;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use scenario::{Act, Key, Timeline};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use crate::simulation::SimulationError;

/// How often a proposal is tried, a second and then up to a minute apart: an office may be down.
const PROPOSED_MAX: u32 = 20;
const ROUNDS_MAX: u64 = 8;
/// Both act within so long: the line takes up to twice that.
const TOGETHER_MS: u64 = 20;

/// What crossings came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossed {
    /// Meetings on which both offices acted at once.
    pub meetings: u64,
    /// Steps on them that an office took.
    pub steps: u64,
    /// Those of the meetings that were closed: they count, on top of the scenario's totals.
    pub counted: u64,
}

/// Both offices' desks, and where choices come from.
pub(crate) struct Rivals {
    desks: PerPlace<Desk>,
    draws: ChaCha8Rng,
    steps: u64,
}

impl Rivals {
    pub(crate) fn new(desks: PerPlace<Desk>, seed: u64) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(3);
        Self {
            desks,
            draws,
            steps: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draws.next_u64() % bound.max(1)
    }

    /// Crosses `count` times between `start` and the timeline's end. Returns the meetings' names and the steps taken.
    pub(crate) async fn cross(
        mut self,
        count: u32,
        timeline: &Timeline,
        start: Instant,
    ) -> (Vec<String>, u64) {
        let offers: Vec<(Key, &MeetingTerms)> = timeline
            .events
            .iter()
            .filter_map(|event| match &event.act {
                Act::ProposeMeeting { key, terms } => Some((*key, &**terms)),
                _ => None,
            })
            .collect();
        let mut due = Vec::new();
        for _ in 0..count {
            if offers.is_empty() {
                break;
            }
            let (event, offer) = (
                self.below(timeline.events.len() as u64),
                self.below(offers.len() as u64),
            );
            let at = timeline.events[event as usize].at;
            let after = at.duration_since(timeline.start).unsigned_abs();
            due.push((after, offers[offer as usize]));
        }
        due.sort_by_key(|(after, _)| *after);
        let mut names = Vec::new();
        for (after, (key, terms)) in due {
            sleep_until(start + after).await;
            let proposer = Place::BOTH[self.below(2) as usize];
            if let Some(name) = self.propose(proposer, key, terms).await {
                self.act_at_once(key, &name, terms).await;
                names.push(name);
            }
        }
        (names, self.steps)
    }

    async fn propose(&mut self, office: Place, key: Key, terms: &MeetingTerms) -> Option<String> {
        let request_id = self.request_id();
        let terms = Box::new(terms.clone());
        let act = Act::ProposeMeeting { key, terms };
        let mut wait = Duration::from_secs(1);
        for _ in 0..PROPOSED_MAX {
            let (id, none) = (request_id.clone(), String::new());
            let proposed = self.desks[office].act(&act, id, none.clone(), none).await;
            if let Ok(name) = proposed {
                self.steps += 1;
                return name;
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(60));
        }
        None
    }

    async fn act_at_once(&mut self, key: Key, name: &str, terms: &MeetingTerms) {
        for _ in 0..=self.below(ROUNDS_MAX) {
            let south = self.step(Place::South, key, name, terms);
            let north = self.step(Place::North, key, name, terms);
            let (south, north) = tokio::join!(south, north);
            self.steps += u64::from(south.is_ok()) + u64::from(north.is_ok());
            let pause_ms = match self.below(4) {
                0 => 0,
                1 => self.below(100),
                2 => self.below(5_000),
                _ => self.below(600_000),
            };
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    /// One office's next step. Nothing of it is shared, so that both can be under way at once.
    fn step(
        &mut self,
        office: Place,
        of: Key,
        name: &str,
        terms: &MeetingTerms,
    ) -> impl Future<Output = Result<Option<String>, Status>> + use<> {
        let by = Officer {
            name: format!("a rival of the {office} office"),
            rank: None,
        };
        let text = "at once".to_owned();
        let reason = text.clone();
        let act = match self.below(16) {
            0 => Act::CancelMeeting { of, by, reason },
            1 => Act::DeclineMeeting { of, by, reason },
            2..=4 => Act::CounterMeeting {
                of,
                terms: Box::new(terms.clone()),
            },
            5..=8 => Act::AcceptMeeting { of, by, text },
            9..=12 => Act::ConveneMeeting { of, by, text },
            _ => Act::CloseMeeting {
                of,
                by,
                text,
                duration: Duration::from_secs(60),
            },
        };
        let after = Duration::from_millis(self.below(TOGETHER_MS));
        let (request_id, name) = (self.request_id(), name.to_owned());
        let mut desk = self.desks[office].clone();
        async move {
            sleep(after).await;
            desk.act(&act, request_id, name, String::new()).await
        }
    }

    fn request_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.draws.fill_bytes(&mut bytes);
        client::request_id(bytes)
    }
}

/// Looks at every meeting from both offices, once the line is at rest, and counts those that are counted.
pub(crate) async fn compare(
    desks: &mut PerPlace<Desk>,
    names: &[String],
) -> Result<u64, SimulationError> {
    let mut counted = 0;
    for name in names {
        let mut seen = PerPlace::default();
        for place in Place::BOTH {
            let meeting = desks[place].meeting(name.clone()).await;
            let meeting = meeting.map_err(|status| SimulationError::Unlike {
                what: format!("the {place} office does not show {name}: {status}"),
            })?;
            seen[place] = sorted(meeting);
        }
        if seen[Place::South] != seen[Place::North] {
            let what = format!("{name}: {seen:?}");
            return Err(SimulationError::Unlike { what });
        }
        counted += u64::from(seen[Place::South].counted);
    }
    Ok(counted)
}

/// What both offices must say alike: each records steps in its own order, and may do other things next.
fn sorted(mut meeting: pb::Meeting) -> pb::Meeting {
    meeting.allowed.clear();
    meeting
        .steps
        .sort_by(|one, other| one.name.cmp(&other.name));
    meeting
}
