//! When arrivals are due, as the arguments mean it.

use std::path::Path;
use std::time::Duration;

use load::{Arrivals, End, Pace, Schedule, ScheduleError, Shape};
use replay::Speed;
use scenario::Scenario;

use super::arguments::RunArgs;
use command::failure::Failure;
use records::source;

const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const RATE_DEFAULT: f64 = 100.0;

/// The arrivals that the arguments ask for; `rate` stands over theirs.
pub(super) fn arrivals(args: &RunArgs, rate: Option<f64>) -> Result<Arrivals, Failure> {
    let asked = End {
        duration: args.duration,
        total: args.total,
    };
    // Before the warm-up is added to it: what lasts no time after that measures nothing.
    asked.check().map_err(faulty)?;
    if let Some(loops) = args.concurrency_only {
        let End { duration, total } = end(args, false).check().map_err(faulty)?;
        return Ok(Arrivals::Closed {
            loops: loops as usize,
            total,
            length: duration,
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
    let pace = match (rate, args.speed) {
        (Some(rate), _) => Pace::Rate(rate),
        (None, Some(speed)) => Pace::Speed(speed),
        (None, None) => Pace::Speed(Speed::Times(1.0)),
    };
    if let Some(name) = args.schedule.strip_prefix("scenario:") {
        return Schedule::of_scenario(&scenario(name)?, args.seed, pace, end(args, true))
            .map_err(faulty);
    }
    if let Some(path) = args.schedule.strip_prefix("ledger:") {
        let recording = source::recording(Path::new(path))?;
        return match pace {
            Pace::Speed(speed) => {
                Schedule::of_recording(&recording, speed, end(args, true)).map_err(faulty)
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
    let mut end = end(args, own);
    if let (Some(total), None) = (end.total, args.duration) {
        end.total = Some(total.saturating_add((args.warmup.as_secs_f64() * rate) as u64));
    }
    Schedule::new(&shape, rate, args.seed, end).map_err(faulty)
}

/// When they end, the warm-up included. What has no end of its own and is given none lasts for a while.
fn end(args: &RunArgs, has_own: bool) -> End {
    let duration = match (args.duration, args.total) {
        (None, None) if !has_own => Some(DURATION_DEFAULT),
        (duration, _) => duration,
    };
    End {
        duration: duration.map(|duration| duration + args.warmup),
        total: args.total,
    }
}

fn faulty(error: ScheduleError) -> Failure {
    Failure::Usage(error.to_string())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Load {
        #[command(flatten)]
        run: RunArgs,
    }

    fn meant(line: &str) -> Result<Arrivals, String> {
        let words = ["load", "kaesong-2018"]
            .into_iter()
            .chain(line.split_whitespace());
        let load = Load::try_parse_from(words).expect("the flags are there");
        arrivals(&load.run, None).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_lasts_no_time_or_for_ever_is_refused_before_it_begins() {
        for (line, said) in [
            ("--duration 0", "lasts 0 s"),
            ("--duration 0s --warmup 5s", "lasts 0 s"),
            ("--concurrency-only 3 --duration 0", "lasts 0 s"),
            ("--concurrency-only 3 --total 0", "0 arrivals"),
            ("--total 0", "0 arrivals"),
            ("--duration 3654d", "ten years"),
            ("--concurrency-only 3 --duration 3654d", "ten years"),
            ("--concurrency-only 3 --warmup 175307616h", "ten years"),
            ("--rate 1e30 --total 5 --warmup 1s", "no rate"),
            ("--total 18446744073709551615 --warmup 1s", "ten years"),
        ] {
            let error = meant(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn a_warm_up_comes_before_what_was_asked_for() {
        let Ok(Arrivals::Closed { length, total, .. }) = meant("--concurrency-only 3 --warmup 5s")
        else {
            panic!("a closed loop");
        };
        assert_eq!((length, total), (Some(Duration::from_secs(15)), None));
        let Ok(Arrivals::Open(schedule)) = meant("--rate 100 --total 50 --warmup 2s") else {
            panic!("a schedule");
        };
        assert_eq!(schedule.total(), Some(250));
    }
}
