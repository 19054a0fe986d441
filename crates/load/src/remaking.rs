//! Recorded calls, made again at their times.
//!
//! When everything is due is fixed before the run: a call, a message within a stream and its end at the times at which they
//! passed, and nothing that the target does moves them, but that a message which repeats a value of an answer waits for that
//! answer. The calls of a recorded connection are made on one connection, in their order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use remake::{Planned, Played, Rekey, Say, Script, Values};
use replay::Speed;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until};
use tonic::Code;

use crate::transport::{
    Attempts, Blame, Endpoint, Failed, Pool, PoolLimits, Receiving, Request, Sending, framed,
};

/// A connection is opened so long before its first call is due.
const CONNECT_AHEAD: Duration = Duration::from_millis(200);

/// What became of a call.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The answers, and how it ended; of a call that failed on the way, as gRPC's clients tell it.
    pub played: Played,
    /// Why, if no server has answered it.
    pub failed: Option<Failed>,
    /// How much later it was sent than it was due.
    pub lag: Duration,
    /// How long it took, from when it was sent.
    pub took: Duration,
}

/// What a script has come to.
#[derive(Debug)]
pub struct Remade {
    /// What became of each call, in the script's order.
    pub outcomes: Vec<Outcome>,
    /// What the values were this time.
    pub values: Values,
    /// How long all of it took.
    pub took: Duration,
}

/// How a script is played.
#[derive(Debug, Clone)]
pub struct Remaking {
    /// Where each call goes.
    pub endpoints: Vec<Endpoint>,
    /// How many times as fast as it was recorded.
    pub speed: Speed,
    /// What is drawn anew.
    pub rekeyed: Vec<Rekey>,
    /// How long a call may take beyond what it took when it was recorded, where it says no deadline itself.
    pub deadline: Duration,
    /// The largest answer taken.
    pub message_bytes_max: usize,
    /// Whether the answers are kept, to be compared; they are counted otherwise.
    pub keeps_answers: bool,
    /// Draws 16 bytes for a key.
    pub drawn: fn() -> [u8; 16],
}

/// What calls share while they are made.
struct Shared {
    script: Rc<Script>,
    remaking: Remaking,
    values: RefCell<Values>,
    /// A value is known, or will not be.
    settled: Notify,
    outcomes: RefCell<BTreeMap<usize, Outcome>>,
    begin: Instant,
    /// When the first call began, in the recording.
    first: Duration,
    done: Cell<u64>,
}

impl Remaking {
    /// Plays a script; `each` is told how many calls are done.
    pub async fn play(self, script: Rc<Script>, each: impl Fn(u64) + 'static) -> Remade {
        let mut connections: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (index, call) in script.calls.iter().enumerate() {
            connections.entry(call.connection).or_default().push(index);
        }
        let first = script.calls.first().map(|call| call.began);
        let shared = Rc::new(Shared {
            values: RefCell::new(Values::new(&script, &self.rekeyed)),
            settled: Notify::new(),
            outcomes: RefCell::default(),
            begin: Instant::now() + CONNECT_AHEAD,
            first: first.unwrap_or_default(),
            done: Cell::new(0),
            remaking: self,
            script,
        });
        let each: Rc<dyn Fn(u64)> = Rc::new(each);
        // Connections of a pool are driven by tasks that stay on this thread.
        LocalSet::new()
            .run_until(async {
                let mut all = JoinSet::new();
                for calls in connections.into_values() {
                    let (shared, each) = (Rc::clone(&shared), Rc::clone(&each));
                    all.spawn_local(async move { shared.connection(calls, each).await });
                }
                all.join_all().await;
            })
            .await;
        let took = shared.begin.elapsed();
        let shared = Rc::into_inner(shared).expect("every task has ended");
        Remade {
            outcomes: shared.outcomes.into_inner().into_values().collect(),
            values: shared.values.into_inner(),
            took,
        }
    }
}

impl Shared {
    /// When something is due that passed `at`.
    fn due(&self, at: Duration) -> Instant {
        let after = at.saturating_sub(self.first);
        match self.remaking.speed {
            Speed::Max => self.begin,
            Speed::Times(times) => self.begin + after.div_f64(times),
        }
    }

    /// Makes the calls of one connection, each as it is due, whatever those before it do.
    async fn connection(self: Rc<Self>, calls: Vec<usize>, each: Rc<dyn Fn(u64)>) {
        let Some(first) = calls.first().copied() else {
            return;
        };
        let due = self.due(self.script.calls[first].began);
        sleep_until(due.checked_sub(CONNECT_AHEAD).unwrap_or(due)).await;
        let limits = PoolLimits {
            connections: 1,
            connections_max: 1,
            message_bytes_max: self.remaking.message_bytes_max,
        };
        let endpoint = self.remaking.endpoints[first].clone();
        let pool = Pool::connect(endpoint, limits).await;
        let mut under_way = JoinSet::new();
        for index in calls {
            let began = self.script.calls[index].began;
            sleep_until(self.due(began)).await;
            self.settle(&self.script.calls[index].needs).await;
            let sent = Instant::now();
            let opened = match &pool {
                Ok(pool) => self.open(pool, index).await,
                Err(failed) => Err(failed.clone()),
            };
            let (shared, each) = (Rc::clone(&self), Rc::clone(&each));
            under_way.spawn_local(async move {
                let (played, failed) = match opened {
                    Ok((sending, receiving, deadline)) => {
                        shared.finish(index, sending, receiving, deadline).await
                    }
                    Err(failed) => failed_on_the_way(Played::default(), failed),
                };
                let outcome = Outcome {
                    played,
                    failed,
                    lag: sent.saturating_duration_since(shared.due(began)),
                    took: sent.elapsed(),
                };
                shared.end(index, outcome);
                each(shared.done.get());
            });
        }
        under_way.join_all().await;
    }

    fn end(&self, index: usize, outcome: Outcome) {
        if self.values.borrow_mut().end(index) {
            self.settled.notify_waiters();
        }
        self.outcomes.borrow_mut().insert(index, outcome);
        self.done.set(self.done.get() + 1);
    }

    /// Waits until these values are known, or will not be.
    async fn settle(&self, needs: &[usize]) {
        loop {
            let mut settled = pin!(self.settled.notified());
            // From here on a notice is not missed.
            settled.as_mut().enable();
            if self.values.borrow().are_settled(needs) {
                return;
            }
            settled.await;
        }
    }

    async fn open(
        &self,
        pool: &Rc<Pool>,
        index: usize,
    ) -> Result<(Sending, Receiving, Instant), Failed> {
        let call = &self.script.calls[index];
        let faulty = |what: &str| {
            let message = format!("{what} cannot be sent again");
            Failed::not_sent(Code::InvalidArgument, message)
        };
        let path: PathAndQuery = call.path.parse().map_err(|_| faulty("its path"))?;
        let metadata = self.values.borrow_mut().metadata(call, self.remaking.drawn);
        let mut headers = HeaderMap::new();
        for (name, value) in &metadata {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| faulty(name))?;
            let value = HeaderValue::from_bytes(value).map_err(|_| faulty(name.as_str()))?;
            headers.append(name, value);
        }
        let own = headers.get("grpc-timeout").and_then(deadline_of);
        let took = call.awaited.took.unwrap_or_default();
        let within = own.unwrap_or(self.remaking.deadline + took);
        let request = Request::again(pool.endpoint(), &path, headers, within);
        let deadline = Instant::now() + within;
        let opened = pool.open(&request, deadline, &Attempts::default()).await;
        opened.map(|(sending, receiving)| (sending, receiving, deadline))
    }

    /// Sends what is to be sent, and takes what is answered.
    async fn finish(
        &self,
        index: usize,
        mut sending: Sending,
        mut receiving: Receiving,
        deadline: Instant,
    ) -> (Played, Option<Failed>) {
        let call = &self.script.calls[index];
        let mut played = Played::default();
        let received = {
            let sent = pin!(async {
                // What the server does not want any more, it says by its answer.
                let _ = self.send(call, &mut sending).await;
                pending::<()>().await;
            });
            let received = pin!(async {
                while let Some(message) = receiving.message().await? {
                    let number = played.answers.len();
                    let output = call.output.as_ref();
                    let is_news = self
                        .values
                        .borrow_mut()
                        .hear(index, number, &message, output);
                    let is_kept = self.remaking.keeps_answers;
                    played
                        .answers
                        .push(if is_kept { message } else { Bytes::new() });
                    if is_news {
                        self.settled.notify_waiters();
                    }
                }
                Ok(())
            });
            let given_up = pin!(async {
                match call.given_up {
                    Some(at) => sleep_until(self.due(at)).await,
                    None => pending().await,
                }
            });
            tokio::select! {
                biased;
                received = received => Some(received),
                // Whoever gave it up may have done so at the same deadline.
                () = sleep_until(deadline) => {
                    call.given_up.is_none().then(|| Err(Failed::late(true)))
                }
                () = given_up => None,
                () = sent => None,
            }
        };
        match received {
            None => {
                played.was_given_up = true;
                (played, None)
            }
            Some(Ok(())) => (played, None),
            Some(Err(failed)) if failed.blame == Blame::Server => {
                played.code = failed.code as u32;
                played.message = failed.message;
                (played, None)
            }
            Some(Err(failed)) => failed_on_the_way(played, failed),
        }
    }

    async fn send(&self, call: &Planned, sending: &mut Sending) -> Result<(), Failed> {
        for say in &call.says {
            sleep_until(self.due(say.at)).await;
            self.settle(&say.needs).await;
            sending.send(self.said(call, say)).await?;
        }
        if let Some(asked) = call.asked {
            sleep_until(self.due(asked)).await;
            sending.end()?;
        }
        Ok(())
    }

    /// A message as it is sent now: as it passed, if nothing of it is another.
    fn said(&self, call: &Planned, say: &Say) -> Bytes {
        match self.values.borrow_mut().say(call, say, self.remaking.drawn) {
            None => framed(&say.bytes, say.is_compressed),
            Some(bytes) => framed(&bytes, false),
        }
    }
}

fn failed_on_the_way(played: Played, failed: Failed) -> (Played, Option<Failed>) {
    let played = Played {
        code: failed.code as u32,
        message: failed.message.clone(),
        ..played
    };
    (played, Some(failed))
}

/// What `grpc-timeout` says.
fn deadline_of(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3_600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}
