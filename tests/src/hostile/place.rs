//! An office on a disk in memory, in the time of a paused clock, reached over pipes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::LedgerOptions;
use ledger::faulty::{FaultyStorage, Unsynced};
use office::authority::{Name, Role, Speaker};
use office::{Limits, Place};
use server::{
    Accept, Accepted, Accepting, Clock, Dial, Dialled, Dialling, ServeError, Server, Setup,
};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

use crate::harness::Clients;

const PIPE_BYTES: usize = 64 * 1024;
/// Small, so that a few parcels fill a segment.
const SEGMENT_BYTES_MAX: u64 = 16 * 1024;
/// Small, so that what is too large is cheap.
pub(super) const LINE_MESSAGE_BYTES_MAX: u64 = 64 * 1024;

/// Lets everything happen that can: the paused clock moves on only when every task waits.
pub(super) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Lets every backoff and every wait for a Hello pass.
pub(super) async fn long_rest() {
    tokio::time::sleep(Duration::from_secs(40)).await;
}

/// Where somebody is reached, or nobody.
#[derive(Debug, Clone, Default)]
pub(super) struct Door(Arc<Mutex<Option<mpsc::Sender<Come>>>>);

/// A connection, and who speaks over it.
pub(super) type Come = (DuplexStream, Speaker);

/// Connections that come in by a door.
#[derive(Debug)]
pub(super) struct Incoming(pub(super) mpsc::Receiver<Come>);

impl Door {
    /// Who is reached from now on is whoever holds what is returned.
    pub(super) fn open(&self) -> Incoming {
        let (sender, connections) = mpsc::channel(64);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Incoming(connections)
    }

    /// Leads to where `other` leads now.
    pub(super) fn lead_to(&self, other: &Self) {
        let to = other.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut leads_to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leads_to.clone_from(&to);
    }

    fn connect(&self, speaker: Speaker) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let door = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = door
            .as_ref()
            .and_then(|door| door.try_send((far, speaker)).ok());
        sent.map(|()| near)
            .ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    /// A connection of its own, opened when it is first used.
    pub(super) fn channel(&self) -> Channel {
        self.channel_by(Speaker::Unnamed)
    }

    /// The same, by whoever is the office at `place`.
    pub(super) fn channel_of(&self, place: Place) -> Channel {
        self.channel_by(office(place))
    }

    fn channel_by(&self, speaker: Speaker) -> Channel {
        let door = self.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let connected = door.connect(speaker.clone());
            std::future::ready(connected.map(hyper_util::rt::TokioIo::new))
        });
        Endpoint::from_static("http://office").connect_with_connector_lazy(connector)
    }
}

impl Accept for Incoming {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some((io, said)) => Ok(Accepted {
                    io: Box::new(io),
                    address: None,
                    said,
                }),
                None => std::future::pending().await,
            }
        })
    }
}

/// The office at `place`, as pipes know it.
fn office(place: Place) -> Speaker {
    let name = Name::new("pipes", place, Role::Server, place.word());
    Speaker::Named(name.expect("a name"))
}

/// The way of the office at `from` to whoever is behind a door.
struct Way {
    from: Place,
    door: Door,
}

impl Dial for Way {
    fn dial(&self) -> Dialling {
        let connected = self.door.connect(office(self.from));
        let dialled = connected.map(|io| Dialled {
            io: Box::new(io),
            shown: None,
        });
        Box::pin(std::future::ready(dialled))
    }

    fn address(&self) -> String {
        "the peer's door".to_owned()
    }
}

/// What time it is: the start, and what the paused clock has passed since.
#[derive(Debug, Clone, Copy)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_536_883_200).expect("the day the office opened");
        let passed = SignedDuration::try_from(self.0.elapsed()).expect("a test is short");
        start + passed
    }
}

/// An office.
pub(super) struct Office {
    place: Place,
    pub(super) storage: FaultyStorage,
    pub(super) door: Door,
    peer: Door,
    clock: PausedClock,
    starts: u64,
    drain: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), ServeError>>,
}

impl Office {
    /// Starts an office that dials `peer`, and is reached by `door`.
    pub(super) fn start(place: Place, storage: FaultyStorage, door: Door, peer: Door) -> Self {
        let mut office = Self {
            place,
            storage,
            door,
            peer,
            clock: PausedClock(Instant::now()),
            starts: 0,
            drain: None,
            running: tokio::spawn(async { Ok(()) }),
        };
        office.run();
        office
    }

    fn run(&mut self) {
        self.starts += 1;
        let mut limits = Limits::default();
        limits
            .set("line_message_bytes_max", LINE_MESSAGE_BYTES_MAX)
            .expect("it is lower");
        let setup = Setup {
            limits,
            ledger: LedgerOptions {
                segment_bytes_max: SEGMENT_BYTES_MAX,
            },
            clock: Arc::new(self.clock),
            on_thread: false,
            seed: self.starts,
            dial: Some(Arc::new(Way {
                from: self.place,
                door: self.peer.clone(),
            })),
            keep_alive: false,
            ..Setup::new(self.place, Arc::new(self.storage.clone()))
        };
        let server = Server::open(setup).expect("the ledger opens");
        let incoming = self.door.open();
        let (drain, drained) = oneshot::channel();
        self.drain = Some(drain);
        self.running = tokio::spawn(server.serve(incoming, async {
            // An office that nobody holds any more is dropped, not drained.
            if drained.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
    }

    /// Clients over a connection of their own.
    pub(super) fn clients(&self) -> Clients {
        Clients::over(self.door.channel())
    }

    /// How often the office was started.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Whether the office serves still.
    pub(super) fn runs(&self) -> bool {
        !self.running.is_finished()
    }

    /// Drops the office wherever it is, and opens it again on the same disk.
    pub(super) async fn drop_and_reopen(&mut self) {
        self.running.abort();
        let ended = (&mut self.running).await;
        let cancelled = ended.expect_err("it served until now").is_cancelled();
        assert!(cancelled, "the office did not panic");
        self.run();
        rest().await;
    }

    /// Drains the office, which must end well.
    pub(super) async fn drain(&mut self) {
        let drain = self.drain.take().expect("it is drained once");
        drain.send(()).expect("it serves");
        let ended = (&mut self.running).await;
        ended.expect("no panic").expect("it ends well");
    }

    pub(super) async fn drain_and_reopen(&mut self) {
        self.drain().await;
        self.run();
        rest().await;
    }

    /// The machine dies in the middle of the operation after so many more.
    pub(super) fn cut_power_after(&self, operations: u64) {
        let done = self.storage.operations().len() as u64;
        self.storage.crash_at(done + operations);
    }

    /// The machine does not die.
    pub(super) fn keep_power(&self) {
        self.storage.crash_at(u64::MAX);
    }

    /// Opens the office again, once its machine has died, on what is left on its disk.
    pub(super) async fn restart_machine(&mut self, unsynced: Unsynced, seed: u64) {
        let ended = (&mut self.running).await.expect("no panic");
        ended.expect_err("what cannot be made durable stops the office");
        self.storage = self.storage.after_power_cut(unsynced, seed);
        self.run();
        rest().await;
    }
}
