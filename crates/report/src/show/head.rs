//! What stands at the head of a report and at its end: what was run, and how it came out.

use words::figures::count;

use super::figures::seconds;
use crate::report::Report;

/// What was run, in words: `open loop, constant, 2,000/s, for 30 s, at 127.0.0.1:50051 and 127.0.0.1:50052`.
pub(super) fn run_in_words(report: &Report) -> String {
    let setup = &report.setup;
    let mut parts = Vec::new();
    if !setup.loop_kind.is_empty() {
        parts.push(format!("{} loop", setup.loop_kind));
    }
    if !setup.schedule.is_empty() {
        parts.push(setup.schedule.clone());
    }
    if report.duration_s > 0.0 {
        parts.push(format!("for {}", seconds(report.duration_s)));
    }
    if !setup.shard.is_empty() {
        parts.push(format!("part {}", setup.shard));
    }
    if !setup.targets.is_empty() {
        parts.push(format!("at {}", setup.targets.join(" and ")));
    }
    parts.join(", ")
}

/// How it came out: each verdict, and whether it is a good one. `invalid` is what is said of a run that is not valid.
pub(super) fn verdicts(report: &Report, invalid: &str) -> Vec<(bool, String)> {
    let either = |good: bool, words: &str, otherwise: &str| {
        let words = if good { words } else { otherwise };
        (good, words.to_owned())
    };
    let mut all = vec![either(
        report.valid,
        "valid: the generator kept up",
        invalid,
    )];
    if report.interrupted {
        all.push((false, "interrupted before its end".to_owned()));
    }
    let (given, failed) = (report.thresholds.len() as u64, failed(report));
    if given > 0 {
        let of = count(given, "threshold failed", "thresholds failed");
        let otherwise = format!("{failed} of {of}");
        all.push(either(failed == 0, "every threshold holds", &otherwise));
    }
    if let Some(comparison) = &report.comparison {
        let worse = comparison.worse().count() as u64;
        if worse > 0 {
            let worse = count(worse, "figure is", "figures are");
            all.push((false, format!("{worse} worse than before")));
        }
    }
    if let Some(books) = &report.books {
        all.push(books_verdict(books.balance()));
    }
    all
}

/// How the books came out.
pub(super) fn books_verdict(balance: bool) -> (bool, String) {
    let words = if balance {
        "the books balance"
    } else {
        "the books do NOT balance"
    };
    (balance, words.to_owned())
}

/// How many thresholds make the run fail.
fn failed(report: &Report) -> usize {
    let failed = report.thresholds.iter().filter(|one| one.failed);
    failed.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn a_run_is_told_in_a_line() {
        assert_eq!(
            run_in_words(&fixture::full()),
            "open loop, constant, 2,000/s, for 30 s, at 127.0.0.1:50051 and 127.0.0.1:50052"
        );
        assert_eq!(run_in_words(&Report::default()), "");
    }

    #[test]
    fn each_verdict_is_told_once() {
        let good = |report: &Report| {
            let all = verdicts(report, "not valid");
            all.iter().map(|(good, _)| *good).collect::<Vec<_>>()
        };
        assert_eq!(good(&fixture::full()), [true, false, false, true]);
        assert_eq!(good(&fixture::amiss()), [false; 5]);
        assert_eq!(good(&fixture::tiny()), [true]);
    }
}
