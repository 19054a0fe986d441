//! Watchers: a cursor each, and nothing held for them in memory.

use std::sync::Arc;

use ledger::{Cursor, Entry};
use office::Refusal;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tonic::Status;

use crate::desk::Desk;
use crate::handle::Progress;
use crate::status::{damaged, draining, status_of, stopped};
use crate::tasks::Tasks;
use callers::Lease;
use callers::Slot;
use callers::{Call, Turn};

/// Whoever is no further behind follows what happens now; others read what has been, and take their turn.
const FOLLOWS_WITHIN: u64 = 64;

/// An entry is in memory as it was read, as it is told, as it is encoded, and as it waits to go out.
const COPIES: u64 = 4;

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
    async fn next(
        &mut self,
        call: Option<&Call>,
    ) -> Result<Option<(Entry, Option<Lease>)>, Refusal> {
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
            let reads_at_length = call.filter(|_| self.given + FOLLOWS_WITHIN < end);
            let turn_to_look = turn(reads_at_length).await;
            let len = self.cursor.next_len().map_err(|error| damaged(&error))?;
            drop(turn_to_look);
            if let Some(len) = len {
                // Of many who watch, each would hold an entry that waits for its memory: it is had before the entry is.
                let lease = lease(call, len as u64 * COPIES).await?;
                let turn_to_read = turn(reads_at_length).await;
                let found = self.cursor.next_entry().map_err(|error| damaged(&error))?;
                drop(turn_to_read);
                if let Some(entry) = found {
                    (self.given, self.end) = (entry.sequence, end);
                    return Ok(Some((entry, lease)));
                }
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

async fn turn(call: Option<&Call>) -> Option<Turn> {
    match call {
        Some(call) => call.turn().await,
        None => None,
    }
}

async fn lease(call: Option<&Call>, bytes: u64) -> Result<Option<Lease>, Refusal> {
    match call {
        Some(call) => call.lease(bytes).await.map(Some),
        None => Ok(None),
    }
}

/// What `told` makes of entries, one after another, each when the one before is on its way: a slow client only slows
/// itself.
///
/// They are made by a task. The transport polls a stream only while it can send: one that was given its turn to read, and is
/// not polled, would keep everybody from reading.
pub(crate) fn entries<T, F, N>(
    tasks: &Tasks,
    watch: Watch,
    told: N,
) -> impl Stream<Item = Result<T, Status>> + Send + use<T, F, N>
where
    N: Fn(Entry) -> F + Send + Sync + 'static,
    T: prost::Message + 'static,
    F: Future<Output = Result<Option<T>, Refusal>> + Send + 'static,
{
    let (made, given) = mpsc::channel(1);
    let maker = Maker {
        watch,
        call: Call::current(),
        made,
    };
    tasks.spawn(maker.run(told));
    futures_util::stream::unfold((given, [None, None]), |(mut given, sent)| async move {
        // Whoever asks for the next one has sent the last one on its way.
        drop::<Leases>(sent);
        Some(match given.recv().await? {
            Ok((one, leases)) => (Ok(one), (given, leases)),
            Err(refusal) => (Err(status_of(&refusal)), (given, [None, None])),
        })
    })
}

/// One that was made, and the memory that it takes.
type Made<T> = (T, Leases);
/// The entry's, and what is told takes more than the entry by.
type Leases = [Option<Lease>; 2];

struct Maker<T> {
    watch: Watch,
    call: Option<Arc<Call>>,
    made: mpsc::Sender<Result<Made<T>, Refusal>>,
}

impl<T: prost::Message> Maker<T> {
    async fn run<F>(mut self, told: impl Fn(Entry) -> F)
    where
        F: Future<Output = Result<Option<T>, Refusal>>,
    {
        let made = self.made.clone();
        tokio::select! {
            biased;
            // The client is gone.
            () = made.closed() => {}
            () = self.make(told) => {}
        }
    }

    async fn make<F>(&mut self, told: impl Fn(Entry) -> F)
    where
        F: Future<Output = Result<Option<T>, Refusal>>,
    {
        // Nothing is read before there is room for it.
        while let Ok(room) = self.made.reserve().await {
            let next = Self::next(&mut self.watch, self.call.as_deref(), &told).await;
            let Some(next) = next.transpose() else { return };
            let is_last = next.is_err();
            room.send(next);
            if is_last {
                return;
            }
        }
    }

    async fn next<F>(
        watch: &mut Watch,
        call: Option<&Call>,
        told: impl Fn(Entry) -> F,
    ) -> Result<Option<Made<T>>, Refusal>
    where
        F: Future<Output = Result<Option<T>, Refusal>>,
    {
        while let Some((entry, lease)) = watch.next(call).await? {
            let Some(one) = told(entry.clone()).await? else {
                continue;
            };
            let bytes = one.encoded_len() as u64 * COPIES;
            let more = bytes.saturating_sub(lease.as_ref().map_or(bytes, Lease::bytes));
            if more == 0 {
                return Ok(Some((one, [lease, None])));
            }
            // A meeting is more than its last step. It is made again when there is room for it.
            drop(one);
            let more = self::lease(call, more).await?;
            if let Some(one) = told(entry).await? {
                return Ok(Some((one, [lease, more])));
            }
        }
        Ok(None)
    }
}
