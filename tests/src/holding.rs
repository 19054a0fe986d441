//! A disk below its reserve, and a clock that is broken: nothing is recorded, reads go on, and it is said.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use ledger::{MemoryStorage, Storage, StorageFile};
use office::{PerPlace, Place};
use protocol::pb::office as pb;
use server::{Clock, Knowing, SecuredDial, Seen, Server, Setup, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::Code;

use crate::harness::{Clients, document, refused, send, sending, try_send, until};

const PLENTY: u64 = 1 << 40;

/// A disk of which the test says how much is free.
#[derive(Clone)]
struct Disk {
    inner: MemoryStorage,
    free: Arc<AtomicU64>,
}

impl Storage for Disk {
    fn path(&self) -> PathBuf {
        self.inner.path()
    }

    fn lock(&self) -> io::Result<bool> {
        self.inner.lock()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        self.inner.open(name, create)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(self.free.load(Ordering::Relaxed))
    }
}

/// A clock that the test breaks.
#[derive(Default)]
struct Broken(Mutex<Option<Timestamp>>);

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        let broken = *self.0.lock().expect("nobody panics while holding it");
        broken.unwrap_or_else(|| SystemClock.now())
    }
}

struct Office {
    clients: Clients,
    disk: Disk,
    clock: Arc<Broken>,
    seen: Seen,
    shutdown: oneshot::Sender<()>,
}

async fn pair() -> PerPlace<Office> {
    let identities = tempfile::tempdir().expect("a directory");
    let bind = || TcpListener::bind("127.0.0.1:0");
    let south = bind().await.expect("loopback");
    let north = bind().await.expect("loopback");
    let addresses = [&south, &north].map(|it| it.local_addr().expect("it is bound"));
    let start = |place, listener: TcpListener, peer: std::net::SocketAddr| {
        let disk = Disk {
            inner: MemoryStorage::default(),
            free: Arc::new(AtomicU64::new(PLENTY)),
        };
        let clock = Arc::new(Broken::default());
        let tls = tests::secured::in_force(identities.path(), place).expect("identities");
        let setup = Setup {
            dial: Some(Arc::new(SecuredDial::new(
                place,
                peer.to_string(),
                tls.clone(),
            ))),
            knowing: Knowing {
                tls: Some(tls),
                ..Knowing::default()
            },
            clock: clock.clone(),
            ..Setup::new(place, Arc::new(disk.clone()))
        };
        let clients = Clients::of(listener.local_addr().expect("it is bound"));
        let server = Server::open(setup).expect("the ledger is new");
        let seen = server.seen();
        let (shutdown, asked) = oneshot::channel::<()>();
        tokio::spawn(server.serve(listener, async {
            // The test has ended.
            let _ = asked.await;
        }));
        Office {
            clients,
            disk,
            clock,
            seen,
            shutdown,
        }
    };
    PerPlace::new(
        start(Place::South, south, addresses[1]),
        start(Place::North, north, addresses[0]),
    )
}

async fn is_up(office: &Office) {
    until("the line", async || {
        let office = office.clients.office().await;
        (office.connection() == pb::Connection::Up).then_some(())
    })
    .await;
}

/// What holds the office back, and how the peer's steps fare meanwhile.
async fn holds_back(pair: &PerPlace<Office>, code: Code, reason: &str) {
    let (south, north) = (&pair[Place::South], &pair[Place::North]);
    // Whoever looks is told, though nobody has asked for anything since.
    let ready = south.seen.is_ready().await;
    ready.expect_err("it records nothing");
    south.seen.is_live().await.expect("it answers");
    let (metrics, _) = south.seen.metrics().await.expect("it is told");
    assert!(metrics.contains("\nliaison_held 1\n"), "{metrics}");
    let held = until("the office to hold back", async || {
        let office = south.clients.office().await;
        (!office.held_reason.is_empty()).then_some(office)
    })
    .await;
    let received = held.marks.expect("there are marks").received;
    let sent = try_send(&south.clients, sending(document("not now"))).await;
    let why = refused(&sent.expect_err("nothing is recorded"));
    assert_eq!(why.why(), (code, reason));
    assert!(why.details.retry_info().is_some());
    until("health", async || {
        (!south.clients.serves().await).then_some(())
    })
    .await;
    // What the peer sends waits there, unacknowledged.
    send(&north.clients, "from the peer", pb::Wait::Recorded).await;
    let waiting = until("the peer to be told", async || {
        let office = north.clients.office().await;
        (office.connection() != pb::Connection::Up).then_some(office)
    })
    .await;
    let marks = waiting.marks.expect("there are marks");
    assert!(marks.acknowledged < marks.appended);
    let now = south.clients.office().await.marks.expect("there are marks");
    assert_eq!(
        now.received, received,
        "reads go on, and nothing is recorded"
    );
    assert!(south.clients.tally().await.documents > 0);
}

async fn goes_on(pair: &PerPlace<Office>) {
    let (south, north) = (&pair[Place::South], &pair[Place::North]);
    south.seen.is_ready().await.expect("it records again");
    send(&north.clients, "after", pb::Wait::Delivered).await;
    send(&south.clients, "after", pb::Wait::Delivered).await;
    let office = south.clients.office().await;
    assert_eq!(office.held_reason, "");
    until("health", async || {
        south.clients.serves().await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn below_its_reserve_an_office_takes_neither_requests_nor_parcels() {
    let pair = pair().await;
    for place in Place::BOTH {
        is_up(&pair[place]).await;
    }
    let south = &pair[Place::South];
    send(&south.clients, "before", pb::Wait::Delivered).await;
    south.disk.free.store(1_000, Ordering::Relaxed);
    let bytes = |disk: &Disk| disk.inner.contents().values().map(Vec::len).sum::<usize>();
    let before = bytes(&south.disk);
    holds_back(&pair, Code::ResourceExhausted, "EXHAUSTED").await;
    assert!(
        bytes(&south.disk) < before + 1_000,
        "but a note of the line"
    );
    south.disk.free.store(PLENTY, Ordering::Relaxed);
    goes_on(&pair).await;
}

#[tokio::test]
async fn an_office_that_drains_is_ready_no_more() {
    let mut pair = pair().await;
    let south = &mut pair[Place::South];
    south.seen.is_ready().await.expect("it serves");
    south.shutdown = oneshot::channel().0;
    until("an office that drains", async || {
        let why = south.seen.is_ready().await.err()?;
        (why == "it is draining").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_breaks_holds_the_office_back_until_it_is_set() {
    let pair = pair().await;
    for place in Place::BOTH {
        is_up(&pair[place]).await;
    }
    let south = &pair[Place::South];
    send(&south.clients, "before", pb::Wait::Delivered).await;
    for broken in [Timestamp::MIN, Timestamp::MAX] {
        *south.clock.0.lock().expect("nobody panics") = Some(broken);
        holds_back(&pair, Code::Unavailable, "CLOCK_OUT_OF_RANGE").await;
        *south.clock.0.lock().expect("nobody panics") = None;
        goes_on(&pair).await;
    }
    let reader = ledger::read(&south.disk.inner).expect("it can be read");
    let verified = ledger::verify(&south.disk.inner).expect("it is a ledger");
    assert_eq!(
        (verified.faults.len(), verified.entries),
        (0, reader.sequence())
    );
}
