//! Timelines played to two real offices: every act is legal when it comes, and the offices count
//! what the scenario says.

use jiff::Timestamp;
use office::line::{Acknowledgement, LineHash, Mark};
use office::{Limits, Mutation, Office, Order, PerPlace, Place, StepId, StepKind};
use scenario::{Act, Event, Scenario};

use crate::own;
use crate::timelines::kaesong;

struct Pair {
    offices: PerPlace<Option<Office>>,
    ids: Vec<Option<StepId>>,
    acts: u64,
}

impl Pair {
    fn new() -> Self {
        let office = |place| Some(Office::new(place, Limits::default()));
        let offices = PerPlace::new(office(Place::South), office(Place::North));
        Self {
            offices,
            ids: Vec::new(),
            acts: 0,
        }
    }

    fn office(&mut self, place: Place) -> &mut Office {
        self.offices[place]
            .as_mut()
            .expect("both offices are there")
    }

    fn play(&mut self, event: &Event) {
        let order = self.order(&event.act);
        let step = match self.office(event.office).plan(event.at, &order) {
            Ok(step) => step,
            Err(refusal) => panic!("{event:?} was refused: {refusal}"),
        };
        for place in Place::BOTH {
            self.office(place)
                .record(&step, LineHash::ZERO, Mutation::default());
        }
        if let Some(key) = event.act.key().filter(|_| event.act.begins()) {
            self.ids.resize(self.ids.len().max(key.index() + 1), None);
            self.ids[key.index()] = Some(step.id);
        }
        self.acts += 1;
        self.settle(event.office, step.id.sequence);
    }

    /// The line is quiet after every step.
    fn settle(&mut self, author: Place, sequence: u64) {
        let appended = self.office(author.peer()).line().appended().sequence;
        let through = Mark {
            sequence,
            hash: LineHash::ZERO,
        };
        self.office(author)
            .record_acknowledgement(&Acknowledgement { through, appended });
    }

    fn order(&self, act: &Act) -> Order {
        let id = || self.ids[act.key().unwrap().index()].expect("an earlier event began it");
        let moved = |kind, terms| Order::MoveMeeting {
            meeting: id(),
            parent: None,
            kind,
            terms,
        };
        match act {
            Act::SendDocument { document, .. } => Order::SendDocument((**document).clone()),
            Act::AcknowledgeDocument { .. } => Order::AcknowledgeDocument(id()),
            Act::RefuseDocument { .. } => Order::RefuseDocument(id()),
            Act::ProposeMeeting { terms, .. } => Order::ProposeMeeting((**terms).clone()),
            Act::CounterMeeting { terms, .. } => {
                moved(StepKind::MeetingCountered, Some((**terms).clone()))
            }
            Act::AcceptMeeting { .. } => moved(StepKind::MeetingAccepted, None),
            Act::DeclineMeeting { .. } => moved(StepKind::MeetingDeclined, None),
            Act::CancelMeeting { .. } => moved(StepKind::MeetingCancelled, None),
            Act::ConveneMeeting { .. } => moved(StepKind::MeetingConvened, None),
            Act::CloseMeeting { .. } => moved(StepKind::MeetingClosed, None),
            Act::RecordContact { contact, .. } => Order::RecordContact((**contact).clone()),
            Act::ConfirmContact { .. } => Order::ConfirmContact(id()),
            Act::RecordCall { call } => Order::RecordCall(*call),
            Act::DeclareLine { declaration } => Order::DeclareLine(*declaration),
        }
    }
}

fn assert_played(scenario: &Scenario, seed: u64) {
    let timeline = scenario.timeline(seed);
    let mut pair = Pair::new();
    for event in &timeline.events {
        pair.play(event);
    }
    let totals = scenario.totals(seed, 1);
    for place in Place::BOTH {
        let office = pair.office(place);
        let last = Timestamp::MAX;
        assert_eq!(office.due(last), [], "nothing is left open");
        let tally = &office.exchanges().tally;
        assert_eq!(tally.documents(), totals.documents);
        for (kind, total) in &totals.contacts_by_kind {
            assert_eq!(
                tally.contacts_of(*kind),
                *total,
                "{kind:?} at the {place} office"
            );
        }
    }
}

#[test]
fn offices_count_the_record() {
    for seed in 0..12 {
        assert_played(&kaesong(), seed);
    }
}

#[test]
fn offices_count_refusals_and_all_that_is_called_off() {
    let text = own::stormy();
    let scenario = Scenario::parse("stormy.toml", &text).unwrap();
    for seed in 0..12 {
        assert_played(&scenario, seed);
    }
}

#[test]
fn offices_count_one_of_each_pattern() {
    let text = scenario::shipped_text("patterns").expect("it is shipped");
    let scenario = Scenario::parse("patterns.toml", text).unwrap();
    for seed in 0..12 {
        assert_played(&scenario, seed);
    }
}
