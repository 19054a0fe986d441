//! Clients that negotiate meetings, from both sides, with crossings.

use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;

use crate::client::{Client, Refused};
use crate::draw::Draw;
use crate::mutation::Mutation;
use crate::watch;

const MEETINGS_MAX: u64 = 6;

/// How a negotiation goes.
#[derive(Debug, Clone, Copy)]
enum Course {
    /// Proposed, accepted, convened, closed.
    Straight,
    /// The offer is countered first.
    Countered,
    /// The proposer cancels while the peer accepts.
    CancelCrossesAccept,
    /// The proposer cancels while the peer counters.
    CancelCrossesCounter,
    /// The proposer cancels while the peer declines.
    CancelCrossesDecline,
    /// An accepted meeting is cancelled by one and convened by the other.
    CancelCrossesConvene,
    /// Both convene, and both close.
    BothConvene,
}

const COURSES: [Course; 7] = [
    Course::Straight,
    Course::Countered,
    Course::CancelCrossesAccept,
    Course::CancelCrossesCounter,
    Course::CancelCrossesDecline,
    Course::CancelCrossesConvene,
    Course::BothConvene,
];

/// Negotiates meetings that `place` proposes.
pub(crate) async fn negotiate(client: Client, place: Place, mut draw: Draw) {
    for _ in 0..MEETINGS_MAX {
        if client.has_enough() {
            return;
        }
        let mut negotiation = Negotiation {
            client: &client,
            draw: draw.part(),
            here: place,
            name: String::new(),
        };
        // An end before its time is a crossing lost, or is in the account.
        let _ = negotiation.run().await;
    }
}

struct Negotiation<'a> {
    client: &'a Client,
    draw: Draw,
    here: Place,
    name: String,
}

impl Negotiation<'_> {
    async fn run(&mut self) -> Option<()> {
        let (here, there) = (self.here, self.here.peer());
        let terms = Some(self.terms());
        let request_id = self.draw.request_id().to_string();
        let answer = self
            .ask(here, pb::ProposeMeetingRequest { request_id, terms })
            .await?;
        let proposed = pb::ProposeMeetingResponse::decode(answer).ok()?;
        self.name = proposed.meeting?.name;
        self.see(there, pb::MeetingState::Proposed).await?;
        match *self.draw.one_of(&COURSES) {
            Course::Straight => {
                self.accept(there).await?;
                self.see(here, pb::MeetingState::Accepted).await?;
                let convener = if self.draw.percent(50) { here } else { there };
                self.convene(convener).await?;
                let closer = if self.draw.percent(50) { here } else { there };
                self.see(closer, pb::MeetingState::Convened).await?;
                self.close(closer).await
            }
            Course::Countered => {
                self.counter(there).await?;
                self.see(here, pb::MeetingState::Countered).await?;
                self.accept(here).await?;
                self.see(there, pb::MeetingState::Accepted).await?;
                self.convene(there).await?;
                self.see(here, pb::MeetingState::Convened).await?;
                self.close(here).await
            }
            Course::CancelCrossesAccept => {
                let (cancel, accept) = (self.cancelling(), self.accepting());
                self.cross(here, cancel, there, accept).await
            }
            Course::CancelCrossesCounter => {
                let (cancel, counter) = (self.cancelling(), self.countering());
                self.cross(here, cancel, there, counter).await
            }
            Course::CancelCrossesDecline => {
                let (cancel, decline) = (self.cancelling(), self.declining());
                self.cross(here, cancel, there, decline).await
            }
            Course::CancelCrossesConvene => {
                self.accept(there).await?;
                self.see(here, pb::MeetingState::Accepted).await?;
                let (cancel, convene) = (self.cancelling(), self.convening());
                self.cross(here, cancel, there, convene).await
            }
            Course::BothConvene => {
                self.accept(there).await?;
                self.see(here, pb::MeetingState::Accepted).await?;
                let (one, other) = (self.convening(), self.convening());
                self.cross(here, one, there, other).await;
                let (one, other) = (self.closing(), self.closing());
                self.cross(here, one, there, other).await
            }
        }
    }

    async fn ask(&self, place: Place, mutation: impl Into<Mutation>) -> Option<bytes::Bytes> {
        // Steps of a negotiation are made at two offices: their order is the rules' to keep, not the lane's.
        let lane = self.client.account.new_lane();
        let outcome = self.client.ask(place, lane, 0, &mutation.into()).await;
        if let Err(Refused::ForGood(status)) = &outcome {
            // A crossing may cost a step its ground. Nothing else may.
            if !matches!(
                status.code(),
                tonic::Code::FailedPrecondition | tonic::Code::Aborted
            ) {
                let what = format!("{place} refused a step of {}: {status}", self.name);
                self.client.account.wrong(what);
            }
        }
        outcome.ok()
    }

    async fn see(&self, place: Place, state: pb::MeetingState) -> Option<()> {
        watch::meeting(self.client, place, &self.name, |seen| seen == state)
            .await
            .map(drop)
    }

    /// Both sides act at once.
    async fn cross(
        &self,
        one: Place,
        first: Mutation,
        other: Place,
        second: Mutation,
    ) -> Option<()> {
        let acts = tokio::join!(self.ask(one, first), self.ask(other, second));
        (acts.0.is_some() || acts.1.is_some()).then_some(())
    }

    async fn accept(&mut self, place: Place) -> Option<()> {
        let step = self.accepting();
        self.ask(place, step).await.map(drop)
    }

    async fn counter(&mut self, place: Place) -> Option<()> {
        let step = self.countering();
        self.ask(place, step).await.map(drop)
    }

    async fn convene(&mut self, place: Place) -> Option<()> {
        let step = self.convening();
        self.ask(place, step).await.map(drop)
    }

    async fn close(&mut self, place: Place) -> Option<()> {
        let step = self.closing();
        self.ask(place, step).await.map(drop)
    }

    fn terms(&mut self) -> pb::MeetingTerms {
        let kinds = [
            pb::ContactKind::GovernmentOfficials,
            pb::ContactKind::WorkingLevel,
            pb::ContactKind::Chiefs,
        ];
        pb::MeetingTerms {
            kind: (*self.draw.one_of(&kinds)).into(),
            topics: vec![format!("Item {}", self.draw.within(1, 1_000))],
            ..Default::default()
        }
    }

    fn parts(&mut self) -> (String, String, Option<pb::Remark>) {
        let remark = pb::Remark {
            text: format!("Remark {}", self.draw.within(1, 1_000_000)),
            ..Default::default()
        };
        let request_id = self.draw.request_id().to_string();
        (request_id, self.name.clone(), Some(remark))
    }

    fn accepting(&mut self) -> Mutation {
        let (request_id, name, remark) = self.parts();
        let parent = String::new();
        pb::AcceptMeetingRequest {
            request_id,
            name,
            parent,
            remark,
        }
        .into()
    }

    fn declining(&mut self) -> Mutation {
        let (request_id, name, remark) = self.parts();
        let parent = String::new();
        pb::DeclineMeetingRequest {
            request_id,
            name,
            parent,
            remark,
        }
        .into()
    }

    fn cancelling(&mut self) -> Mutation {
        let (request_id, name, remark) = self.parts();
        let parent = String::new();
        pb::CancelMeetingRequest {
            request_id,
            name,
            parent,
            remark,
        }
        .into()
    }

    fn convening(&mut self) -> Mutation {
        let (request_id, name, remark) = self.parts();
        let parent = String::new();
        pb::ConveneMeetingRequest {
            request_id,
            name,
            parent,
            remark,
        }
        .into()
    }

    fn countering(&mut self) -> Mutation {
        let (request_id, name, _) = self.parts();
        let parent = String::new();
        let terms = Some(self.terms());
        pb::CounterMeetingRequest {
            request_id,
            name,
            parent,
            terms,
        }
        .into()
    }

    fn closing(&mut self) -> Mutation {
        let (request_id, name, remark) = self.parts();
        let parent = String::new();
        let closing = Some(pb::MeetingClosing {
            remark,
            ..Default::default()
        });
        pb::CloseMeetingRequest {
            request_id,
            name,
            parent,
            closing,
        }
        .into()
    }
}
