//! Contacts: recorded by one office, confirmed by the other; of two records at once South's stands.

use office::contact::{ContactKind, ContactState};
use office::{Content, Exchanges, Place, Step, StepId, StepKind};

use crate::pair::day;

fn recorded(place: Place, sequence: u64) -> Step {
    let id = StepId::new(place, sequence);
    Step {
        id,
        parent: None,
        kind: StepKind::ContactRecorded,
        authored_at: day(id),
        content: Content::Contact {
            kind: ContactKind::RegularConsultation,
            begun_at: day(StepId::new(Place::South, 1)),
        },
    }
}

fn confirmed(place: Place, sequence: u64, record: StepId) -> Step {
    Step {
        parent: Some(record),
        kind: StepKind::ContactConfirmed,
        content: Content::Plain,
        ..recorded(place, sequence)
    }
}

fn after(steps: &[Step]) -> (Exchanges, Vec<bool>) {
    let mut exchanges = Exchanges::default();
    let inert = steps
        .iter()
        .map(|step| exchanges.apply(step).inert)
        .collect();
    (exchanges, inert)
}

#[test]
fn only_a_confirmed_contact_counts_on_the_day_of_its_record() {
    for recorder in Place::BOTH {
        let record = recorded(recorder, 3);
        let (exchanges, _) = after(&[record]);
        assert_eq!(
            exchanges.contacts.state(record.id),
            Some(ContactState::Recorded)
        );
        assert_eq!(exchanges.tally.contacts(), 0);
        let (exchanges, inert) = after(&[record, confirmed(recorder.peer(), 9, record.id)]);
        assert_eq!(inert, [false, false]);
        assert_eq!(
            exchanges.contacts.state(record.id),
            Some(ContactState::Confirmed)
        );
        let cells: Vec<_> = exchanges.tally.cells().collect();
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].0.day, office::tally::day_of(record.authored_at));
        assert_eq!(cells[0].0.office, recorder);
        assert_eq!(
            exchanges
                .tally
                .contacts_of(ContactKind::RegularConsultation),
            1
        );
    }
}

#[test]
fn of_two_records_at_once_souths_stands_at_both_offices() {
    let [south, north] = Place::BOTH.map(|place| recorded(place, 1));
    let confirms = [
        confirmed(Place::North, 2, south.id),
        confirmed(Place::South, 2, north.id),
    ];
    let at_south = [south, north, confirms[1], confirms[0]];
    let at_north = [north, south, confirms[0], confirms[1]];
    let (at_south, inert_at_south) = after(&at_south);
    let (at_north, inert_at_north) = after(&at_north);
    assert_eq!(at_south, at_north);
    assert_eq!(inert_at_south, [false, false, true, false]);
    assert_eq!(inert_at_north, [false, false, false, true]);
    assert_eq!(
        at_south.contacts.state(south.id),
        Some(ContactState::Confirmed)
    );
    assert_eq!(
        at_south.contacts.state(north.id),
        Some(ContactState::Superseded)
    );
    assert_eq!(at_south.tally.contacts(), 1);
}

#[test]
fn a_confirmed_record_is_not_superseded_by_a_faulty_later_one() {
    let [south, north] = Place::BOTH.map(|place| recorded(place, 2));
    let steps = [north, confirmed(Place::South, 1, north.id), south];
    let (exchanges, _) = after(&steps);
    assert_eq!(
        exchanges.contacts.state(north.id),
        Some(ContactState::Confirmed)
    );
    assert_eq!(
        exchanges.contacts.state(south.id),
        Some(ContactState::Superseded)
    );
}

#[test]
fn a_second_record_of_one_office_is_inert_whether_the_peers_has_come_or_not() {
    let [south, north] = Place::BOTH.map(|place| recorded(place, 1));
    let again = recorded(Place::North, 2);
    let (before, inert_before) = after(&[north, again, south]);
    let (behind, inert_behind) = after(&[north, south, again]);
    assert_eq!(inert_before, [false, true, false]);
    assert_eq!(inert_behind, [false, false, true]);
    assert_eq!(before, behind);
    assert_eq!(before.contacts.state(again.id), None);
}

#[test]
fn nobody_confirms_an_own_record_or_one_twice_or_none() {
    let record = recorded(Place::North, 1);
    let by_peer = confirmed(Place::South, 1, record.id);
    let steps = [
        confirmed(Place::South, 7, record.id),
        record,
        confirmed(Place::North, 2, record.id),
        by_peer,
        confirmed(Place::South, 2, record.id),
    ];
    let (exchanges, inert) = after(&steps);
    assert_eq!(inert, [true, false, true, false, true]);
    assert_eq!(exchanges.tally.contacts(), 1);
}

#[test]
fn a_meeting_is_no_contact_to_record() {
    let step = Step {
        content: Content::Contact {
            kind: ContactKind::Chiefs,
            begun_at: day(StepId::new(Place::South, 1)),
        },
        ..recorded(Place::South, 1)
    };
    let (exchanges, inert) = after(&[step]);
    assert_eq!(inert, [true]);
    assert_eq!(exchanges, Exchanges::default());
}

#[test]
fn contacts_are_listed_in_the_order_of_their_names() {
    let [south, north] = Place::BOTH.map(|place| recorded(place, 5));
    let (exchanges, _) = after(&[north, south]);
    let listed: Vec<_> = exchanges.contacts.after(None).collect();
    let [of_south, of_north] = [ContactState::Recorded, ContactState::Superseded];
    assert_eq!(listed, [(south.id, of_south), (north.id, of_north)]);
    let rest: Vec<_> = exchanges.contacts.after(Some(south.id)).collect();
    assert_eq!(rest, [(north.id, of_north)]);
    assert_eq!(exchanges.contacts.after(Some(north.id)).next(), None);
}

#[test]
fn kinds_have_the_words_of_the_field() {
    let words = [
        (ContactKind::GovernmentOfficials, "government officials"),
        (ContactKind::WorkingLevel, "working level"),
        (ContactKind::Chiefs, "chiefs"),
        (ContactKind::RegularConsultation, "regular consultation"),
        (ContactKind::OnDemandConsultation, "on-demand consultation"),
        (ContactKind::NotStated, "not stated"),
    ];
    for (kind, word) in words {
        assert_eq!(kind.word(), word);
    }
}
