//! One call that streams: what is sent and what comes back, each at its own pace.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use report::Ended;
use template::{CallKind, Values};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};
use tonic::Code;

use super::exchange::{Position, Times};
use super::worker::Worker;
use crate::mutations::Known;
use crate::plan::Step;
use crate::transport::{Attempts, Blame, Failed, Receiving, Sending};

/// When sending has failed, so long is waited for the other half to say why.
const REASON_WAIT: Duration = Duration::from_millis(50);

/// A message of a stream that is not answered yet.
struct Open {
    intended: Instant,
    sent: Instant,
    /// Its request's number, if it changes something.
    number: Option<u64>,
}

/// A stream while it is open.
struct Stream<'a> {
    worker: &'a Worker,
    position: Position,
    step: &'a Step,
    /// When its first message was due.
    first: Instant,
    opened_at: Instant,
    /// Whether each answer belongs to a message.
    matched: bool,
    /// What was sent and not answered yet, oldest first.
    open: RefCell<VecDeque<Open>>,
}

impl Worker {
    /// Makes a call that streams; returns when it was done.
    pub(super) async fn stream(
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
        let outcome = self
            .stream_answers(position, step, values, &mut times)
            .await;
        let done = Instant::now();
        if position.measured
            && let Some(sent) = times.sent
        {
            let life = done.saturating_duration_since(sent);
            self.seen.borrow_mut().streams.life.record(life);
        }
        if position.measured && times.sent.is_some() && matched(step) {
            // Its messages have been taken down one by one.
            self.stream_ended((position.workflow, position.step), outcome.as_ref().err());
        } else {
            self.take_down(position, &times, done, outcome.as_ref().err());
        }
        outcome.map(|()| done).map_err(drop)
    }

    async fn stream_answers(
        &self,
        position: Position,
        step: &Step,
        values: &mut Values<'_>,
        times: &mut Times,
    ) -> Result<(), Failed> {
        let request = self.request(position, step, values)?;
        let pool = &self.pools[position.target];
        let attempts = Attempts::default();
        let deadline = Instant::now() + request.deadline();
        loop {
            let opened = pool.open(&request, deadline, &attempts).await;
            times.sent = attempts.sent();
            let (mut sending, mut receiving) = opened?;
            let now = Instant::now();
            let stream = Stream {
                worker: self,
                position,
                step,
                first: times.intended,
                opened_at: times.sent.unwrap_or(times.intended),
                matched: matched(step),
                open: RefCell::default(),
            };
            let send = stream.send(&mut sending, values.clone());
            let receive = stream.receive(&mut receiving, values);
            let until = step.stream_for.map(|length| now + length);
            let end = until.map_or(deadline, |until| until.min(deadline));
            let outcome = match timeout_at(end, both(send, receive)).await {
                Ok(outcome) => outcome,
                // It was to be ended so.
                Err(_) if until == Some(end) => Ok(()),
                Err(_) => Err(Failed::late(true)),
            };
            let known = match &outcome {
                Err(failed) if failed.blame == Blame::NotTaken => Known::NotSent,
                Ok(()) if step.method.kind == CallKind::ClientStream => Known::Answered,
                _ => return stream.opened(outcome),
            };
            for message in stream.open.borrow_mut().drain(..) {
                self.know(message.number, known);
            }
            if known == Known::Answered || Instant::now() >= deadline {
                return stream.opened(outcome);
            }
            self.count_retries(position, 1);
            attempts.rest().await;
        }
    }
}

impl Stream<'_> {
    /// Counts it, now that it is over.
    fn opened(&self, outcome: Result<(), Failed>) -> Result<(), Failed> {
        if self.position.measured {
            self.worker.seen.borrow_mut().streams.opened += 1;
        }
        outcome
    }

    /// Sends all messages, each when it is due.
    async fn send(&self, sending: &mut Sending, mut values: Values<'_>) -> Result<(), Failed> {
        let count = match self.step.method.kind {
            CallKind::ServerStream => 1,
            _ => self.step.messages,
        };
        for message in 0..count {
            let intended = self.first + self.step.every * message;
            if !self.step.every.is_zero() {
                sleep_until(intended).await;
            }
            values.message = u64::from(message);
            let (body, number) = self.worker.message(self.step, &mut values)?;
            self.worker.know(number, Known::Unknown);
            self.open.borrow_mut().push_back(Open {
                intended,
                sent: Instant::now(),
                number,
            });
            let bytes = body.len() as u64;
            sending.send(body).await?;
            if self.position.measured {
                let mut seen = self.worker.seen.borrow_mut();
                seen.streams.messages_sent += 1;
                seen.recorder.messages_sent += 1;
                seen.recorder.bytes_sent += bytes;
            }
        }
        sending.end()
    }

    /// Takes what comes back, to its end.
    async fn receive(
        &self,
        receiving: &mut Receiving,
        values: &mut Values<'_>,
    ) -> Result<(), Failed> {
        let kind = self.worker.answer_kind(self.position);
        let mut last = self.opened_at;
        let mut received = 0_u64;
        let mut refused = None;
        let most = self.step.receive_max.map(u64::from);
        while most.is_none_or(|most| received < most) {
            let Some(message) = receiving.message().await? else {
                break;
            };
            let now = Instant::now();
            kind.check(&message)?;
            let refusal = kind.refusal(&message);
            let asked = self.asked(refusal.is_some())?;
            refused = refused.or(refusal);
            received += 1;
            if self.position.measured {
                self.take_down(asked.as_ref(), last, now, received, message.len());
            }
            last = now;
            if !self.step.keeps.is_empty() {
                self.worker
                    .keep(self.position, self.step, &message, values)?;
            }
        }
        self.ended(received)?;
        refused.map_or(Ok(()), Err)
    }

    /// What the answer that has come belongs to, if answers belong to messages.
    fn asked(&self, is_refused: bool) -> Result<Option<Open>, Failed> {
        if !self.matched {
            return Ok(None);
        }
        let Some(asked) = self.open.borrow_mut().pop_front() else {
            return Err(Failed::garbage("more answers came than messages were sent"));
        };
        let known = if is_refused {
            Known::Refused
        } else {
            Known::Answered
        };
        self.worker.know(asked.number, known);
        Ok(Some(asked))
    }

    /// Takes an answer down that came at `now`, the one before at `last`.
    fn take_down(
        &self,
        asked: Option<&Open>,
        last: Instant,
        now: Instant,
        received: u64,
        bytes: usize,
    ) {
        let begun = asked.map_or(last, |asked| asked.intended);
        let latency = now.saturating_duration_since(begun);
        let mut seen = self.worker.seen.borrow_mut();
        seen.recorder.messages_received += 1;
        seen.recorder.bytes_received += bytes as u64;
        seen.streams.messages_received += 1;
        seen.streams.message.record(latency);
        if received == 1 {
            let first = now.saturating_duration_since(self.opened_at);
            seen.streams.first_message.record(first);
        }
        if let Some(asked) = asked {
            let ended = Ended {
                code: Code::Ok,
                response: latency,
                service: Some(now.saturating_duration_since(asked.sent)),
                lag: asked.sent.saturating_duration_since(begun),
            };
            seen.message_ended((self.position.workflow, self.position.step), &ended);
        }
    }

    /// Whether it came to a good end with so many answers.
    fn ended(&self, received: u64) -> Result<(), Failed> {
        if received == 0 && self.step.method.kind == CallKind::ClientStream {
            return Err(Failed::garbage(
                "the call ended well, and without an answer",
            ));
        }
        let left = self.open.borrow().len();
        if self.matched && left > 0 {
            return Err(Failed::garbage(format!(
                "the stream ended well, and {left} messages were not answered"
            )));
        }
        Ok(())
    }
}

/// Sends and receives. Whoever receives hears first why a stream ended; sending merely finds it closed.
async fn both(
    send: impl Future<Output = Result<(), Failed>>,
    receive: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    tokio::pin!(receive);
    tokio::pin!(send);
    let mut sent = false;
    loop {
        tokio::select! {
            biased;
            received = &mut receive => return received,
            outcome = &mut send, if !sent => {
                sent = true;
                if let Err(failed) = outcome {
                    // The reason may still come on the other half.
                    let more = timeout_at(Instant::now() + REASON_WAIT, &mut receive).await;
                    return match more {
                        Ok(Err(told)) => Err(told),
                        _ => Err(failed),
                    };
                }
            }
        }
    }
}

/// Whether each answer of a stream belongs to a message of it.
fn matched(step: &Step) -> bool {
    step.one_to_one && step.method.kind == CallKind::Bidi
}
