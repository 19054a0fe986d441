//! The way to the owner of office and ledger.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::Reader;
use office::line::{Acknowledgement, Hello, LineHash, Mark, Resume};
use office::{Limits, Office, Order, Place, Refusal, RequestId, StepId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::status::stopped;
use callers::Call;

/// What a client asks this office to author.
#[derive(Debug)]
pub(crate) struct Authoring {
    pub(crate) order: Order,
    pub(crate) payload: Bytes,
    pub(crate) request_id: RequestId,
}

/// A step that stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authored {
    pub(crate) id: StepId,
    /// When; `None` for a repeat, whose time the ledger has.
    pub(crate) at: Option<Timestamp>,
    /// When its batch was judged.
    pub(crate) judged: Instant,
    /// When its batch was durable, for who waits for more than that.
    pub(crate) synced: Option<Instant>,
}

/// How the owner tells a stream of the line what it thinks of it. Never waits.
#[derive(Debug, Clone)]
pub(crate) struct Verdicts {
    again: Arc<Notify>,
    /// Room for one: the first fault breaks the stream.
    fault: mpsc::Sender<Refusal>,
}

impl Verdicts {
    /// The verdicts, what is told of repeats, and the fault.
    pub(crate) fn new() -> (Self, Arc<Notify>, mpsc::Receiver<Refusal>) {
        let again = Arc::new(Notify::new());
        let (fault, faults) = mpsc::channel(1);
        let verdicts = Self {
            again: Arc::clone(&again),
            fault,
        };
        (verdicts, again, faults)
    }

    /// An equal repeat came: acknowledge it again.
    pub(crate) fn acknowledge_again(&self) {
        self.again.notify_one();
    }

    /// The stream must break.
    pub(crate) fn fault(&self, refusal: Refusal) {
        // If there is one already, it breaks the stream.
        let _ = self.fault.try_send(refusal);
    }
}

/// A parcel from the line.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) sequence: u64,
    pub(crate) envelope: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) hash: LineHash,
}

/// Who makes a step, as a certificate names them.
pub(crate) type Author = Option<Arc<str>>;

/// Room for the bytes of what waits; given back when the owner has taken it.
pub(crate) type Room = OwnedSemaphorePermit;

pub(crate) type Answer = Box<dyn FnOnce() + Send>;
pub(crate) type Look = Box<dyn FnOnce(&Office) -> Answer + Send>;
pub(crate) type Outcome = Result<Authored, Refusal>;

pub(crate) enum Work {
    Author {
        authoring: Authoring,
        /// The number of whoever asks; 0 if that is not known.
        caller: u64,
        by: Author,
        room: Room,
        reply: oneshot::Sender<Outcome>,
    },
    /// As `Author`, answered when the peer has the step.
    Deliver {
        authoring: Authoring,
        by: Author,
        room: Room,
        reply: oneshot::Sender<Outcome>,
    },
    AuthorMany {
        authorings: Vec<Authoring>,
        by: Author,
        room: Room,
        reply: oneshot::Sender<Vec<Outcome>>,
    },
    Read(Look),
    AwaitAnswer {
        document: StepId,
        reply: oneshot::Sender<()>,
    },
    Hello {
        hello: Hello,
        /// What this office said, if that is the answer to it.
        said: Option<Hello>,
        reply: oneshot::Sender<Result<(Hello, Resume), Refusal>>,
    },
    Parcels {
        parcels: Vec<Arrived>,
        room: Room,
        verdicts: Verdicts,
    },
    /// The peer has refused this office's Hello, for a disagreement.
    Refused {
        said: String,
    },
    Returned {
        parcel: Arrived,
        verdicts: Verdicts,
    },
    Acknowledged {
        acknowledgement: Acknowledgement,
        verdicts: Verdicts,
    },
    /// The peer has shown this certificate.
    Certified {
        sha256: [u8; 32],
    },
    Drain {
        reply: oneshot::Sender<()>,
    },
    Stop,
}

/// How far the office has come, all of it durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) ledger_sequence: u64,
    pub(crate) appended: u64,
    pub(crate) received: Mark,
    pub(crate) acknowledged: u64,
    pub(crate) restoring: bool,
    /// Why the line stays down: the ledgers disagree.
    pub(crate) fault: Option<String>,
    pub(crate) outbox_bytes: u64,
    pub(crate) last_sync: Duration,
    pub(crate) last_sync_entries: u64,
    /// Why nothing is recorded now, though reads are served.
    pub(crate) held: Option<String>,
    pub(crate) stopped: bool,
}

/// Sends work to the owner, and sees how far it has come.
#[derive(Debug, Clone)]
pub(crate) struct OwnerHandle {
    work: mpsc::Sender<Work>,
    progress: watch::Receiver<Progress>,
    pub(crate) reader: Reader,
    pub(crate) place: Place,
    queue_max: u64,
    queue_bytes_max: u64,
    room: Arc<Semaphore>,
}

impl OwnerHandle {
    pub(crate) fn new(
        work: mpsc::Sender<Work>,
        progress: watch::Receiver<Progress>,
        reader: Reader,
        place: Place,
        limits: &Limits,
    ) -> Self {
        let room = usize::try_from(limits.queue_bytes_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            work,
            progress,
            reader,
            place,
            queue_max: limits.queue_max,
            queue_bytes_max: limits.queue_bytes_max,
            room: Arc::new(Semaphore::new(room)),
        }
    }

    /// Room for a client's request, or a refusal when too many bytes are waiting.
    fn room(&self, bytes: usize) -> Result<Room, Refusal> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(self.permits(bytes));
        room.map_err(|_| Refusal::Exhausted {
            what: "the bytes of waiting requests",
            limit: self.queue_bytes_max,
            retry_after: Duration::from_millis(100),
        })
    }

    /// Room for a piece of a stream, which waits its turn.
    async fn room_in_stream(&self, bytes: usize) -> Result<Room, Refusal> {
        let room = Arc::clone(&self.room).acquire_many_owned(self.permits(bytes));
        room.await.map_err(|_| stopped())
    }

    /// What is larger than all the room there is takes all of it.
    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(self.queue_bytes_max.min(bytes as u64)).unwrap_or(u32::MAX)
    }

    /// Hands over a client's work, or refuses when too much is waiting.
    fn offer(&self, work: Work) -> Result<(), Refusal> {
        self.work.try_send(work).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Exhausted {
                what: "the number of waiting requests",
                limit: self.queue_max,
                retry_after: Duration::from_millis(100),
            },
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }

    /// Hands over work of a stream, which waits its turn.
    async fn queue(&self, work: Work) -> Result<(), Refusal> {
        self.work.send(work).await.map_err(|_| stopped())
    }

    pub(crate) async fn author(&self, authoring: Authoring) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let room = self.room(authoring.payload.len())?;
        self.offer(Work::Author {
            authoring,
            caller: Call::current().map_or(0, |call| call.caller.number),
            by: callers::author(),
            room,
            reply,
        })?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Self::author`]; answers when the peer has acknowledged the step.
    pub(crate) async fn deliver(&self, authoring: Authoring) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let room = self.room(authoring.payload.len())?;
        self.offer(Work::Deliver {
            authoring,
            by: callers::author(),
            room,
            reply,
        })?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Self::author`], for a stream of `by`: the work waits for room, and the answers are awaited later.
    pub(crate) async fn author_many(
        &self,
        authorings: Vec<Authoring>,
        by: Author,
    ) -> Result<oneshot::Receiver<Vec<Outcome>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let bytes = authorings
            .iter()
            .map(|authoring| authoring.payload.len())
            .sum();
        let room = self.room_in_stream(bytes).await?;
        let work = Work::AuthorMany {
            authorings,
            by,
            room,
            reply,
        };
        self.queue(work).await?;
        Ok(answer)
    }

    /// Looks at the office, and answers when all that was seen is durable.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Office) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |office| {
            let seen = look(office);
            Box::new(move || {
                // The asker may have gone.
                let _ = reply.send(seen);
            })
        });
        self.offer(Work::Read(look))?;
        answer.await.map_err(|_| stopped())
    }

    /// Waits until `document` is acknowledged, refused or expired.
    pub(crate) async fn answered(&self, document: StepId) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::AwaitAnswer { document, reply }).await?;
        answer.await.map_err(|_| stopped())
    }

    /// Has the peer's Hello judged. `said` is this office's Hello that it answers.
    pub(crate) async fn hello(
        &self,
        hello: Hello,
        said: Option<Hello>,
    ) -> Result<(Hello, Resume), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::Hello { hello, said, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    pub(crate) async fn parcels(
        &self,
        parcels: Vec<Arrived>,
        verdicts: Verdicts,
    ) -> Result<(), Refusal> {
        let bytes = |parcel: &Arrived| parcel.envelope.len() + parcel.payload.len();
        let room = self.room_in_stream(parcels.iter().map(bytes).sum()).await?;
        let work = Work::Parcels {
            parcels,
            room,
            verdicts,
        };
        self.queue(work).await
    }

    pub(crate) async fn returned(
        &self,
        parcel: Arrived,
        verdicts: Verdicts,
    ) -> Result<(), Refusal> {
        self.queue(Work::Returned { parcel, verdicts }).await
    }

    /// The peer has shown a certificate, over a session that its Hello has opened.
    pub(crate) async fn certified(&self, sha256: [u8; 32]) -> Result<(), Refusal> {
        self.queue(Work::Certified { sha256 }).await
    }

    pub(crate) async fn refused(&self, said: String) -> Result<(), Refusal> {
        self.queue(Work::Refused { said }).await
    }

    pub(crate) async fn acknowledged(
        &self,
        acknowledgement: Acknowledgement,
        verdicts: Verdicts,
    ) -> Result<(), Refusal> {
        let work = Work::Acknowledged {
            acknowledgement,
            verdicts,
        };
        self.queue(work).await
    }

    /// From here on no mutation is taken; those taken before are durable when this returns.
    pub(crate) async fn drain(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue(Work::Drain { reply }).await.is_ok() {
            // The owner may have stopped after a failed commit.
            let _ = answer.await;
        }
    }

    /// Ends the owner once what it has is durable.
    pub(crate) async fn stop(&self) {
        // It may have ended already.
        let _ = self.queue(Work::Stop).await;
    }

    /// How far the office has come, and news of it.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(crate) fn queue_depth(&self) -> u64 {
        (self.work.max_capacity() - self.work.capacity()) as u64
    }
}
