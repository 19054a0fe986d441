//! What the attacks came to.

use std::fmt::Write as _;

use serde_json::json;

use crate::good::Worked;
use crate::offices::Offices;

/// What South promises to stay below.
const PEAK_MIB_MAX: u64 = 200;
const FOUND_MAX: usize = 5;

/// What came of one attack.
pub(crate) struct Outcome {
    attack: &'static str,
    peak_mib: Option<u64>,
    calls: usize,
    failures: usize,
    p50_ms: f64,
    p99_ms: f64,
    found: Vec<String>,
}

impl Outcome {
    pub(crate) fn judge(
        attack: &'static str,
        offices: &mut Offices,
        worked: &Worked,
        mut found: Vec<String>,
    ) -> Self {
        let peak_mib = offices.peak_mib();
        if !offices.are_alive() {
            found.push("the office died".to_owned());
        }
        if peak_mib.is_some_and(|peak| peak >= PEAK_MIB_MAX) {
            found.push(format!("its memory was to stay below {PEAK_MIB_MAX} MiB"));
        }
        if worked.took_us.is_empty() {
            found.push("the good client got nothing done".to_owned());
        }
        found.extend(worked.failures.iter().take(FOUND_MAX).cloned());
        Self {
            attack,
            peak_mib,
            calls: worked.took_us.len(),
            failures: worked.failures.len(),
            p50_ms: worked.percentile_ms(50),
            p99_ms: worked.percentile_ms(99),
            found,
        }
    }
}

/// All of them.
pub(crate) struct Report {
    calm_p99_ms: f64,
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(calm: &Worked) -> Self {
        Self {
            calm_p99_ms: calm.percentile_ms(99),
            outcomes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.found.is_empty())
    }

    pub(crate) fn last_line(&self) -> String {
        self.outcomes.last().map(line).unwrap_or_default()
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "attack            peak MiB   calls  failed   p50 ms   p99 ms   (calm p99 {:.1} ms)\n",
            self.calm_p99_ms
        );
        for outcome in &self.outcomes {
            let _ = writeln!(text, "{}", line(outcome));
            for what in &outcome.found {
                let _ = writeln!(text, "    {what}");
            }
        }
        text
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let one = |outcome: &Outcome| {
            json!({
                "attack": outcome.attack,
                "peak_mib": outcome.peak_mib,
                "calls": outcome.calls,
                "failures": outcome.failures,
                "p50_ms": outcome.p50_ms,
                "p99_ms": outcome.p99_ms,
                "calm_p99_ms": self.calm_p99_ms,
                "found": outcome.found,
            })
        };
        self.outcomes.iter().map(one).collect()
    }
}

fn line(outcome: &Outcome) -> String {
    let peak = outcome
        .peak_mib
        .map_or_else(|| "-".to_owned(), |peak| peak.to_string());
    let held = if outcome.found.is_empty() {
        "held"
    } else {
        "DID NOT HOLD"
    };
    format!(
        "{:<17} {peak:>8} {:>7} {:>7} {:>8.1} {:>8.1}   {held}",
        outcome.attack, outcome.calls, outcome.failures, outcome.p50_ms, outcome.p99_ms
    )
}
