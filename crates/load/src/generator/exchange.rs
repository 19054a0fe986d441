//! One arrival: the steps of its workflow, one after another, each by its call.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tonic::Code;
use uuid::Uuid;

use super::sample::{Sample, Timing};
use super::worker::{Worker, is_refusal};
use crate::answer::AnswerKind;
use crate::mutations::Known;
use crate::plan::Step;
use crate::schedule::Arrival;
use crate::transport::{Answer, Attempts, Blame, Failed, Request, frame};
use report::Ended;
use template::{CallKind, Values};

/// Asked so, an office tells where a step's time went.
const TIMING: HeaderName = HeaderName::from_static("liaison-timing");
const AGAIN_FIRST: Duration = Duration::from_millis(2);
const AGAIN_LONGEST: Duration = Duration::from_millis(50);

/// Where in the plan, and at which target.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) workflow: usize,
    pub(super) step: usize,
    pub(super) target: usize,
    pub(super) measured: bool,
}

/// When a call was intended, and when it was sent.
pub(super) struct Times {
    pub(super) intended: Instant,
    pub(super) sent: Option<Instant>,
}

impl Worker {
    /// Goes through an arrival's workflow.
    pub(crate) async fn exchange(self: &Rc<Self>, arrival: Arrival) {
        let measured = self.is_measured(arrival.due);
        let plan = &self.plan;
        let kind = arrival.kind.map(crate::schedule::Kind::name);
        let chosen = plan.pick(self.manner.seed, arrival.index, kind);
        let workflow = &plan.workflows[chosen];
        if measured {
            self.seen.borrow_mut().workflows[chosen].started += 1;
        }
        let sender = workflow.from.drawn(self.manner.seed, arrival.index);
        let mut values = Values {
            seed: self.manner.seed,
            index: arrival.index,
            message: 0,
            request_id: Uuid::nil(),
            at: "",
            now: self.start_wall,
            instants_from: self.start_wall,
            kept: vec![None; workflow.slots],
        };
        let due = self.start + arrival.due;
        let mut intended = due;
        let mut well = true;
        for (number, step) in workflow.steps.iter().enumerate() {
            let pause = step.pause_of(self.manner.seed, arrival.index);
            if !pause.is_zero() {
                sleep_until(intended + pause).await;
                intended += pause;
            }
            let target = Self::target(step.at, sender);
            values.at = match step.at.place(sender) {
                Some(place) => place.word(),
                None => self.pools[target].endpoint().address(),
            };
            let position = Position {
                workflow: chosen,
                step: number,
                target,
                measured,
            };
            let Ok(done) = self.step(position, step, &mut values, intended).await else {
                well = false;
                break;
            };
            intended = done;
        }
        if measured {
            let mut seen = self.seen.borrow_mut();
            let recorded = &mut seen.workflows[chosen];
            if well {
                recorded.finished += 1;
                recorded
                    .end_to_end
                    .record(intended.saturating_duration_since(due));
            } else {
                recorded.failed += 1;
            }
        }
        self.finished(measured);
    }

    /// Makes a step; returns when it was done.
    async fn step(
        self: &Rc<Self>,
        position: Position,
        step: &Step,
        values: &mut Values<'_>,
        intended: Instant,
    ) -> Result<Instant, ()> {
        match step.method.kind {
            CallKind::Unary => self.unary(position, step, values, intended).await,
            _ => self.stream(position, step, values, intended).await,
        }
    }

    pub(super) fn request(
        &self,
        position: Position,
        step: &Step,
        values: &mut Values<'_>,
    ) -> Result<Request, Failed> {
        let mut request = self.requests[position.workflow][position.step][position.target].clone();
        for (name, template) in &step.metadata {
            if template.literal().is_some() {
                continue;
            }
            let mut text = BytesMut::new();
            template
                .render(values, &mut text)
                .map_err(|error| unmade(&error))?;
            let value =
                HeaderValue::from_maybe_shared(text.freeze()).map_err(|error| unmade(&error))?;
            request.insert(name.clone(), value);
        }
        Ok(request)
    }

    /// A framed message, and the number of its request if it changes something.
    pub(super) fn message(
        &self,
        step: &Step,
        values: &mut Values<'_>,
    ) -> Result<(Bytes, Option<u64>), Failed> {
        let template = step.template(values.message);
        let number = template.uses_request_id().then(|| {
            let mut seen = self.seen.borrow_mut();
            let number = seen.mutations.begin(self.plan.is_for_offices);
            values.request_id = self.request_id(number);
            number
        });
        values.now = self.wall(Instant::now());
        let mut buffer = self.buffer.borrow_mut();
        frame(&mut buffer, |out| template.encode(values, out)).map_err(|error| {
            let _: BytesMut = buffer.split();
            unmade(&error)
        })?;
        Ok((buffer.split().freeze(), number))
    }

    fn request_id(&self, number: u64) -> Uuid {
        self.manner.run_id.request(self.thread as u16, number)
    }

    pub(super) fn answer_kind(&self, position: Position) -> &AnswerKind {
        &self.answers[position.workflow][position.step]
    }

    pub(super) fn know(&self, number: Option<u64>, known: Known) {
        if let Some(number) = number {
            self.seen.borrow_mut().mutations.set(number, known);
        }
    }

    async fn unary(
        self: &Rc<Self>,
        position: Position,
        step: &Step,
        values: &mut Values<'_>,
        intended: Instant,
    ) -> Result<Instant, ()> {
        let mut times = Times {
            intended,
            sent: None,
        };
        let outcome = self.unary_answer(position, step, values, &mut times).await;
        let done = Instant::now();
        self.take_down(position, &times, done, outcome.as_ref().err());
        outcome.map(|()| done).map_err(drop)
    }

    async fn unary_answer(
        self: &Rc<Self>,
        position: Position,
        step: &Step,
        values: &mut Values<'_>,
        times: &mut Times,
    ) -> Result<(), Failed> {
        let mut request = self.request(position, step, values)?;
        let (body, number) = self.message(step, values)?;
        let sampled = number.is_some()
            && position.measured
            && self.plan.is_for_offices
            && self.seen.borrow_mut().wants_sample();
        if sampled {
            request.insert(TIMING, HeaderValue::from_static("1"));
        }
        let pool = &self.pools[position.target];
        let give_up = times.intended + step.retry_for;
        let mut wait = AGAIN_FIRST;
        // Whether an attempt may have reached the target: then nobody here can say that the request did not.
        let mut reached = false;
        let bytes = body.len() as u64;
        let answer = loop {
            let attempts = Attempts::default();
            let deadline = Instant::now() + request.deadline();
            let answer = pool
                .unary(&request, body.clone(), deadline, &attempts)
                .await;
            times.sent = times.sent.or(attempts.sent());
            self.count_retries(position, attempts.again());
            if attempts.sent().is_some() {
                self.know(number, Known::Unknown);
            }
            let failed = match answer {
                Ok(answer) => break answer,
                Err(failed) => failed,
            };
            reached |= failed.blame.may_have_reached();
            let may_pass = step.retry.contains(&failed.code);
            if !may_pass || Instant::now() + wait > give_up || self.steering.is_abandoned() {
                if is_refusal(&failed) {
                    self.know(number, Known::Refused);
                } else if !reached {
                    self.know(number, Known::NotSent);
                }
                return Err(failed);
            }
            self.count_retries(position, 1);
            sleep(wait).await;
            wait = (wait * 2).min(AGAIN_LONGEST);
        };
        self.know(number, Known::Answered);
        if sampled {
            self.sample(number, times, &answer);
        }
        if position.measured {
            let mut seen = self.seen.borrow_mut();
            seen.recorder.bytes_sent += bytes;
            seen.recorder.bytes_received += answer.message.len() as u64;
        }
        self.keep(position, step, &answer.message, values)
    }

    /// Takes down where a step's time went, if the office told it.
    fn sample(&self, number: Option<u64>, times: &Times, answer: &Answer) {
        let timing = answer.headers.get(&TIMING);
        let timing = timing.and_then(|it| Timing::parse(it.to_str().ok()?));
        if let (Some(timing), Some(number), Some(sent)) = (timing, number, times.sent) {
            let sent = self.wall(sent);
            self.seen.borrow_mut().sample(Sample {
                number,
                sent,
                timing,
            });
        }
    }

    pub(super) fn count_retries(&self, position: Position, count: u64) {
        if position.measured && count > 0 {
            let workflows = &mut self.seen.borrow_mut().workflows;
            workflows[position.workflow].steps[position.step].retries += count;
        }
    }

    /// Takes what later steps need out of an answer; an answer that cannot be read is a failure.
    pub(super) fn keep(
        &self,
        position: Position,
        step: &Step,
        message: &[u8],
        values: &mut Values<'_>,
    ) -> Result<(), Failed> {
        self.answer_kind(position).check(message)?;
        for (slot, keep) in &step.keeps {
            let kept = keep.take(message).map_err(|error| {
                Failed::garbage(format!("the answer lacks what a later step needs: {error}"))
            })?;
            values.kept[*slot] = Some(kept);
        }
        Ok(())
    }

    pub(super) fn take_down(
        &self,
        position: Position,
        times: &Times,
        done: Instant,
        failed: Option<&Failed>,
    ) {
        if !position.measured {
            return;
        }
        let ended = Ended {
            code: failed.map_or(Code::Ok, |failed| failed.code),
            response: done.saturating_duration_since(times.intended),
            service: times.sent.map(|sent| done.saturating_duration_since(sent)),
            lag: times
                .sent
                .unwrap_or(done)
                .saturating_duration_since(times.intended),
        };
        self.call_ended((position.workflow, position.step), &ended, failed);
    }
}

fn unmade(error: &dyn std::fmt::Display) -> Failed {
    let message = format!("the request could not be made: {error}");
    Failed::new(Code::InvalidArgument, Blame::NotSent, message)
}
