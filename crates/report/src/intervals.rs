//! The log of what happened from second to second, bounded: a long run has coarser intervals.

use crate::interval::{Interval, IntervalLatency};
use crate::recorder::Recorder;

/// An hour of seconds; then two become one, and so on.
const INTERVALS_MAX: usize = 3_600;

/// The log.
#[derive(Debug, Default)]
pub struct Intervals {
    log: Vec<Interval>,
    /// How many seconds make one interval, less one.
    more: u64,
    seconds: u64,
}

impl Intervals {
    /// Adds the second that has passed.
    pub fn push(&mut self, interval: Interval) {
        let joins = !self.seconds.is_multiple_of(self.more + 1);
        self.seconds += 1;
        match self.log.last_mut() {
            Some(last) if joins => join(last, &interval),
            _ => self.log.push(interval),
        }
        if self.log.len() == INTERVALS_MAX {
            let halved = self.log.chunks(2).map(|pair| {
                let mut first = pair[0].clone();
                if let Some(second) = pair.get(1) {
                    join(&mut first, second);
                }
                first
            });
            self.log = halved.collect();
            self.more = self.more * 2 + 1;
        }
    }

    /// The log so far.
    pub fn log(&self) -> &[Interval] {
        &self.log
    }

    /// The log.
    pub fn into_log(self) -> Vec<Interval> {
        self.log
    }
}

/// What happened in the interval that begins at `at_s`.
pub fn interval(at_s: f64, seconds: f64, recorder: &Recorder, in_flight: u64) -> Interval {
    Interval {
        at_s,
        seconds,
        offered: recorder.offered,
        finished: recorder.finished,
        calls: recorder.calls,
        errors: recorder.errors,
        messages: recorder.messages_received,
        in_flight,
        response: IntervalLatency::of(&recorder.response),
        lag: IntervalLatency::of(&recorder.lag),
        heat: recorder.heat(),
    }
}

/// Adds the interval that follows.
fn join(own: &mut Interval, next: &Interval) {
    own.add(next);
    own.seconds += next.seconds;
    own.in_flight = next.in_flight;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::recorder::Ended;

    #[test]
    fn a_long_run_has_coarser_intervals_and_loses_nothing() {
        let mut recorder = Recorder::default();
        recorder.ended(&Ended {
            code: Code::Ok,
            response: Duration::from_millis(3),
            service: None,
            lag: Duration::ZERO,
        });
        let mut intervals = Intervals::default();
        for second in 0..20_000_u32 {
            intervals.push(interval(f64::from(second), 1.0, &recorder, 1));
        }
        let log = intervals.into_log();
        assert!(log.len() < INTERVALS_MAX, "{}", log.len());
        assert_eq!(log.iter().map(|it| it.calls).sum::<u64>(), 20_000);
        let seconds: f64 = log.iter().map(|it| it.seconds).sum();
        assert!((seconds - 20_000.0).abs() < 0.5);
        let mut at = 0.0;
        for interval in &log {
            assert!((interval.at_s - at).abs() < 0.5, "one after another");
            at += interval.seconds;
            let p99 = interval.response.p99_us as f64;
            assert!((2_600.0..3_800.0).contains(&p99), "{p99}");
        }
    }
}
