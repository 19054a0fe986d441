//! The interval log as CSV: a header, and a row an interval.

use ::csv::Writer;

use crate::interval::{Interval, IntervalLatency};
use crate::report::Report;

const HEADER: [&str; 18] = [
    "at_s",
    "seconds",
    "offered",
    "finished",
    "calls",
    "errors",
    "messages",
    "in_flight",
    "response_p50_us",
    "response_p90_us",
    "response_p99_us",
    "response_p999_us",
    "response_max_us",
    "lag_p50_us",
    "lag_p90_us",
    "lag_p99_us",
    "lag_p999_us",
    "lag_max_us",
];

/// The interval log of a report as CSV. Times are in the unit that ends their column's name; `at_s` is below 0 in the
/// warm-up. An interval in which nothing was answered has no latencies: its cells are empty, not 0.
pub fn csv(report: &Report) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let written = writer.write_record(HEADER).and_then(|()| {
        let mut rows = report.intervals.iter().map(row);
        rows.try_for_each(|row| writer.write_record(row))
    });
    // Memory refuses no write, and every row is as long as the header: there is nobody to tell of anything else.
    debug_assert!(written.is_ok());
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn row(interval: &Interval) -> Vec<String> {
    let mut row = vec![short(interval.at_s), short(interval.seconds)];
    let counts = [
        interval.offered,
        interval.finished,
        interval.calls,
        interval.errors,
        interval.messages,
        interval.in_flight,
    ];
    row.extend(counts.map(|count| count.to_string()));
    for latency in [interval.response, interval.lag] {
        row.extend(cells(latency).map(|us| {
            if interval.is_answered() {
                us.to_string()
            } else {
                String::new()
            }
        }));
    }
    row
}

fn cells(latency: IntervalLatency) -> [u64; 5] {
    [
        latency.p50_us,
        latency.p90_us,
        latency.p99_us,
        latency.p999_us,
        latency.max_us,
    ]
}

/// Seconds to the microsecond, without the zeros that say nothing.
fn short(seconds: f64) -> String {
    let text = format!("{seconds:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn there_is_a_row_an_interval_and_each_has_all_columns() {
        let report = fixture::full();
        let text = csv(&report);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader
            .records()
            .collect::<Result<_, _>>()
            .expect("it is CSV");
        assert_eq!(rows.len(), report.intervals.len());
        assert!(text.starts_with("at_s,seconds,offered,"));
        assert_eq!(&rows[0][0], "-3");
        assert_eq!(&rows[0][2], "2000");
    }

    #[test]
    fn where_no_call_ended_there_is_no_latency() {
        let report = Report {
            intervals: vec![Interval {
                at_s: 0.25,
                seconds: 1.0,
                offered: 7,
                ..Interval::default()
            }],
            ..Report::default()
        };
        assert!(csv(&report).ends_with("\n0.25,1,7,0,0,0,0,0,,,,,,,,,,\n"));
        // A stream that goes on has not ended, and is answered all the same.
        let mut report = report;
        report.intervals[0].messages = 2;
        report.intervals[0].heat.insert(40, 2);
        assert!(csv(&report).ends_with("\n0.25,1,7,0,0,0,2,0,0,0,0,0,0,0,0,0,0,0\n"));
        assert_eq!(csv(&Report::default()).lines().count(), 1);
    }
}
