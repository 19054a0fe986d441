//! An office that is played answers what people do at the other one, in real time.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{Awaited, Follow, Followed, Patience, RequestIds, Tries};
use jiff::Timestamp;
use ledger::{Entry, Record};
use office::meeting::MeetingTerms;
use office::{Collection, Exchanges, Place, Step, StepId, StepKind};
use prost::Message as _;
use protocol::pb::ledger::watch_entries_response;
use protocol::{Checked as _, Fields};
use scenario::{Act, Answer, Answers};
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

use crate::desk::Desk;

/// Answers that wait at once; above it nothing more is read until some are given.
const WAITING_MAX: usize = 10_000;
/// How often an answer is tried: the line may be cut, or the convening not settled.
const TRIES_MAX: u32 = 30;
/// What is answered has been seen here, so nothing that it names is on its way.
const PATIENCE: Patience = Patience {
    first: Duration::from_millis(500),
    longest: Duration::from_millis(500),
    awaited: Awaited::Nothing,
};

/// Has the officers whom `answers` draws for answer, at the office of `place` that `office` reaches, whatever the peer
/// does from `since` on; `speed` times as fast as the scenario says. They go on when the office has been away. Returns why they
/// answer nobody any more: the office cannot be watched, or refused an answer as often as it was tried.
pub async fn answer_live(
    answers: Answers,
    place: Place,
    since: Timestamp,
    speed: u32,
    seed: u64,
    office: Channel,
) -> Status {
    let mut follow = Follow::new(office.clone(), 0, false, PATIENCE);
    let mut desk = Desk::over(place, office);
    let mut request_ids = RequestIds::of_answering(seed, place);
    let mut played = Played {
        answers,
        place,
        since,
        speed: speed.max(1),
        exchanges: Exchanges::default(),
        offers: BTreeMap::new(),
        waiting: BTreeMap::new(),
        number: 0,
    };
    loop {
        let due = played.waiting.first_key_value().map(|((due, _), _)| *due);
        let room = played.waiting.len() < WAITING_MAX;
        tokio::select! {
            entry = next_entry(&mut follow), if room => match entry {
                Ok(entry) => played.take(&entry),
                Err(why) => return why,
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let Some((_, waiting)) = played.waiting.pop_first()
                    && let Err(why) = played.give(waiting, &mut desk, &mut request_ids).await
                {
                    return why;
                }
            }
        }
    }
}

async fn next_entry(follow: &mut Follow) -> Result<Entry, Status> {
    loop {
        if let Followed::Event(event) = follow.next().await?
            && let watch_entries_response::Event::Entry(entry) = *event
        {
            return Entry::from_pb(entry).map_err(|fault| Status::data_loss(fault.to_string()));
        }
    }
}

/// An answer to an offer: what a counter puts off, it puts off by a while of the play.
fn played(mut answer: Answer, offered: &MeetingTerms, speed: u32) -> Answer {
    if let Act::CounterMeeting { terms, .. } = &mut answer.act {
        terms.begins_at = put_off(offered.begins_at, terms.begins_at, speed);
    }
    answer
}

fn put_off(before: Option<Timestamp>, after: Option<Timestamp>, speed: u32) -> Option<Timestamp> {
    let (Some(before), Some(after)) = (before, after) else {
        return after;
    };
    let later = Duration::try_from(after.duration_since(before)).unwrap_or_default();
    before.checked_add(later / speed).ok()
}

/// An answer that waits for its time.
#[derive(Debug)]
struct Waiting {
    name: String,
    act: Act,
    /// Drawn at the first try.
    request_id: Option<String>,
    tried: u32,
    tries: Tries,
}

struct Played {
    answers: Answers,
    place: Place,
    since: Timestamp,
    speed: u32,
    exchanges: Exchanges,
    /// What stands on offer in each open meeting.
    offers: BTreeMap<StepId, MeetingTerms>,
    waiting: BTreeMap<(Instant, u64), Waiting>,
    number: u64,
}

impl Played {
    fn take(&mut self, entry: &Entry) {
        let (Record::Inbound(parcel) | Record::Outbound(parcel)) = &entry.record else {
            return;
        };
        let Ok((step, _)) = ledger::step_of(parcel) else {
            return;
        };
        let inert = self.exchanges.apply(&step).inert;
        self.note_offer(&step, parcel.payload.clone());
        if inert || entry.recorded_at < self.since {
            return;
        }
        let of_peer = step.id.place != self.place;
        let meeting = self.exchanges.meetings.of_step(step.id);
        let answer = match (step.kind, meeting) {
            (StepKind::DocumentSent, _) if of_peer => self
                .answers
                .document()
                .map(|answer| (answer, Collection::Documents, step.id)),
            (StepKind::ContactRecorded, _) if of_peer => {
                Some((self.answers.contact(), Collection::Contacts, step.id))
            }
            (kind, Some(meeting)) => {
                let answer = self.answer_in(meeting, kind, of_peer, entry.recorded_at);
                answer.map(|answer| (answer, Collection::Meetings, meeting))
            }
            _ => None,
        };
        if let Some((answer, collection, id)) = answer {
            // When a meeting begins is a time by the clock; whatever else an answer takes is of the play.
            let by_clock = matches!(answer.act, Act::ConveneMeeting { .. });
            let speed = if by_clock { 1 } else { self.speed };
            let due = Instant::now() + answer.after / speed;
            self.wait(
                due,
                Waiting {
                    name: id.name(collection),
                    act: answer.act,
                    request_id: None,
                    tried: 0,
                    tries: PATIENCE.tries(),
                },
            );
        }
    }

    fn answer_in(
        &mut self,
        meeting: StepId,
        kind: StepKind,
        of_peer: bool,
        now: Timestamp,
    ) -> Option<Answer> {
        let terms = self.offers.get(&meeting)?;
        match kind {
            StepKind::MeetingProposed if of_peer => {
                Some(played(self.answers.offer(terms, true), terms, self.speed))
            }
            StepKind::MeetingCountered if of_peer => {
                Some(played(self.answers.offer(terms, false), terms, self.speed))
            }
            // Whoever of both does it first; the other finds it done.
            StepKind::MeetingAccepted => Some(self.answers.convening(terms, now)),
            StepKind::MeetingConvened => Some(self.answers.closing(terms)),
            _ => None,
        }
    }

    /// Keeps what stands on offer, as long as the meeting is open.
    fn note_offer(&mut self, step: &Step, payload: bytes::Bytes) {
        let Some(meeting) = self.exchanges.meetings.of_step(step.id) else {
            return;
        };
        match step.kind {
            StepKind::MeetingProposed | StepKind::MeetingCountered => {
                let message =
                    protocol::pb::office::MeetingTerms::decode(payload).unwrap_or_default();
                if let Ok(terms) = MeetingTerms::checked(message, &Fields::default()) {
                    self.offers.insert(meeting, terms);
                }
            }
            StepKind::MeetingClosed
            | StepKind::MeetingDeclined
            | StepKind::MeetingCancelled
            | StepKind::MeetingLapsed => {
                self.offers.remove(&meeting);
            }
            _ => {}
        }
    }

    fn wait(&mut self, due: Instant, waiting: Waiting) {
        self.number += 1;
        self.waiting.insert((due, self.number), waiting);
    }

    /// Gives an answer. What somebody else has done meanwhile is refused, and that is well.
    async fn give(
        &mut self,
        mut waiting: Waiting,
        desk: &mut Desk,
        request_ids: &mut RequestIds,
    ) -> Result<(), Status> {
        // One that was tried before is tried as the same, since it may have been recorded.
        let request_id = waiting
            .request_id
            .get_or_insert_with(|| request_ids.draw())
            .clone();
        let name = waiting.name.clone();
        let given = desk
            .act(&waiting.act, request_id, name, String::new())
            .await;
        let Err(status) = given else { return Ok(()) };
        let Some(wait) = waiting.tries.wait_after(&status) else {
            return Ok(());
        };
        waiting.tried += 1;
        if waiting.tried > TRIES_MAX {
            return Err(status);
        }
        self.wait(Instant::now() + wait, waiting);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_counter_puts_off_is_a_while_of_the_play() {
        let at = |seconds| Timestamp::from_second(seconds).ok();
        assert_eq!(put_off(at(1_000), at(2_800), 600), at(1_003));
        assert_eq!(put_off(at(1_000), at(2_800), 1), at(2_800));
        assert_eq!(put_off(None, at(2_800), 600), at(2_800));
    }
}
