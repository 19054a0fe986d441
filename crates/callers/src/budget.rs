//! Memory for calls: so many bytes for the whole office, shared out before anything is allocated.
//!
//! What comes in and what waits to go out is held on behalf of a caller. Small things are held in an allowance that each
//! caller has; whatever is larger takes a [`Lease`] of the common store, and waits for one if there is none. When
//! somebody waits and a lease has been held for longer than [`HELD_AT_EASE`], its caller is sent away: whoever sends or
//! reads at a reasonable pace needs no longer, and who does not may be out to use everything up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use office::{Limits, Refusal};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::caller::Caller;

/// How long a lease is held in peace while others wait.
const HELD_AT_EASE: Duration = Duration::from_secs(1);
/// It is told at most so often that some are sent away.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How long whoever is sent away may take to go before the next is asked.
const LEAVING: Duration = Duration::from_millis(250);
/// What waits for a lease is at most so small a part of the store.
const WAITING_SHARE: u64 = 8;
/// What so small a part of the store is held by a caller is little: whoever has no more with what he waits for goes first.
/// A page takes 3 MiB, and an upload twice its body.
const LITTLE_SHARE: u64 = 12;
/// How long whoever waits for a lease has patience with others who get on.
const PATIENT_FOR: Duration = Duration::from_secs(2);
/// How long somebody waits for a lease before the call is refused.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The store of one office.
#[derive(Debug, Clone)]
pub struct Budget {
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
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// By the number of the caller.
    callers: BTreeMap<u64, Share>,
    /// By a number that counts leases: the oldest first.
    leases: BTreeMap<u64, Held>,
    /// By a number that counts those who had to wait: the first one first.
    waiting: BTreeMap<u64, Waiting>,
    /// Bytes that have come in and wait for a lease.
    waiting_bytes: u64,
    last: u64,
    /// When somebody was last sent away.
    cut: Option<Instant>,
    /// When it was last told that some are sent away.
    told: Option<Instant>,
    /// Sent away since then.
    sent_away: u64,
}

/// Somebody who waits for a lease.
#[derive(Debug)]
struct Waiting {
    who: Arc<Caller>,
    since: Instant,
    /// Wanted.
    bytes: u64,
    /// Have come in already.
    here: u64,
    /// The lease is handed over, not told of: whoever is not polled does not keep others from theirs.
    grant: oneshot::Sender<Lease>,
}

/// What one caller holds.
#[derive(Debug, Default)]
struct Share {
    allowance: u64,
    leased: u64,
    /// When it last gave some of the common store back, or had some for what has come in: it gets on.
    got_on: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    who: Arc<Caller>,
    bytes: u64,
    since: Instant,
}

/// Bytes held for a caller, until this is dropped.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    caller: u64,
    /// Its number, if it is of the common store.
    number: Option<u64>,
    bytes: u64,
}

impl Budget {
    /// As large as the limits say.
    pub fn new(limits: &Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                bytes_max: limits.call_bytes_max,
                caller_bytes_max: limits.caller_bytes_max.min(limits.call_bytes_max),
                allowance_bytes: limits.caller_allowance_bytes,
                state: Mutex::default(),
            }),
            reads: Arc::new(Semaphore::new(readers())),
        }
    }

    /// The common row of those who read at length.
    pub fn reads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.reads)
    }

    /// Takes `bytes` for `caller`, as soon as they can be had. What is more than one caller may have takes all of that. Of
    /// what they are for, `here` bytes have come in already. There is a bound to that, too: beyond it whoever has most of it
    /// is sent away.
    pub async fn lease_for(
        &self,
        caller: &Arc<Caller>,
        bytes: u64,
        here: u64,
    ) -> Result<Lease, Refusal> {
        let shared = &self.shared;
        let bytes = bytes.min(shared.caller_bytes_max);
        if let Some(lease) = shared.lease_of_allowance(caller, bytes) {
            return Ok(lease);
        }
        let since = Instant::now();
        let refused_at = since + WAIT_MAX;
        let (waiting, mut granted) = shared.queue(caller, bytes, here);
        loop {
            // Whoever has been served by now needs nobody to go.
            let next = match granted.try_recv() {
                Ok(lease) => return Ok(lease),
                Err(_) => shared.send_one_away(caller, bytes, since),
            };
            let look_again = next.map_or(refused_at, |next| next.min(refused_at));
            tokio::select! {
                biased;
                lease = &mut granted => return lease.map_err(|_| shared.refusal(caller, bytes)),
                () = tokio::time::sleep_until(look_again) => {}
            }
            if Instant::now() >= refused_at {
                drop(waiting);
                return granted
                    .try_recv()
                    .map_err(|_| shared.refusal(caller, bytes));
            }
        }
    }

    #[cfg(test)]
    async fn lease(&self, caller: &Arc<Caller>, bytes: u64) -> Result<Lease, Refusal> {
        self.lease_for(caller, bytes, 0).await
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

impl State {
    /// What a caller holds of the common store.
    fn leased(&self, caller: u64) -> u64 {
        self.callers.get(&caller).map_or(0, |share| share.leased)
    }

    /// Whether so little would be held that others are not kept from theirs.
    fn is_little(&self, waiting: &Waiting, bytes_max: u64) -> bool {
        self.leased(waiting.who.number) + waiting.bytes <= bytes_max / LITTLE_SHARE
    }

    /// Takes out whoever is served next, if there is room: of those whose share allows it, first those who have little,
    /// then who holds least; of those, who has waited longest. Nobody passes by, or whoever wants much would never have it.
    fn next_served(&mut self, bytes_max: u64, caller_bytes_max: u64) -> Option<Waiting> {
        let fits = |it: &Waiting| self.leased(it.who.number) + it.bytes <= caller_bytes_max;
        let waiting = self.waiting.iter().filter(|(_, it)| fits(it));
        let first = waiting.min_by_key(|(number, it)| {
            let held = if self.is_little(it, bytes_max) {
                0
            } else {
                1 + self.leased(it.who.number)
            };
            (held, **number)
        });
        let (number, waiting) = first?;
        if self.used + waiting.bytes > bytes_max {
            return None;
        }
        let number = *number;
        self.leave(number)
    }

    /// Somebody waits no longer.
    fn leave(&mut self, number: u64) -> Option<Waiting> {
        let left = self.waiting.remove(&number)?;
        self.waiting_bytes -= left.here;
        Some(left)
    }

    /// If more than `bytes_max` have come in and wait: whoever has most of that, and for longest. What a caller holds does
    /// not count: a large upload that gets on is no reason. Neither do those who are on their way out.
    fn fullest_waiting(&self, bytes_max: u64, now: Instant) -> Option<&Arc<Caller>> {
        if self.waiting_bytes <= bytes_max {
            return None;
        }
        let mut callers = BTreeMap::<u64, (u64, &Waiting)>::new();
        let mut here = 0;
        for waiting in self
            .waiting
            .values()
            .filter(|it| !it.who.cut.is_cancelled())
        {
            callers.entry(waiting.who.number).or_insert((0, waiting)).0 += waiting.here;
            here += waiting.here;
        }
        let most = callers.into_iter().max_by_key(|(_, (bytes, first))| {
            let waited = now.duration_since(first.since);
            u128::from(*bytes) * (1 + waited.as_micros())
        });
        most.filter(|_| here > bytes_max)
            .map(|(_, (_, first))| &first.who)
    }

    /// What others than `asking` hold, the oldest first, but for those who are on their way out.
    fn held_by_others(&self, asking: u64) -> impl Iterator<Item = &Held> {
        let is_other =
            move |held: &&Held| held.who.number != asking && !held.who.cut.is_cancelled();
        self.leases.values().filter(is_other)
    }

    /// Until when `bytes` are on their way: whoever holds as many may take a moment to go.
    fn leaving(&self, bytes: u64, now: Instant) -> Option<Instant> {
        let until = self.cut? + LEAVING;
        let leases = self.leases.values();
        let leaving = leases.filter(|held| held.who.cut.is_cancelled());
        let is_enough = leaving.map(|held| held.bytes).sum::<u64>() >= bytes;
        (is_enough && now < until).then_some(until)
    }

    /// Since when whoever holds this has not got on.
    fn stuck_since(&self, held: &Held) -> Instant {
        let got_on = self.callers.get(&held.who.number).and_then(|it| it.got_on);
        got_on.map_or(held.since, |it| it.max(held.since))
    }

    /// Whoever, other than `asking`, keeps most from others: by what he has held for long, and how long he has not got on.
    /// Whoever gets on goes only when nobody else would for a while, and `asking` is not `patient` any more. Whoever has
    /// little with all that he waits for goes only if nobody else holds anything: it is others, who may not have held it
    /// for long yet, that keep him from getting on.
    fn heaviest(
        &self,
        asking: u64,
        bytes_max: u64,
        now: Instant,
        patient: bool,
    ) -> Option<&Arc<Caller>> {
        let mut wanted = BTreeMap::<u64, u64>::new();
        for waiting in self.waiting.values() {
            *wanted.entry(waiting.who.number).or_default() += waiting.bytes;
        }
        let little = bytes_max / LITTLE_SHARE;
        let kept: BTreeSet<u64> = wanted
            .into_iter()
            .filter(|(caller, wanted)| self.leased(*caller) + wanted <= little)
            .map(|(caller, _)| caller)
            .collect();
        let all_are_kept = self
            .held_by_others(asking)
            .all(|held| kept.contains(&held.who.number));
        let may_go = |held: &&Held| {
            let since = if patient {
                self.stuck_since(held)
            } else {
                held.since
            };
            now.duration_since(since) >= HELD_AT_EASE
                && (all_are_kept || !kept.contains(&held.who.number))
        };
        let mut held_long = BTreeMap::<u64, (u64, &Held)>::new();
        for held in self.held_by_others(asking).filter(may_go) {
            held_long.entry(held.who.number).or_insert((0, held)).0 += held.bytes;
        }
        let heaviest = held_long.into_iter().max_by_key(|(_, (bytes, first))| {
            let stuck = now.duration_since(self.stuck_since(first));
            u128::from(*bytes) * (1 + stuck.as_micros())
        });
        heaviest.map(|(_, (_, first))| &first.who)
    }

    /// Ends the connection of `caller`, and tells of it: not at each, where there are many.
    fn send_away(&mut self, caller: &Caller, now: Instant) {
        caller.cut.cancel();
        self.cut = Some(now);
        tracing::debug!(
            from = caller.words(),
            leased = self.leased(caller.number),
            waits = self
                .waiting
                .values()
                .filter(|it| it.who.number == caller.number)
                .count(),
            "sent away: it keeps most memory from others"
        );
        self.sent_away += 1;
        if self.told.is_none_or(|told| now - told >= TOLD_EVERY) {
            self.told = Some(now);
            let sent_away = std::mem::take(&mut self.sent_away);
            tracing::warn!(
                from = caller.words(),
                sent_away,
                "memory for calls is short: whoever keeps most of it from others is sent away"
            );
        }
    }
}

impl Shared {
    /// What is small is held in the caller's allowance.
    fn lease_of_allowance(self: &Arc<Self>, caller: &Caller, bytes: u64) -> Option<Lease> {
        let mut state = self.locked();
        let allowance = state
            .callers
            .get(&caller.number)
            .map_or(0, |it| it.allowance);
        if allowance + bytes > self.allowance_bytes {
            return None;
        }
        state.callers.entry(caller.number).or_default().allowance += bytes;
        Some(Lease {
            shared: Arc::clone(self),
            caller: caller.number,
            number: None,
            bytes,
        })
    }

    /// Waits in the queue, until it is served or what is returned is dropped.
    fn queue(
        self: &Arc<Self>,
        caller: &Arc<Caller>,
        bytes: u64,
        here: u64,
    ) -> (Queued, oneshot::Receiver<Lease>) {
        let (grant, granted) = oneshot::channel();
        let mut state = self.locked();
        state.last += 1;
        let number = state.last;
        state.waiting_bytes += here;
        let waiting = Waiting {
            who: Arc::clone(caller),
            since: Instant::now(),
            bytes,
            here,
            grant,
        };
        state.waiting.insert(number, waiting);
        self.serve(state);
        let mut state = self.locked();
        let now = Instant::now();
        let fullest = state
            .fullest_waiting(self.bytes_max / WAITING_SHARE, now)
            .cloned();
        if let Some(fullest) = fullest {
            state.send_away(&fullest, now);
        }
        drop(state);
        let shared = Arc::clone(self);
        (Queued { shared, number }, granted)
    }

    /// Serves whoever can be served.
    fn serve(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut served = Vec::new();
        while let Some(next) = state.next_served(self.bytes_max, self.caller_bytes_max) {
            let Waiting {
                who, bytes, here, ..
            } = next;
            let since = Instant::now();
            let share = state.callers.entry(who.number).or_default();
            share.leased += bytes;
            if here > 0 {
                share.got_on = Some(since);
            }
            state.used += bytes;
            state.last += 1;
            let number = state.last;
            let caller = who.number;
            let held = Held { who, bytes, since };
            state.leases.insert(number, held);
            let lease = Lease {
                shared: Arc::clone(self),
                caller,
                number: Some(number),
                bytes,
            };
            served.push((next.grant, lease));
        }
        // Whoever has gone gives it back, and that takes the lock.
        drop(state);
        for (grant, lease) in served {
            let _ = grant.send(lease);
        }
    }

    /// If others hold what `asking` waits for: ends the connection of whoever has kept most of it for longest, if that is
    /// long. When to look again, if there is a reason to.
    fn send_one_away(&self, asking: &Caller, bytes: u64, since: Instant) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.locked();
        if state.leased(asking.number) + bytes > self.caller_bytes_max {
            return None;
        }
        if let Some(until) = state.leaving(bytes, now) {
            return Some(until);
        }
        let patient_until = since + PATIENT_FOR;
        let is_patient = now < patient_until;
        let heaviest = state
            .heaviest(asking.number, self.bytes_max, now, is_patient)
            .cloned();
        if let Some(heaviest) = heaviest {
            state.send_away(&heaviest, now);
            // What it held may not be enough.
            return Some(now + LEAVING);
        }
        let held = state.held_by_others(asking.number);
        let at_ease_until = held.map(|held| state.stuck_since(held) + HELD_AT_EASE);
        at_ease_until
            .chain([patient_until])
            .filter(|until| *until > now)
            .min()
    }

    fn refusal(&self, caller: &Caller, bytes: u64) -> Refusal {
        let is_own = self.locked().leased(caller.number) + bytes > self.caller_bytes_max;
        let (what, limit) = if is_own {
            (
                "the bytes of messages under way of one connection",
                self.caller_bytes_max,
            )
        } else {
            ("the bytes of messages under way", self.bytes_max)
        };
        Refusal::Exhausted {
            what,
            limit,
            retry_after: HELD_AT_EASE,
        }
    }

    fn give_back(self: &Arc<Self>, caller: u64, number: Option<u64>, bytes: u64) {
        let mut state = self.locked();
        if let Some(share) = state.callers.get_mut(&caller) {
            if number.is_some() {
                share.leased -= bytes;
                share.got_on = Some(Instant::now());
            } else {
                share.allowance -= bytes;
            }
            if share.leased + share.allowance == 0 {
                state.callers.remove(&caller);
            }
        }
        let Some(number) = number else { return };
        state.used -= bytes;
        if let Some(held) = state.leases.get_mut(&number) {
            held.bytes -= bytes;
            if held.bytes == 0 {
                state.leases.remove(&number);
            }
        }
        self.serve(state);
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue.
struct Queued {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut state = self.shared.locked();
        if state.leave(self.number).is_some() {
            // Whoever stood behind may be next.
            self.shared.serve(state);
        }
    }
}

impl Lease {
    /// Gives back all but `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        if bytes < self.bytes {
            let back = self.bytes - bytes;
            self.shared.give_back(self.caller, self.number, back);
            self.bytes = bytes;
        }
    }

    /// How much is held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.give_back(self.caller, self.number, self.bytes);
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

    fn caller(number: u64) -> Arc<Caller> {
        Arc::new(Caller::new(number, None))
    }

    #[tokio::test(start_paused = true)]
    async fn an_allowance_is_each_callers_own_and_the_store_everybodys() {
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
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_served_when_somebody_is_done() {
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
    }

    /// Whoever holds for long is sent away when others wait, and nobody before.
    #[tokio::test(start_paused = true)]
    async fn whoever_holds_for_long_makes_room() {
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
    }

    /// However many wait for one caller, and since when: whoever has little comes first.
    #[tokio::test(start_paused = true)]
    async fn whoever_has_little_is_served_first_and_nobody_is_passed_by() {
        let budget = budget();
        let (greedy, good, large) = (caller(1), caller(2), caller(3));
        let kept = budget.lease(&greedy, 400).await.expect("there is room");
        let mut second = budget.lease(&large, 600).await.expect("there is room");
        let served = Mutex::new(Vec::new());
        let wait = async |who: &Arc<Caller>, bytes| {
            let lease = budget.lease(who, bytes).await.expect("its turn comes");
            served.lock().expect("one thread").push((who.number, bytes));
            lease
        };
        let seen = || served.lock().expect("one thread").clone();
        let freeing = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            second.shrink(540);
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(seen(), [(2, 50)]);
            second.shrink(450);
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(
                seen().len(),
                1,
                "the first wants 150: the second waits behind it"
            );
            drop(second);
        };
        tokio::join!(
            wait(&greedy, 150),
            wait(&greedy, 40),
            wait(&good, 50),
            freeing
        );
        assert_eq!(seen().len(), 3);
        drop(kept);
        assert_eq!(budget.used(), 0);
    }

    /// Even whoever holds some already, as long as it is little.
    #[tokio::test(start_paused = true)]
    async fn whoever_has_little_passes_by_whoever_wants_much() {
        let budget = budget();
        let (good, others) = (caller(2), [caller(3), caller(4)]);
        let held = budget.lease(&good, 20).await.expect("there is room");
        let first = budget.lease(&others[0], 600).await.expect("room");
        let mut second = budget.lease(&others[1], 370).await.expect("room");
        let large = caller(1);
        let large = budget.lease(&large, 500);
        let small = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            budget.lease(&good, 40).await
        };
        let freeing = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            second.shrink(310);
        };
        tokio::select! {
            biased;
            _ = large => panic!("there is no room for it"),
            (small, ()) = async { tokio::join!(small, freeing) } => assert!(small.is_ok()),
        }
        drop((held, first, second));
    }

    /// A lease that nobody takes, since whoever asked for it does not look, is a lease that is held.
    #[tokio::test(start_paused = true)]
    async fn whoever_waits_and_does_not_look_keeps_nobody_from_being_served() {
        let budget = budget();
        let (one, asleep, good) = (caller(1), caller(2), caller(3));
        let held = budget.lease(&one, 600).await.expect("there is room");
        let mut asking = std::pin::pin!(budget.lease(&asleep, 500));
        let asked = std::future::poll_fn(|context| {
            std::task::Poll::Ready(asking.as_mut().poll(context).is_pending())
        });
        assert!(asked.await, "there is no room for it");
        drop(held);
        let gone = async {
            asleep.cut.cancelled().await;
        };
        let lease = async {
            let lease = budget.lease(&good, 600);
            lease.await
        };
        let waiting = async { tokio::join!(lease, gone) };
        let ended = tokio::time::timeout(Duration::from_secs(3), waiting).await;
        assert!(ended.is_err() && asleep.cut.is_cancelled());
        drop(asking.as_mut().await);
        assert_eq!(budget.used(), 0);
    }

    /// A small lease that is old weighs less than a large one.
    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_most_from_others_goes() {
        let budget = budget();
        let (small, large, new) = (caller(1), caller(2), caller(3));
        let _small = budget.lease(&small, 20).await.expect("there is room");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let held = budget.lease(&large, 600).await.expect("there is room");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let gone = async {
            large.cut.cancelled().await;
            drop(held);
        };
        let (lease, ()) = tokio::join!(budget.lease(&new, 600), gone);
        assert!(lease.is_ok() && !small.cut.is_cancelled());
    }

    /// An upload that waits for its next piece is not in the way of those who have just taken the rest.
    #[tokio::test(start_paused = true)]
    async fn whoever_has_little_and_waits_does_not_go_for_others_who_have_more() {
        let budget = budget();
        let (good, large, other, new) = (caller(1), caller(2), caller(3), caller(4));
        let mut got = budget.lease(&good, 40).await.expect("there is room");
        tokio::time::sleep(HELD_AT_EASE * 2).await;
        let first = budget.lease(&large, 600).await.expect("there is room");
        let second = budget.lease(&other, 360).await.expect("there is room");
        let gone = async {
            large.cut.cancelled().await;
            drop(first);
        };
        let next = budget.lease(&good, 30);
        let (next, newest, ()) = tokio::join!(next, budget.lease(&new, 100), gone);
        assert!(next.is_ok() && newest.is_ok());
        assert!(!good.cut.is_cancelled(), "it is kept from its own");
        assert!(!other.cut.is_cancelled(), "one was enough");
        got.shrink(0);
        drop(second);
    }

    /// Whoever has a little at a time of many things is not kept from his own by others.
    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_much_in_small_pieces_has_no_little() {
        let budget = budget();
        let (good, new) = (caller(1), caller(2));
        let crowd: Vec<_> = (3..=15).map(caller).collect();
        let first = budget.lease(&good, 40).await.expect("there is room");
        tokio::time::sleep(HELD_AT_EASE / 2).await;
        let mut held = Vec::new();
        for it in &crowd {
            held.push(budget.lease(it, 73).await.expect("there is room"));
        }
        let many = crowd.iter().flat_map(|it| [it; 4]);
        let many = many.map(async |it| {
            let lease = budget.lease(it, 30);
            it.cut.run_until_cancelled(lease).await
        });
        let crowded = futures_util::future::join_all(many);
        let gone = async {
            let cut = crowd.iter().map(|it| Box::pin(it.cut.cancelled()));
            let ((), place, _) = futures_util::future::select_all(cut).await;
            drop(held.remove(place));
        };
        let wanted = async { tokio::join!(budget.lease(&good, 30), budget.lease(&new, 30), gone) };
        tokio::select! {
            biased;
            (next, newest, ()) = wanted => assert!(next.is_ok() && newest.is_ok()),
            _ = crowded => panic!("they want more than there is"),
        }
        assert!(!good.cut.is_cancelled());
        drop(first);
    }

    /// An upload that takes long, and of which more comes in, gets on.
    #[tokio::test(start_paused = true)]
    async fn of_what_more_comes_in_does_not_go_for_others_who_have_more() {
        let budget = budget();
        let (good, large, other, new) = (caller(1), caller(2), caller(3), caller(4));
        let first = budget.lease_for(&good, 40, 20).await.expect("room");
        tokio::time::sleep(HELD_AT_EASE * 2).await;
        let second = budget.lease_for(&good, 20, 10).await.expect("room");
        let held = budget.lease(&large, 590).await.expect("there is room");
        let others = budget.lease(&other, 350).await.expect("there is room");
        let gone = async {
            large.cut.cancelled().await;
            drop(held);
        };
        let (newest, ()) = tokio::join!(budget.lease(&new, 100), gone);
        assert!(newest.is_ok() && !good.cut.is_cancelled() && !other.cut.is_cancelled());
        drop((first, second, others));
    }

    /// Whoever gives back a little from time to time does not keep the rest for ever.
    #[tokio::test(start_paused = true)]
    async fn whoever_hardly_gets_on_goes_in_the_end() {
        let budget = budget();
        let (trickling, new) = (caller(1), caller(2));
        let mut held = budget.lease(&trickling, 600).await.expect("there is room");
        let going = async {
            for left in 1..100 {
                tokio::select! {
                    biased;
                    () = trickling.cut.cancelled() => break,
                    () = tokio::time::sleep(HELD_AT_EASE / 2) => held.shrink(600 - left),
                }
            }
            drop(held);
        };
        let began = Instant::now();
        let (lease, ()) = tokio::join!(budget.lease(&new, 590), going);
        assert!(lease.is_ok() && trickling.cut.is_cancelled());
        assert_eq!(began.elapsed(), PATIENT_FOR);
    }

    /// Where each of many has a little and waits for more, somebody goes all the same.
    #[tokio::test(start_paused = true)]
    async fn of_many_who_have_little_and_wait_some_go() {
        let budget = budget();
        let crowd: Vec<_> = (1..=25).map(caller).collect();
        let uploads = crowd.iter().map(async |it| {
            let _first = budget.lease(it, 40).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            let second = async { budget.lease(it, 40).await.is_ok() };
            tokio::select! {
                biased;
                () = it.cut.cancelled() => false,
                served = second => served,
            }
        });
        let began = Instant::now();
        let served = futures_util::future::join_all(uploads).await;
        let served = served.into_iter().filter(|it| *it).count();
        assert!(served >= 12, "{served}");
        assert!(began.elapsed() < WAIT_MAX, "{:?}", began.elapsed());
    }

    /// An upload that has got most of its memory is not whoever has most that waits.
    #[tokio::test(start_paused = true)]
    async fn of_those_who_wait_whoever_gets_on_stays() {
        let budget = budget();
        let (good, large) = (caller(1), caller(2));
        let mut got = budget.lease(&good, 400).await.expect("there is room");
        let held = budget.lease(&large, 600).await.expect("there is room");
        let crowd: Vec<_> = (3..20).map(caller).collect();
        let waiting = async {
            let waits = crowd.iter().map(|it| budget.lease_for(it, 80, 20));
            futures_util::future::join_all(waits).await
        };
        let upload = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            budget.lease_for(&good, 20, 20).await
        };
        let end = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(held);
            got.shrink(0);
        };
        let (_, lease, ()) = tokio::join!(waiting, upload, end);
        assert!(lease.is_ok() && !good.cut.is_cancelled());
        let sent = crowd.iter().filter(|it| it.cut.is_cancelled());
        assert!(sent.count() > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let budget = budget();
        let one = caller(1);
        let _held = budget.lease(&one, 600).await.expect("there is room");
        let refused = budget.lease(&one, 600).await.expect_err("its own share");
        assert!(matches!(refused, Refusal::Exhausted { limit: 600, .. }));
        assert!(!one.cut.is_cancelled(), "nobody sends himself away");
    }
}
