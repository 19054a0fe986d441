//! Places for connections: when all are taken, whoever has been silent longest makes room, and a few are kept for the
//! peer and for whoever looks how the office is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::Caller;

/// How long a connection must have been silent to make room for another.
const SILENT_MIN: Duration = Duration::from_secs(1);
/// How often it is told, at most, that there are too many.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// How long whoever was let in has to ask for something before the next one may take its place.
const MOMENT: Duration = Duration::from_millis(50);

/// The places of one office.
#[derive(Debug, Clone)]
pub struct Places {
    shared: Arc<Shared>,
}

/// The same, held by those who have a place in them.
#[derive(Debug)]
pub struct WeakPlaces(Weak<Shared>);

#[derive(Debug)]
struct Shared {
    ordinary: usize,
    kept: usize,
    state: Mutex<State>,
}

/// By number, so in the order in which they came.
#[derive(Debug, Default)]
struct State {
    staying: BTreeMap<u64, Arc<Caller>>,
    /// Asked to go, and not gone yet: they still have their file handles.
    leaving: BTreeMap<u64, Arc<Caller>>,
    /// Since it was told last.
    sent_away: u64,
    turned_away: u64,
    /// The last of those.
    last: Option<Arc<Caller>>,
    told: Option<Instant>,
}

/// A place, until this is dropped.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Places {
    /// So many places, and so many kept for the peer and for whoever looks how the office is.
    pub fn new(ordinary: u64, kept: u64) -> Self {
        let usize_of = |count| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            shared: Arc::new(Shared {
                ordinary: usize_of(ordinary),
                kept: usize_of(kept),
                state: Mutex::default(),
            }),
        }
    }

    /// How many connections there are.
    pub fn taken(&self) -> usize {
        self.shared.locked().staying.len()
    }

    /// A place for a connection; `None` if it must be turned away.
    pub fn take(&self, caller: &Arc<Caller>) -> Option<Place> {
        let Shared { ordinary, kept, .. } = *self.shared;
        let mut state = self.shared.locked();
        if state.staying.len() + state.leaving.len() < ordinary.saturating_add(2 * kept) {
            caller.set_provisional(true);
            caller.enters(WeakPlaces(Arc::downgrade(&self.shared)));
            state.staying.insert(caller.number, Arc::clone(caller));
            state.settle(ordinary, kept);
        }
        if !state.staying.contains_key(&caller.number) {
            // It was asked to go before it came.
            if state.leaving.remove(&caller.number).is_some() {
                state.sent_away -= 1;
            }
            state.turned_away += 1;
            state.last = Some(Arc::clone(caller));
            state.tell(ordinary);
            return None;
        }
        state.tell(ordinary);
        Some(Place {
            shared: Arc::clone(&self.shared),
            number: caller.number,
        })
    }

    /// When the next connection may come in, if that is later than now: of a crowd that comes at once, each would push the one
    /// before out. Until then the rest waits with the system.
    pub fn lets_in_next(&self) -> Option<Instant> {
        let state = self.shared.locked();
        if state.provisional().count() < self.shared.kept {
            return None;
        }
        let first = State::first_to_go(state.provisional())?;
        let next = first.began() + MOMENT;
        (next > Instant::now()).then_some(next)
    }

    /// When there is something more to tell of a crowd.
    pub fn tells_next(&self) -> Option<Instant> {
        let state = self.shared.locked();
        let is_untold = state.sent_away + state.turned_away > 0;
        state
            .told
            .filter(|_| is_untold)
            .map(|told| told + TOLD_EVERY)
    }

    /// Tells what there is to tell by now.
    pub fn tell_rest(&self) {
        self.shared.locked().tell(self.shared.ordinary);
    }
}

impl WeakPlaces {
    /// Sees whether somebody who waits for an ordinary place can have one by now.
    pub fn settle(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.locked().settle(shared.ordinary, shared.kept);
        }
    }
}

impl State {
    /// Gives ordinary places to those who wait for one, the first first, as long as there are any or somebody silent
    /// makes room. Of those who still wait no more stay than places are kept for: the newest, so that nobody holds
    /// what is kept for whoever comes.
    fn settle(&mut self, ordinary: usize, kept: usize) {
        let mut taken = self.staying.len() - self.provisional().count();
        loop {
            let next = self.provisional().next().cloned();
            let Some(next) = next else { break };
            if taken >= ordinary {
                let Some(silent) = self.most_silent() else {
                    break;
                };
                self.send_away(silent, kept);
            } else {
                taken += 1;
            }
            next.set_provisional(false);
        }
        loop {
            let waiting = self.provisional().count();
            if waiting <= kept {
                break;
            }
            let but_the_newest = self.provisional().take(waiting - 1);
            let Some(first) = Self::first_to_go(but_the_newest).map(|it| it.number) else {
                break;
            };
            self.send_away(first, kept);
        }
    }

    /// Of those who wait for a place, the one to go for another who comes: without a call under way rather than with one, and
    /// the first first. The peer never.
    fn first_to_go<'a>(waiting: impl Iterator<Item = &'a Arc<Caller>>) -> Option<&'a Arc<Caller>> {
        waiting
            .filter(|it| !it.is_peer())
            .min_by_key(|it| (it.has_open_calls(), it.number))
    }

    fn provisional(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.staying.values().filter(|it| it.is_provisional())
    }

    /// Of those who have been silent for long enough, the one to make room: without a call under way rather than with
    /// one, and the longest silent first. The peer never.
    fn most_silent(&self) -> Option<u64> {
        self.staying
            .values()
            .filter(|caller| !caller.is_peer() && !caller.is_provisional())
            .map(|caller| (!caller.has_open_calls(), caller.silence(), caller.number))
            .filter(|(_, silence, _)| *silence >= SILENT_MIN)
            .max()
            .map(|(_, _, number)| number)
    }

    /// Asks one to go. Few have a moment for it: when more are asked, the first are cut off.
    fn send_away(&mut self, number: u64, kept: usize) {
        let Some(caller) = self.staying.remove(&number) else {
            return;
        };
        tracing::debug!(
            from = caller.words(),
            came_ago = ?caller.began().elapsed(),
            silent_for = ?caller.silence(),
            has_open_calls = caller.has_open_calls(),
            "asked to make room"
        );
        caller.leave.cancel();
        self.last = Some(Arc::clone(&caller));
        self.leaving.insert(number, caller);
        self.sent_away += 1;
        let parting = self.leaving.values().filter(|it| !it.cut.is_cancelled());
        let too_many = parting.clone().count().saturating_sub(kept.div_ceil(2));
        for caller in parting.take(too_many) {
            caller.cut.cancel();
        }
    }

    /// Tells that there are too many, with how many that concerned, and not at each of them.
    fn tell(&mut self, limit: usize) {
        let now = Instant::now();
        let is_told = self.told.is_some_and(|told| now - told < TOLD_EVERY);
        if is_told || self.sent_away + self.turned_away == 0 {
            return;
        }
        self.told = Some(now);
        let sent_away = std::mem::take(&mut self.sent_away);
        let turned_away = std::mem::take(&mut self.turned_away);
        let last = self.last.take().map(|last| last.words());
        tracing::warn!(
            limit,
            sent_away,
            turned_away,
            last,
            "too many connections: the most silent make room, and where none is silent others are turned away"
        );
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        // Each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.locked();
        state.staying.remove(&self.number);
        state.leaving.remove(&self.number);
        state.settle(self.shared.ordinary, self.shared.kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(count: u64) -> Vec<Arc<Caller>> {
        let numbers = 1..=count;
        numbers.map(|it| Arc::new(Caller::new(it, None))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_silent_makes_room_and_the_peer_never() {
        let places = Places::new(3, 1);
        let callers = callers(6);
        let mut held: Vec<_> = callers[..3].iter().map(|it| places.take(it)).collect();
        held.push(places.take(&callers[3]));
        assert!(callers[3].is_provisional(), "nobody is silent yet");
        drop(held.pop());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let carried = callers[0].passes_for_peer();
        let _open = callers[1].begin_call();
        callers[2].was_busy(Duration::from_secs(2));
        callers[4].was_busy(Duration::from_secs(5));
        held.push(places.take(&callers[4]));
        assert!(callers[2].leave.is_cancelled() && !callers[1].leave.is_cancelled());
        assert!(!callers[4].is_provisional(), "the third had no call");
        drop(held.remove(2));
        callers[5].was_busy(Duration::from_secs(5));
        held.push(places.take(&callers[5]));
        assert!(callers[1].leave.is_cancelled(), "then the second");
        assert!(!callers[0].leave.is_cancelled(), "it is the peer");
        drop(carried);
        assert!(!callers[0].is_peer(), "it carries nothing any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_places_are_kept_for_the_newest_and_become_ordinary_ones() {
        let places = Places::new(2, 2);
        let callers = callers(6);
        let mut held: Vec<_> = callers[..4].iter().map(|it| places.take(it)).collect();
        let is_provisional = |number: usize| callers[number].is_provisional();
        assert_eq!([1, 2, 3].map(is_provisional), [false, true, true]);
        let _carried = callers[2].passes_for_peer();
        held.push(places.take(&callers[4]));
        assert!(callers[3].leave.is_cancelled(), "it was there before");
        assert!(!callers[2].leave.is_cancelled(), "it is the peer");
        held.push(places.take(&callers[5]));
        assert!(callers[4].leave.is_cancelled());
        assert!(callers[3].cut.is_cancelled() && !callers[4].cut.is_cancelled());
        drop(held.remove(0));
        assert_eq!([2, 5].map(is_provisional), [false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_let_in_has_a_moment_to_ask_for_something() {
        let places = Places::new(1, 2);
        let callers = callers(3);
        let _first = places.take(&callers[0]);
        let _second = places.take(&callers[1]);
        assert_eq!(places.lets_in_next(), None, "one is kept yet");
        let _third = places.take(&callers[2]);
        let next = places.lets_in_next().expect("both came just now");
        assert_eq!(next - Instant::now(), MOMENT);
        tokio::time::sleep_until(next).await;
        assert_eq!(places.lets_in_next(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_who_wait_whoever_has_asked_for_something_goes_last() {
        let places = Places::new(1, 2);
        let callers = callers(6);
        let mut held: Vec<_> = callers[..2].iter().map(|it| places.take(it)).collect();
        let _asked = callers[1].begin_call();
        held.extend(callers[2..4].iter().map(|it| places.take(it)));
        let left = |it: usize| callers[it].leave.is_cancelled();
        assert!(left(2) && !left(1), "the third has asked for nothing");
        let _asked_too = callers[3].begin_call();
        held.push(places.take(&callers[4]));
        assert!(left(1) && !left(3) && !left(4), "somebody always comes in");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_has_a_place_once_another_is_silent() {
        let places = Places::new(1, 1);
        let callers = callers(2);
        let _held: Vec<_> = callers.iter().map(|it| places.take(it)).collect();
        assert!(!callers[1].finds_place());
        tokio::time::sleep(SILENT_MIN).await;
        assert!(callers[1].finds_place());
        assert!(callers[0].leave.is_cancelled() && !callers[1].leave.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_than_there_are_handles_for() {
        let places = Places::new(4, 3);
        let callers = callers(100);
        let mut held = Vec::new();
        for caller in &callers {
            caller.was_busy(Duration::from_secs(600));
            held.extend(places.take(caller));
        }
        assert_eq!(held.len(), 4 + 2 * 3, "none of those asked to go has gone");
        let cut = callers.iter().filter(|it| it.cut.is_cancelled()).count();
        assert_eq!(cut, 1, "two have a moment to go");
        assert_eq!(places.taken(), 4 + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_told_of_when_it_comes_and_then_from_time_to_time() {
        let places = Places::new(1, 1);
        let callers = callers(5);
        let _held: Vec<_> = callers[..3].iter().map(|it| places.take(it)).collect();
        assert_eq!(places.tells_next(), None, "the first is told at once");
        let _fourth = places.take(&callers[3]);
        let next = places.tells_next().expect("there is more to tell");
        assert_eq!(next - Instant::now(), TOLD_EVERY);
        tokio::time::sleep_until(next).await;
        places.tell_rest();
        assert_eq!(places.tells_next(), None);
    }
}
