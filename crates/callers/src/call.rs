//! A call under way, as whoever answers it sees it: who calls, and what memory the answer takes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use office::Refusal;
use tokio::sync::OwnedSemaphorePermit;

use crate::budget::{Budget, Lease};
use crate::caller::Caller;
use crate::slots::Keeper;

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// A call under way.
#[derive(Debug)]
pub struct Call {
    /// Who calls.
    pub caller: Arc<Caller>,
    budget: Budget,
    /// Held until the answer has gone out.
    kept: Mutex<Vec<Lease>>,
    /// If it is a transfer that has a place, whoever says that the office keeps it waiting.
    keeper: OnceLock<Keeper>,
}

impl Call {
    /// A call of `caller`, who takes memory from `budget`.
    pub fn new(caller: Arc<Caller>, budget: Budget) -> Self {
        Self {
            caller,
            budget,
            kept: Mutex::default(),
            keeper: OnceLock::new(),
        }
    }

    /// Answers a call: [`Self::current`] gives it inside.
    pub async fn answer<T>(self: Arc<Self>, answering: impl Future<Output = T>) -> T {
        CALL.scope(self, answering).await
    }

    /// The call that is being answered; `None` outside of all.
    pub fn current() -> Option<Arc<Self>> {
        CALL.try_with(Arc::clone).ok()
    }

    /// Waits for a turn to read.
    pub async fn turn(&self) -> Option<Turn> {
        // First in the caller's own row: everybody has one in the common row, however many calls he makes.
        let own = Arc::clone(&self.caller.reads).acquire_owned().await.ok()?;
        let common = self.budget.reads().acquire_owned().await.ok()?;
        Some(Turn {
            _own: own,
            _common: common,
        })
    }

    /// Takes memory for what is about to be read and sent.
    pub async fn lease(&self, bytes: u64) -> Result<Lease, Refusal> {
        self.lease_for_bytes(bytes, 0).await
    }

    /// As that, of which so many bytes are here already.
    pub async fn lease_for_bytes(&self, bytes: u64, here: u64) -> Result<Lease, Refusal> {
        let lease = self.budget.lease_for(&self.caller, bytes, here);
        match self.keeper.get() {
            Some(keeper) => keeper.kept(lease).await,
            None => lease.await,
        }
    }

    /// The call is a transfer, and has a place: from here on it is not slow while it waits for memory.
    pub fn is_transfer(&self, keeper: Keeper) {
        // A call is one transfer.
        let _ = self.keeper.set(keeper);
    }

    /// Holds a lease until the answer has gone out.
    pub fn keep(&self, lease: Lease) {
        self.locked().push(lease);
    }

    /// What was to be held until the answer has gone out.
    pub fn take_kept(&self) -> Vec<Lease> {
        std::mem::take(&mut *self.locked())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Lease>> {
        // Each change is one step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who makes a step in the call that is being answered, if they have shown a certificate.
pub fn author() -> Option<Arc<str>> {
    let author = |call: &Arc<Call>| call.caller.known().author().cloned();
    CALL.try_with(author).ok().flatten()
}

/// Takes memory for an answer that is about to be made, and held until it has gone out. `bytes` is the most that it may
/// take; what it took in the end is said by [`Room::took`].
pub async fn room(bytes: u64) -> Result<Room, Refusal> {
    let Some(call) = Call::current() else {
        return Ok(Room(None));
    };
    let lease = call.lease(bytes).await?;
    Ok(Room(Some((call, lease))))
}

/// A turn to read from the ledger at length: one caller's reads do not fill the machine, and other calls pass them by.
pub async fn turn() -> Option<Turn> {
    let call = Call::current()?;
    call.turn().await
}

/// A turn to read, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _common: OwnedSemaphorePermit,
}

/// Memory for an answer.
#[derive(Debug)]
pub struct Room(Option<(Arc<Call>, Lease)>);

impl Room {
    /// The answer is made, and takes so many bytes.
    pub fn took(self, bytes: u64) {
        if let Some((call, mut lease)) = self.0 {
            lease.shrink(bytes);
            call.keep(lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use office::Limits;

    use super::*;
    use crate::slots::{GivesWay, Slots};

    /// Whatever an upload leases, for what comes in or for what is made of it, others keep it from, and not its client.
    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_waits_for_memory_is_not_slow() {
        let limits = Limits {
            call_bytes_max: 1_000,
            caller_bytes_max: 1_000,
            caller_allowance_bytes: 0,
            ..Limits::default()
        };
        let budget = Budget::new(&limits);
        let slots = Slots::new("places", "places of one", 1, 2, GivesWay::Slowest);
        let of = |number| {
            Arc::new(Call::new(
                Arc::new(Caller::new(number, None)),
                budget.clone(),
            ))
        };
        let (other, upload) = (of(1), of(2));
        let held = other.lease(1_000).await.expect("there is room");
        let place = slots.take().expect("there is one");
        upload.is_transfer(place.keeper());
        let leasing = upload.lease(500);
        let freed = async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            drop(held);
        };
        let (lease, ()) = tokio::join!(leasing, freed);
        lease.expect("it was given back");
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(slots.take().is_err(), "half of the time was not its own");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(slots.take().is_ok(), "now it has stood still for long");
    }
}
