//! When each arrival is due: decided before the run, from a shape, a scenario or a recording.
//!
//! **The decision.** A due time is a function of the arrival's number, not of the one before it: no error adds up, any
//! arrival can be looked up by itself, and the parts that several generators play are exactly the whole. Only Poisson
//! gaps are drawn one after another; every part draws all of them, and takes its own.
//!
//! **The invariant.** Due times never go back, and the same seed gives the same ones on any machine: they are made of
//! whole numbers, or of floating-point operations that every machine rounds alike.
//!
//! ```
//! use std::time::Duration;
//! use load::schedule::{End, Schedule, Shape};
//!
//! let shape: Shape = "constant".parse()?;
//! let schedule = Schedule::new(&shape, 2_000.0, 1, End::after(Duration::from_secs(10)))?;
//! assert_eq!(schedule.words(), "constant, 2,000/s");
//! assert_eq!(schedule.total(), Some(20_000));
//! assert_eq!(schedule.shard("2/2".parse()?).next().map(|arrival| arrival.index), Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod poisson;
mod recorded;
mod shape;
mod times;

use std::sync::Arc;
use std::time::Duration;

pub use error::ScheduleError;
pub(crate) use error::check_rate;
pub use recorded::Pace;
pub use shape::{FaultyShape, Shape};

use poisson::Poisson;
use report::Shard;
use times::Times;
use words::figures;

/// The highest rate, a second.
pub const RATE_MAX: f64 = 10_000_000.0;
/// The lowest rate, a second: one a day.
pub const RATE_MIN: f64 = 0.000_011_57;
/// No schedule is longer: ten years.
pub const LENGTH_MAX: Duration = Duration::from_secs(3_653 * 86_400);

/// One arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 0, over all parts of the schedule.
    pub index: u64,
    /// When it is due, after the start.
    pub due: Duration,
    /// The workflow it asks for; `None`: one by the plan's weights.
    pub kind: Option<Kind>,
}

/// Which of a plan's workflows a recorded or scripted arrival asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A document is sent.
    Document,
    /// A meeting is proposed.
    Meeting,
    /// A consultation is recorded.
    Contact,
    /// A call is made on the telephone line.
    Call,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Document, Self::Meeting, Self::Contact, Self::Call];

    /// The workflow's name in a plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Meeting => "meeting",
            Self::Contact => "contact",
            Self::Call => "call",
        }
    }
}

/// When a schedule ends: at whichever comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// Nothing is due at this time after the start, or later.
    pub duration: Option<Duration>,
    /// There are no more arrivals than this, over all parts.
    pub total: Option<u64>,
}

impl End {
    /// When the schedule itself ends.
    pub const OWN: Self = Self {
        duration: None,
        total: None,
    };

    /// After a time.
    pub const fn after(duration: Duration) -> Self {
        Self {
            duration: Some(duration),
            total: None,
        }
    }

    /// After so many arrivals.
    pub const fn of_total(total: u64) -> Self {
        Self {
            duration: None,
            total: Some(total),
        }
    }

    /// Refuses an end that leaves room for no arrival, or comes after ten years.
    pub fn check(self) -> Result<Self, ScheduleError> {
        match self {
            Self {
                duration: Some(Duration::ZERO),
                ..
            } => Err(ScheduleError::NoDuration),
            Self {
                duration: Some(duration),
                ..
            } if duration > LENGTH_MAX => Err(ScheduleError::TooLong),
            Self { total: Some(0), .. } => Err(ScheduleError::NoTotal),
            end => Ok(end),
        }
    }
}

/// Where due times come from.
#[derive(Debug, Clone)]
enum Source {
    /// From the arrival's number alone.
    Indexed { times: Times, count: u64 },
    /// One after another.
    Drawn(Box<Poisson>),
}

/// Arrivals in the order in which they are due.
#[derive(Debug, Clone)]
pub struct Schedule {
    source: Source,
    end: End,
    shard: Shard,
    /// The number of the next arrival, over all parts.
    next: u64,
    /// Arrivals a second, over all parts.
    rate: f64,
    length: Option<Duration>,
    words: Arc<str>,
}

impl Schedule {
    /// The schedule of a shape. `rate` is per second, and counts where the shape names none itself
    /// ([`Shape::wants_rate`]).
    pub fn new(shape: &Shape, rate: f64, seed: u64, end: End) -> Result<Self, ScheduleError> {
        let end = end.check()?;
        shape.check()?;
        if shape.wants_rate() {
            check_rate(rate)?;
        }
        match shape {
            Shape::Poisson => {
                let words = format!("{shape}, {}", figures::rate(rate));
                Self::of_poisson(Poisson::new(rate, seed), rate, words, end)
            }
            Shape::Constant => {
                let words = format!("{shape}, {}", figures::rate(rate));
                let times = Times::constant(rate);
                Self::of_times(times, Some(rate), words, end)
            }
            Shape::Step { rates, hold } => {
                let times = Times::step(rates, *hold);
                Self::of_times(times, None, shape.to_string(), end)
            }
            Shape::Ramp { from, to, over } => {
                let over = over
                    .or(end.duration)
                    .ok_or(ScheduleError::RampWithoutTime)?;
                let duration = match end {
                    End::OWN => Some(over),
                    end => end.duration,
                };
                let over_known = Shape::Ramp {
                    from: *from,
                    to: *to,
                    over: Some(over),
                };
                let times = Times::ramp(*from, *to, over);
                Self::of_times(times, None, over_known.to_string(), End { duration, ..end })
            }
            Shape::Burst { size, every } => {
                let times = Times::burst(*size, *every);
                Self::of_times(times, None, shape.to_string(), end)
            }
        }
    }

    /// The arrivals of the scenario's timeline under `seed`: where it begins an exchange or makes a call, counted from
    /// the first. Nights and holidays stay gaps. What an office is to refuse is left out.
    pub fn of_scenario(
        scenario: &scenario::Scenario,
        seed: u64,
        pace: impl Into<Pace>,
        end: End,
    ) -> Result<Self, ScheduleError> {
        let (pace, end) = (pace.into(), end.check()?);
        let due = recorded::of_scenario(scenario, seed, pace, end)?;
        let words = format!("scenario {}, {pace}", scenario.name);
        Self::of_times(Times::recorded(due), None, words, end)
    }

    /// The arrivals of a recording: the times at which its steps that begin an exchange, and its calls, were authored,
    /// counted from the first.
    pub fn of_recording(
        recording: &replay::Recording,
        pace: impl Into<Pace>,
        end: End,
    ) -> Result<Self, ScheduleError> {
        let (pace, end) = (pace.into(), end.check()?);
        let due = recorded::of_recording(recording, pace, end)?;
        Self::of_times(
            Times::recorded(due),
            None,
            format!("recording, {pace}"),
            end,
        )
    }

    fn of_poisson(
        gaps: Poisson,
        rate: f64,
        words: String,
        end: End,
    ) -> Result<Self, ScheduleError> {
        if end == End::OWN {
            return Err(ScheduleError::NoEnd);
        }
        let likely = end.total.map(|total| total as f64 / rate);
        if end.duration.is_none() && likely.is_some_and(|it| it > LENGTH_MAX.as_secs_f64()) {
            return Err(ScheduleError::TooLong);
        }
        Ok(Self {
            source: Source::Drawn(Box::new(gaps)),
            end,
            shard: Shard::WHOLE,
            next: 0,
            rate,
            length: end.duration,
            words: words.into(),
        })
    }

    /// `rate` is the mean rate where it is known; else it is counted.
    fn of_times(
        times: Times,
        rate: Option<f64>,
        words: String,
        end: End,
    ) -> Result<Self, ScheduleError> {
        let (own, wanted) = (times.length(), end.duration);
        let is_cut = wanted.is_some_and(|wanted| own.is_none_or(|own| wanted < own));
        let length = if is_cut { wanted } else { own };
        if length.is_none() && end.total.is_none() {
            return Err(ScheduleError::NoEnd);
        }
        let within = length.unwrap_or(LENGTH_MAX);
        let due_within = times.count_before(within);
        let count = end.total.map_or(due_within, |total| total.min(due_within));
        if length.is_none() && end.total.is_some_and(|total| total > count) {
            return Err(ScheduleError::TooLong);
        }
        let last = count
            .checked_sub(1)
            .and_then(|last| times.due(last))
            .ok_or(ScheduleError::Empty)?;
        // Where a time ends it, it lasts until then; else until the last arrival, which has no gap after it.
        let is_cut_by_time = is_cut || times.holds_to_its_end();
        let (gaps, length) = match length {
            Some(length) if is_cut_by_time && count == due_within => (count, length),
            _ => (count - 1, last),
        };
        let counted = if length.is_zero() {
            count as f64
        } else {
            gaps as f64 / length.as_secs_f64()
        };
        Ok(Self {
            source: Source::Indexed { times, count },
            end,
            shard: Shard::WHOLE,
            next: 0,
            rate: rate.unwrap_or(counted),
            length: Some(length),
            words: words.into(),
        })
    }

    /// Only one part of it, from its beginning. Numbers stay those of the whole.
    #[must_use]
    pub fn shard(self, shard: Shard) -> Self {
        Self {
            next: match self.source {
                Source::Indexed { .. } => shard.first(),
                Source::Drawn(_) => 0,
            },
            shard,
            ..self
        }
    }

    /// Arrivals a second, on the mean, of this part.
    pub fn offered_rate(&self) -> f64 {
        self.rate / self.shard.of() as f64
    }

    /// What it is, such as `constant, 2,000/s`; the same for every part.
    pub fn words(&self) -> String {
        self.words.to_string()
    }

    /// How long arrivals are due: until its time is over, or until the last one. `None` where only draws tell.
    pub fn length(&self) -> Option<Duration> {
        self.length
    }

    /// Over how long its arrivals are spread: as [`Self::length`], and where only a total ends it, one gap more, since the
    /// last arrival has its share of the time too.
    pub fn span(&self) -> Option<Duration> {
        let length = self.length?;
        let by_total = self.end.duration.is_none_or(|duration| length < duration);
        if !by_total || self.rate <= 0.0 {
            return Some(length);
        }
        Some(length.saturating_add(Duration::from_secs_f64((1.0 / self.rate).min(1.0))))
    }

    /// How many arrivals this part has, from its beginning. `None` where only draws tell.
    pub fn total(&self) -> Option<u64> {
        let whole = match &self.source {
            Source::Indexed { count, .. } => Some(*count),
            Source::Drawn(_) if self.end.duration.is_none() => self.end.total,
            Source::Drawn(_) => None,
        };
        whole.map(|whole| self.shard.share_of(whole))
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        match &mut self.source {
            Source::Indexed { times, count } => {
                let index = self.next;
                if index >= *count {
                    return None;
                }
                self.next = index.saturating_add(self.shard.of());
                Some(Arrival {
                    index,
                    due: times.due(index)?,
                    kind: times.kind(index),
                })
            }
            Source::Drawn(gaps) => loop {
                let index = self.next;
                if self.end.total.is_some_and(|total| index >= total) {
                    return None;
                }
                let due = gaps.next_due();
                if self.end.duration.is_some_and(|duration| due >= duration) {
                    // Nothing comes after it, however often it is asked.
                    self.end.total = Some(index);
                    return None;
                }
                self.next += 1;
                if self.shard.takes(index) {
                    return Some(Arrival {
                        index,
                        due,
                        kind: None,
                    });
                }
            },
        }
    }
}

impl std::iter::FusedIterator for Schedule {}

#[cfg(test)]
mod tests;
