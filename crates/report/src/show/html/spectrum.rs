//! The percentile spectrum: how long the slowest of ten, of a hundred, of a thousand took.

use maud::Markup;
use words::figures::three_digits;

use super::chart::Chart;
use super::scale::{Scale, Tick};
use crate::latency::Latencies;
use crate::report::Report;
use crate::show::figures::hidden;

const STEPS: u32 = 160;
const HEIGHT: f64 = 320.0;

/// Of fewer calls there is nothing to see that the table does not tell.
const CALLS_MIN: u64 = 10;

/// The spectrum of response, service and lag; `None` where there are hardly any calls.
pub(super) fn spectrum(report: &Report) -> Option<Markup> {
    if report.response.count < CALLS_MIN {
        return None;
    }
    // With a thousand calls, 99.9 % is the last that means something.
    let nines = (report.response.count as f64).log10().clamp(2.0, 6.0);
    let response = curve(&report.response, nines);
    let service = curve(&report.service, nines);
    let lag = curve(&report.lag, nines);
    let all = || response.iter().chain(&service).chain(&lag).map(|(_, y)| *y);
    let x = Scale::linear(0.0, nines);
    let y = Scale::log(all().fold(f64::MAX, f64::min), all().fold(1.0, f64::max));
    let mut chart = Chart::new(
        "spectrum",
        "Percentiles of response, service and lag",
        "Each step to the right is a tenth as many calls, and they are the slowest. Where response lies above service, \
         callers waited before their call was sent.",
        HEIGHT,
        (x, ticks(nines)),
        (y, y.time_ticks()),
    );
    chart.x_name("percentile");
    if !service.is_empty() {
        chart.between("gap", &response, &service);
    }
    for (class, curve) in [
        ("line lag dotted", &lag),
        ("line service", &service),
        ("line response", &response),
    ] {
        let points: Vec<_> = curve.iter().map(|point| Some(*point)).collect();
        chart.line(class, &points);
    }
    // Named from the top: where all end at the same figure, response is first.
    for (name, curve) in [
        ("response", &response),
        ("service", &service),
        ("lag", &lag),
    ] {
        if let Some((_, y)) = curve.last() {
            chart.end(*y, name, name);
        }
    }
    if let Some(hidden) = hidden(report) {
        chart.bracket(
            nines_of(hidden.quantile),
            hidden.response_us as f64,
            hidden.service_us as f64,
            &format!("{}: × {}", hidden.name, three_digits(hidden.times())),
        );
    }
    Some(chart.render())
}

/// How many nines a quantile has: 1 for 90 %, 2 for 99 %.
fn nines_of(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

fn curve(latencies: &Latencies, nines: f64) -> Vec<(f64, f64)> {
    if latencies.count == 0 {
        return Vec::new();
    }
    if latencies.histogram.is_empty() {
        return from_figures(latencies, nines);
    }
    let histogram = latencies.to_histogram();
    (0..=STEPS)
        .map(|step| {
            let at = nines * f64::from(step) / f64::from(STEPS);
            let quantile = if step == STEPS {
                1.0
            } else {
                1.0 - 10_f64.powf(-at)
            };
            (at, histogram.quantile_us(quantile).max(1) as f64)
        })
        .collect()
}

/// The same where only the figures were kept.
fn from_figures(latencies: &Latencies, nines: f64) -> Vec<(f64, f64)> {
    let lowest = (0.0, latencies.min_us);
    let figures = std::iter::once(lowest).chain(latencies.known());
    let mut curve: Vec<_> = figures
        .map(|(quantile, us)| (nines_of(quantile), us.max(1) as f64))
        .filter(|(at, _)| *at < nines)
        .collect();
    curve.push((nines, latencies.max_us.max(1) as f64));
    curve
}

fn ticks(nines: f64) -> Vec<Tick> {
    const NAMES: [(f64, &str, bool); 8] = [
        (0.0, "0 %", false),
        (0.5, "50 %", true),
        (0.9, "90 %", false),
        (0.99, "99 %", false),
        (0.999, "99.9 %", false),
        (0.9999, "99.99 %", true),
        (0.99999, "99.999 %", true),
        (0.999_999, "99.9999 %", true),
    ];
    NAMES
        .iter()
        .filter(|(quantile, _, _)| nines_of(*quantile) <= nines + 1e-9)
        .map(|(quantile, label, minor)| Tick {
            at: nines_of(*quantile),
            label: (*label).to_owned(),
            minor: *minor,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn the_gap_is_told_where_it_is_large() {
        let page = spectrum(&fixture::full()).expect("it has calls").0;
        assert!(page.contains("class=\"bracket\""));
        assert!(page.contains("99.9 %"));
        let mut even = fixture::full();
        even.response = even.service.clone();
        let page = spectrum(&even).expect("it has calls").0;
        assert!(!page.contains("class=\"bracket\""));
        assert!(spectrum(&fixture::tiny()).is_none());
    }

    #[test]
    fn a_report_without_its_histogram_has_a_spectrum_too() {
        let mut report = fixture::full();
        report.response.histogram.clear();
        assert!(spectrum(&report).is_some_and(|page| page.0.contains("line response")));
        assert!(spectrum(&Report::default()).is_none());
    }
}
