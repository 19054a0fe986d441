//! When arrivals are due, as the arguments mean it.

use std::path::Path;
use std::time::Duration;

use load::{Arrivals, End, Pace, Schedule, Shape};
use replay::Speed;
use scenario::Scenario;

use super::arguments::RunArgs;
use command::failure::Failure;
use records::source;

const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const RATE_DEFAULT: f64 = 100.0;

/// The arrivals that the arguments ask for; `rate` stands over theirs.
pub(super) fn arrivals(args: &RunArgs, rate: Option<f64>) -> Result<Arrivals, Failure> {
    if let Some(loops) = args.concurrency_only {
        let length = args.duration.map(|duration| duration + args.warmup);
        let endless = args.total.is_none() && length.is_none();
        return Ok(Arrivals::Closed {
            loops: loops as usize,
            total: args.total,
            length: if endless {
                Some(DURATION_DEFAULT + args.warmup)
            } else {
                length
            },
        });
    }
    let schedule = schedule(args, rate.or(args.rate))?;
    let schedule = match args.shard {
        None => schedule,
        Some(shard) => schedule.shard(shard),
    };
    Ok(Arrivals::Open(Box::new(schedule)))
}

fn schedule(args: &RunArgs, rate: Option<f64>) -> Result<Schedule, Failure> {
    let faulty = |error: load::ScheduleError| Failure::Usage(error.to_string());
    let end = |own: bool| {
        let duration = match (args.duration, args.total) {
            (None, None) if !own => Some(DURATION_DEFAULT),
            (duration, _) => duration,
        };
        End {
            duration: duration.map(|duration| duration + args.warmup),
            total: args.total,
        }
    };
    let pace = match (rate, args.speed) {
        (Some(rate), _) => Pace::Rate(rate),
        (None, Some(speed)) => Pace::Speed(speed),
        (None, None) => Pace::Speed(Speed::Times(1.0)),
    };
    if let Some(name) = args.schedule.strip_prefix("scenario:") {
        return Schedule::of_scenario(&scenario(name)?, args.seed, pace, end(true)).map_err(faulty);
    }
    if let Some(path) = args.schedule.strip_prefix("ledger:") {
        let recording = source::recording(Path::new(path))?;
        return match pace {
            Pace::Speed(speed) => {
                Schedule::of_recording(&recording, speed, end(true)).map_err(faulty)
            }
            Pace::Rate(_) => Err(Failure::Usage(
                "a recorded ledger has its own rate: give --speed in place of --rate".to_owned(),
            )),
        };
    }
    if args.speed.is_some() {
        return Err(Failure::Usage(
            "--speed is for --schedule scenario:… and ledger:…; others have a --rate".to_owned(),
        ));
    }
    let shape: Shape = args
        .schedule
        .parse()
        .map_err(|error: load::FaultyShape| Failure::Usage(error.to_string()))?;
    let own = matches!(shape, Shape::Step { .. });
    // A total alone is counted from the end of the warm-up.
    let rate = rate.unwrap_or(RATE_DEFAULT);
    let mut end = end(own);
    if let (Some(total), None) = (end.total, args.duration) {
        end.total = Some(total + (args.warmup.as_secs_f64() * rate) as u64);
    }
    Schedule::new(&shape, rate, args.seed, end).map_err(faulty)
}

fn scenario(name: &str) -> Result<Scenario, Failure> {
    let text = match scenario::shipped_text(name) {
        Some(text) => text.to_owned(),
        None => std::fs::read_to_string(name).map_err(|error| {
            Failure::Failed(format!("failed to read the scenario {name}: {error}"))
        })?,
    };
    Scenario::parse(name, &text).map_err(|error| Failure::Failed(error.to_string()))
}
