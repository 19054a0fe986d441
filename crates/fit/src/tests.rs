//! Fits of ledgers.

use jiff::tz::Offset;
use ledger::Reader;

use crate::fixture;
use crate::sample::{burstiness, distance, quantiles};
use crate::{Distances, FitError, Observed, Weeks};

fn observed(reader: &Reader) -> Observed {
    let mut observed = Observed::begin(Offset::constant(9));
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        observed.take(&entry);
    }
    observed.finish();
    observed
}

#[test]
fn the_distance_is_the_most_by_which_the_shares_differ() {
    assert_eq!(distance(vec![1, 2, 3, 4], vec![1, 2, 3, 4]), Some(0.0));
    assert_eq!(distance(vec![1, 1], vec![2, 2, 2]), Some(1.0));
    assert_eq!(distance(vec![1, 2, 3, 4], vec![3, 4, 5, 6]), Some(0.5));
    // Up to 0 there are three quarters here and a quarter there.
    assert_eq!(distance(vec![0, 0, 0, 1], vec![0, 1, 1, 1]), Some(0.5));
    assert_eq!(distance(vec![], vec![1]), None);
}

#[test]
fn quantiles_go_from_the_least_to_the_most() {
    assert_eq!(
        quantiles((0..=1_000).collect(), 5),
        [0, 250, 500, 750, 1_000]
    );
    assert_eq!(quantiles(vec![3, 1], 3), [1, 1, 3]);
    assert_eq!(quantiles(vec![7; 90], 101), [7]);
    assert!(quantiles(vec![], 101).is_empty());
}

#[test]
fn a_clock_is_not_bursty_and_a_burst_is() {
    assert_eq!(burstiness(&[5; 40]), Some(-1.0));
    let mut gaps = vec![0; 10_000];
    gaps.push(1_000_000);
    assert!(burstiness(&gaps).is_some_and(|found| found > 0.9));
    assert_eq!(burstiness(&[]), None);
}

#[test]
fn a_ledger_with_one_of_each_is_fitted() {
    let observed = observed(&fixture::ledger());
    let text = observed.scenario("one", Weeks::All).expect("it fits");
    let scenario = scenario::Scenario::parse("one.toml", &text).expect("it was parsed before");
    let totals = scenario.totals(1, 1);
    assert_eq!(
        (totals.documents, totals.meetings(), totals.contacts()),
        (1, 1, 2)
    );
    assert!(text.contains("answered_per_mille = 1000"), "{text}");
    assert!(text.contains("first_day = 2018-09-14"), "{text}");
    let itself = Distances::between((&observed, Weeks::All), (&observed, Weeks::All));
    assert!(itself.most() < f64::EPSILON);
}

#[test]
fn nothing_cannot_be_fitted() {
    let nothing = Observed::begin(Offset::UTC);
    assert!(matches!(
        nothing.scenario("none", Weeks::All),
        Err(FitError::Empty)
    ));
    let observed = observed(&fixture::ledger());
    // All of it is in the first week.
    assert_eq!(observed.documents_of(Weeks::Even).count(), 0);
}

#[test]
fn any_subject_and_name_is_written_so_that_it_is_read() {
    for found in [
        "\"quoted\" \\ and\ttabbed",
        "a\u{7f}b\u{1}c",
        "북측 사무소",
        "line\nline",
    ] {
        let text = format!("x = {}", crate::text::text(found));
        let escaped = crate::text::text(found);
        assert!(!escaped.contains(['\n', '\u{7f}', '\u{1}']), "{text}");
    }
}
