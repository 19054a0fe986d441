//! A run, its repeats, or the search for the highest rate.

use std::sync::Arc;

use jiff::Timestamp;
use load::transport::PoolLimits;
use load::{Accounts, Arrivals, Limits, Manner, RunError, RunId, Search, Steering};
use office::PerPlace;
use report::{Measured, Report};
use screen::Heading;
use tokio::time::Duration;
use tonic::transport::Channel;
use words::Refused;
use words::figures::thousands;

use super::arguments::{RunArgs, Start};
use super::books;
use super::outcome::{self, Judge};
use super::plan::{self, Meant};
use super::prometheus::{self, Latest};
use super::remade;
use super::schedule;
use super::watched::Watched;
use command::failure::Failure;
use command::output::note;
use command::settings::Settings;
use command::system;

/// So long a thread sleeps at 10,000 arrivals a second: 22 µs of processor time a call there, and a lag of 0.8 ms in 99 of
/// 100; 400 µs cost 30 µs a call, and give half that lag.
const TICK: Duration = Duration::from_micros(700);
const RATE_FIRST: f64 = 100.0;

/// Runs what the arguments ask for.
pub(super) fn run(args: &RunArgs, settings: &Settings) -> Result<(), Failure> {
    if args.list || args.show.is_some() {
        outcome::no_ghz(settings, "load --list and --show")?;
    }
    if args.list {
        return list(settings);
    }
    if let Some(name) = &args.show {
        let shipped = load::shipped().iter().find(|(shipped, _)| shipped == name);
        let (_, text) = shipped.ok_or_else(|| {
            Failure::Usage(format!(
                "there is no plan {name:?} that is shipped; --list names them"
            ))
        })?;
        return settings.output.data(text);
    }
    let baseline = args.baseline.as_deref();
    let judge = Judge::new(&args.fail_if, baseline, &args.files, settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start the runtime: {error}")))?;
    if let Some(file) = args.schedule.strip_prefix("tap:") {
        return runtime.block_on(remade::run(args, file, settings));
    }
    args.remade.without_recording()?;
    judge.tell(runtime.block_on(report(args, settings))?)
}

fn list(settings: &Settings) -> Result<(), Failure> {
    let schema = load::schema::of_offices();
    let plans: Vec<_> = load::shipped()
        .iter()
        .filter_map(|(name, text)| {
            let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
            let plan = load::Plan::parse(name, text, &schema, &none).ok()?;
            Some((*name, plan.title))
        })
        .collect();
    settings.output.print(
        || {
            let lines = plans
                .iter()
                .map(|(name, title)| format!("{name:<18}{title}\n"));
            lines.collect()
        },
        || {
            let plans = plans.iter();
            plans
                .map(|(name, title)| serde_json::json!({ "name": name, "title": title }))
                .collect()
        },
    )
}

/// What all runs of one command share.
struct Bench<'a> {
    args: &'a RunArgs,
    /// Once: today may be over when everything is connected.
    start_at: Option<Timestamp>,
    meant: Meant,
    channels: Option<PerPlace<Channel>>,
    manner: Manner,
    steering: Arc<Steering>,
    latest: Option<Latest>,
}

async fn report(args: &RunArgs, settings: &Settings) -> Result<Report, Failure> {
    // Before anything is connected: what cannot be meant is said at once.
    args.offices.set_clocks();
    let arrivals = schedule::arrivals(args, None)?;
    let start_at = args.start_at.map(Start::time).transpose();
    let start_at = start_at.map_err(Failure::Usage)?;
    if start_at.is_some_and(|at| at <= system::now()) {
        return Err(Failure::Usage(
            "--start-at has passed; give a time to come".to_owned(),
        ));
    }
    let meant = plan::meant(args, settings).await?;
    check(args, &meant.plan)?;
    let channels = match meant.offices.as_ref().filter(|_| !args.no_books) {
        Some(offices) => Some(books::channels(offices).await?),
        None => None,
    };
    let deadline = match (args.deadline, settings.offices(&args.offices)) {
        (Some(deadline), _) => deadline,
        (None, offices) => offices?.timeout,
    };
    let latest = match args.prometheus {
        None => None,
        Some(address) => {
            let latest = Latest::default();
            prometheus::serve(address, Arc::clone(&latest)).await?;
            Some(latest)
        }
    };
    let steering = Arc::<Steering>::default();
    let interrupted = Arc::clone(&steering);
    let mut told = Box::pin(service::shutdown_signal());
    tokio::spawn(async move {
        // The report is told all the same, and the exit code says that it was ended before its time.
        loop {
            told.await;
            told = Box::pin(service::shutdown_signal());
            interrupted.stop();
        }
    });
    let bench = Bench {
        manner: manner(args, deadline),
        args,
        start_at,
        meant,
        channels,
        steering,
        latest,
    };
    match &args.find_max {
        Some(goal) => bench.find_max(goal).await,
        None => bench.repeated(arrivals).await,
    }
}

/// Refuses conditions on what the run will not measure, before it begins.
fn check(args: &RunArgs, plan: &load::Plan) -> Result<(), Failure> {
    let steps = |workflow: &load::Workflow| {
        let names = workflow.steps.iter().map(|step| step.name.clone());
        (workflow.name.clone(), names.collect())
    };
    let mut kinds = plan.workflows.iter().flat_map(|it| &it.steps);
    let measured = Measured {
        workflows: plan.workflows.iter().map(steps).collect(),
        streams: kinds.any(|step| step.method.kind != template::CallKind::Unary),
        books: plan.is_for_offices && !args.no_books,
    };
    let mut conditions = args.fail_if.iter().map(|it| it.expect(&measured));
    conditions
        .try_for_each(|it| it)
        .and_then(|()| {
            args.find_max
                .as_ref()
                .map_or(Ok(()), |goal| goal.expect(&measured))
        })
        .map_err(|error| Failure::Usage(error.to_string()))
}

fn manner(args: &RunArgs, deadline: Duration) -> Manner {
    let threads = usize::from(args.threads);
    let connections = args.connections.map(|it| (it as usize).div_ceil(threads));
    Manner {
        seed: args.seed,
        run_id: RunId::new(0),
        warmup: args.warmup,
        in_flight_max: args.in_flight as usize,
        deadline,
        threads,
        tick: TICK,
        pool: PoolLimits {
            connections: connections.unwrap_or(1),
            connections_max: connections.unwrap_or(256),
            message_bytes_max: args.message_max,
        },
        lag_max: args.lag_max,
    }
}

fn fresh_run_id() -> RunId {
    let id = system::fresh_request_id();
    let bits = uuid::Uuid::parse_str(&id).map_or(0, |id| id.as_u128() as u64);
    RunId::new(bits)
}

impl Bench<'_> {
    /// One run, and its books.
    async fn once(&self, arrivals: Arrivals) -> Result<Report, Failure> {
        let before = match &self.channels {
            Some(channels) => Some(replay::sequences(channels).await.map_err(unread)?),
            None => None,
        };
        let mut manner = self.manner.clone();
        manner.run_id = fresh_run_id();
        let run_id = manner.run_id;
        let words = match &arrivals {
            Arrivals::Open(schedule) => schedule.words(),
            Arrivals::Closed { loops, .. } => format!("closed loop, {loops} at a time"),
        };
        let heading = Heading {
            plan: self.meant.plan.name.clone(),
            targets: self
                .meant
                .targets
                .iter()
                .map(|it| it.address().to_owned())
                .collect(),
            schedule: words,
            warmup_s: self.args.warmup.as_secs_f64(),
        };
        let mut watched = Watched::begin(
            heading,
            self.args.plain,
            self.latest.clone(),
            &self.steering,
        );
        let start_at = self.start_at;
        let run = load::run(
            Arc::clone(&self.meant.plan),
            self.meant.targets.clone(),
            arrivals,
            manner,
            Arc::clone(&self.steering),
            async move || begin(start_at).await,
            |progress| watched.show(progress),
        );
        let finished = run.await;
        drop(watched);
        let finished = finished.map_err(|error| self.failed(error))?;
        let mut report = Report::of_run(finished.run);
        report.setup.shard = self.args.shard.map(|it| it.to_string()).unwrap_or_default();
        if let (Some(before), Some(channels), Some(offices)) =
            (before, &self.channels, &self.meant.offices)
        {
            let accounts = Accounts {
                run_id,
                before,
                mutations: finished.mutations,
                samples: finished.samples,
            };
            match books::make_up(accounts, channels, offices).await {
                Ok((books, breakdown)) => {
                    report.books = Some(books);
                    report.breakdown = breakdown;
                }
                // The figures stand all the same.
                Err(failure) => note(&format!("warning: {failure}")),
            }
        }
        Ok(report)
    }

    fn failed(&self, error: RunError) -> Failure {
        match error {
            RunError::Unreachable(failed) => {
                let targets: Vec<_> = self
                    .meant
                    .targets
                    .iter()
                    .map(load::transport::Endpoint::address)
                    .collect();
                let target = format!("the target ({})", targets.join(", "));
                // Without one the offices are called.
                let refused = match &self.args.target {
                    Some(_) => Refused::unreachable_target(&target, failed.message),
                    None => Refused::unreachable(&target, failed.message),
                };
                Failure::Refused(Box::new(refused))
            }
            RunError::Thread(error) => {
                Failure::Failed(format!("failed to start a thread: {error}"))
            }
        }
    }

    async fn repeated(&self, arrivals: Arrivals) -> Result<Report, Failure> {
        let mut runs = Vec::new();
        for number in 0..self.args.repeat {
            if self.args.repeat > 1 {
                note(&format!("run {} of {}", number + 1, self.args.repeat));
            }
            let report = self.once(arrivals.clone()).await?;
            let interrupted = report.interrupted;
            runs.push(report);
            if interrupted {
                break;
            }
        }
        if runs.len() == 1 {
            return Ok(runs.remove(0));
        }
        Ok(report::repeated(runs))
    }

    async fn find_max(&self, goal: &report::Goal) -> Result<Report, Failure> {
        let first = self.args.rate.unwrap_or(RATE_FIRST);
        let mut search = Search::new(goal.clone(), first, Limits::default())
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let mut best: Option<(bool, Report)> = None;
        while let Some(rate) = search.next() {
            note(&format!("trying {}/s", rounded(rate)));
            let arrivals = schedule::arrivals(self.args, Some(rate))?;
            let report = self.once(arrivals).await?;
            if report.interrupted {
                search.stop("it was interrupted");
                // Where there is no other, this one is told of.
                best.get_or_insert((false, report));
                break;
            }
            let trial = goal.trial(rate, &report);
            note(&format!(
                "{}/s: p99 {:.2} ms, {} of {} calls failed: {}",
                rounded(rate),
                report.response.p99_us as f64 / 1e3,
                thousands(report.errors),
                thousands(report.calls),
                if trial.held {
                    "it holds"
                } else {
                    &trial.because
                }
            ));
            let held = trial.held && trial.valid;
            search.take(trial);
            let better = best.as_ref().is_none_or(|(best_held, best)| {
                (held, report.offered_rate) > (*best_held, best.offered_rate)
                    && (held || !best_held)
            });
            if better {
                best = Some((held, report));
            }
        }
        let mut report = best.map(|(_, report)| report).unwrap_or_default();
        report.interrupted = self.steering.is_stopped();
        report.search = Some(search.report());
        Ok(report)
    }
}

fn rounded(rate: f64) -> String {
    thousands(rate.round() as u64)
}

/// Waits for the common beginning, if there is one.
async fn begin(start_at: Option<Timestamp>) -> Timestamp {
    let now = system::now();
    let ahead = start_at.and_then(|at| at.checked_sub(load::START_AHEAD).ok());
    let Some(at) = ahead.filter(|at| *at > now) else {
        return now;
    };
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    tokio::time::sleep(wait).await;
    at
}

fn unread(error: replay::ReplayError) -> Failure {
    Failure::Failed(error.to_string())
}
