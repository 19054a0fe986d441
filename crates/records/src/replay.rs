//! `liaison replay`: a recorded ledger, played again at live or simulated offices.

mod keys;
mod report;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use clap::Args;
use office::{PerPlace, Place, StepKind, UnknownWord};
use replay::{Clock, Comparison, Fetched, Manner, Plan, Played, Progress, Recording};
use replay::{Rules, Selection, Side, Speed, Verdict, compare};
use serde_json::json;
use simulator::Stage;
use words::figures::thousands;
use words::time::{self, Typed};

use self::keys::Keys;
use self::report::Report;
use crate::room::Staged;
use crate::source::{self, Named};
use crate::zone;
use command::connect;
use command::failure::Failure;
use command::output::{Output, note};
use command::settings::{OfficesArgs, Settings};
use command::system::{self, Stopwatch};

const EXAMPLES: &str = "\
Each step is made by the client call that makes it, in each office's order and never before what it answers. Ids are \
new ones, payloads the recorded bytes. Expiries and lapses are left to the offices' clocks; a deadline that has passed \
is moved by as much as the whole replay, and a contact that the offices hold already gets other nanoseconds: both are \
counted.

On a terminal, at live offices, keys steer it: space pauses and resumes, n (or .) goes on to the next exchange or call \
and pauses there, + and - double and halve the speed, q stops, and what was replayed until then is reported. Due times \
stay absolute: behind a pause or a change of speed they count from there.

Examples:
  liaison simulate kaesong-2018 --force
  liaison replay liaison-data/kaesong-2018-1 --simulated --verify --force
  liaison replay liaison-data/kaesong-2018-1 --speed max --verify           (while `liaison up` runs)
  liaison replay liaison-data/kaesong-2018-1 --speed 3600 --max-gap 10m
  liaison replay liaison-data/kaesong-2018-1 --dry-run --only document-sent --until 2018-10-01

JSON: {\"ledger\", \"seed\", \"speed\", \"passes\", \"made\", \"refused\", \"orphaned\", \"by_clock\", \"not_wanted\", \
\"deadlines_moved\", \"contacts_rekeyed\", \"stopped\", \"wall_ms\", \"lag\": {\"steps\", \"p50_us\", \"p99_us\", \"max_us\"}, \
\"refusals\": [{\"step\", \"kind\", \"code\", \"message\"}], \"verified\": null or as `liaison ledger diff` prints it, \
\"out\"}; with --dry-run one line a step: {\"due_ms\", \"step\", \"kind\", \"authored_at\", \"verdict\"}. Exit code 99 if \
a step was refused, or --verify found a difference.";

/// Play a recorded ledger again, at live offices or simulated ones
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ReplayArgs {
    /// A ledger, which holds both offices' steps, or a directory with south/ and north/ inside
    ledger: PathBuf,

    /// How many times as fast as recorded, or max
    #[arg(long, value_name = "N|max", default_value = "1")]
    speed: Speed,

    /// Only steps authored at or after this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    from: Option<Typed>,

    /// Only steps authored before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    until: Option<Typed>,

    /// Only steps of this kind, such as document-sent or kind=call-recorded; may be repeated
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    only: Vec<StepKind>,

    /// Replay so many times, each under a seed of its own
    #[arg(long = "loop", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    passes: u32,

    /// Shorten longer gaps to this, in recorded time
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration)]
    max_gap: Option<Duration>,

    /// Where request ids come from: under the same seed the offices give their first answers again [default: a new
    /// one; 1 with --simulated]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Replay into two simulated offices, in simulated time
    #[arg(long, conflicts_with = "passes")]
    simulated: bool,

    /// With --simulated: where the two ledgers go [default: liaison-data/replayed-SEED]
    #[arg(long, value_name = "DIR", requires = "simulated")]
    out: Option<PathBuf>,

    /// Replace what an earlier run left in --out
    #[arg(long, requires = "simulated")]
    force: bool,

    /// Compare what came out with what was recorded
    #[arg(long)]
    verify: bool,

    /// Print the plan, and do nothing
    #[arg(long, conflicts_with = "verify")]
    dry_run: bool,

    #[command(flatten)]
    offices: OfficesArgs,
}

/// Keys pressed that may wait.
const CONTROLS_MAX: usize = 64;

/// `document-sent`, or `kind=document-sent`.
fn parse_kind(text: &str) -> Result<StepKind, String> {
    let word = text.strip_prefix("kind=").unwrap_or(text);
    word.parse().map_err(|error: UnknownWord| error.to_string())
}

impl ReplayArgs {
    /// Replays.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let recording = source::recording(&self.ledger)?;
        let zone = zone::of(&self.offices.zone, &Named::Directory(self.ledger.clone()))?;
        let at = |typed: Option<Typed>| typed.map(|typed| typed.at(&zone)).transpose();
        let at = |typed| at(typed).map_err(Failure::Usage);
        let selection = Selection {
            speed: self.speed,
            gap_max: self.max_gap,
            from: at(self.from)?,
            until: at(self.until)?,
            only: self.only.clone(),
            ..Selection::default()
        };
        if self.dry_run {
            return dry_run(&recording, selection, settings.output);
        }
        let report = if self.simulated {
            self.offices.say_nothing("--simulated")?;
            self.simulated(&recording, &selection)?
        } else {
            self.live(&recording, &selection, settings)?
        };
        settings
            .output
            .print(|| report.to_text(), || report.to_json())?;
        report.check()
    }

    fn simulated(&self, recording: &Recording, selection: &Selection) -> Result<Report, Failure> {
        let seed = self.seed.unwrap_or(1);
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| Path::new("liaison-data").join(format!("replayed-{seed}")));
        let staged = Staged::apart(&out, self.force, &self.ledger)?;
        let stopwatch = Stopwatch::start();
        let stage = |start| Stage::on_disk(start, seed, staged.path());
        let progress = Arc::<Progress>::default();
        let played = told(&progress, || {
            simulator::play_simulated(
                recording,
                selection.clone(),
                seed,
                stage,
                Arc::clone(&progress),
            )
        });
        let played = played.map_err(failed)?;
        let wall = stopwatch.elapsed();
        zone::carry(&self.ledger, staged.path())?;
        let verified = if self.verify {
            let found = source::recording(staged.path())?;
            let wanted = compare::wanted(recording.sides(), selection);
            let found = compare::wanted(found.sides(), &Selection::default());
            Some(compare(wanted, found, &rules(&played)).map_err(failed)?)
        } else {
            None
        };
        staged.settle()?;
        Ok(Report {
            wall,
            verified,
            out: Some(out),
            ..Report::new(&self.ledger, seed, self.speed, played)
        })
    }

    fn live(
        &self,
        recording: &Recording,
        selection: &Selection,
        settings: &Settings,
    ) -> Result<Report, Failure> {
        let offices = settings.offices(&self.offices)?;
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let progress = Arc::<Progress>::default();
        let work = async {
            let south = offices.dial(Place::South).await?.channel();
            let north = offices.dial(Place::North).await?.channel();
            let channels = PerPlace::new(south, north);
            let mut report = Report::new(&self.ledger, seed, self.speed, Played::default());
            report.passes = self.passes;
            for pass in 0..self.passes {
                let manner = Manner {
                    seed: seed.wrapping_add(pass.into()),
                    streams: true,
                    patience: replay::LIVE,
                    timeout: offices.timeout,
                    now: system::now(),
                };
                let before = replay::sequences(&channels).await.map_err(failed)?;
                let stopwatch = Stopwatch::start();
                let plan = Plan::new(recording, selection.clone());
                let (ours, progress) = (channels.clone(), Arc::clone(&progress));
                let (controls, pressed) = mpsc::sync_channel(CONTROLS_MAX);
                let keys = Keys::begin(controls);
                let clock = Clock::System(pressed);
                let played = replay::play(plan, ours, manner, clock, progress).await;
                drop(keys);
                let played = played.map_err(failed)?;
                report.wall += stopwatch.elapsed();
                if self.verify {
                    let after = replay::quiet(&channels, offices.timeout).await;
                    let after = after.map_err(failed)?;
                    let found = Fetched::sides(&channels, &before, &after.sequences);
                    report.verify(verified(recording, selection, found, &played).await?);
                }
                report.played.add(&played);
                if played.stopped_at.is_some() {
                    report.passes = pass + 1;
                    break;
                }
            }
            Ok(report)
        };
        told(&progress, || connect::block_on(work))
    }
}

/// Compares what came out with what was recorded, on a thread that may wait.
async fn verified(
    recording: &Recording,
    selection: &Selection,
    found: PerPlace<Side>,
    played: &Played,
) -> Result<Comparison, Failure> {
    let wanted = compare::wanted(recording.sides(), selection);
    let wanted = match played.stopped_at {
        Some(last) => compare::through(wanted, last),
        None => wanted,
    };
    // What the offices' clocks made meanwhile is no officer's.
    let found = compare::wanted(found, &Selection::default());
    let rules = rules(played);
    let comparing = tokio::task::spawn_blocking(move || compare(wanted, found, &rules));
    match comparing.await {
        Ok(found) => found.map_err(failed),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What a replay had to change is not compared.
fn rules(played: &Played) -> Rules {
    let mut rules = Rules::default();
    if played.deadlines_moved > 0 {
        rules = rules.ignoring(["payload.deadline", "payload.answer_by"]);
    }
    if played.contacts_rekeyed > 0 {
        rules = rules.ignoring(["payload.begun_at"]);
    }
    rules
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("failed to replay: {error}"))
}

fn fresh_seed() -> u64 {
    let id = system::fresh_request_id();
    u64::from_str_radix(&id[..8], 16).unwrap_or(1)
}

/// Runs `work`, and says on stderr every second how far it is.
fn told<T>(progress: &Arc<Progress>, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    let progress = Arc::clone(progress);
    let teller = std::thread::spawn(move || {
        while waiting.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            let speed = progress.speed();
            let speed = speed.map_or_else(String::new, |speed| format!(", speed {speed}"));
            note(&format!(
                "{} steps made, {} refused, {} into the recording{speed}{}",
                thousands(progress.made()),
                thousands(progress.refused()),
                time::duration_words(Duration::from_secs(progress.at().as_secs())),
                if progress.is_paused() { ", paused" } else { "" }
            ));
        }
    });
    let came_of_it = work();
    drop(done);
    // A teller that failed has told less, and harms nothing.
    drop(teller.join().map_err(PoisonError::new));
    came_of_it
}

fn dry_run(recording: &Recording, selection: Selection, output: Output) -> Result<(), Failure> {
    let speed = selection.speed;
    let mut plan = Plan::new(recording, selection);
    while let Some(intended) = plan.next_step().map_err(failed)? {
        let step = intended.recorded.step;
        let verdict = match intended.verdict {
            Verdict::NotWanted => continue,
            Verdict::Make => "make",
            Verdict::ByClock => "by_clock",
        };
        let due_ms = u64::try_from(speed.takes(intended.at).as_millis()).unwrap_or(u64::MAX);
        if output.is_json() {
            output.json_line(&json!({
                "due_ms": due_ms,
                "step": step.id.to_string(),
                "kind": words::step_name(step.kind),
                "authored_at": step.authored_at.to_string(),
                "verdict": verdict,
            }))?;
            continue;
        }
        let left = if intended.verdict == Verdict::ByClock {
            "  (left to the office's clock)"
        } else {
            ""
        };
        let (seconds, ms) = (due_ms / 1_000, due_ms % 1_000);
        let name = step.id.to_string();
        output.text(&format!(
            "{seconds:>9}.{ms:03}s  {name:<26}  {}{left}\n",
            step.kind
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_by_its_words() {
        assert_eq!(parse_kind("document-sent"), Ok(StepKind::DocumentSent));
        assert_eq!(parse_kind("kind=CALL_RECORDED"), Ok(StepKind::CallRecorded));
        let error = parse_kind("letter").expect_err("there is none");
        assert!(error.contains("document-sent"), "{error}");
    }
}
