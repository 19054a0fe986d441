//! How bursty a ledger is, beyond what its rhythm explains: documents that come soon after the one before.

use scenario::{Act, Scenario};

use super::sample::{distance, quantiles};
use super::weeks::week_of;

/// A gap this long, in seconds, may be one within a train.
const GAPS_S: [u64; 4] = [5, 20, 60, 300];
const SHARES_PER_MILLE: [u64; 9] = [50, 100, 150, 200, 250, 300, 400, 500, 600];
const QUANTILES: usize = 21;
/// A train must bring the gaps nearer by this much to be worth writing down.
const WORTH: f64 = 0.005;

/// A share of documents, and the quantiles of the gap before each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Train {
    pub(super) per_mille: u64,
    pub(super) gap_s: Vec<u64>,
}

/// Gaps between one document and the next of the same week, in seconds; `times` are local and ascending.
pub(super) fn gaps(times: impl Iterator<Item = i64>) -> Vec<u64> {
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

/// The train with which the gaps of the scenario that `text` writes come nearest to those observed; none, where they are
/// nearest without. `offset_s` is the scenario's distance from UTC.
pub(super) fn fitted(
    observed: &[u64],
    offset_s: i64,
    text: impl Fn(Option<&Train>) -> String,
) -> Option<Train> {
    let apart = |train: Option<&Train>| -> Option<f64> {
        let scenario = Scenario::parse("the fit", &text(train)).ok()?;
        let timeline = scenario.timeline(1);
        let sent = timeline.events.iter().filter_map(|event| match event.act {
            Act::SendDocument { .. } => Some(event.at.as_second() + offset_s),
            _ => None,
        });
        distance(gaps(sent), observed.to_vec())
    };
    let mut nearest = (apart(None)?, None);
    for longest in GAPS_S {
        let short = observed.iter().map(|gap| (*gap).max(1));
        let short: Vec<u64> = short.filter(|gap| *gap <= longest).collect();
        if short.len() < QUANTILES {
            continue;
        }
        let gap_s = quantiles(short, QUANTILES);
        for per_mille in SHARES_PER_MILLE {
            let train = Train {
                per_mille,
                gap_s: gap_s.clone(),
            };
            let Some(found) = apart(Some(&train)) else {
                continue;
            };
            if found + WORTH < nearest.0 {
                nearest = (found, Some(train));
            } else if found > nearest.0 + 0.1 {
                // Further away with every share from here on.
                break;
            }
        }
    }
    nearest.1
}
