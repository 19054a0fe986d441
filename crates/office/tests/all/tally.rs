//! The counts: contacts, documents and calls, kept apart, summed and broken down.

use jiff::civil::{Date, date};
use office::contact::ContactKind;
use office::{Count, Counted, Place, Tally};

const FRIDAY: Date = date(2018, 9, 14);
const SATURDAY: Date = date(2018, 9, 15);

/// So many of each kind that no two sums agree by chance.
fn tally() -> Tally {
    let mut tally = Tally::default();
    for (day, office, what, times) in [
        (FRIDAY, Place::South, Counted::Document, 2),
        (SATURDAY, Place::North, Counted::Document, 3),
        (FRIDAY, Place::South, Counted::Call, 7),
        (FRIDAY, Place::North, contact(ContactKind::Chiefs), 11),
        (SATURDAY, Place::South, contact(ContactKind::Chiefs), 13),
        (
            SATURDAY,
            Place::South,
            contact(ContactKind::WorkingLevel),
            17,
        ),
        (FRIDAY, Place::North, contact(ContactKind::NotStated), 29),
    ] {
        // A cell that is there already grows.
        tally.add(Count { day, office, what });
        tally.add_cell(Count { day, office, what }, times - 1);
    }
    tally
}

fn contact(kind: ContactKind) -> Counted {
    Counted::Contact(kind)
}

#[test]
fn contacts_documents_and_calls_are_kept_apart() {
    let tally = tally();
    assert_eq!(tally.documents(), 5);
    assert_eq!(tally.calls(), 7);
    assert_eq!(tally.contacts_of(ContactKind::Chiefs), 24);
    assert_eq!(tally.contacts_of(ContactKind::RegularConsultation), 0);
    assert_eq!(tally.meetings(), 41);
    assert_eq!(tally.contacts(), 70);
    assert_eq!(tally.exchanges(), 75, "calls stand beside exchanges");
}

#[test]
fn a_breakdown_loses_and_adds_nothing() {
    let tally = tally();
    let by_day = tally.by(|count| count.day);
    assert_eq!(
        by_day.keys().copied().collect::<Vec<_>>(),
        [FRIDAY, SATURDAY]
    );
    let documents = [&by_day[&FRIDAY], &by_day[&SATURDAY]].map(Tally::documents);
    assert_eq!(documents, [2, 3]);
    let together: Vec<_> = by_day.values().flat_map(Tally::cells).collect();
    assert_eq!(together.len(), tally.cells().count());
    for (cell, times) in together {
        assert_eq!(tally.sum(|count| *count == cell), times);
    }
}
