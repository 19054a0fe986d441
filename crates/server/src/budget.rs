//! Memory for calls: so many bytes for the whole office, shared out before anything is allocated.
//!
//! What comes in and what waits to go out is held on behalf of a caller. Small things are held in an allowance that each
//! caller has; whatever is larger takes a [`Lease`] of the common store, and waits for one if there is none. When
//! somebody waits and a lease has been held for longer than [`HELD_AT_EASE`], its caller is sent away: whoever sends or
//! reads at a reasonable pace needs no longer, and who does not may be out to use everything up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use office::{Limits, Refusal};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;

/// How long a lease is held in peace while others wait.
const HELD_AT_EASE: Duration = Duration::from_secs(1);
/// How long whoever is sent away may take to go before the next is asked.
const LEAVING: Duration = Duration::from_millis(250);
/// What waits for a lease is at most so small a part of the store.
const WAITING_SHARE: u64 = 8;
/// How long somebody waits for a lease before the call is refused.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The store of one office.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
    /// Reads at length, of all callers: one processor is left for whatever is short.
    reads: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shared {
    bytes_max: u64,
    caller_bytes_max: u64,
    allowance_bytes: u64,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// By the number of the caller.
    callers: BTreeMap<u64, Share>,
    /// By a number that counts leases: the oldest first.
    leases: BTreeMap<u64, Held>,
    last: u64,
    /// Bytes that have come in and wait for a lease, by the number of the caller.
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: u64,
}

#[derive(Debug)]
struct Waiting {
    bytes: u64,
    cut: CancellationToken,
}

/// What one caller holds.
#[derive(Debug, Default)]
struct Share {
    allowance: u64,
    leased: u64,
}

#[derive(Debug)]
struct Held {
    caller: u64,
    since: Instant,
    cut: CancellationToken,
}

/// Bytes held for a caller, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    caller: u64,
    /// Its number, if it is of the common store.
    number: Option<u64>,
    bytes: u64,
}

/// Why there is no lease now.
enum Lacking {
    /// The caller has all that one caller may have.
    OwnShare,
    /// Others have the rest.
    Common,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                bytes_max: limits.call_bytes_max,
                caller_bytes_max: limits.caller_bytes_max.min(limits.call_bytes_max),
                allowance_bytes: limits.caller_allowance_bytes,
                state: Mutex::default(),
                freed: Notify::new(),
            }),
            reads: Arc::new(Semaphore::new(readers())),
        }
    }

    pub(crate) fn reads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.reads)
    }

    /// Takes `bytes` for `caller`, as soon as they can be had. What is more than one caller may have takes all of that.
    pub(crate) async fn lease(&self, caller: &Caller, bytes: u64) -> Result<Lease, Refusal> {
        self.lease_for(caller, bytes, 0).await
    }

    /// As [`Self::lease`], for something of which `here` bytes have come in already. There is a bound to that, too: beyond
    /// it whoever has most of it is sent away.
    pub(crate) async fn lease_for(
        &self,
        caller: &Caller,
        bytes: u64,
        here: u64,
    ) -> Result<Lease, Refusal> {
        let shared = &self.shared;
        let bytes = bytes.min(shared.caller_bytes_max);
        let refused_at = Instant::now() + WAIT_MAX;
        let mut queued = None;
        loop {
            let freed = shared.freed.notified();
            tokio::pin!(freed);
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            let lacking = match shared.try_lease(caller, bytes) {
                Ok(lease) => return Ok(lease),
                Err(lacking) => lacking,
            };
            if queued.is_none() {
                queued = Some(shared.queue(caller, here));
            }
            if Instant::now() >= refused_at {
                return Err(shared.refusal(&lacking));
            }
            let next = match lacking {
                Lacking::OwnShare => None,
                Lacking::Common => shared.send_one_away(caller),
            };
            let look_again = next.map_or(refused_at, |next| next.min(refused_at));
            tokio::select! {
                biased;
                () = freed => {}
                () = tokio::time::sleep_until(look_again) => {}
            }
        }
    }

    /// Bytes of the common store that are held now.
    #[cfg(test)]
    fn used(&self) -> u64 {
        self.shared.locked().used
    }
}

fn readers() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_sub(1).max(1)
}

impl Shared {
    fn try_lease(self: &Arc<Self>, caller: &Caller, bytes: u64) -> Result<Lease, Lacking> {
        let mut state = self.locked();
        let state = &mut *state;
        let share = state.callers.entry(caller.number).or_default();
        let number = if share.allowance + bytes <= self.allowance_bytes {
            share.allowance += bytes;
            None
        } else if share.leased + bytes > self.caller_bytes_max {
            return Err(Lacking::OwnShare);
        } else if state.used + bytes > self.bytes_max {
            if share.leased + share.allowance == 0 {
                state.callers.remove(&caller.number);
            }
            return Err(Lacking::Common);
        } else {
            share.leased += bytes;
            state.used += bytes;
            state.last += 1;
            let held = Held {
                caller: caller.number,
                since: Instant::now(),
                cut: caller.cut.clone(),
            };
            state.leases.insert(state.last, held);
            Some(state.last)
        };
        Ok(Lease {
            shared: Arc::clone(self),
            caller: caller.number,
            number,
            bytes,
        })
    }

    /// Ends the connection of whoever has held a lease for longest, if that is long. When the next has held one for long,
    /// if there is one.
    fn send_one_away(&self, asking: &Caller) -> Option<Instant> {
        let now = Instant::now();
        let state = self.locked();
        let others = state
            .leases
            .values()
            .filter(|held| held.caller != asking.number && !held.cut.is_cancelled());
        let mut longest = others
            .map(|held| (held, held.since + HELD_AT_EASE))
            .peekable();
        if let Some((held, _)) = longest.next_if(|(_, long)| *long <= now) {
            tracing::warn!(
                caller = held.caller,
                "memory for calls is short: a caller that held some for long is sent away"
            );
            held.cut.cancel();
            // It may take a moment to go, and what it held may not be enough.
            return Some(now + LEAVING);
        }
        longest.peek().map(|(_, long)| *long)
    }

    /// Counts what waits, until what is returned is dropped.
    fn queue(self: &Arc<Self>, caller: &Caller, bytes: u64) -> Queued {
        let mut state = self.locked();
        state.waiting_bytes += bytes;
        let waiting = state
            .waiting
            .entry(caller.number)
            .or_insert_with(|| Waiting {
                bytes: 0,
                cut: caller.cut.clone(),
            });
        waiting.bytes += bytes;
        if state.waiting_bytes > self.bytes_max / WAITING_SHARE {
            let most = state.waiting.values().max_by_key(|waiting| waiting.bytes);
            if let Some(most) = most {
                most.cut.cancel();
            }
        }
        Queued {
            shared: Arc::clone(self),
            caller: caller.number,
            bytes,
        }
    }

    fn refusal(&self, lacking: &Lacking) -> Refusal {
        let (what, limit) = match lacking {
            Lacking::OwnShare => (
                "the bytes of messages under way of one connection",
                self.caller_bytes_max,
            ),
            Lacking::Common => ("the bytes of messages under way", self.bytes_max),
        };
        Refusal::Exhausted {
            what,
            limit,
            retry_after: HELD_AT_EASE,
        }
    }

    fn give_back(&self, caller: u64, number: Option<u64>, bytes: u64, all: bool) {
        let mut state = self.locked();
        let state = &mut *state;
        if let Some(share) = state.callers.get_mut(&caller) {
            match number {
                None => share.allowance -= bytes,
                Some(_) => share.leased -= bytes,
            }
            if share.leased + share.allowance == 0 {
                state.callers.remove(&caller);
            }
        }
        if let Some(number) = number {
            state.used -= bytes;
            if all {
                state.leases.remove(&number);
            }
        }
        self.freed.notify_waiters();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that wait for a lease.
struct Queued {
    shared: Arc<Shared>,
    caller: u64,
    bytes: u64,
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut state = self.shared.locked();
        state.waiting_bytes -= self.bytes;
        if let Some(waiting) = state.waiting.get_mut(&self.caller) {
            waiting.bytes -= self.bytes;
            if waiting.bytes == 0 {
                state.waiting.remove(&self.caller);
            }
        }
    }
}

impl Lease {
    /// Gives back all but `bytes`.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        if bytes < self.bytes {
            let back = self.bytes - bytes;
            self.shared.give_back(self.caller, self.number, back, false);
            self.bytes = bytes;
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared
            .give_back(self.caller, self.number, self.bytes, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        let limits = Limits {
            call_bytes_max: 1_000,
            caller_bytes_max: 600,
            caller_allowance_bytes: 10,
            ..Limits::default()
        };
        Budget::new(&limits)
    }

    fn caller(number: u64) -> Caller {
        Caller::new(number, None)
    }

    fn on_paused_time(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(test);
    }

    #[test]
    fn an_allowance_is_each_callers_own_and_the_store_everybodys() {
        on_paused_time(async {
            let budget = budget();
            let one = caller(1);
            let small = budget.lease(&one, 10).await.expect("its allowance");
            assert_eq!(budget.used(), 0);
            let mut large = budget.lease(&one, 600).await.expect("its share");
            assert_eq!(budget.used(), 600);
            large.shrink(200);
            assert_eq!((budget.used(), large.bytes()), (200, 200));
            drop((small, large));
            assert_eq!(budget.used(), 0);
            let whole = budget.lease(&one, 5_000).await.expect("all it may have");
            assert_eq!(whole.bytes(), 600);
        });
    }

    #[test]
    fn whoever_waits_is_served_when_somebody_is_done() {
        on_paused_time(async {
            let budget = budget();
            let (one, two) = (caller(1), caller(2));
            let held = budget.lease(&one, 600).await.expect("there is room");
            let waiting = async {
                let began = Instant::now();
                let lease = budget.lease(&two, 600).await;
                (lease.is_ok(), began.elapsed())
            };
            let done = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                drop(held);
            };
            let ((served, after), ()) = tokio::join!(waiting, done);
            assert!(served && after == Duration::from_millis(100), "{after:?}");
            assert!(!one.cut.is_cancelled());
        });
    }

    /// Whoever holds for long is sent away when others wait, and nobody before.
    #[test]
    fn whoever_holds_for_long_makes_room() {
        on_paused_time(async {
            let budget = budget();
            let (slow, quick, new) = (caller(1), caller(2), caller(3));
            let held = budget.lease(&slow, 600).await.expect("there is room");
            tokio::time::sleep(Duration::from_secs(60)).await;
            let fresh = budget.lease(&quick, 400).await.expect("there is room");
            assert!(!slow.cut.is_cancelled(), "nobody waited");
            let gone = async {
                slow.cut.cancelled().await;
                drop(held);
            };
            let (lease, ()) = tokio::join!(budget.lease(&new, 500), gone);
            assert!(lease.is_ok());
            assert!(!quick.cut.is_cancelled(), "it has not held for long");
            drop(fresh);
        });
    }

    #[test]
    fn nobody_waits_for_ever() {
        on_paused_time(async {
            let budget = budget();
            let one = caller(1);
            let _held = budget.lease(&one, 600).await.expect("there is room");
            let refused = budget.lease(&one, 600).await.expect_err("its own share");
            assert!(matches!(refused, Refusal::Exhausted { limit: 600, .. }));
            assert!(!one.cut.is_cancelled(), "nobody sends himself away");
        });
    }
}
