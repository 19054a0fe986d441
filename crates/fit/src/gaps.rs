//! How long after one another documents are sent: at once, in bursts, after a night.

use scenario::{Act, Scenario};

use crate::sample::{distance, quantiles};
use crate::weeks::{hour_of_week, hour_part, week_of};

/// More than the gaps of a few documents would be chance alone.
const DOCUMENTS_MIN: usize = 10;
const QUANTILES: usize = 201;
const MILLION: f64 = 1_000_000.0;
const GAP_MAX: f64 = 1e12;
/// How often the quantiles are corrected by what comes of them.
const ROUNDS: usize = 6;
/// The seed of what comes of them.
const SEED: u64 = 0;

/// Weights of the hours of a week and of weeks: a clock that goes as fast as they say.
pub(crate) struct Clock<'a> {
    pub(crate) hours: &'a [u64],
    pub(crate) weeks: &'a [u64],
    pub(crate) first_week: i64,
}

impl Clock<'_> {
    /// What this clock shows at each of some local seconds, ascending.
    fn shows(&self, times: &[i64]) -> Vec<f64> {
        let through = |weights: &[u64]| -> Vec<f64> {
            let mut sum = 0.0;
            let before = weights.iter().map(|weight| {
                sum += *weight as f64;
                sum - *weight as f64
            });
            before.chain([0.0]).collect()
        };
        let (by_hour, by_week) = (through(self.hours), through(self.weeks));
        let of_week: f64 = self.hours.iter().map(|hour| *hour as f64).sum();
        let show = |at_s: &i64| {
            let week = usize::try_from(week_of(*at_s) - self.first_week).unwrap_or(0);
            let hour = hour_of_week(*at_s) as usize;
            let within = by_hour[hour] + self.hours[hour] as f64 * hour_part(*at_s);
            by_week[week] * of_week + self.weeks[week] as f64 * within
        };
        times.iter().map(show).collect()
    }

    /// Quantiles of the gaps in millionths of the mean, which the last of them keeps.
    fn gaps(&self, times: &[i64]) -> Vec<u64> {
        let shown = self.shows(times);
        let gaps = shown.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0));
        let gaps: Vec<f64> = gaps.collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        if mean <= 0.0 {
            return Vec::new();
        }
        let scaled = |gap: &f64| (gap / mean * MILLION).min(GAP_MAX).round() as u64;
        of_mean(quantiles(gaps.iter().map(scaled).collect(), QUANTILES))
    }
}

/// The same with a last one that makes their mean a million.
fn of_mean(mut quantiles: Vec<u64>) -> Vec<u64> {
    let parts = quantiles.len().saturating_sub(1) as f64;
    if let [first, .., before, _] = quantiles.as_slice() {
        let (first, before) = (*first, *before);
        let others = quantiles.iter().rev().skip(1).sum::<u64>() as f64 - first as f64 / 2.0;
        let last = ((MILLION * parts - others) * 2.0).clamp(1.0, GAP_MAX) as u64;
        quantiles.pop();
        quantiles.push(last.max(before));
    }
    quantiles
}

/// Gaps between one document and the next of the same week, in seconds; `times` are local and ascending.
pub(crate) fn gaps(times: impl Iterator<Item = i64>) -> Vec<u64> {
    let mut gaps = Vec::new();
    let mut before: Option<i64> = None;
    for at_s in times {
        if let Some(before) = before.filter(|before| week_of(*before) == week_of(at_s)) {
            gaps.push(u64::try_from(at_s - before).unwrap_or(0));
        }
        before = Some(at_s);
    }
    gaps
}

/// The quantiles with which the gaps of the scenario that `text` writes come nearest to those observed; none of a few.
/// `offset_s` is the scenario's distance from UTC.
pub(crate) fn fitted(
    times: &[i64],
    clock: &Clock<'_>,
    offset_s: i64,
    text: impl Fn(&[u64]) -> String,
) -> Vec<u64> {
    let mut observed = gaps(times.iter().copied());
    if observed.len() < DOCUMENTS_MIN {
        return Vec::new();
    }
    observed.sort_unstable();
    let mut tried = clock.gaps(times);
    let mut nearest = (f64::INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let Some(mut played) = played(&text(&tried), offset_s) else {
            break;
        };
        let apart = distance(played.clone(), observed.clone()).unwrap_or(f64::INFINITY);
        if apart < nearest.0 {
            nearest = (apart, tried.clone());
        }
        played.sort_unstable();
        tried = corrected(&tried, &played, &observed);
    }
    nearest.1
}

/// The gaps of a scenario, played.
fn played(text: &str, offset_s: i64) -> Option<Vec<u64>> {
    let scenario = Scenario::parse("the fit", text).ok()?;
    let timeline = scenario.timeline(SEED);
    let sent = timeline.events.iter().filter_map(|event| match event.act {
        Act::SendDocument { .. } => Some(event.at.as_second() + offset_s),
        _ => None,
    });
    let gaps = gaps(sent);
    (!gaps.is_empty()).then_some(gaps)
}

/// What came too long is made shorter, and what came too short longer.
fn corrected(tried: &[u64], played: &[u64], observed: &[u64]) -> Vec<u64> {
    let last = tried.len().saturating_sub(1).max(1);
    // Whole seconds stand for all that is rounded to them, evenly.
    let at = |sorted: &[u64], index: usize| {
        let rank = index * (sorted.len() - 1) / last;
        let value = sorted[rank];
        let begins = sorted.partition_point(|gap| *gap < value);
        let ends = sorted.partition_point(|gap| *gap <= value);
        value as f64 + ((rank - begins) as f64 + 0.5) / (ends - begins) as f64
    };
    let mut least = 0;
    let correct = |(index, gap): (usize, &u64)| {
        let factor = (at(observed, index) / at(played, index)).clamp(0.5, 2.0);
        least = ((*gap as f64 * factor).min(GAP_MAX) as u64).max(least);
        least
    };
    of_mean(tried.iter().enumerate().map(correct).collect())
}
