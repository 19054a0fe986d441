//! Calls, and what each office states of the telephone line.

use jiff::civil::Date;
use office::call::{Call, CallKind, DayState, LineDeclaration, Statement};
use office::{Content, Exchanges, Place, Step, StepId, StepKind};

use crate::line::call;
use crate::pair::day;

const DAY: Date = jiff::civil::date(2018, 9, 14);

fn called(place: Place, kind: CallKind, answered: bool) -> Step {
    Step {
        content: Content::Call(Call {
            kind,
            day: DAY,
            answered,
        }),
        ..call(place, 1)
    }
}

fn declared(place: Place, declaration: LineDeclaration) -> Step {
    Step {
        kind: StepKind::LineDeclared,
        content: Content::Declaration(declaration),
        ..call(place, 1)
    }
}

fn after(steps: &[Step]) -> Exchanges {
    let mut exchanges = Exchanges::default();
    for step in steps {
        assert!(!exchanges.apply(step).inert);
    }
    exchanges
}

#[test]
fn a_day_is_closed_over_open_in_whichever_order_the_calls_come() {
    let opening = called(Place::South, CallKind::Opening, true);
    let closing = called(Place::North, CallKind::Closing, true);
    assert_eq!(after(&[]).calls.day(DAY), None);
    assert_eq!(after(&[opening]).calls.day(DAY), Some(DayState::Open));
    for steps in [[opening, closing], [closing, opening]] {
        let exchanges = after(&steps);
        assert_eq!(exchanges.calls.day(DAY), Some(DayState::Closed));
        assert_eq!(exchanges.tally.calls(), 2);
        assert_eq!(exchanges.tally.exchanges(), 0, "the record counts no calls");
    }
}

#[test]
fn a_missed_call_counts_and_opens_nothing() {
    let exchanges = after(&[called(Place::South, CallKind::Opening, false)]);
    assert_eq!(exchanges.calls.day(DAY), None);
    assert_eq!(
        exchanges.calls.statement(Place::South),
        Statement::Unanswered
    );
    assert_eq!(exchanges.calls.statement(Place::North), Statement::Nothing);
    assert_eq!(exchanges.tally.calls(), 1);
}

#[test]
fn each_office_states_its_own_and_the_line_is_cut_while_either_says_so() {
    use LineDeclaration::{Cut, Restored};
    let [south, north] = Place::BOTH;
    let cut = [declared(south, Cut), declared(north, Cut)];
    assert!(!after(&[]).calls.is_cut());
    assert!(after(&cut[..1]).calls.is_cut());
    assert!(after(&cut[1..]).calls.is_cut());
    let one_left = after(&[cut[0], cut[1], declared(south, Restored)]);
    assert!(one_left.calls.is_cut());
    assert_eq!(one_left.calls.statement(south), Statement::Restored);
    assert_eq!(one_left.calls.statement(north), Statement::Cut);
    let both = after(&[
        cut[0],
        cut[1],
        declared(south, Restored),
        declared(north, Restored),
    ]);
    assert!(!both.calls.is_cut());
}

#[test]
fn a_statement_follows_the_calls_unless_the_line_is_declared_cut() {
    let missed = called(Place::South, CallKind::Opening, false);
    let answered = called(Place::South, CallKind::Opening, true);
    let cut = declared(Place::South, LineDeclaration::Cut);
    let restored = declared(Place::South, LineDeclaration::Restored);
    let statement = |steps: &[Step]| after(steps).calls.statement(Place::South);
    assert_eq!(statement(&[missed, answered]), Statement::Nothing);
    assert_eq!(statement(&[cut, missed]), Statement::Cut);
    assert_eq!(statement(&[cut, answered]), Statement::Cut);
    assert_eq!(statement(&[cut, restored, answered]), Statement::Restored);
    assert_eq!(statement(&[cut, restored, missed]), Statement::Unanswered);
}

#[test]
fn a_call_counts_on_the_authors_day_for_its_author() {
    let step = call(Place::North, 5);
    let exchanges = after(&[step]);
    let (cell, times) = exchanges.tally.cells().next().expect("it counts");
    assert_eq!((cell.office, times), (Place::North, 1));
    assert_eq!(
        cell.day,
        office::tally::day_of(day(StepId::new(Place::North, 5)))
    );
}
