//! The tree of a meeting against the recursive model, with steps that nobody judged.

use office::contact::ContactKind;
use office::line::LineHash;
use office::meeting::{Meeting, MeetingState};
use office::{Content, Limits, Mutation, Office, Place, Step, StepId, StepKind};
use proptest::prelude::*;

use crate::documents::on;
use crate::pair::{day, proposal};
use crate::tree::{Branch, VERBS, may_follow};

/// (by South, verb, which earlier step, with terms)
type Drawn = (bool, prop::sample::Index, prop::sample::Index, bool);

/// Steps that build on earlier ones, late ones above all, most of them legal.
fn steps(drawn: &[Drawn]) -> Vec<Step> {
    let mut steps = vec![proposal(Place::South)];
    let mut sequences = [1, 0];
    for (south, verb, parent, with_terms) in drawn {
        let place = if *south { Place::South } else { Place::North };
        sequences[place as usize] += 1;
        let late = steps.len().min(3);
        let parent = steps[steps.len() - 1 - parent.index(late)];
        let legal: Vec<_> = VERBS
            .into_iter()
            .filter(|kind| may_follow(&parent, place, *kind))
            .collect();
        let kinds = if legal.is_empty() { &VERBS[..] } else { &legal };
        let id = StepId::new(place, sequences[place as usize]);
        steps.push(Step {
            id,
            parent: Some(parent.id),
            kind: kinds[verb.index(kinds.len())],
            authored_at: day(id),
            content: match with_terms {
                true => proposal(place).content,
                false => Content::Plain,
            },
        });
    }
    steps
}

fn office_after(steps: &[Step]) -> (Office, Vec<bool>) {
    let mut office = Office::new(Place::South, Limits::default());
    let inert = steps
        .iter()
        .map(|step| {
            office
                .record(step, LineHash::ZERO, Mutation::default())
                .inert
        })
        .collect();
    (office, inert)
}

fn meeting(office: &Office) -> &Meeting {
    let id = StepId::new(Place::South, 1);
    office
        .exchanges()
        .meetings
        .get(id)
        .expect("it was proposed")
}

fn state_after(kind: StepKind) -> MeetingState {
    match kind {
        StepKind::MeetingProposed => MeetingState::Proposed,
        StepKind::MeetingCountered => MeetingState::Countered,
        StepKind::MeetingAccepted => MeetingState::Accepted,
        StepKind::MeetingDeclined => MeetingState::Declined,
        StepKind::MeetingCancelled => MeetingState::Cancelled,
        StepKind::MeetingLapsed => MeetingState::Lapsed,
        StepKind::MeetingConvened => MeetingState::Convened,
        StepKind::MeetingClosed => MeetingState::Closed,
        other => panic!("{other} is no step of a meeting"),
    }
}

fn assert_as_the_model(meeting: &Meeting, model: &Branch) {
    let walk: Vec<_> = meeting
        .walk()
        .iter()
        .map(|node| (node.id, node.kind, node.parent))
        .collect();
    let told: Vec<_> = model
        .walk()
        .iter()
        .map(|step| (step.id, step.kind, step.parent))
        .collect();
    assert_eq!(walk, told);
    let tip = *model.walk().last().expect("a walk has a tip");
    assert_eq!(
        (meeting.tip().id, meeting.tip().authored_at),
        (tip.id, tip.authored_at)
    );
    assert_eq!(meeting.state(), state_after(tip.kind));
    assert_eq!(meeting.steps().len(), model.steps().len());
    for author in Place::BOTH {
        for kind in VERBS {
            let allowed = meeting.allowed(author).contains(&kind);
            assert_eq!(allowed, may_follow(&tip, author, kind), "{author} {kind}");
        }
    }
}

proptest! {
    #[test]
    fn the_tree_is_the_recursive_model(drawn in prop::collection::vec(any::<Drawn>(), 0..30)) {
        let steps = steps(&drawn);
        let (office, inert) = office_after(&steps);
        let mut model = Branch::new(steps[0]);
        for (step, inert) in steps[1..].iter().zip(&inert[1..]) {
            prop_assert_eq!(model.graft(step), !inert, "{:?}", step);
        }
        assert_as_the_model(meeting(&office), &model);
        for (step, inert) in steps.iter().zip(&inert) {
            let of_step = office.exchanges().meetings.of_step(step.id);
            prop_assert_eq!(of_step, (!inert).then_some(steps[0].id));
        }
        let open = meeting(&office).state().is_open();
        prop_assert_eq!(office.exchanges().meetings.open(), u64::from(open));
    }

    #[test]
    fn a_meeting_as_of_a_step_is_what_it_was_then(
        drawn in prop::collection::vec(any::<Drawn>(), 0..20),
        at in any::<prop::sample::Index>(),
    ) {
        let steps = steps(&drawn);
        let (office, _) = office_after(&steps);
        let known = meeting(&office).steps();
        let last = known[at.index(known.len())].id;
        let position = steps.iter().position(|step| step.id == last).expect("it was recorded");
        let (then, _) = office_after(&steps[..=position]);
        let seen = meeting(&office).as_of(last);
        prop_assert_eq!(seen.walk(), meeting(&then).walk());
        prop_assert_eq!(seen.steps(), meeting(&then).steps());
        prop_assert_eq!(seen.is_counted(), seen.state() == MeetingState::Closed);
    }

    /// The line keeps each author's order and no more: the walk does not depend on more either.
    #[test]
    fn the_walk_does_not_depend_on_the_order_of_arrival(
        drawn in prop::collection::vec(any::<Drawn>(), 0..30),
        order in prop::collection::vec(any::<bool>(), 60),
    ) {
        let steps = steps(&drawn);
        let (first, _) = office_after(&steps);
        let (second, _) = office_after(&in_another_order(&steps, &order));
        prop_assert_eq!(meeting(&first).walk().len(), meeting(&second).walk().len());
        prop_assert_eq!(meeting(&first).tip().id, meeting(&second).tip().id);
    }
}

/// The same steps: each author's in order, and each after the one it builds on.
fn in_another_order(steps: &[Step], order: &[bool]) -> Vec<Step> {
    let mut left = steps[1..].to_vec();
    let mut shuffled = vec![steps[0]];
    for north_first in order.iter().cycle() {
        if left.is_empty() {
            break;
        }
        let place = if *north_first {
            Place::North
        } else {
            Place::South
        };
        let next = left.iter().position(|step| step.id.place == place);
        let ready = next.filter(|at| {
            shuffled
                .iter()
                .any(|known| Some(known.id) == left[*at].parent)
        });
        // The other author's next is ready where this one's is not: the first of all is.
        let at = ready.unwrap_or(0);
        shuffled.push(left.remove(at));
    }
    shuffled
}

#[test]
fn a_counter_changes_the_kind_that_counts_and_an_acceptance_does_not() {
    let offer = |place, sequence, parent, kind| {
        let id = StepId::new(place, sequence);
        let content = Content::Terms {
            kind,
            answer_by: None,
        };
        Step {
            id,
            parent,
            kind: StepKind::MeetingCountered,
            authored_at: day(id),
            content,
        }
    };
    let plain = |place, sequence, parent, kind| {
        let step = offer(place, sequence, Some(parent), ContactKind::Chiefs);
        Step {
            kind,
            content: Content::Plain,
            ..step
        }
    };
    let [south, north] = Place::BOTH;
    let root = proposal(south);
    let counter = offer(north, 1, Some(root.id), ContactKind::WorkingLevel);
    let accepted = plain(south, 2, counter.id, StepKind::MeetingAccepted);
    let convened = plain(north, 2, accepted.id, StepKind::MeetingConvened);
    let closed = plain(south, 3, convened.id, StepKind::MeetingClosed);
    let (office, inert) = office_after(&[root, counter, accepted, convened, closed]);
    assert_eq!(inert, [false; 5]);
    let tally = &office.exchanges().tally;
    assert_eq!(tally.contacts_of(ContactKind::WorkingLevel), 1);
    assert_eq!(tally.contacts(), 1);
    let (cell, _) = tally.cells().next().expect("it counts");
    assert_eq!(cell.office, south, "it counts for whoever proposed it");
    assert_eq!(cell.day, office::tally::day_of(convened.authored_at));
}

#[test]
fn a_meeting_that_both_offices_close_counts_once() {
    let root = proposal(Place::South);
    let accepted = on(&root, Place::North, 1, StepKind::MeetingAccepted);
    let convened = on(&accepted, Place::South, 2, StepKind::MeetingConvened);
    let [south, north] = [(Place::South, 3), (Place::North, 2)]
        .map(|(place, sequence)| on(&convened, place, sequence, StepKind::MeetingClosed));
    for closes in [[south, north], [north, south]] {
        let (office, inert) = office_after(&[root, accepted, convened, closes[0], closes[1]]);
        assert_eq!(inert, [false; 5]);
        assert_eq!(office.exchanges().tally.meetings(), 1);
        assert_eq!(meeting(&office).tip().id, south.id);
    }
}

/// A faulty peer may offer what needs no negotiation.
#[test]
fn an_offer_of_a_consultation_is_inert() {
    let consultation = Content::Terms {
        kind: ContactKind::RegularConsultation,
        answer_by: None,
    };
    let proposed = Step {
        content: consultation,
        ..proposal(Place::South)
    };
    let (office, inert) = office_after(&[proposed]);
    assert_eq!(inert, [true]);
    assert_eq!(office.exchanges().meetings.get(proposed.id), None);

    let proposed = proposal(Place::South);
    let countered = Step {
        content: consultation,
        ..on(&proposed, Place::North, 1, StepKind::MeetingCountered)
    };
    let (office, inert) = office_after(&[proposed, countered]);
    assert_eq!(inert, [false, true]);
    assert_eq!(meeting(&office).state(), MeetingState::Proposed);
}

#[test]
fn meetings_are_listed_in_the_order_of_their_names() {
    let [south, north] = Place::BOTH.map(proposal);
    let (office, _) = office_after(&[north, south]);
    let listed = |after| -> Vec<StepId> {
        let found = office.exchanges().meetings.after(after);
        found.map(|(id, _)| id).collect()
    };
    assert_eq!(listed(None), [south.id, north.id]);
    assert_eq!(listed(Some(south.id)), [north.id]);
    assert_eq!(listed(Some(north.id)), []);
}
