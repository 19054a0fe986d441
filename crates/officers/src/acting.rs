//! Officers who act as the scenario says, and try again when the line or their office is not there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Awaited, Patience, RequestIds};
use office::Place;
use scenario::{Act, Event, Key, Timeline};
use tokio::sync::Notify;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::desk::Desk;
use crate::timetable::Timetable;

/// How often an act is tried: through the longest fault, and then some.
const TRIES_MAX: u32 = 1_000;

/// Of officers who have the scenario's time.
const SIMULATED: Patience = Patience {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    awaited: Awaited::State,
};
/// Of officers whom somebody watches.
pub(crate) const LIVE: Patience = Patience {
    first: Duration::from_millis(20),
    longest: Duration::from_secs(1),
    awaited: Awaited::State,
};

/// How far each exchange of the timeline has come, and the name that an office gave it.
#[derive(Debug, Clone, Default)]
pub struct Exchanges {
    begun: Arc<Mutex<Vec<Exchange>>>,
    news: Arc<Notify>,
}

#[derive(Debug, Clone, Default)]
struct Exchange {
    name: String,
    acts: usize,
}

impl Exchanges {
    /// One more act of an exchange is done; the first one gives its name.
    fn done(&self, key: Key, name: Option<String>) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() <= key.index() {
            begun.resize(key.index() + 1, Exchange::default());
        }
        let exchange = &mut begun[key.index()];
        exchange.acts += 1;
        if let Some(name) = name {
            exchange.name = name;
        }
        self.news.notify_waiters();
    }

    fn get(&self, key: Key) -> Exchange {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.get(key.index()).cloned().unwrap_or_default()
    }

    /// Waits until so many acts of an exchange are done, at either office. Returns its name.
    async fn wait(&self, key: Option<Key>, acts: usize) -> String {
        let Some(key) = key else { return String::new() };
        loop {
            let news = self.news.notified();
            let exchange = self.get(key);
            if exchange.acts >= acts {
                return exchange.name;
            }
            news.await;
        }
    }
}

/// An act that was refused for good: the scenario asks for something that the rules forbid.
#[derive(Debug, thiserror::Error)]
#[error("the {office} office refused what the scenario asks of it at {at}: {code:?}: {message}",
    office = .event.office, at = .event.at, code = .status.code(), message = .status.message())]
pub struct Refused {
    /// What was asked.
    pub event: Box<Event>,
    /// The answer.
    pub status: Box<Status>,
}

/// The officers of one office.
#[derive(Debug)]
pub struct Officers {
    place: Place,
    desk: Desk,
    timetable: Timetable,
    exchanges: Exchanges,
    request_ids: RequestIds,
    patience: Patience,
}

impl Officers {
    /// Officers of the office of `place`, who act at `desk` when it is time by `timetable`. `exchanges` are those of both
    /// offices, and the request ids are of `seed`. Their patience is that of people who have the scenario's time.
    pub fn new(
        place: Place,
        desk: Desk,
        timetable: Timetable,
        exchanges: Exchanges,
        seed: u64,
    ) -> Self {
        Self {
            place,
            desk,
            timetable,
            exchanges,
            request_ids: RequestIds::of_acting(seed, place),
            patience: SIMULATED,
        }
    }

    /// As they are, with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Does everything that this office does in the timeline; returns how many steps that made.
    ///
    /// # Errors
    /// The act that was refused for good.
    pub async fn act(mut self, timeline: Arc<Timeline>) -> Result<u64, Refused> {
        let mut steps = 0;
        let place = self.place;
        // How many acts of its exchange come before an act.
        let mut before = BTreeMap::<Key, usize>::new();
        for event in &timeline.events {
            let acts = event.act.key().map_or(0, |key| {
                let acts = before.entry(key).or_default();
                *acts += 1;
                *acts - 1
            });
            if event.office != place {
                continue;
            }
            tokio::time::sleep_until(self.timetable.at(event.at)).await;
            self.perform(event, acts).await?;
            steps += 1;
        }
        Ok(steps)
    }

    /// Does what the timeline has next, once the `before` earlier acts of its exchange are done: the other office may
    /// be late, and what comes after would forestall it.
    async fn perform(&mut self, event: &Event, before: usize) -> Result<(), Refused> {
        let request_id = self.request_ids.draw();
        let name = self.exchanges.wait(event.act.key(), before).await;
        let answered = match &event.act {
            Act::SendDocument { in_reply_to, .. } => *in_reply_to,
            _ => None,
        };
        let reply_to = self.exchanges.wait(answered, 1).await;
        let mut tries = self.patience.tries();
        let mut last = None;
        for _ in 0..TRIES_MAX {
            let (id, name, reply_to) = (request_id.clone(), name.clone(), reply_to.clone());
            let status = match self.desk.act(&event.act, id, name, reply_to).await {
                Ok(_) if event.refused.is_some() => return Err(refused(event, not_refused())),
                Err(status) if is_meant(event, &status) => {
                    if let Some(key) = event.act.key() {
                        self.exchanges.done(key, None);
                    }
                    return Ok(());
                }
                Ok(begun) => {
                    if let Some(key) = event.act.key() {
                        self.exchanges.done(key, begun);
                    }
                    return Ok(());
                }
                Err(status) => status,
            };
            let Some(wait) = tries.wait_after(&status) else {
                return Err(refused(event, status));
            };
            last = Some(status);
            tokio::time::sleep(wait).await;
        }
        Err(refused(event, last.expect("it was tried")))
    }
}

/// Whether it is the refusal that the scenario asks for.
fn is_meant(event: &Event, status: &Status) -> bool {
    let reason = status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone());
    event.refused.is_some() && event.refused == reason
}

fn not_refused() -> Status {
    Status::ok("it was to be refused, and was done")
}

fn refused(event: &Event, status: Status) -> Refused {
    Refused {
        event: Box::new(event.clone()),
        status: Box::new(status),
    }
}
