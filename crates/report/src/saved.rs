//! Saved runs: a report as JSON, under a number that says by which rules it was written.
//!
//! The number rises when an older reader would misunderstand what it reads. What is added later does not raise it:
//! fields that a reader does not know are passed over, and those that are not there are empty.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::Report;

/// The number under which reports are written.
const FORMAT: u64 = 1;
const KEY: &str = "liaison_load";

/// Why a text is no saved run.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is not even JSON.
    #[error(
        "this is no saved run: it is not JSON ({source}); give a file that `liaison load --save` wrote"
    )]
    NotJson {
        /// Where it stops being so.
        source: serde_json::Error,
    },
    /// It is JSON of something else.
    #[error(
        "this is no saved run: it is JSON without {KEY:?} in front; give a file that `liaison load --save` wrote"
    )]
    NotSaved,
    /// It was written by later software.
    #[error(
        "this run was saved in format {format}, and this software reads up to {FORMAT}; take a newer liaison"
    )]
    Newer {
        /// The format it is in.
        format: u64,
    },
    /// It says that it is one, and is not.
    #[error("this saved run is damaged: {source}; save the run again")]
    Damaged {
        /// What is wrong.
        source: serde_json::Error,
    },
}

#[derive(Serialize)]
struct Writing<'r> {
    liaison_load: u64,
    report: &'r Report,
}

#[derive(Deserialize)]
struct Reading {
    report: Report,
}

/// The report as it is saved: one line of JSON, with its histograms.
pub fn save(report: &Report) -> String {
    let writing = Writing {
        liaison_load: FORMAT,
        report,
    };
    let mut text = serde_json::to_string(&writing)
        .expect("a report has text for keys, and nothing that JSON cannot say");
    text.push('\n');
    text
}

/// The report that was saved.
pub fn read(text: &str) -> Result<Report, SavedError> {
    let value: Value =
        serde_json::from_str(text).map_err(|source| SavedError::NotJson { source })?;
    let format = value.get(KEY).and_then(Value::as_u64);
    match format {
        None | Some(0) => Err(SavedError::NotSaved),
        Some(format) if format > FORMAT => Err(SavedError::Newer { format }),
        Some(_) => serde_json::from_value::<Reading>(value)
            .map(|reading| reading.report)
            .map_err(|source| SavedError::Damaged { source }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::interval::Interval;
    use crate::latency::LatencyHistogram;
    use crate::report::{Books, Setup};

    #[test]
    fn a_report_is_read_as_it_was_saved() {
        let mut histogram = LatencyHistogram::default();
        (1..5_000).for_each(|micros| histogram.record(Duration::from_micros(micros * 7)));
        let report = Report {
            valid: true,
            setup: Setup {
                plan: "document".to_owned(),
                seed: u64::MAX,
                ..Setup::default()
            },
            started_at: Some("2026-11-24T10:00:00.123456789Z".parse().expect("a time")),
            offered_rate: 1.0 / 3.0,
            response: histogram.summary(),
            books: Some(Books::default()),
            intervals: vec![Interval {
                at_s: -1.0,
                heat: [(3, 4), (12, 1)].into(),
                ..Interval::default()
            }],
            ..Report::default()
        };
        let text = save(&report);
        assert!(
            text.starts_with("{\"liaison_load\":1,\"report\":{"),
            "{text}"
        );
        assert_eq!(read(&text).expect("it was saved"), report);
    }

    #[test]
    fn what_was_not_saved_is_told_apart() {
        let said = |text: &str| read(text).expect_err(text).to_string();
        assert!(said("").contains("not JSON"));
        assert!(said("\u{1f}\u{8b}").contains("not JSON"));
        assert!(said("[1]").contains("without \"liaison_load\""));
        assert!(said("{\"report\":{}}").contains("without"));
        assert!(said("{\"liaison_load\":2,\"report\":7}").contains("take a newer liaison"));
        assert!(said("{\"liaison_load\":1}").contains("damaged: missing field `report`"));
        assert!(said("{\"liaison_load\":1,\"report\":{\"calls\":-1}}").contains("damaged"));
        let empty = read("{\"liaison_load\":1,\"report\":{\"added_later\":1}}");
        assert_eq!(empty.expect("it has what it must"), Report::default());
    }
    proptest! {
        #[test]
        fn numbers_are_read_to_the_last_bit(number in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            let report = Report { offered_rate: number, ..Report::default() };
            let read = read(&save(&report)).expect("it was saved");
            prop_assert_eq!(read.offered_rate.to_bits(), number.to_bits());
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}") {
            prop_assert!(read(&text).is_err());
        }
    }
}
