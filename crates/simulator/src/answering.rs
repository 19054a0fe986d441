//! An office that is played answers what people do at the other one, in real time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use ledger::{Entry, Record};
use office::meeting::MeetingTerms;
use office::{Collection, Exchanges, Place, Step, StepId, StepKind};
use prost::Message as _;
use protocol::pb::ledger as pb;
use protocol::{Checked as _, Fields};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use scenario::{Act, Answer, Answers};
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::call::Desk;

/// Answers that wait at once; above it nothing more is read until some are given.
const WAITING_MAX: usize = 10_000;
/// How often an answer is tried: the line may be cut, or the convening not settled.
const TRIES_MAX: u32 = 30;
const AGAIN: Duration = Duration::from_millis(500);

/// Has the officers whom `answers` draws for answer, at the office of `place` that `office` reaches, whatever the peer
/// does from `since` on; `speed` times as fast as the scenario says. Ends when the office does.
pub async fn answer_live(
    answers: Answers,
    place: Place,
    since: Timestamp,
    speed: u32,
    seed: u64,
    office: Channel,
) -> Result<(), Status> {
    let mut desk = Desk::over(office);
    let request = pb::WatchEntriesRequest::default();
    let mut entries = desk.ledger.watch_entries(request).await?.into_inner();
    let mut request_ids = ChaCha8Rng::seed_from_u64(seed);
    request_ids.set_stream(32 + place as u64);
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
            entry = next_entry(&mut entries), if room => match entry? {
                Some(entry) => played.take(&entry),
                None => return Ok(()),
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let Some((_, waiting)) = played.waiting.pop_first() {
                    played.give(waiting, &mut desk, &mut request_ids).await?;
                }
            }
        }
    }
}

async fn next_entry(
    entries: &mut Streaming<pb::WatchEntriesResponse>,
) -> Result<Option<Entry>, Status> {
    loop {
        let Some(response) = entries.message().await? else {
            return Ok(None);
        };
        if let Some(pb::watch_entries_response::Event::Entry(entry)) = response.event {
            let entry = Entry::from_pb(entry);
            return entry
                .map(Some)
                .map_err(|fault| Status::data_loss(fault.to_string()));
        }
    }
}

/// An answer that waits for its time.
#[derive(Debug)]
struct Waiting {
    name: String,
    act: Act,
    tried: u32,
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
            let due = Instant::now() + answer.after / self.speed;
            self.wait(due, id.name(collection), answer.act, 0);
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
            StepKind::MeetingProposed if of_peer => Some(self.answers.offer(terms, true)),
            StepKind::MeetingCountered if of_peer => Some(self.answers.offer(terms, false)),
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

    fn wait(&mut self, due: Instant, name: String, act: Act, tried: u32) {
        self.number += 1;
        self.waiting
            .insert((due, self.number), Waiting { name, act, tried });
    }

    /// Gives an answer. What somebody else has done meanwhile is refused, and that is well.
    async fn give(
        &mut self,
        waiting: Waiting,
        desk: &mut Desk,
        request_ids: &mut ChaCha8Rng,
    ) -> Result<(), Status> {
        let mut bytes = [0; 16];
        request_ids.fill_bytes(&mut bytes);
        let request_id = uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string();
        let Waiting { name, act, tried } = waiting;
        let given = desk
            .act(&act, request_id, name.clone(), String::new())
            .await;
        match given {
            Err(status) if status.code() == Code::Unavailable && tried < TRIES_MAX => {
                self.wait(Instant::now() + AGAIN, name, act, tried + 1);
                Ok(())
            }
            Err(status) if status.code() == Code::Unavailable => Err(status),
            _ => Ok(()),
        }
    }
}
