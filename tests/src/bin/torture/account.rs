//! What clients asked for, and what they were told: the account that the ledgers are held against.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use office::{PerPlace, Place};

use crate::mutation::Mutation;

/// A request id.
pub(crate) type Id = [u8; 16];

/// A request, and what its client knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) place: Place,
    pub(crate) payload: Bytes,
    /// Requests of one lane were made one after another, in this order.
    pub(crate) lane: u64,
    pub(crate) order: u64,
    pub(crate) mutation: Mutation,
    pub(crate) standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No answer yet.
    Unanswered,
    /// It was acknowledged with these bytes: it must stand in both ledgers.
    Acknowledged(Bytes),
    /// It was refused for good: it must stand in neither.
    Refused(String),
}

/// All requests to one pair of offices.
#[derive(Debug, Default)]
pub(crate) struct Account {
    requests: Mutex<BTreeMap<Id, Request>>,
    /// What is wrong whatever the ledgers say.
    wrongs: Mutex<Vec<String>>,
    in_flight: PerPlace<AtomicU64>,
    lanes: AtomicU64,
    acknowledged: AtomicU64,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Flight<'a>(&'a AtomicU64);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    pub(crate) fn new_lane(&self) -> u64 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a request before it is sent for the first time.
    pub(crate) fn note(&self, place: Place, lane: u64, order: u64, mutation: &Mutation) {
        let request = Request {
            place,
            payload: mutation.payload(),
            lane,
            order,
            mutation: mutation.clone(),
            standing: Standing::Unanswered,
        };
        lock(&self.requests).insert(mutation.id(), request);
    }

    /// A request is under way to `place` until the guard is dropped.
    pub(crate) fn depart(&self, place: Place) -> Flight<'_> {
        self.in_flight[place].fetch_add(1, Ordering::Relaxed);
        Flight(&self.in_flight[place])
    }

    /// How many requests to `place` are under way.
    pub(crate) fn unanswered(&self, place: Place) -> u64 {
        self.in_flight[place].load(Ordering::Relaxed)
    }

    /// A request was acknowledged. The answer must be the first one.
    pub(crate) fn acknowledge(&self, id: Id, answer: Bytes) {
        let mut requests = lock(&self.requests);
        let Some(request) = requests.get_mut(&id) else {
            return;
        };
        match &request.standing {
            Standing::Unanswered => {
                request.standing = Standing::Acknowledged(answer);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Standing::Acknowledged(first) if *first == answer => {}
            Standing::Acknowledged(first) => {
                let name = request.mutation.name();
                let (first, again) = (first.clone(), answer);
                drop(requests);
                self.wrong(format!(
                    "{name} {} was answered {first:?}, and asked again {again:?}",
                    uuid::Uuid::from_bytes(id)
                ));
            }
            Standing::Refused(why) => {
                let why = why.clone();
                drop(requests);
                self.wrong(format!(
                    "{} was refused ({why}), and asked again acknowledged",
                    uuid::Uuid::from_bytes(id)
                ));
            }
        }
    }

    /// A request was refused for good.
    pub(crate) fn refuse(&self, id: Id, why: String) {
        let mut requests = lock(&self.requests);
        let Some(request) = requests.get_mut(&id) else {
            return;
        };
        if request.standing == Standing::Unanswered {
            request.standing = Standing::Refused(why);
            return;
        }
        let name = request.mutation.name();
        drop(requests);
        self.wrong(format!(
            "{name} {} was answered, and asked again refused: {why}",
            uuid::Uuid::from_bytes(id)
        ));
    }

    /// Notes that something is wrong, whatever the ledgers say.
    pub(crate) fn wrong(&self, what: String) {
        // A status shows its details in bytes; the beginning tells enough.
        let what = what.chars().take(400).collect();
        let mut wrongs = lock(&self.wrongs);
        if wrongs.len() < 20 {
            wrongs.push(what);
        }
    }

    pub(crate) fn take_wrongs(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.wrongs))
    }

    /// Acknowledged requests, all told.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> BTreeMap<Id, Request> {
        lock(&self.requests).clone()
    }
}
