//! How far two ledgers are apart, in what a fit says about them.

use office::Place;
use serde::Serialize;

use super::observed::{Observed, Seen, Weeks, hour_of_week};
use super::sample::{burstiness, distance};
use super::trains::gaps;

/// How far two samples of one quantity are apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distance {
    /// The quantity.
    pub what: &'static str,
    /// The two-sample Kolmogorov–Smirnov distance, 0 to 1; none where a ledger has no such value.
    pub ks: Option<f64>,
    /// How many values the one has.
    pub one: usize,
    /// How many the other.
    pub other: usize,
}

/// How far two ledgers are apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distances {
    /// By quantity: hour of the week, direction, size, time to the acknowledgement or refusal, time to the reply.
    pub fitted: Vec<Distance>,
    /// Of the gaps between one document and the next: what a fit comes near, and does not promise.
    pub gaps: Distance,
    /// Burstiness of the gaps, −1 to 1, of the one and of the other.
    pub burstiness: [Option<f64>; 2],
}

impl Distances {
    /// Between some weeks of one ledger and some of another.
    pub fn between(one: (&Observed, Weeks), other: (&Observed, Weeks)) -> Self {
        type Quantity = fn(&Seen) -> Option<u64>;
        let quantities: [(&'static str, Quantity); 5] = [
            ("hour of week", |seen| Some(hour_of_week(seen.at_s))),
            ("direction", |seen| {
                Some(u64::from(seen.place == Place::North))
            }),
            ("size", |seen| Some(seen.bytes)),
            ("response: acknowledged or refused", |seen| seen.answered_s),
            ("response: a reply", |seen| seen.replies_s),
        ];
        let of = |(observed, weeks): (&Observed, Weeks), quantity: Quantity| -> Vec<u64> {
            observed.documents_of(weeks).filter_map(quantity).collect()
        };
        let apart = |what, one: Vec<u64>, other: Vec<u64>| Distance {
            what,
            one: one.len(),
            other: other.len(),
            ks: distance(one, other),
        };
        let fitted = quantities
            .into_iter()
            .map(|(what, quantity)| apart(what, of(one, quantity), of(other, quantity)))
            .collect();
        let gaps_of = |(observed, weeks): (&Observed, Weeks)| {
            gaps(observed.documents_of(weeks).map(|seen| seen.at_s))
        };
        let (one, other) = (gaps_of(one), gaps_of(other));
        let burstiness = [burstiness(&one), burstiness(&other)];
        Self {
            fitted,
            gaps: apart("gap to the next document", one, other),
            burstiness,
        }
    }

    /// The largest distance of what a fit promises.
    pub fn most(&self) -> f64 {
        let found = self.fitted.iter().filter_map(|distance| distance.ks);
        found.fold(0.0, f64::max)
    }
}
