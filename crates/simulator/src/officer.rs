//! Officers who act as the scenario says, and try again when the line or their office is not there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use office::Place;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use scenario::{Act, Event, Key, Timeline};
use tokio::sync::Notify;
use tonic::{Code, Status};

use crate::call::Desk;
use crate::clock::SimulatedClock;

/// How often an act is tried, a second and then up to a minute apart: through the longest fault, and then some.
const TRIES_MAX: u32 = 1_000;

/// The names that offices gave to what was begun.
#[derive(Clone, Default)]
pub(crate) struct Names {
    names: Arc<Mutex<Vec<Option<String>>>>,
    news: Arc<Notify>,
}

impl Names {
    fn set(&self, key: Key, name: String) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() <= key.index() {
            names.resize(key.index() + 1, None);
        }
        names[key.index()] = Some(name);
        self.news.notify_waiters();
    }

    fn get(&self, key: Key) -> Option<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(key.index()).cloned().flatten()
    }

    /// Waits until the other office's officers have begun it.
    async fn wait(&self, key: Option<Key>) -> String {
        let Some(key) = key else { return String::new() };
        loop {
            let news = self.news.notified();
            if let Some(name) = self.get(key) {
                return name;
            }
            news.await;
        }
    }
}

/// An act that was refused for good: the scenario asks for something that the rules forbid.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) event: Box<Event>,
    pub(crate) status: Status,
}

/// The officers of one office.
pub(crate) struct Officers {
    pub(crate) place: Place,
    pub(crate) desk: Desk,
    pub(crate) clock: SimulatedClock,
    pub(crate) names: Names,
    pub(crate) request_ids: ChaCha8Rng,
}

impl Officers {
    pub(crate) fn new(
        place: Place,
        desk: Desk,
        clock: SimulatedClock,
        names: Names,
        seed: u64,
    ) -> Self {
        let mut request_ids = ChaCha8Rng::seed_from_u64(seed);
        request_ids.set_stream(16 + place as u64);
        Self {
            place,
            desk,
            clock,
            names,
            request_ids,
        }
    }

    /// Does everything that this office does in the timeline; returns how many steps that made.
    pub(crate) async fn act(mut self, timeline: Arc<Timeline>) -> Result<u64, Refused> {
        let mut steps = 0;
        let place = self.place;
        let own = timeline.events.iter().filter(|event| event.office == place);
        for event in own {
            tokio::time::sleep_until(self.clock.at(event.at)).await;
            self.perform(event).await?;
            steps += 1;
        }
        Ok(steps)
    }

    async fn perform(&mut self, event: &Event) -> Result<(), Refused> {
        let request_id = self.request_id();
        let begun = event.act.key().filter(|_| !event.act.begins());
        let name = self.names.wait(begun).await;
        let answered = match &event.act {
            Act::SendDocument { in_reply_to, .. } => *in_reply_to,
            _ => None,
        };
        let reply_to = self.names.wait(answered).await;
        let mut wait = Duration::from_secs(1);
        for _ in 0..TRIES_MAX {
            let (id, name, reply_to) = (request_id.clone(), name.clone(), reply_to.clone());
            match self.desk.act(&event.act, id, name, reply_to).await {
                Ok(begun) => {
                    if let Some((key, name)) = event.act.key().zip(begun) {
                        self.names.set(key, name);
                    }
                    return Ok(());
                }
                Err(status) if may_pass(&status) => tokio::time::sleep(wait).await,
                Err(status) => return Err(refused(event, status)),
            }
            wait = (wait * 2).min(Duration::from_secs(60));
        }
        let status = Status::unavailable(format!("it was tried {TRIES_MAX} times"));
        Err(refused(event, status))
    }

    fn request_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.request_ids.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}

fn refused(event: &Event, status: Status) -> Refused {
    Refused {
        event: Box::new(event.clone()),
        status,
    }
}

/// What is not there yet may come: the office after a crash, a step of the peer after a cut.
fn may_pass(status: &Status) -> bool {
    let coming = [
        Code::Unavailable,
        Code::NotFound,
        Code::FailedPrecondition,
        Code::Unknown,
        Code::Cancelled,
        Code::Internal,
    ];
    coming.contains(&status.code())
}
