//! How far two ledgers are apart, in what a fit says about them.

use std::fmt::Write as _;

use office::Place;
use serde::Serialize;
use words::figures::thousands;
use words::style::{BAD, GOOD, HEADING, styled};

use crate::gaps::gaps;
use crate::observed::{Observed, Seen, Weeks};
use crate::sample::{burstiness, distance};
use crate::weeks::hour_of_week;

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
    /// Of the gaps between one document and the next.
    pub gaps: Distance,
    /// Burstiness of the gaps, −1 to 1, of the one and of the other.
    pub burstiness: [Option<f64>; 2],
}

impl Distances {
    /// Beside what lies between the ledger's `own` weeks; what is further than `tolerance` stands out.
    pub fn to_text(&self, own: &Self, tolerance: f64) -> String {
        let mut text = format!(
            "{}\n\n{:<36}{:>10}{:>12}{:>12}{:>14}\n",
            styled(
                HEADING,
                "Fitted to every second week, played, and compared with the weeks between"
            ),
            "Kolmogorov-Smirnov distance",
            "the fit",
            "own weeks",
            "fit, values",
            "held out",
        );
        let rows = self.all().zip(own.all());
        for (fit, own) in rows {
            let ks = |distance: &Distance| {
                distance
                    .ks
                    .map_or("none".to_owned(), |ks| format!("{ks:.3}"))
            };
            let right = fit.ks.is_none_or(|ks| ks <= tolerance);
            let told = format!("{:>10}", ks(fit));
            let told = styled(if right { GOOD } else { BAD }, &told);
            let _ = writeln!(
                text,
                "{:<36}{told}{:>12}{:>12}{:>14}",
                fit.what,
                ks(own),
                thousands(fit.one as u64),
                thousands(fit.other as u64)
            );
        }
        if let [Some(fit), Some(held)] = self.burstiness {
            let _ = writeln!(
                text,
                "\nburstiness of the gaps: {fit:.2} of the fit, {held:.2} held out"
            );
        }
        text
    }

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

    /// The largest of them.
    pub fn most(&self) -> f64 {
        let found = self.all().filter_map(|distance| distance.ks);
        found.fold(0.0, f64::max)
    }

    fn all(&self) -> impl Iterator<Item = &Distance> {
        self.fitted.iter().chain([&self.gaps])
    }
}
