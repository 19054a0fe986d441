//! How a meeting comes about: offers, and their answers, until one is accepted and stands.

use std::time::Duration;

use office::meeting::MeetingTerms;
use office::{PerPlace, Place};

use crate::calendar::Calendar;
use crate::draw::Draw;
use crate::meetings::{Meetings, Sitting};
use crate::staff::Staff;
use crate::timeline::{Act, Key, Plan};

/// An offer that is not taken names another time.
const OTHER_TIME_S: u64 = 1_800;
/// All is settled before any time that was offered.
const ACCEPTED_BEFORE_S: u64 = OTHER_TIME_S + 300;
const FIRST_MINUTES_S: u64 = 300;

/// What is negotiated.
pub(crate) struct Negotiation<'a> {
    pub(crate) meetings: &'a Meetings,
    pub(crate) sitting: &'a Sitting,
    pub(crate) calendar: &'a Calendar,
    pub(crate) staff: &'a PerPlace<Staff>,
    /// When the meeting begins, in office time.
    pub(crate) begins_s: u64,
}

/// One move of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    // Whether the terms offered are those that stand in the end.
    Propose { final_terms: bool },
    Counter,
    Accept,
    Decline,
    Cancel,
}

impl Negotiation<'_> {
    /// Draws the negotiation; returns the name of the meeting that is held in the end.
    pub(crate) fn draw(&self, place: &str, draw: &mut Draw, plan: &mut Plan) -> Key {
        let moves = self.moves(draw);
        let times = self.times(moves.len() as u64, draw);
        let mut participants =
            self.staff[Place::South].delegation(self.sitting.attends[Place::South], draw);
        participants
            .extend(self.staff[Place::North].delegation(self.sitting.attends[Place::North], draw));
        let topic = match &self.sitting.follows {
            Some((_, subject)) => subject.clone(),
            None => draw.one_of(&self.meetings.topics).clone(),
        };
        let mut terms = self.meetings.terms(place, topic);
        terms.participants = participants;
        terms.duration = Some(Duration::from_secs(self.sitting.duration_s));

        let mut of = None;
        let mut offerer = *draw.one_of(&Place::BOTH);
        for (step, at_s) in moves.into_iter().zip(times) {
            let at = self.calendar.office_time(at_s);
            let peer = offerer.peer();
            let key = match (step, of) {
                (Move::Propose { .. }, _) | (_, None) => *of.insert(plan.next_key()),
                (_, Some(key)) => key,
            };
            match step {
                Move::Propose { final_terms } => {
                    let terms = self.offer(&terms, final_terms);
                    plan.add(at, offerer, Act::ProposeMeeting { key, terms });
                }
                Move::Counter => {
                    let terms = self.offer(&terms, true);
                    plan.add(at, peer, Act::CounterMeeting { of: key, terms });
                    offerer = peer;
                }
                Move::Accept => {
                    let by = self.staff[peer].of_rank(self.sitting.attends[peer], draw);
                    let text = "agreed".to_owned();
                    plan.add(at, peer, Act::AcceptMeeting { of: key, by, text });
                }
                Move::Decline => {
                    let by = self.staff[peer].of_rank(self.sitting.attends[peer], draw);
                    let reason = "the time does not suit".to_owned();
                    plan.add(
                        at,
                        peer,
                        Act::DeclineMeeting {
                            of: key,
                            by,
                            reason,
                        },
                    );
                    // Either office may propose again.
                    offerer = *draw.one_of(&Place::BOTH);
                }
                Move::Cancel => {
                    let office = *draw.one_of(&Place::BOTH);
                    let by = self.staff[office].of_rank(self.sitting.attends[office], draw);
                    let reason = "the ranks of the delegations do not match".to_owned();
                    plan.add(
                        at,
                        office,
                        Act::CancelMeeting {
                            of: key,
                            by,
                            reason,
                        },
                    );
                    offerer = *draw.one_of(&Place::BOTH);
                }
            }
        }
        of.expect("a negotiation begins with a proposal")
    }

    fn moves(&self, draw: &mut Draw) -> Vec<Move> {
        let mut moves = Vec::new();
        if draw.chance(self.meetings.decline_per_mille) {
            moves.extend([Move::Propose { final_terms: false }, Move::Decline]);
        }
        if draw.chance(self.meetings.cancel_per_mille) {
            moves.extend([
                Move::Propose { final_terms: false },
                Move::Accept,
                Move::Cancel,
            ]);
        }
        if draw.chance(self.meetings.counter_per_mille) {
            moves.extend([
                Move::Propose { final_terms: false },
                Move::Counter,
                Move::Accept,
            ]);
        } else {
            moves.extend([Move::Propose { final_terms: true }, Move::Accept]);
        }
        moves
    }

    /// When each of `count` moves is made, in office time: from the notice on, evenly but for a
    /// draw, the last one some minutes before the meeting. A meeting too near to the first day is
    /// negotiated from the first opening on, and one that follows a document from its proposal on.
    fn times(&self, count: u64, draw: &mut Draw) -> Vec<u64> {
        let day_s = self.calendar.day_office_s();
        let days = draw.within(self.meetings.notice_days.clone());
        let morning_s = self.sitting.working_day * day_s;
        let notice_s = self.begins_s.checked_sub(days * day_s).filter(|_| days > 0);
        let starts_s = match notice_s {
            Some(notice_s) => notice_s + draw.within(0..=day_s / 4),
            None if days > 0 => draw.within(0..=FIRST_MINUTES_S),
            None => morning_s + draw.within(0..=FIRST_MINUTES_S),
        };
        let starts_s = match &self.sitting.follows {
            Some((proposed_s, _)) => *proposed_s,
            None => starts_s,
        };
        // At most eight moves in at least 24 minutes, so two are never less than a minute apart.
        let gap_s = (self.begins_s - ACCEPTED_BEFORE_S - starts_s) / count;
        if let Some(minutes) = &self.meetings.answer_minutes {
            let mut at_s = starts_s;
            let later = (1..count).map(|_| {
                at_s += (draw.within(minutes.clone()) * 60).min(gap_s);
                at_s
            });
            return std::iter::once(starts_s)
                .chain(later.collect::<Vec<_>>())
                .collect();
        }
        let later = (1..count).map(|index| starts_s + index * gap_s + draw.within(0..=gap_s / 4));
        std::iter::once(starts_s)
            .chain(later.collect::<Vec<_>>())
            .collect()
    }

    fn offer(&self, terms: &MeetingTerms, final_terms: bool) -> Box<MeetingTerms> {
        let ends_s = self.sitting.begins_s + self.sitting.duration_s;
        let begins_s = match final_terms {
            true => self.sitting.begins_s,
            false if ends_s + OTHER_TIME_S < self.calendar.day_office_s() => {
                self.sitting.begins_s + OTHER_TIME_S
            }
            false => self.sitting.begins_s - OTHER_TIME_S,
        };
        let day = self.calendar.working_days()[self.sitting.working_day as usize];
        let begins_at = Some(self.calendar.during(day, begins_s));
        Box::new(MeetingTerms {
            begins_at,
            ..terms.clone()
        })
    }
}
