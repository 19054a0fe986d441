//! The shape of a schedule, as it is written on the command line.

use std::str::FromStr;
use std::time::Duration;

use words::figures;
use words::time::exact_duration_words;

use super::error::check_rate;
use super::{LENGTH_MAX, ScheduleError};

/// The most rates in steps.
const STEPS_MAX: usize = 1_000;
/// The largest burst.
const BURST_MAX: u64 = 10_000_000;
const NAMES: [&str; 5] = ["constant", "step", "ramp", "poisson", "burst"];

/// How arrivals are spread over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Shape {
    /// All gaps are equal: `constant`.
    #[default]
    Constant,
    /// One rate after another, each held so long, and then it ends: `step:100,200,400/10s`.
    Step {
        /// Arrivals a second.
        rates: Vec<f64>,
        /// How long each is held.
        hold: Duration,
    },
    /// From one rate to another in a straight line: `ramp:100..1000`, over the whole duration, or
    /// `ramp:100..1000/30s`, and then it stays at the second.
    Ramp {
        /// Arrivals a second at first.
        from: f64,
        /// Arrivals a second in the end.
        to: f64,
        /// How long it takes; `None`: the whole duration.
        over: Option<Duration>,
    },
    /// Gaps are drawn, as those between people who know nothing of each other: `poisson`.
    Poisson,
    /// So many at once, every so often, the first at the start: `burst:50/1s`.
    Burst {
        /// How many at once.
        size: u64,
        /// From one burst to the next.
        every: Duration,
    },
}

/// A text that is no shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no shape of a schedule: {what}; {remedy}")]
pub struct FaultyShape {
    text: String,
    what: String,
    remedy: String,
}

impl Shape {
    /// Whether it is played at a rate that is given beside it. The others name their rates themselves.
    pub const fn wants_rate(&self) -> bool {
        matches!(self, Self::Constant | Self::Poisson)
    }

    /// Refuses what no text could have said.
    pub(super) fn check(&self) -> Result<(), ScheduleError> {
        let checked = match self {
            Self::Constant | Self::Poisson => Ok(()),
            Self::Step { rates, hold } => check_steps(rates, *hold),
            Self::Ramp { from, to, over } => check_ramp(*from, *to, *over),
            Self::Burst { size, every } => check_burst(*size, *every),
        };
        checked.map_err(|wrong| wrong.within(&self.to_string()).into())
    }
}

/// What is wrong, and what to write instead.
struct Wrong {
    what: String,
    remedy: String,
}

impl Wrong {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    fn within(self, text: &str) -> FaultyShape {
        FaultyShape {
            text: text.to_owned(),
            what: self.what,
            remedy: self.remedy,
        }
    }
}

fn check_steps(rates: &[f64], hold: Duration) -> Result<(), Wrong> {
    if rates.is_empty() || rates.len() > STEPS_MAX {
        return Err(Wrong::new(
            format!("it has {} rates", rates.len()),
            format!("write 1 to {STEPS_MAX} rates"),
        ));
    }
    for rate in rates {
        check_step_rate(*rate)?;
    }
    check_time(hold)?;
    if hold > LENGTH_MAX / rates.len() as u32 {
        return Err(Wrong::new(
            "it lasts longer than ten years",
            "hold each rate for less",
        ));
    }
    Ok(())
}

fn check_ramp(from: f64, to: f64, over: Option<Duration>) -> Result<(), Wrong> {
    for rate in [from, to] {
        // A ramp may begin or end at rest.
        if rate != 0.0 {
            check_step_rate(rate)?;
        }
    }
    if from == 0.0 && to == 0.0 {
        return Err(Wrong::new(
            "it stays at 0",
            "write at least one rate above 0",
        ));
    }
    over.map_or(Ok(()), check_time)
}

fn check_burst(size: u64, every: Duration) -> Result<(), Wrong> {
    if !(1..=BURST_MAX).contains(&size) {
        return Err(Wrong::new(
            format!("a burst of {size} cannot be"),
            "write a size from 1 to 10000000",
        ));
    }
    check_time(every)
}

fn check_step_rate(rate: f64) -> Result<(), Wrong> {
    check_rate(rate).map_err(|_| {
        Wrong::new(
            format!("{rate} is no rate"),
            "write rates a second, from 0.00001157 (1 a day) to 10000000",
        )
    })
}

fn check_time(time: Duration) -> Result<(), Wrong> {
    if time.is_zero() || time > LENGTH_MAX {
        return Err(Wrong::new(
            format!("it cannot take {}", exact_duration_words(time)),
            "write a time above 0 and within ten years, such as 10s",
        ));
    }
    Ok(())
}

impl FromStr for Shape {
    type Err = FaultyShape;

    fn from_str(text: &str) -> Result<Self, FaultyShape> {
        parse(text).map_err(|wrong| wrong.within(text))
    }
}

fn parse(text: &str) -> Result<Shape, Wrong> {
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    match (name, rest) {
        ("constant", None) => Ok(Shape::Constant),
        ("poisson", None) => Ok(Shape::Poisson),
        ("constant" | "poisson", Some(_)) => Err(Wrong::new(
            format!("{name} takes nothing behind a colon"),
            format!("write {name}, and the rate beside it"),
        )),
        ("step", rest) => parse_step(rest.unwrap_or_default()),
        ("ramp", rest) => parse_ramp(rest.unwrap_or_default()),
        ("burst", rest) => parse_burst(rest.unwrap_or_default()),
        (name, _) => Err(Wrong::new(
            format!("{name:?} is no name of one"),
            reading::near_miss(name, &NAMES).map_or_else(
                || {
                    "write constant, step:100,200,400/10s, ramp:100..1000, poisson or burst:50/1s"
                        .to_owned()
                },
                |meant| format!("did you mean {meant}?"),
            ),
        )),
    }
}

fn parse_step(rest: &str) -> Result<Shape, Wrong> {
    let (rates, hold) = rest
        .split_once('/')
        .ok_or_else(|| wanted("rates and how long each is held", "step:100,200,400/10s"))?;
    let rates = rates
        .split(',')
        .map(parse_rate)
        .collect::<Result<Vec<_>, _>>()?;
    let hold = parse_time(hold)?;
    check_steps(&rates, hold)?;
    Ok(Shape::Step { rates, hold })
}

fn parse_ramp(rest: &str) -> Result<Shape, Wrong> {
    let (rates, over) = match rest.split_once('/') {
        Some((rates, over)) => (rates, Some(parse_time(over)?)),
        None => (rest, None),
    };
    let (from, to) = rates
        .split_once("..")
        .ok_or_else(|| wanted("the first rate and the last", "ramp:100..1000"))?;
    let (from, to) = (parse_rate(from)?, parse_rate(to)?);
    check_ramp(from, to, over)?;
    Ok(Shape::Ramp { from, to, over })
}

fn parse_burst(rest: &str) -> Result<Shape, Wrong> {
    let (size, every) = rest
        .split_once('/')
        .ok_or_else(|| wanted("how many at once, and every how long", "burst:50/1s"))?;
    let size = size.trim().parse().map_err(|_| {
        Wrong::new(
            format!("{size:?} is no whole number"),
            "write how many come at once, such as burst:50/1s",
        )
    })?;
    let every = parse_time(every)?;
    check_burst(size, every)?;
    Ok(Shape::Burst { size, every })
}

fn wanted(what: &str, example: &str) -> Wrong {
    Wrong::new(
        format!("it does not say {what}"),
        format!("write {example}"),
    )
}

fn parse_rate(text: &str) -> Result<f64, Wrong> {
    text.trim().parse().map_err(|_| {
        Wrong::new(
            format!("{text:?} is no rate"),
            "write a number a second, such as 100",
        )
    })
}

fn parse_time(text: &str) -> Result<Duration, Wrong> {
    reading::duration(text).map_err(|_| {
        Wrong::new(
            format!("{text:?} is no time"),
            "write it as 10s, 500ms or 1h 30m",
        )
    })
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Poisson => f.write_str("poisson"),
            Self::Step { rates, hold } => {
                let rates: Vec<String> = rates.iter().map(|rate| figures::rate(*rate)).collect();
                let hold = exact_duration_words(*hold);
                write!(f, "step, {}, each for {hold}", rates.join(", "))
            }
            Self::Ramp { from, to, over } => {
                write!(
                    f,
                    "ramp, {} to {}",
                    figures::rate(*from),
                    figures::rate(*to)
                )?;
                match over {
                    Some(over) => write!(f, " over {}", exact_duration_words(*over)),
                    None => Ok(()),
                }
            }
            Self::Burst { size, every } => {
                let size = figures::number(*size as f64, 0);
                write!(f, "burst, {size} every {}", exact_duration_words(*every))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_told_in_words() {
        let read = [
            ("constant", "constant"),
            ("poisson", "poisson"),
            (
                "step:100,200.5,4000/10s",
                "step, 100/s, 200.5/s, 4,000/s, each for 10s",
            ),
            ("ramp:100..1000", "ramp, 100/s to 1,000/s"),
            ("ramp:0..1000/30s", "ramp, 0/s to 1,000/s over 30s"),
            ("burst:50/1s", "burst, 50 every 1s"),
            ("burst:5000/1m30s", "burst, 5,000 every 1m 30s"),
            ("step:0.5/250ms", "step, 30/min, each for 250ms"),
        ];
        for (text, words) in read {
            let shape: Shape = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(shape.to_string(), words);
        }
    }

    #[test]
    fn what_is_no_shape_is_refused_with_a_remedy() {
        let refused = [
            ("", "write constant"),
            ("constnt", "did you mean constant?"),
            ("steps:1/1s", "did you mean step?"),
            ("constant:100", "the rate beside it"),
            ("poisson:", "the rate beside it"),
            ("step", "step:100,200,400/10s"),
            ("step:/10s", "such as 100"),
            ("step:100,/10s", "such as 100"),
            ("step:100,0/10s", "1 a day"),
            ("step:100/0s", "above 0"),
            ("step:100/-1s", "write it as 10s"),
            ("step:100/10", "write it as 10s"),
            ("step:1e300/10s", "10000000"),
            ("step:NaN/10s", "10000000"),
            ("step:1,1,1,1/9y", "write it as 10s"),
            ("step:1,1,1,1/3000d", "hold each rate for less"),
            ("ramp:100", "ramp:100..1000"),
            ("ramp:-1..5", "1 a day"),
            ("ramp:0..0", "above 0"),
            ("ramp:1..inf", "10000000"),
            ("ramp:1..2/0s", "above 0"),
            ("burst:50", "burst:50/1s"),
            ("burst:0/1s", "1 to 10000000"),
            ("burst:1.5/1s", "burst:50/1s"),
            ("burst:50/0ms", "above 0"),
        ];
        for (text, remedy) in refused {
            let error = text.parse::<Shape>().expect_err(text).to_string();
            assert!(error.contains(remedy), "{error}");
            assert!(error.starts_with(&format!("{text:?}")), "{error}");
        }
    }
}
