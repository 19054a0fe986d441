//! The text that `ghz` prints, for those who read it, or whose scripts do.
//!
//! The layout is ghz's to the byte, trailing spaces and all (held against ghz 0.93 by hand). The latencies are the
//! *response*: where each call is made after the one before (ghz's way, a closed loop) that is what ghz measures; on a
//! schedule it counts the wait that ghz does not see. Unlike in ghz, which counts the calls that succeeded unless it is told
//! otherwise, every call is in them.

use std::fmt::Write as _;

use words::style::clean;

use super::figures::elapsed;
use crate::report::Report;

const BUCKETS: usize = 10;
const BAR_WIDTH: u64 = 40;

/// A report as `ghz` would print it.
pub fn ghz(report: &Report) -> String {
    let response = &report.response;
    let (seconds, rate) = elapsed(report);
    let mut text = "\nSummary:\n".to_owned();
    for (name, value) in [
        ("Count", report.calls.to_string()),
        ("Total", nanos(seconds * 1e9)),
        ("Slowest", nanos_of(response.max_us)),
        ("Fastest", nanos_of(response.min_us)),
        ("Average", nanos(response.mean_us * 1e3)),
        ("Requests/sec", format!("{rate:.2}")),
    ] {
        let _ = writeln!(text, "  {name}:\t{value}");
    }
    text.push_str("\nResponse time histogram:\n");
    text.push_str(&histogram(report));
    text.push_str("\nLatency distribution:");
    if response.count > 0 {
        for (percent, us) in [
            (10, response.p10_us),
            (25, response.p25_us),
            (50, response.p50_us),
            (75, response.p75_us),
            (90, response.p90_us),
            (95, response.p95_us),
            (99, response.p99_us),
        ] {
            let _ = write!(text, "\n  {percent} % in {} ", nanos_of(us));
        }
    }
    text.push_str("\n\n");
    if !report.codes.is_empty() {
        text.push_str("Status code distribution:\n");
        let rows = report.codes.iter().map(|(code, count)| {
            let code = format!("  [{}]", word(code));
            (code, format!("{count} responses"))
        });
        text.push_str(&columns(&rows.collect::<Vec<_>>()));
    }
    text.push('\n');
    if !report.failures.is_empty() {
        text.push_str("Error distribution:\n");
        text.push_str(&columns(&errors(report)));
    }
    text.push('\n');
    text
}

/// Ten buckets between the fastest and the slowest, and one for the fastest; each ends at its mark.
fn histogram(report: &Report) -> String {
    let response = &report.response;
    let (fastest, slowest) = (response.min_us as f64, response.max_us as f64);
    if response.count == 0 {
        return String::new();
    }
    let width = (slowest - fastest) / BUCKETS as f64;
    let mut marks: Vec<f64> = (0..BUCKETS)
        .map(|index| fastest + width * index as f64)
        .collect();
    marks.push(slowest);
    let mut counts = vec![0_u64; marks.len()];
    let mut bucket = 0;
    for (us, count) in &response.histogram {
        while bucket < BUCKETS && *us as f64 > marks[bucket] {
            bucket += 1;
        }
        counts[bucket] += count;
    }
    let most = counts.iter().max().copied().unwrap_or(0).max(1);
    let mut text = String::new();
    for (mark, count) in marks.iter().zip(counts) {
        let bar = "∎".repeat(((count * BAR_WIDTH + most / 2) / most) as usize);
        let _ = writeln!(text, "  {:.3} [{count}]\t|{bar}", mark / 1e3);
    }
    text
}

/// What the failures were, steps put together: ghz knows none.
fn errors(report: &Report) -> Vec<(String, String)> {
    let mut errors: Vec<(String, u64)> = Vec::new();
    for failure in &report.failures {
        let message = format!(
            "rpc error: code = {} desc = {}",
            word(&failure.code),
            clean(&failure.message)
        );
        match errors.iter_mut().find(|(known, _)| *known == message) {
            Some((_, count)) => *count += failure.count,
            None => errors.push((message, failure.count)),
        }
    }
    errors
        .into_iter()
        .map(|(message, count)| (format!("  [{count}]"), message))
        .collect()
}

/// Two columns as Go's tabwriter sets them: each as wide as its widest cell, and three spaces, the last one too.
fn columns(rows: &[(String, String)]) -> String {
    let width = |text: &String| text.chars().count();
    let first = rows.iter().map(|row| width(&row.0)).max().unwrap_or(0) + 3;
    let second = rows.iter().map(|row| width(&row.1)).max().unwrap_or(0) + 3;
    let mut text = String::new();
    for (one, other) in rows {
        let _ = writeln!(text, "{one:<first$}{other:<second$}");
    }
    text
}

/// A status code as Go writes it: `DeadlineExceeded` for `DEADLINE_EXCEEDED`.
fn word(code: &str) -> String {
    // Go keeps the one as it is, and spells the other with one l.
    match code {
        "OK" => return "OK".to_owned(),
        "CANCELLED" => return "Canceled".to_owned(),
        _ => {}
    }
    clean(code)
        .split('_')
        .map(|part| {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_string() + &letters.as_str().to_lowercase()
            })
        })
        .collect()
}

fn nanos_of(us: u64) -> String {
    nanos(us as f64 * 1e3)
}

/// A time in ghz's units: `0 ns`, `1.24 ms`, `2.01 s`.
fn nanos(nanos: f64) -> String {
    let ms = nanos / 1e6;
    if nanos < 10_000.0 {
        format!("{nanos:.0} ns")
    } else if ms < 1_000.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{:.2} s", ms / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn one_call_reads_as_ghz_tells_it() {
        let expected = "
Summary:
  Count:\t1
  Total:\t1.24 ms
  Slowest:\t1.24 ms
  Fastest:\t1.24 ms
  Average:\t1.24 ms
  Requests/sec:\t806.00
";
        let text = ghz(&fixture::tiny());
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(
            "\n  99 % in 1.24 ms \n\nStatus code distribution:\n  [OK]   1 responses   \n\n\n"
        ));
        assert!(text.contains("  1.240 [1]\t|∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎∎\n"));
    }

    #[test]
    fn every_call_is_in_the_histogram() {
        let report = fixture::full();
        let text = ghz(&report);
        let counts = text.lines().filter(|line| line.contains("\t|"));
        let counts: Vec<u64> = counts
            .filter_map(|line| line.split(['[', ']']).nth(1)?.parse().ok())
            .collect();
        assert_eq!(counts.len(), 11);
        assert_eq!(counts.iter().sum::<u64>(), report.calls);
    }

    #[test]
    fn codes_and_errors_stand_in_columns() {
        let text = ghz(&fixture::full());
        assert!(text.contains("\n  [OK]                  11"), "{text}");
        assert!(text.contains("\n  [DeadlineExceeded]    1"));
        assert!(text.contains("rpc error: code = ResourceExhausted desc = the outbox is full"));
        assert_eq!(word("CANCELLED"), "Canceled");
        assert_eq!(word("OUT_OF_RANGE"), "OutOfRange");
    }

    #[test]
    fn a_run_of_nothing_has_its_headings() {
        let text = ghz(&Report::default());
        assert!(text.contains("Count:\t0\n  Total:\t0 ns\n"));
        assert!(text.contains("Response time histogram:\n\nLatency distribution:\n\n"));
    }
}
