//! One office: what it may author, and what its ledger has come to.

use std::time::Duration;

use jiff::Timestamp;

use crate::deadlines::Deadlines;
use crate::document::Document;
use crate::exchanges::{Applied, Exchanges};
use crate::limits::Limits;
use crate::line::{Acknowledgement, Line, LineHash};
use crate::meeting::MeetingTerms;
use crate::order::{Mutation, Order};
use crate::place::Place;
use crate::refusal::{Refusal, Violation};
use crate::request::{Fingerprint, RequestId, Requests, Seen};
use crate::step::{Collection, Content, Step, StepId, StepKind};

/// The state of one office: a fold of its ledger.
#[derive(Debug, Clone)]
pub struct Office {
    place: Place,
    limits: Limits,
    exchanges: Exchanges,
    line: Line,
    requests: Requests,
    deadlines: Deadlines,
}

impl Office {
    /// An office with an empty ledger.
    pub fn new(place: Place, limits: Limits) -> Self {
        Self {
            place,
            requests: Requests::new(limits.idempotency_window),
            limits,
            exchanges: Exchanges::default(),
            line: Line::new(place),
            deadlines: Deadlines::default(),
        }
    }

    pub(crate) fn from_parts(
        place: Place,
        limits: Limits,
        exchanges: Exchanges,
        line: Line,
        requests: Requests,
        deadlines: Deadlines,
    ) -> Self {
        Self {
            place,
            limits,
            exchanges,
            line,
            requests,
            deadlines,
        }
    }

    /// Which office it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the steps have come to.
    pub fn exchanges(&self) -> &Exchanges {
        &self.exchanges
    }

    /// Its side of the line.
    pub fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Its side of the line, to judge a Hello.
    pub fn line_mut(&mut self) -> &mut Line {
        &mut self.line
    }

    /// The first answer again, if `request_id` was used before, by the same author.
    pub fn repeated(
        &self,
        request_id: RequestId,
        order: &Order,
        payload: &[u8],
        author: &str,
    ) -> Option<Result<StepId, Refusal>> {
        let fingerprint = Fingerprint::of(order.kind(), order.subject(), payload).by(author);
        match self.requests.seen(request_id, fingerprint)? {
            Seen::Same(sequence) => Some(Ok(StepId::new(self.place, sequence))),
            Seen::Other(sequence) => Some(Err(Refusal::IdempotencyConflict {
                request_id: request_id.to_string(),
                first: StepId::new(self.place, sequence),
            })),
        }
    }

    /// Judges `order`, and makes the step that the ledger is to take. Nothing changes until [`Self::record`].
    pub fn plan(&self, now: Timestamp, order: &Order) -> Result<Step, Refusal> {
        self.check_line()?;
        let parent = self.check(order)?;
        Ok(Step {
            id: StepId::new(self.place, self.line.appended().sequence + 1),
            parent,
            kind: order.kind(),
            authored_at: now,
            content: order.content(),
        })
    }

    /// Takes a step that is in the ledger: this office's own or the peer's, now or at recovery.
    pub fn record(&mut self, step: &Step, hash: LineHash, mutation: Mutation<'_>) -> Applied {
        if step.id.place == self.place {
            self.line.record_outbound(step.id.sequence, hash);
            if let Some(request_id) = mutation.request_id {
                let subject = step
                    .parent
                    .map(|parent| self.exchanges.meetings.of_step(parent).unwrap_or(parent));
                let fingerprint = Fingerprint::of(step.kind, subject, mutation.payload);
                let fingerprint = fingerprint.by(mutation.author);
                self.requests
                    .remember(request_id, step.id.sequence, fingerprint);
            }
        } else {
            self.line.record_inbound(step.id.sequence, hash);
        }
        let applied = self.exchanges.apply(step);
        if !applied.inert {
            self.keep_deadline(step);
        }
        applied
    }

    /// A deadline waits from the step that sets it to the step that answers that one.
    fn keep_deadline(&mut self, step: &Step) {
        if let Some(answered) = step.parent.filter(|parent| parent.place == self.place) {
            self.deadlines.remove(answered.sequence);
        }
        let deadline = match step.content {
            Content::Document { deadline } => deadline,
            Content::Terms { answer_by, .. } => answer_by,
            _ => None,
        };
        if let Some(deadline) = deadline.filter(|_| step.id.place == self.place) {
            self.deadlines.insert(deadline, step.id.sequence);
        }
    }

    /// Takes an acknowledgement that is in the ledger.
    pub fn record_acknowledgement(&mut self, acknowledgement: &Acknowledgement) {
        self.line.record_acknowledgement(acknowledgement);
    }

    /// Takes a restore counter that is in the ledger.
    pub fn record_epoch(&mut self, place: Place, epoch: u64, restoring: bool) {
        self.line.record_epoch(place, epoch, restoring);
    }

    /// When [`Self::due`] has something to say next. `None` while this office may author nothing.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.check_line().ok()?;
        self.deadlines.next()
    }

    /// What the clock asks this office to author: expiries and lapses whose time has passed, each told
    /// once. While this office may author nothing they wait.
    pub fn due(&mut self, now: Timestamp) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.check_line().is_err() {
            return orders;
        }
        while let Some(sequence) = self.deadlines.take_passed(now) {
            let id = StepId::new(self.place, sequence);
            let order = if let Some(meeting) = self.exchanges.meetings.of_step(id) {
                Order::MoveMeeting {
                    meeting,
                    parent: Some(id),
                    kind: StepKind::MeetingLapsed,
                    terms: None,
                }
            } else {
                Order::ExpireDocument(id)
            };
            if self.check(&order).is_ok() {
                orders.push(order);
            }
        }
        orders
    }

    fn check_line(&self) -> Result<(), Refusal> {
        if let Some(fault) = self.line.fault() {
            return Err(Refusal::Line(fault.clone()));
        }
        if self.line.is_restoring() {
            return Err(Refusal::Unavailable {
                reason: "RESTORING",
                why: "this office is being restored and takes no step until its peer has given back what was missing".to_owned(),
                retry_after: Duration::from_secs(1),
            });
        }
        Ok(())
    }

    /// Judges an order; returns the step it answers.
    fn check(&self, order: &Order) -> Result<Option<StepId>, Refusal> {
        let Exchanges {
            documents,
            meetings,
            contacts,
            calls,
            ..
        } = &self.exchanges;
        match order {
            Order::SendDocument(document) => {
                self.check_sending(document)?;
                Ok(None)
            }
            Order::AcknowledgeDocument(id)
            | Order::RefuseDocument(id)
            | Order::ExpireDocument(id) => {
                documents.check_answer(self.place, order.kind(), *id)?;
                Ok(Some(*id))
            }
            Order::ProposeMeeting(terms) => {
                self.check_terms(terms)?;
                let limit = self.limits.open_meetings_max;
                if meetings.open() >= limit {
                    return Err(exhausted("the number of open meetings", limit));
                }
                Ok(None)
            }
            Order::MoveMeeting {
                meeting,
                parent,
                kind,
                terms,
            } => {
                self.check_terms_of(*kind, terms.as_ref())?;
                let settled = |id: StepId| id.sequence <= self.line.settled();
                let parent = meetings.check(self.place, *meeting, *parent, *kind, settled)?;
                self.check_room(*meeting, *kind)?;
                Ok(Some(parent))
            }
            Order::RecordContact(contact) => {
                if contact.kind.is_meeting() {
                    return Err(invalid(
                        "contact.kind",
                        "a meeting is negotiated: use ProposeMeeting",
                    ));
                }
                contacts.check_record(contact)?;
                Ok(None)
            }
            Order::ConfirmContact(id) => {
                contacts.check_confirm(self.place, *id)?;
                Ok(Some(*id))
            }
            Order::RecordCall(_) => Ok(None),
            Order::DeclareLine(declaration) => {
                calls.check_declaration(self.place, *declaration)?;
                Ok(None)
            }
        }
    }

    fn check_sending(&self, document: &Document) -> Result<(), Refusal> {
        self.check_deadlines(document.deadline)?;
        match document.in_reply_to {
            Some(id) if self.exchanges.documents.state(id).is_none() => Err(Refusal::NotFound {
                kind: "document",
                name: id.name(Collection::Documents),
            }),
            _ => Ok(()),
        }
    }

    fn check_terms(&self, terms: &MeetingTerms) -> Result<(), Refusal> {
        if !terms.kind.is_meeting() {
            return Err(invalid(
                "terms.kind",
                "a consultation needs no negotiation: use RecordContact",
            ));
        }
        self.check_deadlines(terms.answer_by)
    }

    fn check_terms_of(&self, kind: StepKind, terms: Option<&MeetingTerms>) -> Result<(), Refusal> {
        match (terms, kind == StepKind::MeetingCountered) {
            (Some(terms), true) => self.check_terms(terms),
            (Some(_), false) => Err(invalid("terms", "only an offer has terms")),
            (None, true) => Err(invalid("terms", "a counter has terms")),
            (None, false) => Ok(()),
        }
    }

    /// Counters are bounded, so that a meeting is; whatever ends it always finds room.
    fn check_room(&self, meeting: StepId, kind: StepKind) -> Result<(), Refusal> {
        let limit = self.limits.meeting_steps_max;
        let found = self.exchanges.meetings.get(meeting);
        let full = found.is_some_and(|found| found.steps().len() as u64 >= limit);
        if full && kind == StepKind::MeetingCountered {
            return Err(exhausted("the number of steps of one meeting", limit));
        }
        Ok(())
    }

    fn check_deadlines(&self, deadline: Option<Timestamp>) -> Result<(), Refusal> {
        let limit = self.limits.deadlines_max;
        if deadline.is_some() && self.deadlines.len() >= limit {
            return Err(exhausted("the number of open deadlines", limit));
        }
        Ok(())
    }
}

fn invalid(field: &str, description: &str) -> Refusal {
    Refusal::Invalid {
        violations: vec![Violation {
            field: field.to_owned(),
            description: description.to_owned(),
        }],
    }
}

fn exhausted(what: &'static str, limit: u64) -> Refusal {
    Refusal::Exhausted {
        what,
        limit,
        retry_after: Duration::from_secs(1),
    }
}
