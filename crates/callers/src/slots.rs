//! Places of which there are few: each caller has a share, and when all are taken somebody who makes no good use of
//! one gives it up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use office::Refusal;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::Call;

/// A transfer that is slower than this gives way. What has moved pays for the time that it takes at this pace, but for no
/// more than [`HELD_AT_EASE`] ahead: what it was before does not excuse it.
const SLOW_BYTES_PER_SECOND: u64 = 64 * 1024;
const HELD_AT_EASE: Duration = Duration::from_secs(1);
/// How long somebody waits for a place: long enough for those before him to have shown what use they make of theirs.
const WAIT_MAX: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Who gives way when all places are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesWay {
    /// The slowest, if it is slow: nothing has moved, or hardly. If none is, as for [`Self::Greediest`].
    Slowest,
    /// The newest of the caller who has most, if that is more than the newcomer would have.
    Greediest,
}

/// The places of one kind.
#[derive(Debug, Clone)]
pub struct Slots {
    what: &'static str,
    what_of_one: &'static str,
    limit: u64,
    caller_max: u64,
    gives_way: GivesWay,
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// By a number that counts those who came.
    taken: BTreeMap<u64, Taken>,
    /// Callers who wait for a place, by such a number.
    waiting: BTreeMap<u64, u64>,
    last: u64,
}

#[derive(Debug)]
struct Taken {
    caller: u64,
    /// When it is slow if nothing more moves.
    slow_at: Instant,
    /// Since when the office itself keeps it from moving, if it does.
    kept_since: Option<Instant>,
    cut: CancellationToken,
}

/// A place, until this is dropped or taken away.
#[derive(Debug)]
pub struct Slot {
    number: u64,
    cut: CancellationToken,
    slots: Slots,
}

impl Slots {
    /// `what` there is a limit to, and the same `of_one` caller, as a refusal tells them.
    pub fn new(
        what: &'static str,
        what_of_one: &'static str,
        limit: u64,
        caller_max: u64,
        gives_way: GivesWay,
    ) -> Self {
        Self {
            what,
            what_of_one,
            limit,
            caller_max,
            gives_way,
            state: Arc::default(),
            freed: Arc::default(),
        }
    }

    /// Takes a place for the call at hand.
    pub fn take(&self) -> Result<Slot, Refusal> {
        self.take_for(caller())
    }

    /// As [`Self::take`]; waits until whoever makes no good use of a place has had time to show it. Of those who wait, whoever
    /// has fewest is first, then whoever came first.
    pub async fn take_soon(&self) -> Result<Slot, Refusal> {
        let until = Instant::now() + WAIT_MAX;
        let waiting = self.wait(caller());
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            let is_late = Instant::now() >= until;
            let next = if is_late || waiting.is_next() {
                match self.take_for(waiting.caller) {
                    Err(Refusal::Exhausted { what, .. }) if what == self.what && !is_late => {
                        self.next_slow()
                    }
                    taken => return taken,
                }
            } else {
                // Whoever is first says when he is gone.
                None
            };
            tokio::select! {
                biased;
                () = freed => {}
                () = tokio::time::sleep_until(next.map_or(until, |next| next.min(until))) => {}
            }
        }
    }

    fn wait(&self, caller: u64) -> Waiting<'_> {
        let mut state = self.locked();
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, caller);
        Waiting {
            slots: self,
            number,
            caller,
        }
    }

    /// When the next place has been used so little for so long that it may be taken away, if nothing more moves in it.
    fn next_slow(&self) -> Option<Instant> {
        if self.gives_way != GivesWay::Slowest {
            return None;
        }
        let taken = &self.locked().taken;
        let free = taken.values().filter(|it| it.kept_since.is_none());
        free.map(|it| it.slow_at).min()
    }

    fn take_for(&self, caller: u64) -> Result<Slot, Refusal> {
        let now = Instant::now();
        let mut state = self.locked();
        let State { taken, last, .. } = &mut *state;
        let own = taken.values().filter(|it| it.caller == caller).count() as u64;
        if own >= self.caller_max {
            return Err(exhausted(self.what_of_one, self.caller_max));
        }
        if taken.len() as u64 >= self.limit {
            let victim = match self.gives_way {
                // Where all are quick, whoever has most of them makes room.
                GivesWay::Slowest => slowest(taken, now).or_else(|| greediest(taken, own)),
                GivesWay::Greediest => greediest(taken, own),
            };
            let Some(victim) = victim.and_then(|victim| taken.remove(&victim)) else {
                tracing::debug!(caller, own, ?taken, "no place of {}", self.what);
                return Err(exhausted(self.what, self.limit));
            };
            victim.cut.cancel();
        }
        *last += 1;
        let number = *last;
        let cut = CancellationToken::new();
        taken.insert(
            number,
            Taken {
                caller,
                slow_at: now + HELD_AT_EASE,
                kept_since: None,
                cut: cut.clone(),
            },
        );
        Ok(Slot {
            number,
            cut,
            slots: self.clone(),
        })
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caller() -> u64 {
    Call::current().map_or(0, |call| call.caller.number)
}

/// Somebody who waits for a place, until this is dropped.
struct Waiting<'s> {
    slots: &'s Slots,
    number: u64,
    caller: u64,
}

impl Waiting<'_> {
    fn is_next(&self) -> bool {
        let state = self.slots.locked();
        let has = |caller: u64| {
            state
                .taken
                .values()
                .filter(|it| it.caller == caller)
                .count()
        };
        let next = state
            .waiting
            .iter()
            .map(|(number, caller)| (has(*caller), *number));
        next.min().is_some_and(|(_, number)| number == self.number)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.slots.locked().waiting.remove(&self.number);
        self.slots.freed.notify_waiters();
    }
}

fn exhausted(what: &'static str, limit: u64) -> Refusal {
    Refusal::Exhausted {
        what,
        limit,
        retry_after: RETRY_AFTER,
    }
}

impl Taken {
    fn moved(&mut self, bytes: u64, now: Instant) {
        let paid = Duration::from_micros(bytes.saturating_mul(1_000_000) / SLOW_BYTES_PER_SECOND);
        self.slow_at = (self.slow_at.max(now) + paid.min(HELD_AT_EASE)).min(now + HELD_AT_EASE);
    }
}

/// Of the slow ones, whoever has been so for longest.
fn slowest(taken: &BTreeMap<u64, Taken>, now: Instant) -> Option<u64> {
    let slow = taken
        .iter()
        .filter(|(_, it)| it.kept_since.is_none() && it.slow_at <= now);
    slow.min_by_key(|(_, it)| it.slow_at)
        .map(|(number, _)| *number)
}

fn greediest(taken: &BTreeMap<u64, Taken>, own: u64) -> Option<u64> {
    let mut counts = BTreeMap::<u64, (u64, u64)>::new();
    for (number, it) in taken {
        let (count, newest) = counts.entry(it.caller).or_default();
        *count += 1;
        *newest = *number;
    }
    let (count, newest) = counts.into_values().max()?;
    (count > own + 1).then_some(newest)
}

/// By this the office says of a transfer that it keeps it waiting. It says nothing once the place is given back.
#[derive(Debug, Clone)]
pub struct Keeper {
    number: u64,
    slots: Slots,
}

impl Keeper {
    /// Awaits something of the office's own, such as memory: for so long nobody can say that the transfer is slow.
    pub async fn kept<F: Future>(&self, waiting: F) -> F::Output {
        let _kept = Kept::of(self);
        waiting.await
    }
}

/// A transfer that the office keeps waiting, until this is dropped.
struct Kept<'k>(&'k Keeper);

impl<'k> Kept<'k> {
    fn of(keeper: &'k Keeper) -> Self {
        let mut state = keeper.slots.locked();
        if let Some(taken) = state.taken.get_mut(&keeper.number) {
            taken.kept_since = Some(Instant::now());
        }
        drop(state);
        Self(keeper)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let Keeper { number, slots } = self.0;
        let mut state = slots.locked();
        if let Some(taken) = state.taken.get_mut(number)
            && let Some(since) = taken.kept_since.take()
        {
            taken.slow_at += since.elapsed();
        }
        drop(state);
        // It may be slow from here on.
        slots.freed.notify_waiters();
    }
}

impl Slot {
    /// So many bytes have moved.
    pub fn moved(&self, bytes: u64) {
        let mut state = self.slots.locked();
        if let Some(taken) = state.taken.get_mut(&self.number) {
            taken.moved(bytes, Instant::now());
        }
    }

    /// Whoever says when the office keeps this transfer waiting.
    pub fn keeper(&self) -> Keeper {
        Keeper {
            number: self.number,
            slots: self.slots.clone(),
        }
    }

    /// Waits until the place is taken away; what is to be told then.
    pub async fn taken_away(&self) -> Refusal {
        self.cut.cancelled().await;
        exhausted(self.slots.what, self.slots.limit)
    }

    /// As [`Self::taken_away`], if it has been by now.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.cut.is_cancelled() {
            return Err(exhausted(self.slots.what, self.slots.limit));
        }
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.locked().taken.remove(&self.number);
        self.slots.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(gives_way: GivesWay) -> Slots {
        Slots::new("places", "places of one", 4, 3, gives_way)
    }

    fn is_full(taken: &Result<Slot, Refusal>, wanted: &str) -> bool {
        matches!(taken, Err(Refusal::Exhausted { what, .. }) if *what == wanted)
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_has_a_share_and_no_more() {
        let slots = slots(GivesWay::Greediest);
        let held: Vec<_> = (0..3)
            .map(|_| slots.take_for(1).expect("a share"))
            .collect();
        assert!(is_full(&slots.take_for(1), "places of one"));
        let other = slots.take_for(2).expect("one is left");
        drop(held);
        drop(other);
        assert!(slots.locked().taken.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_most_makes_room_for_whoever_has_none() {
        let slots = slots(GivesWay::Greediest);
        let held: Vec<_> = (0..3)
            .map(|_| slots.take_for(1).expect("a share"))
            .collect();
        let _two = slots.take_for(2).expect("one is left");
        let _three = slots
            .take_for(3)
            .expect("the newest of the first makes room");
        let cut: Vec<_> = held.iter().map(|slot| slot.cut.is_cancelled()).collect();
        assert_eq!(cut, [false, false, true]);
        let _four = slots.take_for(4).expect("and the next");
        assert!(is_full(&slots.take_for(5), "places"), "all have one");
    }

    #[tokio::test(start_paused = true)]
    async fn what_moves_stays_and_what_does_not_makes_room() {
        let slots = slots(GivesWay::Slowest);
        let quick = slots.take_for(1).expect("there is room");
        let idle = slots.take_for(2).expect("there is room");
        let trickling = slots.take_for(3).expect("there is room");
        let new = slots.take_for(4).expect("there is room");
        assert!(is_full(&slots.take_for(5), "places"), "none has had time");
        tokio::time::sleep(HELD_AT_EASE * 2).await;
        for slot in [&quick, &new] {
            slot.moved(10_000_000);
        }
        trickling.moved(3);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let _five = slots.take_for(5).expect("the idle one makes room");
        assert!(idle.cut.is_cancelled());
        let _six = slots.take_for(6).expect("and then the trickling one");
        assert!(trickling.cut.is_cancelled());
        assert!(is_full(&slots.take_for(7), "places"));
        assert!(!quick.cut.is_cancelled() && !new.cut.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_has_a_place_when_one_has_been_idle_and_not_later() {
        let slots = slots(GivesWay::Slowest);
        let began = Instant::now();
        let held: Vec<_> = (1..5)
            .map(|caller| slots.take_for(caller).expect("there is room"))
            .collect();
        tokio::time::sleep(HELD_AT_EASE / 2).await;
        for slot in &held[1..] {
            slot.moved(10_000_000);
        }
        let _waited = slots.take_soon().await.expect("the first has been idle");
        assert!(held[0].cut.is_cancelled());
        assert_eq!(began.elapsed(), HELD_AT_EASE);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_has_a_place_when_one_is_free() {
        let slots = slots(GivesWay::Slowest);
        let began = Instant::now();
        let mut held: Vec<_> = (1..5)
            .map(|caller| slots.take_for(caller).expect("there is room"))
            .collect();
        let leaving = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(held.pop());
        };
        let (waited, ()) = tokio::join!(slots.take_soon(), leaving);
        assert!(waited.is_ok());
        assert_eq!(began.elapsed(), Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_office_keeps_waiting_is_not_slow() {
        let slots = slots(GivesWay::Slowest);
        let held: Vec<_> = (1..5)
            .map(|caller| slots.take_for(caller).expect("there is room"))
            .collect();
        let began = Instant::now();
        let kept = held.iter().map(|slot| async {
            let waiting = tokio::time::sleep(HELD_AT_EASE * 3 / 2);
            slot.keeper().kept(waiting).await;
        });
        let kept = futures_util::future::join_all(kept);
        let (waited, _) = tokio::join!(slots.take_soon(), kept);
        assert!(
            waited.is_ok(),
            "from then on they stand still by themselves"
        );
        assert_eq!(began.elapsed(), HELD_AT_EASE * 5 / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_office_keeps_for_moments_does_not_excuse_what_trickles() {
        let slots = slots(GivesWay::Slowest);
        let held: Vec<_> = (1..5)
            .map(|caller| slots.take_for(caller).expect("there is room"))
            .collect();
        for _ in 0..12 {
            tokio::time::sleep(HELD_AT_EASE / 10).await;
            for slot in &held {
                slot.keeper().kept(async {}).await;
                slot.moved(1);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(slots.take_for(5).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_moved_much_at_once_and_nothing_since_makes_room() {
        let slots = slots(GivesWay::Slowest);
        let held: Vec<_> = (1..5)
            .map(|caller| slots.take_for(caller).expect("there is room"))
            .collect();
        for slot in &held {
            slot.moved(10_000_000);
        }
        let began = Instant::now();
        let waited = slots.take_soon().await;
        assert!(waited.is_ok(), "all have stood still for a second");
        assert_eq!(began.elapsed(), HELD_AT_EASE);
    }
}
