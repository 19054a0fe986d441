//! A run as it is watched: the live view on a terminal, or plain lines.

use std::sync::{Arc, PoisonError};

use load::{Progress, Steering};
use screen::{Heading, Pressed};
use words::figures::thousands;

use super::live::Live;
use super::prometheus::Latest;
use command::output::note;

/// After so many lines only every tenth second has one.
const LINES_EACH_SECOND: u64 = 60;

/// Who watches a run.
pub(super) struct Watched {
    live: Option<Live>,
    latest: Option<Latest>,
    steering: Arc<Steering>,
    lines: u64,
}

impl Watched {
    pub(super) fn begin(
        heading: Heading,
        plain: bool,
        latest: Option<Latest>,
        steering: &Arc<Steering>,
    ) -> Self {
        let pressed = {
            let steering = Arc::clone(steering);
            move |pressed| match pressed {
                Pressed::PauseOrResume => steering.pause_or_resume(),
                Pressed::Stop => steering.stop(),
            }
        };
        Self {
            live: if plain {
                None
            } else {
                Live::begin(heading, pressed)
            },
            latest,
            steering: Arc::clone(steering),
            lines: 0,
        }
    }

    /// A second has passed.
    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        if self.live.is_some() || self.latest.is_some() {
            let so_far = progress.so_far.report();
            if let Some(live) = &self.live {
                let paused = self.steering.is_paused();
                live.show(progress.interval, &so_far, progress.length_s, paused);
            }
            if let Some(latest) = &self.latest {
                *latest.lock().unwrap_or_else(PoisonError::into_inner) = so_far;
            }
        }
        if self.live.is_none() {
            self.line(progress);
        }
    }

    fn line(&mut self, progress: &Progress<'_>) {
        self.lines += 1;
        if self.lines > LINES_EACH_SECOND && !self.lines.is_multiple_of(10) {
            return;
        }
        let interval = progress.interval;
        let ms = |us: u64| format!("{:.2}", us as f64 / 1e3);
        let rate =
            |count: u64| thousands((count as f64 / interval.seconds.max(1e-9)).round() as u64);
        if interval.at_s < 0.0 {
            note(&format!(
                "{:>5.0} s  warming up",
                interval.at_s + interval.seconds
            ));
            return;
        }
        note(&format!(
            "{:>5.0} s  {:>7}/s due, {:>7}/s done  p50 {} ms, p99 {} ms, max {} ms  lag p99 {} ms  {} in flight  {} failed",
            interval.at_s + interval.seconds,
            rate(interval.offered),
            rate(interval.finished),
            ms(interval.response.p50_us),
            ms(interval.response.p99_us),
            ms(interval.response.max_us),
            ms(interval.lag.p99_us),
            thousands(interval.in_flight),
            thousands(interval.errors),
        ));
    }
}
