//! How many calls took how long.

use words::figures::{short_latency, thousands};
use words::table::Table;

use super::frame::bar;
use super::page::Page;
use crate::latency::Latencies;
use crate::report::Report;

impl Page {
    pub(super) fn histogram(&mut self, report: &Report) {
        let buckets = buckets(&report.response);
        if buckets.is_empty() {
            return;
        }
        self.heading("Response time histogram");
        let most = buckets.iter().map(|one| one.count).max().unwrap_or(1);
        let mut table = Table::bare(&[">", "", ">", ">", ""]);
        for one in &buckets {
            let part = one.count as f64 / most as f64;
            table.cells(vec![
                short_latency(one.from_us as f64).into(),
                "to".into(),
                short_latency(one.to_us as f64).into(),
                format!("[{}]", thousands(one.count)).into(),
                format!("|{}", bar(part, 48)).into(),
            ]);
        }
        self.table(table);
    }
}

/// A bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    from_us: u64,
    to_us: u64,
    count: u64,
}

/// The latencies on a logarithmic scale: 1, 2, 5 to the decade, or finer where that would be a few bars only. Those at either
/// end are not empty.
fn buckets(latencies: &Latencies) -> Vec<Bucket> {
    const COARSE: [u64; 3] = [10, 20, 50];
    const FINE: [u64; 10] = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80];
    let coarse = buckets_at(latencies, &COARSE);
    if coarse.len() >= 6 || latencies.max_us < 100 {
        return coarse;
    }
    buckets_at(latencies, &FINE)
}

fn buckets_at(latencies: &Latencies, tenths: &[u64]) -> Vec<Bucket> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10)).take(11);
    let ends = decades.flat_map(|decade| tenths.iter().map(move |tenth| tenth * decade / 10));
    let mut values = latencies.histogram.iter().peekable();
    let mut buckets = Vec::new();
    let mut from_us = 0;
    for to_us in ends.filter(|to_us| *to_us > 0) {
        let mut count = 0;
        while let Some((_, more)) = values.next_if(|(us, _)| *us < to_us) {
            count += more;
        }
        if to_us > from_us && (count > 0 || !buckets.is_empty()) {
            buckets.push(Bucket {
                from_us,
                to_us,
                count,
            });
        }
        from_us = to_us;
        if values.peek().is_none() {
            break;
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn every_call_has_its_bar() {
        for report in [fixture::full(), fixture::tiny()] {
            let buckets = buckets(&report.response);
            let sum: u64 = buckets.iter().map(|one| one.count).sum();
            assert_eq!(sum, report.calls);
            assert!(buckets.windows(2).all(|two| two[0].to_us == two[1].from_us));
        }
        let narrow = buckets(&fixture::latencies(700..900));
        let bounds: Vec<_> = narrow.iter().map(|one| (one.from_us, one.to_us)).collect();
        assert_eq!(bounds, [(600, 800), (800, 1_000)]);
    }
}
