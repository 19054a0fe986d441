//! An office, from its recovery to its drain.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use identity::Tls;
use ledger::{HeadUse, LedgerError, LedgerOptions, Recovery, SnapshotUse, Storage};
use office::authority::Authority;
use office::{Limits, Office, Place};
use protocol::pb::ledger::ledger_service_server::LedgerServiceServer;
use protocol::pb::line::line_service_server::LineServiceServer;
use protocol::pb::office::contact_service_server::ContactServiceServer;
use protocol::pb::office::document_service_server::DocumentServiceServer;
use protocol::pb::office::meeting_service_server::MeetingServiceServer;
use protocol::pb::office::office_service_server::OfficeServiceServer;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tonic_health::server::HealthReporter;

use crate::boundary::Boundary;
use crate::clock::{Clock, SystemClock};
use crate::connections::Connections;
use crate::desk::Desk;
use crate::handle::OwnerHandle;
use crate::health::Health;
use crate::incoming::Messages;
use crate::line::{Carry, Dial, DialTimeouts, Dialler, LineEvents, PeerWatch, Warned};
use crate::methods::Methods;
use crate::metrics::{Metrics, OwnerMetrics};
use crate::owner::{Folded, Owner};
use crate::phase::Phases;
use crate::recovery::{Recovered, Snapshotter, recover};
use crate::seen::Seen;
use crate::services::{Contacts, Documents, Entries, Meetings, Offices, Services};
use crate::tasks::Tasks;
use crate::thread::OwnerThread;
use callers::{Accept, Door};
use callers::{GivesWay, Slots, Told};

/// How an office knows who speaks with it.
#[derive(Debug, Clone, Default)]
pub struct Knowing {
    /// By what it is known, and knows others, as it is in force; `None` if it has no identity.
    pub tls: Option<watch::Receiver<Arc<Tls>>>,
    /// Whether whoever shows no certificate may be the peer: for offices of others that know no TLS, on one machine.
    pub open_line: bool,
    /// Whether clients on other machines need not show one.
    pub open_clients: bool,
}

/// Everything an office needs to run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct Setup {
    /// Which office.
    pub place: Place,
    /// Its bounds.
    pub limits: Limits,
    /// Where its ledger lies.
    pub storage: Arc<dyn Storage>,
    /// The bounds of the ledger's files.
    pub ledger: LedgerOptions,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whether what owns the ledger, and waits for the disk, has a thread of its own: with one a paused clock would run away.
    pub on_thread: bool,
    /// Whether snapshots are taken up and left behind. A start without one reads the whole ledger.
    pub with_snapshots: bool,
    /// Where jitter is drawn from.
    pub seed: u64,
    /// The way to the peer; `None` for an office alone.
    pub dial: Option<Arc<dyn Dial>>,
    /// How it knows who speaks with it.
    pub knowing: Knowing,
    /// Whether silent connections are asked if they live. Not in simulated time, which would never rest.
    pub keep_alive: bool,
    /// How many times as fast as the clock a scenario is played here, as callers are told; 0 if none is.
    pub played_speed: u32,
    /// How its ledger is told to people, as callers are told.
    pub telling: Option<protocol::pb::office::Telling>,
    /// Whether calls are counted, and refusals told, for whoever runs it.
    pub is_counted: bool,
    /// Who is shown what passes, behind TLS, and the address that they are told as this office's.
    pub looked_on: Option<(Arc<dyn tap::Onlooker>, SocketAddr)>,
}

impl Setup {
    /// An office alone, with the defaults.
    pub fn new(place: Place, storage: Arc<dyn Storage>) -> Self {
        Self {
            place,
            limits: Limits::default(),
            storage,
            ledger: LedgerOptions::default(),
            clock: Arc::new(SystemClock),
            on_thread: true,
            with_snapshots: true,
            seed: 1,
            dial: None,
            knowing: Knowing::default(),
            keep_alive: true,
            played_speed: 0,
            telling: None,
            is_counted: true,
            looked_on: None,
        }
    }
}

/// Why an office ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A commit failed, or the ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The owner's thread cannot be started.
    #[error("failed to {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// An office whose ledger has been recovered, ready to serve.
pub struct Server {
    place: Place,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    seed: u64,
    dial: Option<Arc<dyn Dial>>,
    knowing: Knowing,
    keep_alive: bool,
    played_speed: u32,
    telling: Option<protocol::pb::office::Telling>,
    is_counted: bool,
    looked_on: Option<(Arc<dyn tap::Onlooker>, SocketAddr)>,
    on_thread: bool,
    recovery: Recovery,
    appended: u64,
    owner: Owner,
    handle: OwnerHandle,
    methods: Arc<Methods>,
    metrics: Metrics,
    phases: Phases,
    peer: PeerWatch,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the ledger and folds it. What was torn is cut and saved aside; damage is an error.
    pub fn open(setup: Setup) -> Result<Self, ServeError> {
        let Setup {
            place,
            limits,
            storage,
            ledger,
            clock,
            on_thread,
            with_snapshots,
            seed,
            dial,
            knowing,
            keep_alive,
            played_speed,
            telling,
            is_counted,
            looked_on,
        } = setup;
        let Recovered {
            office,
            outbox,
            ledger,
            recovery,
        } = recover(storage, place, ledger, &limits, clock.now(), with_snapshots)?;
        tell_recovery(&office, &recovery);
        let snapshots = with_snapshots
            .then(|| Snapshotter::new(ledger.snapshot_writer(), ledger.reader().sequence()));
        let appended = office.line().appended().sequence;
        let folded = Folded {
            office,
            ledger,
            outbox,
            snapshots,
        };
        let of_owner = OwnerMetrics::default();
        let methods = Methods::of(&[
            protocol::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]);
        let metrics = Metrics::new(&methods, &of_owner);
        let (owner, handle) = Owner::new(folded, Arc::clone(&clock), of_owner);
        let peer = PeerWatch::new(if dial.is_some() {
            "not dialled yet"
        } else {
            "no address of the peer was given (--peer)"
        });
        Ok(Self {
            place,
            limits: Arc::new(limits),
            clock,
            seed,
            dial,
            knowing,
            keep_alive,
            played_speed,
            telling,
            is_counted,
            looked_on,
            on_thread,
            recovery,
            appended,
            owner,
            handle,
            methods: Arc::new(methods),
            metrics,
            phases: Phases::new(),
            peer,
        })
    }

    /// How it is seen from outside, while it serves.
    pub fn seen(&self) -> Seen {
        Seen {
            owner: self.handle.clone(),
            metrics: self.metrics.clone(),
            peer: self.peer.clone(),
            leaving: self.phases.leaving.subscribe(),
            tls: self.knowing.tls.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// What opening the ledger found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// How many steps this office had made when its ledger was opened: the next one is named by one more.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Serves connections until `shutdown`, then drains. When this returns or is dropped, nothing of the office
    /// runs any more, and its ledger is closed.
    pub async fn serve(
        self,
        incoming: impl Accept,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let shutdown = std::pin::pin!(shutdown);
        self.run(Box::new(incoming), shutdown).await
    }

    /// Boxed, so that all of it is compiled here, and not by everybody who serves an office.
    fn run(
        self,
        incoming: Box<dyn Accept>,
        shutdown: Pin<&mut (dyn Future<Output = ()> + Send)>,
    ) -> Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send + '_>> {
        Box::pin(self.serving(incoming, shutdown))
    }

    async fn serving(
        self,
        incoming: Box<dyn Accept>,
        shutdown: Pin<&mut (dyn Future<Output = ()> + Send)>,
    ) -> Result<(), ServeError> {
        let tasks = Tasks::default();
        let _end_on_drop = tasks.end_on_drop();
        let phases = &self.phases;
        let line = self.line(&tasks, phases);
        let (service, reporter) = self.services(&tasks, phases, line.0);
        let connections = Connections {
            service,
            limits: (*self.limits).clone(),
            keep_alive: self.keep_alive.then_some(self.limits.keep_alive_interval),
            tasks: tasks.clone(),
            closing: phases.closing.subscribe(),
            door: Door {
                authority: self.authority(),
                tls: self.knowing.tls.clone(),
                open_clients: self.knowing.open_clients,
            },
            looked_on: self.looked_on.clone(),
        };
        let (dialler_ended, dialled) = oneshot::channel::<()>();
        if let Some(dialler) = line.1 {
            tasks.spawn(async move {
                dialler.run().await;
                drop(dialler_ended);
            });
        } else {
            drop(dialler_ended);
        }
        let (leaving, left) = oneshot::channel();
        let health = Health {
            reporter,
            progress: self.handle.progress(),
            leaving: phases.leaving.subscribe(),
            left: leaving,
        };
        tasks.spawn(health.run());
        let owned = owned(self.owner, self.place, self.on_thread);
        let mut owner = std::pin::pin!(owned);
        let accepting = connections.serve(incoming);
        let drained = async {
            shutdown.await;
            tracing::info!(place = %self.place, "draining");
            let deadline = Instant::now() + self.limits.drain_timeout;
            drain(&self.handle, phases, left, dialled, deadline).await;
            // Connections that have nothing under way are closed by now.
            tokio::select! {
                biased;
                () = tasks.ended() => {}
                () = tokio::time::sleep_until(deadline) => tasks.end(),
            }
            self.handle.stop().await;
            std::future::pending::<()>().await;
        };
        let mut drained = std::pin::pin!(drained);
        let mut accepting = std::pin::pin!(accepting);
        let mut accepts = true;
        loop {
            tokio::select! {
                biased;
                ended = owner.as_mut() => {
                    tasks.end();
                    tasks.ended().await;
                    return ended;
                }
                () = drained.as_mut() => {}
                () = accepting.as_mut(), if accepts => accepts = false,
            }
        }
    }

    fn authority(&self) -> Authority {
        Authority::new(self.place, self.knowing.open_line)
    }

    /// Both sides of the line: the service, and the dialler if there is a way to the peer.
    fn line(
        &self,
        tasks: &Tasks,
        phases: &Phases,
    ) -> ((Carry, PeerWatch, LineEvents), Option<Dialler>) {
        let events = LineEvents::new(Arc::clone(&self.clock));
        let peer_spoke = Arc::new(Notify::new());
        let carry = Carry {
            owner: self.handle.clone(),
            events: events.clone(),
            tasks: tasks.clone(),
            hello_timeout: self.limits.hello_timeout,
            message_bytes_max: self.limits.line_message_bytes_max,
            generation: watch::channel(0).0,
            peer_spoke: Arc::clone(&peer_spoke),
            warned: Warned::default(),
            told: Told::default(),
            closing: phases.closing.subscribe(),
        };
        let peer = self.peer.clone();
        let dialler = self.dial.clone().map(|dial| Dialler {
            owner: self.handle.clone(),
            peer: peer.clone(),
            events: events.clone(),
            tasks: tasks.clone(),
            dial,
            timeouts: DialTimeouts {
                connect: self.limits.hello_timeout,
                hello: self.limits.hello_timeout,
                keep_alive: self.keep_alive.then_some(self.limits.keep_alive_interval),
                backoff_min: self.limits.backoff_min,
                backoff_max: self.limits.backoff_max,
            },
            message_bytes_max: usize::try_from(self.limits.line_message_bytes_max)
                .unwrap_or(usize::MAX),
            jitter: ChaCha8Rng::seed_from_u64(self.seed),
            peer_spoke,
            closing: phases.line_closing.subscribe(),
        });
        ((carry, peer, events), dialler)
    }

    fn services(
        &self,
        tasks: &Tasks,
        phases: &Phases,
        line: (Carry, PeerWatch, LineEvents),
    ) -> (Boundary<Services<Messages<Incoming>>>, HealthReporter) {
        let (carry, peer, events) = line;
        let desk = Desk {
            owner: self.handle.clone(),
            limits: Arc::clone(&self.limits),
            peer,
            events,
            tasks: tasks.clone(),
            draining: phases.draining.subscribe(),
            transfers: Slots::new(
                "the number of uploads and downloads under way",
                "the number of uploads and downloads under way of one connection",
                self.limits.transfers_max,
                self.limits.caller_transfers_max,
                GivesWay::Slowest,
            ),
            watchers: Slots::new(
                "the number of watchers",
                "the number of watchers of one connection",
                self.limits.watchers_max,
                self.limits.caller_watchers_max,
                GivesWay::Greediest,
            ),
        };
        let client = usize::try_from(self.limits.client_message_bytes_max).unwrap_or(usize::MAX);
        let on_line = usize::try_from(self.limits.line_message_bytes_max).unwrap_or(usize::MAX);
        let documents = Documents::new(desk.clone());
        let meetings = Meetings { desk: desk.clone() };
        let contacts = Contacts { desk: desk.clone() };
        let offices = Offices {
            desk: desk.clone(),
            played_speed: self.played_speed,
            telling: self.telling.clone(),
            seen: self.seen(),
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let services = Services::default()
            .with(DocumentServiceServer::new(documents).max_decoding_message_size(client))
            .with(MeetingServiceServer::new(meetings).max_decoding_message_size(client))
            .with(ContactServiceServer::new(contacts).max_decoding_message_size(client))
            .with(OfficeServiceServer::new(offices).max_decoding_message_size(client))
            .with(LedgerServiceServer::new(Entries { desk }).max_decoding_message_size(client))
            .with(LineServiceServer::new(carry).max_decoding_message_size(on_line))
            .with(health)
            .with(reflection(tonic_reflection::server::Builder::build_v1))
            .with(reflection(tonic_reflection::server::Builder::build_v1alpha));
        let service = Boundary::new(
            services,
            Arc::clone(&self.methods),
            Arc::clone(&self.limits),
            self.authority(),
            self.is_counted.then(|| self.metrics.clone()),
        );
        (service, reporter)
    }
}

/// Runs the owner here, or on a thread of its own, until it ends.
async fn owned(owner: Owner, place: Place, on_thread: bool) -> Result<(), ServeError> {
    if !on_thread {
        return Ok(owner.run().await?);
    }
    let mut thread = OwnerThread::start(place, owner).map_err(|source| ServeError::Io {
        what: "start the thread that owns the ledger",
        source,
    })?;
    Ok(thread.ended().await?)
}

fn reflection<S>(
    build: fn(
        tonic_reflection::server::Builder<'static>,
    ) -> Result<S, tonic_reflection::server::Error>,
) -> S {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(protocol::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
    build(builder).expect("the descriptors were made at build time")
}

fn tell_recovery(office: &Office, recovery: &Recovery) {
    let (place, line) = (office.place(), office.line());
    if let Some((file, bytes)) = &recovery.torn {
        tracing::warn!(%place, file, bytes, "a torn tail, which was never durable and so never acknowledged, was cut and saved aside");
    }
    match &recovery.head {
        HeadUse::New | HeadUse::Held => {}
        HeadUse::Missing => tracing::warn!(
            %place,
            "the ledger had no head mark, so a loss of its last entries could not be seen; it has one from now on"
        ),
        HeadUse::Unreadable { why } => tracing::warn!(
            %place,
            why,
            "the head mark could not be read, so a loss of the last entries could not be seen; it is written anew"
        ),
    }
    if let SnapshotUse::Ignored { why } = &recovery.snapshot {
        tracing::warn!(%place, why, "the snapshot is left alone, and the whole ledger is read");
    }
    let Recovery {
        created, entries, ..
    } = recovery;
    let (epoch, restoring) = (line.epoch(), line.is_restoring());
    tracing::info!(%place, created, entries, epoch, restoring, "ledger open");
}

/// NOT_SERVING, refuse mutations, commit, end watches, half-close the line and await acknowledgements, then
/// close connections.
async fn drain(
    owner: &OwnerHandle,
    phases: &Phases,
    left: oneshot::Receiver<()>,
    dialled: oneshot::Receiver<()>,
    deadline: Instant,
) {
    phases.leaving.send_replace(true);
    // It is dropped, not sent: nobody is told any more that the office serves.
    let _ = timeout_at(deadline, left).await;
    // The peer and the callers are let go in time also when the disk stands still.
    let _ = timeout_at(deadline, owner.drain()).await;
    phases.draining.send_replace(true);
    phases.line_closing.send_replace(true);
    // The peer may be away: what it lacks stays in the outbox, on disk.
    let _ = timeout_at(deadline, dialled).await;
    phases.closing.send_replace(true);
}
