//! Documents: ACKNOWLEDGED stands over RECEIPT_REFUSED over EXPIRED, whatever arrives first.

use office::document::DocumentState;
use office::{Content, Exchanges, Place, Step, StepId, StepKind};
use proptest::prelude::*;

use crate::pair::day;

pub(crate) fn sent(place: Place, sequence: u64) -> Step {
    let id = StepId::new(place, sequence);
    Step {
        id,
        parent: None,
        kind: StepKind::DocumentSent,
        authored_at: day(id),
        content: Content::Document { deadline: None },
    }
}

pub(crate) fn on(document: &Step, place: Place, sequence: u64, kind: StepKind) -> Step {
    let id = StepId::new(place, sequence);
    Step {
        id,
        parent: Some(document.id),
        kind,
        authored_at: day(id),
        content: Content::Plain,
    }
}

/// What domain.md says of a sender's and a receiver's only word.
fn stands(expired: bool, answer: Option<StepKind>) -> DocumentState {
    match answer {
        Some(StepKind::DocumentAcknowledged) => DocumentState::Acknowledged,
        Some(_) => DocumentState::ReceiptRefused,
        None if expired => DocumentState::Expired,
        None => DocumentState::Sent,
    }
}

#[test]
fn the_answer_that_stands_does_not_depend_on_the_order_of_arrival() {
    let answers = [
        None,
        Some(StepKind::DocumentAcknowledged),
        Some(StepKind::DocumentReceiptRefused),
    ];
    for sender in Place::BOTH {
        for expires in [false, true] {
            for answer in answers {
                let document = sent(sender, 1);
                let expiry = expires.then(|| on(&document, sender, 2, StepKind::DocumentExpired));
                let answered = answer.map(|kind| on(&document, sender.peer(), 1, kind));
                for first in [[expiry, answered], [answered, expiry]] {
                    let mut exchanges = Exchanges::default();
                    assert!(!exchanges.apply(&document).inert);
                    for step in first.into_iter().flatten() {
                        assert!(
                            !exchanges.apply(&step).inert,
                            "an answer and an expiry may cross"
                        );
                    }
                    let state = stands(expires, answer);
                    let documents = &exchanges.documents;
                    assert_eq!(documents.state(document.id), Some(state));
                    let by = answered.or(expiry).map(|step| step.id);
                    assert_eq!(documents.answer(document.id), by);
                    assert_eq!(exchanges.tally.documents(), 1, "it counts when sent");
                }
            }
        }
    }
}

#[test]
fn a_second_word_is_inert() {
    use StepKind as K;
    for [first, second] in [
        [K::DocumentAcknowledged, K::DocumentAcknowledged],
        [K::DocumentAcknowledged, K::DocumentReceiptRefused],
        [K::DocumentReceiptRefused, K::DocumentAcknowledged],
        [K::DocumentReceiptRefused, K::DocumentReceiptRefused],
        [K::DocumentExpired, K::DocumentExpired],
    ] {
        let author = if first == K::DocumentExpired {
            Place::South
        } else {
            Place::North
        };
        let document = sent(Place::South, 1);
        let mut exchanges = Exchanges::default();
        exchanges.apply(&document);
        assert!(!exchanges.apply(&on(&document, author, 2, first)).inert);
        let before = exchanges.clone();
        assert!(exchanges.apply(&on(&document, author, 3, second)).inert);
        assert_eq!(exchanges, before);
    }
}

#[test]
fn nobody_answers_an_own_document_or_lets_the_peers_expire() {
    use StepKind as K;
    let document = sent(Place::South, 1);
    for (place, kind) in [
        (Place::South, K::DocumentAcknowledged),
        (Place::South, K::DocumentReceiptRefused),
        (Place::North, K::DocumentExpired),
    ] {
        let mut exchanges = Exchanges::default();
        exchanges.apply(&document);
        assert!(exchanges.apply(&on(&document, place, 2, kind)).inert);
        assert_eq!(
            exchanges.documents.state(document.id),
            Some(DocumentState::Sent)
        );
        assert_eq!(exchanges.documents.answer(document.id), None);
    }
}

#[test]
fn an_answer_to_nothing_is_inert() {
    let mut exchanges = Exchanges::default();
    let unknown = on(
        &sent(Place::South, 1),
        Place::North,
        1,
        StepKind::DocumentAcknowledged,
    );
    assert!(exchanges.apply(&unknown).inert);
    assert_eq!(exchanges, Exchanges::default());
}

/// What a readable step of this kind does, an unreadable one does not; nor does one with a parent it cannot have.
#[test]
fn what_cannot_be_read_is_inert() {
    let document = sent(Place::South, 1);
    for step in [
        Step {
            content: Content::Unreadable,
            ..document
        },
        Step {
            parent: Some(document.id),
            ..document
        },
    ] {
        let mut exchanges = Exchanges::default();
        let applied = exchanges.apply(&step);
        assert!(applied.inert);
        assert_eq!(applied.counted, None);
        assert_eq!(exchanges, Exchanges::default());
    }
}

/// Beyond four billion steps an answer's sequence no longer fits four bytes.
#[test]
fn an_answer_is_found_however_late_it_is() {
    let late = (7 << 32) + 5;
    let document = sent(Place::South, 1);
    let mut exchanges = Exchanges::default();
    exchanges.apply(&document);
    exchanges.apply(&Step {
        id: StepId::new(Place::South, late),
        ..on(&document, Place::South, 2, StepKind::DocumentExpired)
    });
    let answer = |exchanges: &Exchanges| exchanges.documents.answer(document.id);
    assert_eq!(answer(&exchanges), Some(StepId::new(Place::South, late)));
    exchanges.apply(&on(
        &document,
        Place::North,
        3,
        StepKind::DocumentAcknowledged,
    ));
    assert_eq!(answer(&exchanges), Some(StepId::new(Place::North, 3)));
}

#[test]
fn a_late_answer_to_an_early_document_leaves_later_ones_alone() {
    let [early, late] = [1, 5_000].map(|sequence| sent(Place::South, sequence));
    let mut exchanges = Exchanges::default();
    exchanges.apply(&early);
    exchanges.apply(&late);
    exchanges.apply(&on(&early, Place::North, 1, StepKind::DocumentAcknowledged));
    let state = |document: &Step| exchanges.documents.state(document.id);
    assert_eq!(state(&early), Some(DocumentState::Acknowledged));
    assert_eq!(state(&late), Some(DocumentState::Sent));
}

#[test]
fn documents_are_listed_behind_the_one_named() {
    let mut exchanges = Exchanges::default();
    for sequence in 1..=4 {
        exchanges.apply(&sent(Place::South, sequence));
    }
    for after in 0..=4 {
        let listed = exchanges.documents.after(Place::South, after, u64::MAX);
        let listed: Vec<_> = listed.map(|(id, _)| id.sequence).collect();
        assert_eq!(listed, (after + 1..=4).collect::<Vec<_>>());
    }
}

proptest! {
    /// Documents of one place, listed from anywhere, at most so far on.
    #[test]
    fn documents_are_listed_in_order_within_the_scan(
        gaps in prop::collection::vec(1..1_500_u64, 0..12),
        after in 0..6_000_u64,
        scan_max in prop_oneof![0..3_000_u64, Just(u64::MAX)],
    ) {
        let mut exchanges = Exchanges::default();
        let mut model = Vec::new();
        for gap in gaps {
            let sequence = model.last().copied().unwrap_or(0) + gap;
            model.push(sequence);
            exchanges.apply(&sent(Place::North, sequence));
            exchanges.apply(&sent(Place::South, sequence + 1));
        }
        let listed: Vec<_> = exchanges.documents.after(Place::North, after, scan_max).collect();
        let wanted = model.into_iter().filter(|s| *s > after && *s - after <= scan_max);
        let wanted: Vec<_> = wanted.map(|s| (StepId::new(Place::North, s), DocumentState::Sent)).collect();
        prop_assert_eq!(listed, wanted);
    }
}

#[test]
fn states_have_the_words_of_the_field() {
    let words = [
        (DocumentState::Sent, "SENT"),
        (DocumentState::Expired, "EXPIRED"),
        (DocumentState::ReceiptRefused, "RECEIPT_REFUSED"),
        (DocumentState::Acknowledged, "ACKNOWLEDGED"),
    ];
    for (state, word) in words {
        assert_eq!(state.word(), word);
    }
}
