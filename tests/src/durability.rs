//! Record, then speak: an office on a disk whose syncs the test lets through, one at a time.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex};

use ledger::{MemoryStorage, Storage, StorageFile};
use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use server::{Knowing, SecuredDial, ServeError, Server, Setup};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Code;

use crate::harness::{
    Clients, document, known, message, request_id, sending, try_send, until, within,
};

/// What the disk does with the next sync.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    closed: bool,
    fails: bool,
    waiting: u64,
}

impl Gate {
    fn change(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().expect("nobody panics while holding it"));
        self.news.notify_all();
    }

    fn waiting(&self) -> u64 {
        self.state
            .lock()
            .expect("nobody panics while holding it")
            .waiting
    }

    /// Waits until the gate is open.
    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock().expect("nobody panics while holding it");
        state.waiting += 1;
        let mut state = self
            .news
            .wait_while(state, |state| state.closed)
            .expect("nobody panics while holding it");
        state.waiting -= 1;
        if state.fails {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}

#[derive(Clone)]
struct GatedStorage {
    inner: MemoryStorage,
    gate: Arc<Gate>,
}

struct GatedFile {
    inner: Arc<dyn StorageFile>,
    gate: Arc<Gate>,
}

impl Storage for GatedStorage {
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
        Ok(Arc::new(GatedFile {
            inner: self.inner.open(name, create)?,
            gate: Arc::clone(&self.gate),
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn free_bytes(&self) -> Option<u64> {
        self.inner.free_bytes()
    }
}

impl StorageFile for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.sync_data()
    }
}

static IDENTITIES: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a directory"));

/// An office in this process.
struct Office {
    gate: Arc<Gate>,
    clients: Clients,
    ended: JoinHandle<Result<(), ServeError>>,
    _shutdown: oneshot::Sender<()>,
}

impl Office {
    fn start(place: Place, listener: TcpListener, peer: Option<String>) -> Self {
        let gate = Arc::new(Gate::default());
        let storage = GatedStorage {
            inner: MemoryStorage::default(),
            gate: Arc::clone(&gate),
        };
        let tls = tests::secured::in_force(IDENTITIES.path(), place).expect("identities");
        let dial = |peer| SecuredDial::new(place, peer, tls.clone());
        let setup = Setup {
            dial: peer.map(|peer: String| Arc::new(dial(peer)) as Arc<dyn server::Dial>),
            knowing: Knowing {
                tls: Some(tls.clone()),
                ..Knowing::default()
            },
            ..Setup::new(place, Arc::new(storage))
        };
        let clients = Clients::of(listener.local_addr().expect("it is bound"));
        let server = Server::open(setup).expect("the ledger is new");
        let (shutdown, asked) = oneshot::channel::<()>();
        let ended = tokio::spawn(server.serve(listener, async {
            // The test has ended.
            let _ = asked.await;
        }));
        Self {
            gate,
            clients,
            ended,
            _shutdown: shutdown,
        }
    }

    /// Waits until a sync waits at the gate.
    async fn syncing(&self) {
        until("a sync", async || (self.gate.waiting() > 0).then_some(())).await;
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // A test that fails must not leave the office waiting for its disk.
        self.gate.change(|gate| gate.closed = false);
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address)
}

/// Lets everything run that can, so that an answer that leaves too early is seen.
async fn settle(clients: &Clients) {
    for _ in 0..20 {
        // It is answered by the transport, not by the office's owner.
        let _ = crate::harness::raw::call(&clients.channel, "/nothing", "").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_leaves_before_the_sync_that_it_depends_on() {
    let (listener, _) = listener().await;
    let office = Office::start(Place::South, listener, None);
    let south = office.clients.clone();
    let before = try_send(&south, sending(document("before")))
        .await
        .expect("it is taken");

    office.gate.change(|gate| gate.closed = true);
    let request = sending(document("held back"));
    let send = |request: pb::SendDocumentRequest| {
        let south = south.clone();
        tokio::spawn(async move { try_send(&south, request).await })
    };
    let first = send(request.clone());
    office.syncing().await;
    // All of these depend on a step that is not on disk: a repeat, a conflict, a tally, a read, a refusal.
    let repeat = send(request.clone());
    let conflict = send(pb::SendDocumentRequest {
        document: Some(document("other")),
        ..request
    });
    let tally = tokio::spawn({
        let south = south.clone();
        async move { south.tally().await.documents }
    });
    let read = tokio::spawn({
        let south = south.clone();
        async move { known(&south, "offices/south/documents/2").await }
    });
    let watching = ledger_pb::WatchEntriesRequest {
        after_sequence: 2,
        line_events: false,
    };
    let watching = south.ledger.clone().watch_entries(watching).await;
    let mut watching = watching.expect("it is taken").into_inner();
    settle(&south).await;
    assert!(!first.is_finished(), "the first answer left too early");
    assert!(
        !repeat.is_finished() && !conflict.is_finished(),
        "a repeat's answer left too early"
    );
    assert!(
        !tally.is_finished() && !read.is_finished(),
        "a reader saw what was not on disk"
    );
    let entry = ledger_pb::GetEntryRequest { sequence: 3 };
    let entry = south.ledger.clone().get_entry(entry).await;
    assert_eq!(entry.expect_err("it is not on disk").code(), Code::NotFound);

    office.gate.change(|gate| gate.closed = false);
    let first = within("the answer", first)
        .await
        .expect("no panic")
        .expect("it is taken");
    assert_eq!(first.name, "offices/south/documents/2");
    assert_eq!(repeat.await.expect("no panic").expect("it is known"), first);
    let conflict = conflict.await.expect("no panic").expect_err("it differs");
    assert_eq!(conflict.code(), Code::AlreadyExists);
    assert_eq!(tally.await.expect("no panic"), 2);
    assert!(read.await.expect("no panic").is_some());
    message(&mut watching)
        .await
        .expect("it goes on")
        .expect("the entry");
    assert_eq!(before.name, "offices/south/documents/1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_before_it_is_on_disk_and_delivered_is_told_once_it_is_on_both() {
    let ((at_south, south_address), (at_north, north_address)) =
        (listener().await, listener().await);
    let south = Office::start(Place::South, at_south, Some(north_address));
    let north = Office::start(Place::North, at_north, Some(south_address));
    let deliver = |subject: &str| {
        let (clients, request) = (south.clients.clone(), sending(document(subject)));
        let request = pb::SendDocumentRequest {
            wait: pb::Wait::Delivered.into(),
            ..request
        };
        tokio::spawn(async move { try_send(&clients, request).await })
    };
    deliver("before")
        .await
        .expect("no panic")
        .expect("it is delivered");

    north.gate.change(|gate| gate.closed = true);
    let delivery = deliver("held back at North");
    north.syncing().await;
    settle(&north.clients).await;
    settle(&south.clients).await;
    assert_eq!(
        south.clients.marks().await.acknowledged,
        1,
        "North acknowledged what it may lose"
    );
    assert!(!delivery.is_finished());
    // South's next sync is that of its note that North has it. DELIVERED does not wait for that: it is on disk at both.
    south.gate.change(|gate| gate.closed = true);
    north.gate.change(|gate| gate.closed = false);
    south.syncing().await;
    let receipt = within("the receipt", delivery).await.expect("no panic");
    assert_eq!(
        receipt.expect("it is delivered").state(),
        pb::DocumentState::Delivered
    );
    let reading = tokio::spawn({
        let clients = south.clients.clone();
        async move { known(&clients, "offices/south/documents/2").await }
    });
    settle(&south.clients).await;
    assert_eq!(south.gate.waiting(), 1, "the note is on disk");
    assert!(
        !reading.is_finished(),
        "a read told what is not on disk: whoever reads again after a crash would see less"
    );
    south.gate.change(|gate| gate.closed = false);
    let read = within("what is read", reading).await.expect("no panic");
    assert_eq!(
        read.expect("it is there").state(),
        pb::DocumentState::Delivered
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_stops_the_office_and_is_acknowledged_to_nobody() {
    let (listener, _) = listener().await;
    let mut office = Office::start(Place::South, listener, None);
    let south = office.clients.clone();
    try_send(&south, sending(document("before")))
        .await
        .expect("it is taken");
    let watching = ledger_pb::WatchEntriesRequest {
        after_sequence: 2,
        line_events: false,
    };
    let watching = south.ledger.clone().watch_entries(watching).await;
    let mut watching = watching.expect("it is taken").into_inner();
    office.gate.change(|gate| gate.fails = true);
    let request = pb::SendDocumentRequest {
        request_id: request_id(),
        document: Some(document("lost")),
        wait: 0,
    };
    let sent = within("an answer", try_send(&south, request)).await;
    let status = sent.expect_err("it is not on disk");
    assert!(
        matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled
        ),
        "{status:?}"
    );
    let told = message(&mut watching).await;
    assert!(!matches!(told, Ok(Some(_))), "a watcher was told: {told:?}");
    let ended = within("the office's end", &mut office.ended)
        .await
        .expect("no panic");
    let error = ended.expect_err("it stops, and says why").to_string();
    assert!(error.contains("the disk is broken"), "{error}");
}
