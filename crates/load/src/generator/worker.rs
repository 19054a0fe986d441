//! One thread of the generator: its part of the schedule, its connections, and what it saw.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use jiff::Timestamp;
use office::Place;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use tonic::Code;

use super::cpu::Cpu;
use super::manner::Manner;
use super::sample::Sample;
use super::source::Source;
use super::steering::Steering;
use super::ticker::Ticker;
use crate::answer::AnswerKind;
use crate::mutations::Mutations;
use crate::plan::{At, Plan, Step, Workflow};
use crate::schedule::Arrival;
use crate::transport::{Blame, Failed, Pool, Request};
use report::{Ended, Failures, Recorder, StepRecorder, StreamRecorder, WorkflowRecorder};

/// Arrivals let go at once, before the sockets have their turn.
const BURST_MAX: usize = 64;
/// Arrivals that wait for one under way to end.
const BACKLOG_MAX: usize = 1_000_000;
/// Whoever waits longer looks whether it is to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// So long more than an arrival may take is waited for what is under way when the last one has been due.
const GRACE: Duration = Duration::from_secs(1);
/// Steps whose times are kept, to tell where the time went.
const SAMPLES_MAX: usize = 16_384;
/// Every how-manieth step, to begin with: asking costs the office a few microseconds.
const SAMPLE_EVERY: u64 = 8;
/// What a thread's output buffer is allotted at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a thread tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// Its connections are open, or could not be.
    Ready(Result<(), Failed>),
    /// What it saw until now, since it last told.
    Interval {
        thread: usize,
        /// The interval's number; below 0 in the warm-up.
        number: i64,
        recorder: Box<Recorder>,
        in_flight: usize,
    },
    /// It has ended.
    Ended(Box<ThreadEnd>),
}

/// What a thread saw in all.
#[derive(Debug, Default)]
pub(crate) struct ThreadEnd {
    pub(crate) thread: usize,
    /// Since it last told.
    pub(crate) recorder: Recorder,
    pub(crate) seen: report::Thread,
    pub(crate) mutations: Mutations,
    pub(crate) samples: Vec<Sample>,
}

/// Everything that what is under way on one thread shares.
pub(crate) struct Worker {
    pub(crate) thread: usize,
    pub(crate) plan: Arc<Plan>,
    pub(crate) manner: Manner,
    /// By target: South and North, or the one there is.
    pub(crate) pools: Vec<Rc<Pool>>,
    /// By workflow and step: how its answers are read.
    pub(crate) answers: Vec<Vec<AnswerKind>>,
    /// By workflow, step and target.
    pub(crate) requests: Vec<Vec<Vec<Request>>>,
    pub(crate) start: Instant,
    pub(crate) start_wall: Timestamp,
    pub(crate) steering: Arc<Steering>,
    pub(crate) seen: RefCell<Seen>,
    pub(crate) buffer: RefCell<BytesMut>,
    in_flight: Cell<usize>,
    in_flight_most: Cell<usize>,
    waited_for_room: Cell<bool>,
    backlog: RefCell<VecDeque<Arrival>>,
    /// Arrivals that found even the backlog full.
    dropped: Cell<u64>,
}

/// What a thread saw.
pub(crate) struct Seen {
    pub(crate) recorder: Box<Recorder>,
    pub(crate) workflows: Vec<WorkflowRecorder>,
    pub(crate) streams: StreamRecorder,
    pub(crate) failures: Failures,
    pub(crate) mutations: Mutations,
    pub(crate) last: Duration,
    samples: Vec<Sample>,
    sample_every: u64,
    sampled: u64,
}

/// Which workflow, and which of its steps.
pub(crate) type StepPlace = (usize, usize);

impl Seen {
    fn step(&mut self, (workflow, step): StepPlace) -> &mut StepRecorder {
        &mut self.workflows[workflow].steps[step]
    }

    /// Takes a message of a stream down, whose answer is its own.
    pub(crate) fn message_ended(&mut self, place: StepPlace, ended: &Ended) {
        self.recorder.latencies(ended);
        self.step(place).ended(ended);
    }

    /// Whether the times of one more step are wanted.
    pub(crate) fn wants_sample(&mut self) -> bool {
        self.sampled += 1;
        self.sampled.is_multiple_of(self.sample_every)
    }

    pub(crate) fn sample(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES_MAX {
            // Every second one goes, and from now on half as many are taken: they stay spread over the run.
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.sample_every *= 2;
        }
        self.samples.push(sample);
    }
}

impl Worker {
    pub(crate) fn new(
        thread: usize,
        plan: Arc<Plan>,
        manner: Manner,
        pools: Vec<Rc<Pool>>,
        start: Instant,
        start_wall: Timestamp,
        steering: Arc<Steering>,
    ) -> Rc<Self> {
        let requests = requests(&plan, &manner, &pools);
        let workflows = plan.workflows.iter();
        let kinds = |workflow: &Workflow| {
            let steps = workflow.steps.iter();
            steps.map(|step| AnswerKind::of(&step.method)).collect()
        };
        let answers = workflows.clone().map(kinds).collect();
        let seen = Seen {
            recorder: Box::default(),
            workflows: workflows
                .map(|workflow| WorkflowRecorder::of_steps(workflow.steps.len()))
                .collect(),
            streams: StreamRecorder::default(),
            failures: Failures::default(),
            mutations: Mutations::default(),
            last: Duration::ZERO,
            samples: Vec::new(),
            sample_every: SAMPLE_EVERY,
            sampled: 0,
        };
        Rc::new(Self {
            thread,
            plan,
            manner,
            pools,
            answers,
            requests,
            start,
            start_wall,
            steering,
            seen: RefCell::new(seen),
            buffer: RefCell::new(BytesMut::with_capacity(BUFFER_BYTES)),
            in_flight: Cell::new(0),
            in_flight_most: Cell::new(0),
            waited_for_room: Cell::new(false),
            backlog: RefCell::default(),
            dropped: Cell::new(0),
        })
    }

    /// Which of the targets a step is at.
    pub(crate) fn target(at: At, sender: Place) -> usize {
        match at.place(sender) {
            None | Some(Place::South) => 0,
            Some(Place::North) => 1,
        }
    }

    /// The wall's time of an instant of the run.
    pub(crate) fn wall(&self, at: Instant) -> Timestamp {
        let after = at.saturating_duration_since(self.start);
        self.start_wall
            .checked_add(after)
            .unwrap_or(self.start_wall)
    }

    /// Lets arrivals go until there are no more, and waits for what is under way.
    pub(crate) async fn run(
        self: &Rc<Self>,
        source: Source,
        told: mpsc::UnboundedSender<Told>,
        spare: &mut mpsc::UnboundedReceiver<Box<Recorder>>,
    ) -> ThreadEnd {
        let mut teller = Teller {
            told,
            next: Duration::ZERO,
            number: self.first_interval(),
        };
        teller.next = Duration::from_secs(1).min(self.manner.warmup.max(Duration::from_secs(1)));
        let cpu = Cpu::of_this_thread();
        let outcome = match source {
            Source::Open { schedule, length } => {
                self.open(schedule, length, &mut teller, spare).await
            }
            Source::Closed {
                loops,
                indexes,
                length,
            } => {
                self.closed(loops, indexes, length, &mut teller, spare)
                    .await
            }
        };
        self.end(cpu, outcome.err())
    }

    fn first_interval(&self) -> i64 {
        -(self.manner.warmup.as_secs() as i64)
    }

    async fn open(
        self: &Rc<Self>,
        mut schedule: Box<dyn Iterator<Item = Arrival> + Send>,
        length: Duration,
        teller: &mut Teller,
        spare: &mut mpsc::UnboundedReceiver<Box<Recorder>>,
    ) -> io::Result<()> {
        let ticker = Ticker::new()?;
        // Nothing is sent before it is due, not even what is due at once.
        ticker.until(self.start).await?;
        let mut next = schedule.next();
        // What a pause takes is added to every due time after it.
        let mut paused = Duration::ZERO;
        let mut last = self.start;
        loop {
            let now = Instant::now();
            if self.steering.is_stopped() {
                break;
            }
            if self.steering.is_paused() {
                paused += now.saturating_duration_since(last);
                last = now;
                teller.tell(self, now, spare);
                ticker.until(now + LOOK_AGAIN).await?;
                continue;
            }
            last = now;
            let elapsed = now.saturating_duration_since(self.start);
            let mut gone = 0;
            while let Some(arrival) =
                next.take_if(|next| next.due + paused <= elapsed && gone < BURST_MAX)
            {
                let arrival = Arrival {
                    due: arrival.due + paused,
                    ..arrival
                };
                self.offer(arrival);
                gone += 1;
                next = schedule.next();
            }
            teller.tell(self, now, spare);
            if gone == BURST_MAX {
                tokio::task::yield_now().await;
                continue;
            }
            let Some(due) = next.as_ref().map(|next| self.start + next.due + paused) else {
                break;
            };
            // Several arrivals are let go on one wake-up where they are dense: a wake-up each would cost more than a call.
            let soonest = now + self.manner.tick;
            ticker.until(due.max(soonest).min(now + LOOK_AGAIN)).await?;
        }
        let length = (self.start + length + paused).max(Instant::now());
        self.settle(length, teller, spare).await
    }

    async fn closed(
        self: &Rc<Self>,
        loops: usize,
        indexes: Box<dyn Iterator<Item = u64> + Send>,
        length: Option<Duration>,
        teller: &mut Teller,
        spare: &mut mpsc::UnboundedReceiver<Box<Recorder>>,
    ) -> io::Result<()> {
        let ticker = Ticker::new()?;
        ticker.until(self.start).await?;
        let indexes = Rc::new(RefCell::new(indexes));
        let left = Rc::new(Cell::new(loops));
        let end = length.map(|length| self.start + length);
        for _ in 0..loops {
            let (worker, indexes, left) = (Rc::clone(self), Rc::clone(&indexes), Rc::clone(&left));
            tokio::task::spawn_local(async move {
                loop {
                    let now = Instant::now();
                    if worker.steering.is_stopped() || end.is_some_and(|end| now >= end) {
                        break;
                    }
                    if worker.steering.is_paused() {
                        tokio::time::sleep(LOOK_AGAIN).await;
                        continue;
                    }
                    let Some(index) = indexes.borrow_mut().next() else {
                        break;
                    };
                    let due = now.saturating_duration_since(worker.start);
                    worker.count_offered(due);
                    worker.begin_one();
                    let arrival = Arrival {
                        index,
                        due,
                        kind: None,
                    };
                    worker.exchange(arrival).await;
                }
                left.set(left.get() - 1);
            });
        }
        while left.get() > 0 {
            let now = Instant::now();
            teller.tell(self, now, spare);
            if self.steering.is_stopped() {
                break;
            }
            ticker.until(now + LOOK_AGAIN).await?;
        }
        self.settle(Instant::now(), teller, spare).await
    }

    /// Waits for what is under way after the last arrival was due at `end`.
    async fn settle(
        self: &Rc<Self>,
        end: Instant,
        teller: &mut Teller,
        spare: &mut mpsc::UnboundedReceiver<Box<Recorder>>,
    ) -> io::Result<()> {
        let ticker = Ticker::new()?;
        let until = end.max(Instant::now()) + self.longest() + GRACE;
        loop {
            let now = Instant::now();
            teller.tell(self, now, spare);
            // Once it is stopped, what waits is not let go any more.
            let waits = !self.backlog.borrow().is_empty() && !self.steering.is_stopped();
            let rests = self.in_flight.get() == 0 && !waits;
            let over = now >= until || self.steering.is_abandoned();
            if over || (rests && now >= end) || (rests && self.steering.is_stopped()) {
                return Ok(());
            }
            ticker.until(now + Duration::from_millis(2)).await?;
        }
    }

    /// How long an arrival may take at most.
    fn longest(&self) -> Duration {
        let of_step = |step: &Step| {
            let deadline = longest(step, &self.manner);
            let again = if step.retry.is_empty() {
                Duration::ZERO
            } else {
                step.retry_for
            };
            deadline + step.pause.end + again
        };
        let workflows = self.plan.workflows.iter();
        let of_each = workflows.map(|workflow| workflow.steps.iter().map(of_step).sum());
        of_each.max().unwrap_or_default()
    }

    fn end(&self, cpu: Cpu, fault: Option<io::Error>) -> ThreadEnd {
        let mut seen = self.seen.borrow_mut();
        let pools = self.pools.iter();
        let cpu = Cpu::of_this_thread().since(cpu);
        ThreadEnd {
            thread: self.thread,
            recorder: std::mem::take(&mut *seen.recorder),
            seen: report::Thread {
                workflows: std::mem::take(&mut seen.workflows),
                streams: std::mem::take(&mut seen.streams),
                failures: std::mem::take(&mut seen.failures),
                ran: cpu.ran,
                waited: cpu.waited,
                connections: pools.clone().map(|pool| pool.connections_most()).sum(),
                in_flight_most: self.in_flight_most.get(),
                unsent: self.backlog.borrow().len() as u64 + self.dropped.get(),
                unfinished: self.in_flight.get() as u64,
                last: seen.last,
                waited_for_room: self.waited_for_room.get(),
                waited_for_streams: pools.clone().any(|pool| pool.waited_for_streams()),
                fault: fault.map(|fault| fault.to_string()),
            },
            mutations: std::mem::take(&mut seen.mutations),
            samples: std::mem::take(&mut seen.samples),
        }
    }

    /// Whether what was due then is measured.
    pub(crate) fn is_measured(&self, due: Duration) -> bool {
        due >= self.manner.warmup
    }

    fn count_offered(&self, due: Duration) {
        if self.is_measured(due) {
            self.seen.borrow_mut().recorder.offered += 1;
        }
    }

    fn begin_one(&self) {
        let in_flight = self.in_flight.get() + 1;
        self.in_flight.set(in_flight);
        self.in_flight_most
            .set(self.in_flight_most.get().max(in_flight));
        self.steering.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    fn offer(self: &Rc<Self>, arrival: Arrival) {
        self.count_offered(arrival.due);
        if self.in_flight.get() < self.manner.in_flight_max {
            self.let_go(arrival);
            return;
        }
        self.waited_for_room.set(true);
        let mut backlog = self.backlog.borrow_mut();
        if backlog.len() < BACKLOG_MAX {
            backlog.push_back(arrival);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    fn let_go(self: &Rc<Self>, arrival: Arrival) {
        self.begin_one();
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move { worker.exchange(arrival).await });
    }

    /// An arrival has come to its end.
    pub(crate) fn finished(self: &Rc<Self>, measured: bool) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.steering.in_flight.fetch_sub(1, Ordering::Relaxed);
        if measured {
            let mut seen = self.seen.borrow_mut();
            seen.recorder.finished += 1;
            seen.last = self.start.elapsed();
        }
        if !self.steering.is_stopped() {
            let next = self.backlog.borrow_mut().pop_front();
            if let Some(next) = next {
                self.let_go(next);
            }
        }
    }

    /// Takes a call down.
    pub(crate) fn call_ended(&self, place: StepPlace, ended: &Ended, failed: Option<&Failed>) {
        let mut seen = self.seen.borrow_mut();
        seen.recorder.ended(ended);
        let recorded = seen.step(place);
        recorded.calls += 1;
        recorded.ended(ended);
        self.count_failure(&mut seen, place, failed);
    }

    /// Takes a stream down whose messages have been taken down one by one.
    pub(crate) fn stream_ended(&self, place: StepPlace, failed: Option<&Failed>) {
        let mut seen = self.seen.borrow_mut();
        let code = failed.map_or(Code::Ok, |failed| failed.code);
        seen.recorder.stream_ended(code);
        seen.step(place).calls += 1;
        self.count_failure(&mut seen, place, failed);
    }

    fn count_failure(&self, seen: &mut Seen, place: StepPlace, failed: Option<&Failed>) {
        let Some(failed) = failed else { return };
        seen.step(place).errors += 1;
        let workflow = &self.plan.workflows[place.0];
        let step = format!("{}.{}", workflow.name, workflow.steps[place.1].name);
        seen.failures.add(&step, failed.code, &failed.message);
    }
}

/// The requests that are made again and again, by workflow, step and target.
/// How long a call of a step may take.
fn longest(step: &Step, manner: &Manner) -> Duration {
    let deadline = step.deadline.unwrap_or(manner.deadline);
    deadline + step.stream_for.unwrap_or_default()
}

/// What every call of a step begins with: metadata that is always the same stands in it.
fn requests(plan: &Plan, manner: &Manner, pools: &[Rc<Pool>]) -> Vec<Vec<Vec<Request>>> {
    let request = |step: &Step, pool: &Rc<Pool>| {
        let mut request = Request::new(pool.endpoint(), &step.method.path, longest(step, manner));
        for (name, text) in &step.metadata {
            let value = text.literal().and_then(|text| text.try_into().ok());
            if let Some(value) = value {
                request.insert(name.clone(), value);
            }
        }
        request
    };
    let of_step = |step: &Step| pools.iter().map(|pool| request(step, pool)).collect();
    let workflows = plan.workflows.iter();
    workflows
        .map(|workflow| workflow.steps.iter().map(of_step).collect())
        .collect()
}

/// Whether an office that answers so has dealt with the request for good, and not recorded it.
pub(crate) fn is_refusal(failed: &Failed) -> bool {
    let may_have_been_recorded = matches!(
        failed.code,
        Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    failed.blame == Blame::Server && !may_have_been_recorded
}

/// Tells the collector, once a second, what was seen.
struct Teller {
    told: mpsc::UnboundedSender<Told>,
    /// When the interval ends, after the start.
    next: Duration,
    number: i64,
}

impl Teller {
    fn tell(
        &mut self,
        worker: &Worker,
        now: Instant,
        spare: &mut mpsc::UnboundedReceiver<Box<Recorder>>,
    ) {
        let elapsed = now.saturating_duration_since(worker.start);
        if elapsed < self.next {
            return;
        }
        // Without a spare one the collector is behind: this one goes on, and nothing is lost.
        if let Ok(empty) = spare.try_recv() {
            let mut seen = worker.seen.borrow_mut();
            let recorder = std::mem::replace(&mut seen.recorder, empty);
            let _ = self.told.send(Told::Interval {
                thread: worker.thread,
                number: self.number,
                recorder,
                in_flight: worker.in_flight.get(),
            });
        }
        while self.next <= elapsed {
            self.next += Duration::from_secs(1);
            self.number += 1;
        }
    }
}
