//! Made-up seconds of a run, for tests and to look at.

use std::time::Duration;

use report::{FailureCount, Interval, IntervalLatency, LatencyHistogram, Report, heat_bucket};

use crate::view::Heading;

/// A run that goes on for ever, the same each time.
pub(super) struct Run {
    state: u64,
    at: i32,
    response: LatencyHistogram,
    lag: LatencyHistogram,
    pub(super) so_far: Report,
}

pub(super) fn heading() -> Heading {
    Heading {
        plan: "documents and meetings".to_owned(),
        targets: vec!["127.0.0.1:50051".to_owned(), "127.0.0.1:50052".to_owned()],
        schedule: "constant, 2,000/s".to_owned(),
        warmup_s: 5.0,
    }
}

impl Run {
    pub(super) fn begin() -> Self {
        Self {
            state: 1,
            at: -5,
            response: LatencyHistogram::default(),
            lag: LatencyHistogram::default(),
            so_far: Report::default(),
        }
    }

    /// From 0 to 1.
    fn draw(&mut self) -> f64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// The next second. The target stalls now and then, and some calls fail after that.
    pub(super) fn second(&mut self) -> Interval {
        let at = self.at;
        self.at += 1;
        let (mut response, mut lag) = (LatencyHistogram::default(), LatencyHistogram::default());
        let mut interval = Interval {
            at_s: f64::from(at),
            seconds: 1.0,
            offered: 2_000,
            in_flight: 3 + (self.draw() * 9.0) as u64,
            ..Interval::default()
        };
        let stalled = at % 31 == 20;
        let swell = 1.0 + 0.4 * (f64::from(at) / 9.0).sin();
        interval.finished = if stalled {
            1_100
        } else {
            1_990 + (self.draw() * 10.0) as u64
        };
        for call in 0..interval.finished {
            let mut us = 900.0 * swell * (0.5 * (self.draw() + self.draw() - 1.0)).exp();
            if self.draw() < 0.03 {
                us *= 1.0 + 6.0 * self.draw() * self.draw();
            }
            if stalled {
                us += 700.0 * call as f64 * self.draw();
            }
            let us = us as u64;
            response.record(Duration::from_micros(us));
            *interval.heat.entry(heat_bucket(us)).or_default() += 1;
            let late = if stalled { 4_000.0 } else { 90.0 };
            lag.record(Duration::from_micros((late * self.draw()) as u64));
        }
        interval.calls = interval.finished;
        interval.errors = if stalled { 37 } else { 0 };
        interval.response = IntervalLatency::of(&response);
        interval.lag = IntervalLatency::of(&lag);
        if at >= 0 {
            self.count(&interval, &response, &lag);
        }
        interval
    }

    fn count(&mut self, interval: &Interval, response: &LatencyHistogram, lag: &LatencyHistogram) {
        self.response.add(response);
        self.lag.add(lag);
        let so_far = &mut self.so_far;
        so_far.offered_rate = 2_000.0;
        so_far.calls += interval.calls;
        so_far.achieved_rate = so_far.calls as f64 / (interval.at_s + 1.0);
        so_far.errors += interval.errors;
        so_far.response = self.response.summary();
        so_far.lag = self.lag.summary();
        if interval.errors > 0 {
            so_far.failures = vec![
                FailureCount {
                    code: "UNAVAILABLE".to_owned(),
                    step: "document.send".to_owned(),
                    message: "the peer cannot be reached: connection refused".to_owned(),
                    count: so_far.errors - 4,
                },
                FailureCount {
                    code: "DEADLINE_EXCEEDED".to_owned(),
                    step: "meeting.propose".to_owned(),
                    message: "no answer within 1 s".to_owned(),
                    count: 4,
                },
            ];
        }
    }
}
