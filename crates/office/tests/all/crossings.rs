//! Meetings whose steps cross on the line: every way within bounds, and far beyond them at random.

use std::collections::BTreeSet;

use office::{Place, Step, StepKind};
use proptest::prelude::*;

use crate::pair::{
    Action, Bounds, Crossing, Explored, Marks, Rules, Violation, World, explore, proposal, shipped,
};
use crate::tree::{VERBS, may_follow};
use crate::tried::{Revisions, Tree};

const SMALL: Bounds = Bounds {
    steps_max: 7,
    counters_max: 1,
    restarts: 0,
    marks: Marks::WithTheBatch,
};

fn assert_holds(found: &Explored, states_min: usize) {
    let first = found.violations.iter().next();
    assert_eq!(first, None, "a promise is broken");
    println!(
        "{} states explored, {} of them quiescent, {} counted",
        found.states, found.quiescent, found.counted
    );
    assert!(found.states >= states_min, "only {} states", found.states);
    assert!(found.counted > 0);
}

fn assert_fails<R: Rules>(rules: fn(Place) -> R, bounds: &Bounds, expected: &[Violation]) {
    let found = explore(rules, Place::South, bounds);
    let violations: Vec<_> = found.violations.keys().copied().collect();
    assert_eq!(violations, expected, "{:#?}", found.violations);
}

#[test]
fn both_offices_end_alike_whatever_crosses() {
    for proposer in Place::BOTH {
        let bounds = Bounds {
            steps_max: 12,
            counters_max: 4,
            ..Bounds::default()
        };
        let found = explore(shipped, proposer, &bounds);
        assert_holds(&found, 230_000);
        assert_eq!(found.crossings, every_crossing(proposer));
        for chain in [
            [StepKind::MeetingAccepted, StepKind::MeetingConvened],
            [StepKind::MeetingAccepted, StepKind::MeetingCancelled],
            [StepKind::MeetingCountered, StepKind::MeetingLapsed],
            [StepKind::MeetingCountered, StepKind::MeetingCancelled],
        ] {
            assert!(found.losing_chains.contains(&chain[..]), "{chain:?}");
        }
    }
}

#[test]
fn both_offices_end_alike_whatever_is_lost_in_a_restart() {
    for proposer in Place::BOTH {
        let bounds = Bounds {
            steps_max: 7,
            counters_max: 2,
            restarts: 1,
            ..Bounds::default()
        };
        assert_holds(&explore(shipped, proposer, &bounds), 150_000);
    }
}

#[test]
#[ignore = "minutes: run it when the rules of meetings change"]
fn both_offices_end_alike_in_millions_of_states() {
    for (steps_max, counters_max, restarts) in [(9, 3, 1), (8, 2, 2), (14, 6, 0)] {
        for proposer in Place::BOTH {
            let bounds = Bounds {
                steps_max,
                counters_max,
                restarts,
                ..Bounds::default()
            };
            assert_holds(&explore(shipped, proposer, &bounds), 750_000);
        }
    }
}

/// Every pair of verbs that two offices may write on one parent.
fn every_crossing(proposer: Place) -> BTreeSet<Crossing> {
    let mut crossings = BTreeSet::new();
    for parent in [StepKind::MeetingProposed].into_iter().chain(VERBS) {
        for author in Place::BOTH {
            if parent == StepKind::MeetingProposed && author != proposer {
                continue;
            }
            let parent = Step {
                kind: parent,
                ..proposal(author)
            };
            for south in VERBS {
                for north in VERBS {
                    if may_follow(&parent, Place::South, south)
                        && may_follow(&parent, Place::North, north)
                    {
                        crossings.insert((parent.kind, author, south, north));
                    }
                }
            }
        }
    }
    crossings
}

#[test]
fn an_office_goes_where_the_model_of_its_rules_goes() {
    for proposer in Place::BOTH {
        let bounds = Bounds {
            restarts: 1,
            ..SMALL
        };
        let office = explore(shipped, proposer, &bounds);
        let model = explore(Tree::counting_when_final, proposer, &bounds);
        assert_holds(&model, 1);
        assert_eq!(
            (office.states, office.quiescent, office.counted),
            (model.states, model.quiescent, model.counted)
        );
        assert_eq!(office.losing_chains, model.losing_chains);
    }
}

#[test]
fn counting_at_once_fails_since_a_count_is_undone() {
    assert_fails(Tree::counting_at_once, &SMALL, &[Violation::CountUndone]);
}

#[test]
fn counting_what_acknowledgements_settle_fails_since_ledgers_read_cold_disagree() {
    assert_fails(
        Tree::counting_when_settled,
        &SMALL,
        &[Violation::ColdReadingDiffers],
    );
}

#[test]
fn revision_numbers_fail_since_the_offices_diverge() {
    assert_fails(
        Revisions::at,
        &SMALL,
        &[Violation::CountUndone, Violation::EndedUnalike],
    );
}

#[test]
fn a_mark_read_before_its_batch_settles_too_early() {
    let bounds = Bounds {
        marks: Marks::BeforeTheBatch,
        ..SMALL
    };
    let found = explore(shipped, Place::South, &bounds);
    assert!(
        found
            .violations
            .contains_key(&Violation::CountedButNotClosed),
        "{:?}",
        found.violations
    );
}

/// Follows `choices` through a long life of one meeting, then lets the line fall quiet.
fn live(proposer: Place, choices: &[u16]) -> Vec<Violation> {
    let bounds = Bounds {
        steps_max: 200,
        counters_max: 150,
        restarts: 20,
        ..Bounds::default()
    };
    let mut world = World::after_proposal(shipped, proposer, &bounds);
    let mut broken = Vec::new();
    for choice in choices {
        let mut actions = world.actions(&bounds);
        // What ends a meeting is chosen seldom, or no life would be long.
        actions.retain(|action| match (choice % 32, action) {
            (0, _) | (_, Action::Carry(_) | Action::Acknowledge(_)) => true,
            (1, Action::Restart(_)) => true,
            (1..4, Action::Author(step)) => matches!(
                step.kind,
                StepKind::MeetingAccepted | StepKind::MeetingConvened | StepKind::MeetingClosed
            ),
            (_, Action::Author(step)) => step.kind == StepKind::MeetingCountered,
            (_, Action::Restart(_)) => false,
        });
        if let Some(action) = actions.get(usize::from(choice / 32) % actions.len().max(1)) {
            broken.extend(world.step(*action));
        }
    }
    broken.extend(world.settle_down());
    broken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_offices_end_alike_after_a_long_life(
        south in any::<bool>(),
        choices in prop::collection::vec(any::<u16>(), 1..300),
    ) {
        let proposer = if south { Place::South } else { Place::North };
        prop_assert_eq!(live(proposer, &choices), []);
    }
}
