//! Watchers: a cursor each, and nothing held for them in memory.

use ledger::{Cursor, Entry};
use office::Refusal;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::Status;

use crate::budget::Lease;
use crate::call::Call;
use crate::handle::Progress;
use crate::services::Desk;
use crate::slots::Slot;
use crate::status::{damaged, draining, status_of, stopped};

/// Whoever is no further behind follows what happens now; others read what has been, and take their turn.
const FOLLOWS_WITHIN: u64 = 64;

/// A place in the ledger from which somebody watches.
pub(crate) struct Watch {
    cursor: Cursor,
    progress: watch::Receiver<Progress>,
    draining: watch::Receiver<bool>,
    behind_max: u64,
    /// The last entry given.
    given: u64,
    /// The ledger's end when the last entry was given.
    end: u64,
    place: Slot,
}

impl Watch {
    pub(crate) fn new(desk: &Desk, after_sequence: u64) -> Result<Self, Refusal> {
        let place = desk.watchers.take()?;
        let progress = desk.owner.progress();
        let end = progress.borrow().ledger_sequence;
        if after_sequence > end {
            let what = format!("is beyond the ledger's end; its last entry is {end}");
            return Err(crate::status::invalid("after_sequence", &what));
        }
        Ok(Self {
            cursor: desk.owner.reader.after(after_sequence),
            progress,
            draining: desk.draining.clone(),
            behind_max: desk.limits.watcher_entries_behind_max,
            given: after_sequence,
            end,
            place,
        })
    }

    /// The next entry; `None` when the office closes.
    async fn next(&mut self, call: Option<&Call>) -> Result<Option<Entry>, Refusal> {
        loop {
            let (end, gone) = {
                let progress = self.progress.borrow_and_update();
                (progress.ledger_sequence, progress.stopped)
            };
            // Those who read slowly are as far behind as the ledger grew while they did not read. An old ledger
            // read from its beginning is no lag.
            let behind = end - self.end;
            if behind > self.behind_max {
                return Err(Refusal::WatcherBehind {
                    behind,
                    limit: self.behind_max,
                    resume_after: self.given,
                });
            }
            let turn = match call.filter(|_| self.given + FOLLOWS_WITHIN < end) {
                Some(call) => call.turn().await,
                None => None,
            };
            let found = self.cursor.next_entry().map_err(|error| damaged(&error))?;
            drop(turn);
            if let Some(entry) = found {
                (self.given, self.end) = (entry.sequence, end);
                return Ok(Some(entry));
            }
            if gone {
                return Err(stopped());
            }
            if *self.draining.borrow() {
                return Err(draining());
            }
            tokio::select! {
                biased;
                changed = self.progress.changed() => changed.map_err(|_| stopped())?,
                changed = self.draining.changed() => changed.map_err(|_| stopped())?,
                refusal = self.place.taken_away() => return Err(refusal),
            }
        }
    }
}

/// What `told` makes of entries, one after another. The transport asks for each, so a slow client only slows
/// itself.
pub(crate) fn entries<T, F>(
    watch: Watch,
    told: impl Fn(Entry) -> F + Send + 'static,
) -> impl Stream<Item = Result<T, Status>> + Send
where
    T: prost::Message + 'static,
    F: Future<Output = Result<Option<T>, Refusal>> + Send,
{
    let call = Call::current();
    futures_util::stream::unfold(Some((watch, told, call, None)), |state| async move {
        let (mut watch, told, call, sent) = state?;
        // Whoever asks for the next one has sent the last one on its way.
        drop::<Option<Lease>>(sent);
        loop {
            let made = match watch.next(call.as_deref()).await {
                Ok(Some(entry)) => told(entry).await,
                Ok(None) => return None,
                Err(refusal) => Err(refusal),
            };
            match made {
                Ok(Some(made)) => {
                    let lease = match &call {
                        Some(call) => call.lease_for_one(&made).await.map(Some),
                        None => Ok(None),
                    };
                    return Some(match lease {
                        Ok(lease) => (Ok(made), Some((watch, told, call, lease))),
                        Err(refusal) => (Err(status_of(&refusal)), None),
                    });
                }
                Ok(None) => {}
                Err(refusal) => return Some((Err(status_of(&refusal)), None)),
            }
        }
    })
}
