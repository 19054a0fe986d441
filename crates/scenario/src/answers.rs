//! Answers: what the officers of an office that a scenario plays do about what people do at the other one.
//!
//! A timeline knows both offices' acts in advance. People's acts nobody knows: so each is answered as the scenario's
//! blocks say that such are answered, by draws from the seed.

use std::time::Duration;

use jiff::Timestamp;
use office::Place;
use office::meeting::MeetingTerms;
use office::officer::{Officer, Rank};

use crate::delay::Delay;
use crate::draw::Draw;
use crate::meetings::Meetings;
use crate::scenario::Scenario;
use crate::timeline::{Act, Key};

const MINUTE_S: u64 = 60;
/// Minutes until an answer, where the scenario has no block of the kind.
const ANSWER_MINUTES: std::ops::RangeInclusive<u64> = 2..=30;
/// A counter-proposal names a time so much later.
const LATER: Duration = Duration::from_secs(30 * MINUTE_S);
/// How long a meeting lasts whose terms do not say.
const LASTS: Duration = Duration::from_secs(30 * MINUTE_S);

/// Draws answers.
#[derive(Debug)]
pub struct Answers {
    scenario: Scenario,
    place: Place,
    draw: Draw,
}

/// An act, and how long after what it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// By the clock, or in office time: either way that long.
    pub after: Duration,
    /// The act. What it is about, its key does not say.
    pub act: Act,
}

impl Answers {
    /// Answers of the officers of `place`.
    pub fn new(scenario: Scenario, place: Place, seed: u64) -> Self {
        Self {
            scenario,
            place,
            draw: Draw::new(seed, ANSWERS_STREAM),
        }
    }

    /// What becomes of a document of the peer; `None` if nothing does.
    pub fn document(&mut self) -> Option<Answer> {
        let blocks = self.scenario.documents();
        let (mut after, mut answered, mut refused) = (None, 1_000, 0);
        if !blocks.is_empty() {
            let block = self.draw.one_of(blocks);
            after = Some(delay(&block.answer, &mut self.draw));
            (answered, refused) = (block.answered_per_mille, block.refused_per_mille);
        }
        if !self.draw.chance(answered) {
            return None;
        }
        let after = after.unwrap_or_else(|| self.minutes(ANSWER_MINUTES));
        let by = self.anybody();
        let of = Key::FIRST;
        let act = if self.draw.chance(refused) {
            let reason = "the office does not receive it in the name it bears".to_owned();
            Act::RefuseDocument { of, by, reason }
        } else {
            let text = "received and passed on".to_owned();
            Act::AcknowledgeDocument { of, by, text }
        };
        Some(Answer { after, act })
    }

    /// What becomes of an offer of the peer. Only a first offer is countered, so that it comes to an end.
    pub fn offer(&mut self, terms: &MeetingTerms, first: bool) -> Answer {
        let block = self.block_of(terms);
        let chances = block.map_or((0, 0), |block| {
            (block.decline_per_mille, block.counter_per_mille)
        });
        let minutes = block.and_then(|block| block.answer_minutes.clone());
        let after = self.minutes(minutes.unwrap_or(ANSWER_MINUTES));
        let by = self.officer(terms);
        let of = Key::FIRST;
        let act = if self.draw.chance(chances.0) {
            let reason = "the time does not suit".to_owned();
            Act::DeclineMeeting { of, by, reason }
        } else if first && self.draw.chance(chances.1) {
            let mut terms = terms.clone();
            terms.begins_at = terms.begins_at.and_then(|at| at.checked_add(LATER).ok());
            terms.answer_by = None;
            let terms = Box::new(terms);
            Act::CounterMeeting { of, terms }
        } else {
            let text = "agreed".to_owned();
            Act::AcceptMeeting { of, by, text }
        };
        Answer { after, act }
    }

    /// The convening of a meeting that was accepted at `now`.
    pub fn convening(&mut self, terms: &MeetingTerms, now: Timestamp) -> Answer {
        let after = terms
            .begins_at
            .map_or(0, |at| at.duration_since(now).as_secs());
        let by = self.officer(terms);
        let text = "the delegations have met".to_owned();
        Answer {
            after: Duration::from_secs(u64::try_from(after).unwrap_or(0)),
            act: Act::ConveneMeeting {
                of: Key::FIRST,
                by,
                text,
            },
        }
    }

    /// The close of a meeting that was convened.
    pub fn closing(&mut self, terms: &MeetingTerms) -> Answer {
        let duration = terms.duration.unwrap_or(LASTS);
        let by = self.officer(terms);
        let text = "the agenda was gone through".to_owned();
        Answer {
            after: duration,
            act: Act::CloseMeeting {
                of: Key::FIRST,
                by,
                text,
                duration,
            },
        }
    }

    /// The confirmation of a consultation that the peer recorded.
    pub fn contact(&mut self) -> Answer {
        let minutes = self.scenario.confirm_minutes().unwrap_or(ANSWER_MINUTES);
        let after = self.minutes(minutes);
        let by = self.anybody();
        let text = "so it was".to_owned();
        Answer {
            after,
            act: Act::ConfirmContact {
                of: Key::FIRST,
                by,
                text,
            },
        }
    }

    fn block_of(&self, terms: &MeetingTerms) -> Option<&Meetings> {
        let of_kind = || {
            let blocks = self.scenario.meetings();
            blocks.iter().filter(|block| block.kind == terms.kind)
        };
        let of_level = of_kind().find(|block| Some(block.level) == terms.level);
        of_level.or_else(|| of_kind().next())
    }

    fn minutes(&mut self, minutes: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.draw.within(minutes) * MINUTE_S)
    }

    fn officer(&mut self, terms: &MeetingTerms) -> Officer {
        let rank = terms.level.unwrap_or(Rank::WorkingLevelOfficial);
        self.scenario
            .staff(self.place)
            .of_rank(rank, &mut self.draw)
    }

    fn anybody(&mut self) -> Officer {
        self.scenario.staff(self.place).any(&mut self.draw)
    }
}

/// Where answers are drawn.
const ANSWERS_STREAM: u64 = 1 << 35;

fn delay(delay: &Delay, draw: &mut Draw) -> Duration {
    Duration::from_secs(match delay {
        Delay::Office(seconds) => draw.within(seconds.clone()),
        Delay::Clock(quantiles) => quantiles.draw(draw),
    })
}
