//! Two offices with everything they do, over the line as it is: hashes, Hello, repeats, cuts, restarts.
//! Whatever happened, both end alike and count alike, and no honest step is inert anywhere.

use std::collections::VecDeque;

use jiff::{Timestamp, ToSpan};
use office::call::{Call, CallKind, LineDeclaration};
use office::contact::{Contact, ContactKind};
use office::document::{Document, Form};
use office::line::{Acknowledgement, LineHash, Mark, Taken};
use office::meeting::{Meeting, MeetingState};
use office::{
    Applied, Content, Exchanges, Limits, Mutation, Office, Order, PerPlace, Place, RequestId, Step,
    StepId, StepKind,
};
use proptest::prelude::*;

use crate::pair::terms;
use crate::tree::VERBS;

#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Step(Parcel),
    Acknowledgement(Acknowledgement),
}

#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) step: Step,
    envelope: Vec<u8>,
    payload: Vec<u8>,
    hash: LineHash,
    /// Known to the author only.
    request_id: Option<RequestId>,
}

impl Parcel {
    pub(crate) fn request_id(&self) -> Option<RequestId> {
        self.request_id
    }

    fn record_at(&self, office: &mut Office) -> Applied {
        let own = office.place() == self.step.id.place;
        let mutation = Mutation {
            request_id: self.request_id.filter(|_| own),
            payload: &self.payload,
            author: "",
        };
        office.record(&self.step, self.hash, mutation)
    }
}

/// An office and its ledger.
pub(crate) struct Desk {
    pub(crate) office: Office,
    pub(crate) ledger: Vec<Entry>,
    own: Vec<Parcel>,
    /// Line hashes of the peer's steps.
    peer_hashes: Vec<LineHash>,
}

impl Desk {
    fn new(place: Place) -> Self {
        Self {
            office: Office::new(place, Limits::default()),
            ledger: Vec::new(),
            own: Vec::new(),
            peer_hashes: vec![LineHash::ZERO],
        }
    }

    fn own_at(&self, sequence: u64) -> Option<LineHash> {
        match sequence.checked_sub(1) {
            None => Some(LineHash::ZERO),
            Some(index) => self.own.get(index as usize).map(|parcel| parcel.hash),
        }
    }

    fn peer_at(&self, sequence: u64) -> Option<LineHash> {
        self.peer_hashes.get(sequence as usize).copied()
    }

    fn author(&mut self, step: Step, request_id: RequestId) {
        let (envelope, payload) = (format!("{step:?}").into_bytes(), vec![step.kind as u8]);
        let hash = self.office.line().appended().hash;
        let parcel = Parcel {
            step,
            hash: hash.next(step.id.sequence, &envelope, &payload),
            envelope,
            payload,
            request_id: Some(request_id),
        };
        let applied = parcel.record_at(&mut self.office);
        assert!(!applied.inert, "{step:?} is inert where it was written");
        self.own.push(parcel.clone());
        self.ledger.push(Entry::Step(parcel));
    }

    fn take(&mut self, parcel: &Parcel) -> Taken {
        let Parcel {
            step,
            envelope,
            payload,
            hash,
            ..
        } = parcel;
        let line = self.office.line();
        let taken = line.take_parcel(step.id.sequence, envelope, payload, *hash);
        let taken = taken.expect("an honest parcel is taken");
        if taken == Taken::New {
            let applied = parcel.record_at(&mut self.office);
            assert!(!applied.inert, "{step:?} is inert at the peer");
            self.peer_hashes.push(*hash);
            self.ledger.push(Entry::Step(parcel.clone()));
        }
        taken
    }

    fn take_acknowledgement(&mut self, acknowledgement: &Acknowledgement) {
        let line = self.office.line();
        let news = line.judge_acknowledgement(acknowledgement, |sequence| self.own_at(sequence));
        if news.expect("an honest acknowledgement is taken") {
            self.office.record_acknowledgement(acknowledgement);
            self.ledger.push(Entry::Acknowledgement(*acknowledgement));
        }
    }

    /// The office again, from its ledger alone.
    pub(crate) fn read_again(&self) -> Office {
        let mut office = Office::new(self.office.place(), Limits::default());
        for entry in &self.ledger {
            match entry {
                Entry::Step(parcel) => {
                    parcel.record_at(&mut office);
                }
                Entry::Acknowledgement(taken) => office.record_acknowledgement(taken),
            }
        }
        office
    }

    fn ids(&self, kind: StepKind) -> Vec<StepId> {
        let steps = self.ledger.iter().filter_map(|entry| match entry {
            Entry::Step(parcel) if parcel.step.kind == kind => Some(parcel.step.id),
            _ => None,
        });
        steps.collect()
    }
}

/// Both offices and the line.
pub(crate) struct Traffic {
    pub(crate) desks: PerPlace<Desk>,
    /// Sequences under way to this office.
    parcels: PerPlace<VecDeque<u64>>,
    acknowledgements: PerPlace<VecDeque<Acknowledgement>>,
    /// Recorded by this office, and to be acknowledged.
    batch: PerPlace<Option<Mark>>,
    now: Timestamp,
    requests: u128,
}

/// What happens, in a form that proptest can shrink.
pub(crate) type Event = (bool, u8, u8);

impl Traffic {
    pub(crate) fn new() -> Self {
        Self {
            desks: PerPlace::new(Desk::new(Place::South), Desk::new(Place::North)),
            parcels: PerPlace::default(),
            acknowledgements: PerPlace::default(),
            batch: PerPlace::default(),
            now: "2018-09-14T00:00:00Z".parse().expect("a time"),
            requests: 0,
        }
    }

    pub(crate) fn happen(&mut self, (south, what, which): Event) {
        let place = if south { Place::South } else { Place::North };
        self.now += 1.hour();
        match what % 32 {
            0..=5 => self.carry(place),
            6 => self.repeat(place, which),
            7..=8 => self.batch[place] = Some(self.desks[place].office.line().received()),
            9..=10 => self.acknowledge(place),
            11..=12 => self.take_acknowledgement(place),
            13 => self.connect(),
            14 => {
                self.desks[place].office = self.desks[place].read_again();
                self.batch[place] = None;
                self.connect();
            }
            15 => {
                for order in self.desks[place].office.due(self.now) {
                    let done = self.order(place, &order);
                    assert!(done, "{order:?} is due, and refused");
                }
            }
            what => {
                if let Some(order) = self.draw(place, what - 16, usize::from(which)) {
                    self.order(place, &order);
                }
            }
        }
    }

    fn order(&mut self, place: Place, order: &Order) -> bool {
        let desk = &mut self.desks[place];
        let Ok(step) = desk.office.plan(self.now, order) else {
            return false;
        };
        self.requests += 1;
        let request_id = RequestId(self.requests.to_be_bytes());
        desk.author(step, request_id);
        let again = desk
            .office
            .repeated(request_id, order, &[step.kind as u8], "");
        assert_eq!(again, Some(Ok(step.id)));
        let other = desk.office.repeated(request_id, order, b"other", "");
        assert!(matches!(other, Some(Err(_))));
        self.parcels[place.peer()].push_back(step.id.sequence);
        true
    }

    fn draw(&self, place: Place, what: u8, which: usize) -> Option<Order> {
        let desk = &self.desks[place];
        let pick = |kind| {
            let ids = desk.ids(kind);
            ids.get(which.checked_rem(ids.len())?).copied()
        };
        let call = |kind| Call {
            kind,
            day: office::tally::day_of(self.now),
            answered: !which.is_multiple_of(3),
        };
        Some(match what {
            0..=1 => Order::SendDocument(document(
                (which.is_multiple_of(2)).then(|| self.now + ((which % 7) as i64).hours()),
            )),
            2 => Order::AcknowledgeDocument(pick(StepKind::DocumentSent)?),
            3 => Order::RefuseDocument(pick(StepKind::DocumentSent)?),
            4 => Order::ExpireDocument(pick(StepKind::DocumentSent)?),
            5 => {
                let mut terms = terms();
                terms.answer_by = Some(self.now + ((which % 20) as i64).hours());
                Order::ProposeMeeting(terms)
            }
            6..=9 => {
                let kind = VERBS[which / 8 % VERBS.len()];
                Order::MoveMeeting {
                    meeting: pick(StepKind::MeetingProposed)?,
                    parent: None,
                    kind,
                    terms: (kind == StepKind::MeetingCountered).then(terms),
                }
            }
            10..=11 => Order::RecordContact(contact(which)),
            12..=13 => Order::ConfirmContact(pick(StepKind::ContactRecorded)?),
            14 if which.is_multiple_of(2) => Order::DeclareLine(LineDeclaration::Cut),
            14 => Order::DeclareLine(LineDeclaration::Restored),
            _ if which.is_multiple_of(2) => Order::RecordCall(call(CallKind::Opening)),
            _ => Order::RecordCall(call(CallKind::Closing)),
        })
    }

    fn carry(&mut self, place: Place) {
        let Some(sequence) = self.parcels[place].pop_front() else {
            return;
        };
        let parcel = self.desks[place.peer()].own[sequence as usize - 1].clone();
        self.desks[place].take(&parcel);
    }

    fn repeat(&mut self, place: Place, which: u8) {
        let received = self.desks[place].office.line().received().sequence;
        let Some(index) = u64::from(which).checked_rem(received) else {
            return;
        };
        let parcel = self.desks[place.peer()].own[index as usize].clone();
        let taken = self.desks[place].take(&parcel);
        let last = index + 1 == received;
        assert_eq!(taken == Taken::Repeat, last);
        assert_eq!(taken == Taken::CompareWithLedger, !last);
    }

    /// Acknowledges the last batch. The mark is read only now: no earlier than that batch.
    fn acknowledge(&mut self, by: Place) {
        if let Some(through) = self.batch[by].take() {
            let appended = self.desks[by].office.line().appended().sequence;
            self.acknowledgements[by.peer()].push_back(Acknowledgement { through, appended });
        }
    }

    fn take_acknowledgement(&mut self, place: Place) {
        if let Some(acknowledgement) = self.acknowledgements[place].pop_front() {
            self.desks[place].take_acknowledgement(&acknowledgement);
        }
    }

    /// The line comes up again: what was under way is lost, and sent again from the peer's mark.
    fn connect(&mut self) {
        let hellos = Place::BOTH.map(|place| self.desks[place].office.line().hello());
        for (place, hello) in Place::BOTH.into_iter().zip(hellos) {
            let hearer = place.peer();
            let desk = &mut self.desks[hearer];
            let own: Vec<_> = (0..=desk.own.len() as u64)
                .map(|s| desk.own_at(s))
                .collect();
            let peer = desk.peer_hashes.clone();
            let resume = desk.office.line_mut().take_hello(
                &hello,
                None,
                |sequence| own[sequence as usize],
                |sequence| peer.get(sequence as usize).copied(),
            );
            let resume = resume.expect("honest offices agree");
            assert_eq!(resume.return_after, None);
            let appended = self.desks[hearer].own.len() as u64;
            self.parcels[place] = (resume.send_after + 1..=appended).collect();
            self.acknowledgements[place].clear();
        }
    }

    /// Lets everything arrive.
    pub(crate) fn settle_down(&mut self) {
        self.connect();
        for place in Place::BOTH {
            while !self.parcels[place].is_empty() {
                self.carry(place);
            }
        }
        for place in Place::BOTH {
            self.batch[place] = Some(self.desks[place].office.line().received());
            self.acknowledge(place);
            self.take_acknowledgement(place.peer());
        }
    }

    /// Fails unless both offices, and both ledgers read again, say the same.
    pub(crate) fn assert_alike(&self) {
        let [south, north] = Place::BOTH.map(|place| &self.desks[place]);
        assert_alike(south.office.exchanges(), north.office.exchanges());
        for desk in [south, north] {
            let line = desk.office.line();
            assert_eq!(line.settled(), line.appended().sequence);
            assert_eq!(line.acknowledged(), line.appended().sequence);
            let again = desk.read_again();
            assert_eq!(again.exchanges(), desk.office.exchanges());
            assert_eq!(again.line(), line);
            assert_eq!(
                desk.peer_at(line.received().sequence),
                Some(line.received().hash)
            );
        }
    }
}

pub(crate) fn document(deadline: Option<Timestamp>) -> Document {
    Document {
        form: Form::Note,
        subject: "a subject".to_owned(),
        body: Vec::new().into(),
        media_type: "text/plain".to_owned(),
        signatory: None,
        addressee: None,
        in_reply_to: None,
        reference: String::new(),
        precedence: None,
        deadline,
    }
}

/// One of six contacts, so that both offices often mean the same.
pub(crate) fn contact(which: usize) -> Contact {
    let start: Timestamp = "2018-09-14T00:00:00Z".parse().expect("a time");
    Contact {
        kind: [
            ContactKind::RegularConsultation,
            ContactKind::OnDemandConsultation,
            ContactKind::NotStated,
        ][which % 3],
        level: None,
        participants: Vec::new(),
        place: String::new(),
        begun_at: start + ((which / 3 % 2) as i64).hours(),
        duration: None,
        topics: Vec::new(),
        formality: None,
    }
}

/// A meeting without the order in which one office came to know it.
fn told(meeting: &Meeting) -> (Vec<StepId>, MeetingState, bool, Vec<(StepId, StepKind)>) {
    let mut steps: Vec<_> = meeting
        .steps()
        .iter()
        .map(|node| (node.id, node.kind))
        .collect();
    steps.sort_unstable();
    let walk = meeting.walk().iter().map(|node| node.id).collect();
    (walk, meeting.state(), meeting.is_counted(), steps)
}

fn assert_alike(south: &Exchanges, north: &Exchanges) {
    assert_eq!(south.tally, north.tally);
    assert_eq!(south.documents, north.documents);
    assert_eq!(south.contacts, north.contacts);
    assert_eq!(south.calls, north.calls);
    let meetings = |seen: &Exchanges| {
        let after = seen.meetings.after(None);
        after
            .map(|(id, meeting)| (id, told(meeting)))
            .collect::<Vec<_>>()
    };
    assert_eq!(meetings(south), meetings(north));
    assert_eq!(south.meetings.open(), north.meetings.open());
}

/// A step that nobody judged, as a faulty office would write it.
fn unjudged(place: Place, sequence: u64, known: &[StepId], (what, which): (u8, u8)) -> Step {
    let on = known
        .get(usize::from(which).checked_rem(known.len()).unwrap_or(0))
        .copied();
    let (kind, parent) = match what % 6 {
        0 => (StepKind::DocumentSent, None),
        1 => (StepKind::DocumentAcknowledged, on),
        2 => (StepKind::DocumentReceiptRefused, on),
        3 => (StepKind::DocumentExpired, on),
        4 => (StepKind::ContactRecorded, None),
        _ => (StepKind::ContactConfirmed, on),
    };
    let contact = contact(usize::from(which % 4));
    Step {
        id: StepId::new(place, sequence),
        parent,
        kind,
        authored_at: contact.begun_at,
        content: match kind {
            StepKind::ContactRecorded => Content::Contact {
                kind: contact.kind,
                begun_at: contact.begun_at,
            },
            _ => Content::Plain,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_offices_end_alike_whatever_they_do(
        events in prop::collection::vec(any::<Event>(), 1..400),
    ) {
        let mut traffic = Traffic::new();
        for event in events {
            traffic.happen(event);
        }
        traffic.settle_down();
        traffic.assert_alike();
    }

    /// Even steps that no rule allows leave both offices alike, as long as each builds on what it knows.
    #[test]
    fn faulty_steps_leave_both_offices_alike(
        events in prop::collection::vec(any::<(bool, bool, u8, u8)>(), 1..60),
    ) {
        let mut desks = Place::BOTH.map(|place| Office::new(place, Limits::default()));
        let mut authored: [Vec<Step>; 2] = Default::default();
        let mut known: [Vec<StepId>; 2] = Default::default();
        let mut record = |at: usize, step: &Step, known: &mut [Vec<StepId>; 2]| {
            desks[at].record(step, LineHash::ZERO, Mutation::default());
            known[at].push(step.id);
        };
        let mut received = [0, 0];
        let settle = [false, true].map(|south| (south, false, 0, 0));
        let settle = settle.into_iter().cycle().take(4 * events.len());
        for (south, author, what, which) in events.iter().copied().chain(settle) {
            let at = usize::from(south);
            if author {
                let sequence = authored[at].len() as u64 + 1;
                let step = unjudged(Place::BOTH[at], sequence, &known[at], (what, which));
                authored[at].push(step);
                record(at, &step, &mut known);
            } else if let Some(step) = authored[1 - at].get(received[at]) {
                received[at] += 1;
                record(at, step, &mut known);
            }
        }
        assert_alike(desks[0].exchanges(), desks[1].exchanges());
    }
}
