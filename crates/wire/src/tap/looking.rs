//! What looks on: a queue that is bounded in bytes, a thread that understands and records, and one that prints.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use command::failure::Failure;
use command::output::{Output, note};
use proxy::{Onlooker, Way};
use tap::{Blanking, Bounds, CallEnd, Listening, Passed, Passing, Recorder, Side};
use template::Schema;
use tokio::time::Instant;
use transcript::{Known, Manner, Transcript};
use words::figures;

use crate::flags::LookingOn;
use crate::secrets::Redactions;

/// What waits to be looked at, at most.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What each thing that waits counts beside its bytes.
const ITEM_BYTES: usize = 128;
/// Lines go to the printer together, as many as have come to so many bytes or while it rested.
const LINES_BYTES: usize = 64 * 1024;
/// How often lines that wait to be printed have been handed over, at most.
const LINES_MAX: usize = 128;
/// So long whoever looks rests when there is nothing to look at: to be woken for each piece that passes costs more than
/// to look at it.
const REST: Duration = Duration::from_millis(2);
/// Whoever reads nothing for so long at the end is not waited for.
const UNREAD_MAX: Duration = Duration::from_secs(2);
/// What is written to the file at once.
const WRITTEN_BYTES: usize = 256 * 1024;
/// Of each message, for the screen: what is longer is in the recording.
const MESSAGE_BYTES_SHOWN: usize = 1024 * 1024;

/// What was seen.
#[derive(Debug)]
enum Seen {
    Passed {
        connection: u64,
        at: Duration,
        what: Held,
    },
    /// What messages are known by from here on.
    Known(Box<Schema>),
}

#[derive(Debug)]
enum Held {
    Opened(SocketAddr, SocketAddr),
    Bytes(Side, Bytes),
    Missing(Side, u64),
    Ended(Side),
    Broken,
}

/// Where what passes is handed over. It never blocks, and is cloned at will.
#[derive(Debug, Clone)]
pub struct Watching {
    shared: Arc<Shared>,
    seen: Sender<Seen>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    waiting_bytes: AtomicUsize,
    /// What was not handed over, since too much waited.
    missed: Mutex<BTreeMap<(u64, Side), u64>>,
    has_missed: AtomicBool,
    connections: AtomicU64,
}

impl Watching {
    fn pass(&self, connection: u64, what: Held) {
        let at = self.shared.began.elapsed();
        self.send(Seen::Passed {
            connection,
            at,
            what,
        });
    }

    fn send(&self, seen: Seen) {
        self.shared
            .waiting_bytes
            .fetch_add(cost(&seen), Ordering::Relaxed);
        // Whoever looked on has gone; what passes does not care.
        let _ = self.seen.send(seen);
    }

    fn opened(&self, connection: u64, client: SocketAddr, server: SocketAddr) {
        self.pass(connection, Held::Opened(client, server));
    }

    fn passed(&self, connection: u64, from: Side, bytes: &Bytes) {
        let key = (connection, from);
        let is_full =
            self.shared.waiting_bytes.load(Ordering::Relaxed) + bytes.len() > WAITING_BYTES_MAX;
        if is_full {
            let mut missed = self
                .shared
                .missed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *missed.entry(key).or_default() += bytes.len() as u64;
            self.shared.has_missed.store(true, Ordering::Release);
            return;
        }
        self.tell_missed(key);
        self.pass(connection, Held::Bytes(from, bytes.clone()));
    }

    fn tell_missed(&self, key: (u64, Side)) {
        if !self.shared.has_missed.load(Ordering::Acquire) {
            return;
        }
        let mut missed = self
            .shared
            .missed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bytes = missed.remove(&key);
        self.shared
            .has_missed
            .store(!missed.is_empty(), Ordering::Release);
        drop(missed);
        if let Some(bytes) = bytes {
            self.pass(key.0, Held::Missing(key.1, bytes));
        }
    }

    fn ended(&self, connection: u64, from: Side) {
        self.tell_missed((connection, from));
        self.pass(connection, Held::Ended(from));
    }

    fn over(&self, connection: u64) {
        for from in Side::BOTH {
            self.tell_missed((connection, from));
        }
        self.pass(connection, Held::Broken);
    }

    /// From here on messages are known by this, too.
    pub fn know(&self, schema: Schema) {
        self.send(Seen::Known(Box::new(schema)));
    }
}

impl tap::Onlooker for Watching {
    fn opened(&self, client: SocketAddr, server: SocketAddr) -> u64 {
        let connection = self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Self::opened(self, connection, client, server);
        connection
    }

    fn passed(&self, connection: u64, from: Side, bytes: &[u8]) {
        Self::passed(self, connection, from, &Bytes::copy_from_slice(bytes));
    }

    fn over(&self, connection: u64) {
        Self::over(self, connection);
    }
}

fn cost(seen: &Seen) -> usize {
    match seen {
        Seen::Passed {
            what: Held::Bytes(_, bytes),
            ..
        } => ITEM_BYTES + bytes.len(),
        _ => ITEM_BYTES,
    }
}

fn side(way: Way) -> Side {
    match way {
        Way::Up => Side::Client,
        Way::Down => Side::Server,
    }
}

impl Onlooker for Watching {
    fn opened(&self, connection: u64, client: SocketAddr, server: SocketAddr) {
        Self::opened(self, connection, client, server);
    }

    fn passed(&self, connection: u64, way: Way, bytes: &Bytes) {
        Self::passed(self, connection, side(way), bytes);
    }

    fn finished(&self, connection: u64, way: Way) {
        self.ended(connection, side(way));
    }

    fn over(&self, connection: u64, _: bool) {
        Self::over(self, connection);
    }
}

/// The two threads; the end of them says what it came to.
#[derive(Debug)]
pub struct Looking {
    worker: JoinHandle<Outcome>,
    printer: Receiver<Printed>,
    watching: Watching,
}

/// What the printer says of itself.
#[derive(Debug)]
enum Printed {
    /// Some lines are out.
    Some,
    /// All are, or none can be any more.
    All(io::Result<()>),
}

/// What was seen in all.
#[derive(Debug, Default)]
struct Outcome {
    connections: u64,
    calls: u64,
    answered: u64,
    failed: u64,
    messages: u64,
    missing_bytes: u64,
    not_shown: u64,
    recorded_bytes: u64,
    recording: Option<String>,
}

impl Looking {
    /// Begins to look on, as the flags say, with what is `known` of messages.
    ///
    /// # Errors
    /// The file for the recording cannot be made, or a path to be redacted cannot be read.
    pub fn begin(flags: &LookingOn, known: Known, output: Output) -> Result<Self, Failure> {
        let mut redactions = Redactions::of(&flags.redact).map_err(Failure::Usage)?;
        redactions.know(&known);
        let file = flags
            .record
            .as_deref()
            .map(|path| create(path, flags.force))
            .transpose()?;
        let manner = Manner {
            json: output.is_json(),
            frames: flags.frames,
        };
        let (lines, printed) = mpsc::sync_channel(LINES_MAX);
        let (seen, taken) = mpsc::channel();
        let shared = Arc::new(Shared {
            began: Instant::now(),
            waiting_bytes: AtomicUsize::new(0),
            missed: Mutex::default(),
            has_missed: AtomicBool::new(false),
            connections: AtomicU64::new(0),
        });
        let worker = Worker {
            shared: Arc::clone(&shared),
            blanking: Blanking::default(),
            redactions,
            recorder: Recorder::new(since_1970()),
            file,
            unwritten: Vec::new(),
            path: flags.record.as_ref().map(|path| path.display().to_string()),
            listening: Listening::new(Bounds {
                message_bytes: MESSAGE_BYTES_SHOWN,
                ..Bounds::default()
            }),
            transcript: Transcript::new(known, manner, None),
            lines,
            unshown: Default::default(),
            is_behind: false,
            outcome: Outcome::default(),
        };
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let failed = |error: io::Error| Failure::Failed(format!("failed to look on: {error}"));
        let (out, printer) = mpsc::sync_channel(1);
        spawn("tap printer")
            .spawn(move || {
                let ended = print(&printed, &out);
                // Nobody hears it who has given up waiting.
                let _ = out.send(Printed::All(ended));
            })
            .map_err(failed)?;
        let worker = spawn("tap")
            .spawn(move || worker.run(&taken))
            .map_err(failed)?;
        Ok(Self {
            worker,
            printer,
            watching: Watching { shared, seen },
        })
    }

    /// The same of offices in this process, whose messages are known.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn of_offices(flags: &LookingOn, output: Output) -> Result<Self, Failure> {
        let mut known = Known::default();
        known.add(load::schema::of_offices());
        Self::begin(flags, known, output)
    }

    /// Where what passes is handed over.
    pub fn watching(&self) -> Watching {
        self.watching.clone()
    }

    /// Ends once all that was handed over has been looked at, and tells what it came to. Every clone of what hands over must be gone.
    ///
    /// # Errors
    /// The recording could not be written, or nothing could be printed.
    pub fn end(self) -> Result<(), Failure> {
        drop(self.watching);
        let outcome = self.worker.join().unwrap_or_default();
        let printed = loop {
            match self.printer.recv_timeout(UNREAD_MAX) {
                Ok(Printed::Some) => {}
                Ok(Printed::All(printed)) => break printed,
                Err(_) => {
                    note("the last lines were not shown, since nobody read them");
                    break Ok(());
                }
            }
        };
        note(&outcome.words());
        if let Some(why) = outcome.recording {
            return Err(Failure::Failed(why));
        }
        match printed {
            // Whoever read it has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed.map_err(Failure::Output),
        }
    }
}

impl Outcome {
    fn words(&self) -> String {
        let calls = format!(
            "{}, {}: {} answered, {} otherwise; {}",
            figures::count(self.connections, "connection", "connections"),
            figures::count(self.calls, "call", "calls"),
            figures::thousands(self.answered),
            figures::thousands(self.failed),
            figures::count(self.messages, "message", "messages"),
        );
        let bytes = figures::bytes;
        let recorded =
            (self.recorded_bytes > 0).then(|| format!("recorded {}", bytes(self.recorded_bytes)));
        let missing = (self.missing_bytes > 0).then(|| {
            let missing = bytes(self.missing_bytes);
            format!("{missing} passed faster than they could be looked at, and are missing")
        });
        let not_shown = (self.not_shown > 0).then(|| {
            let lines = figures::count(self.not_shown, "line was", "lines were");
            format!("{lines} not shown, since the screen was slower than what passed")
        });
        let told = [Some(calls), recorded, missing, not_shown];
        told.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// A new file that only its owner reads.
fn create(path: &Path, force: bool) -> Result<File, Failure> {
    if force {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let text = format!("failed to write over {}: {error}", path.display());
                return Err(Failure::Failed(text));
            }
            _ => {}
        }
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(|error| {
        let remedy = if error.kind() == io::ErrorKind::AlreadyExists {
            "; name another, or give --force to write over it"
        } else {
            ""
        };
        Failure::Failed(format!(
            "failed to create {}: {error}{remedy}",
            path.display()
        ))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "packets are dated by the world's clock"
)]
fn since_1970() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}

struct Worker {
    shared: Arc<Shared>,
    blanking: Blanking,
    redactions: Redactions,
    recorder: Recorder,
    file: Option<File>,
    unwritten: Vec<u8>,
    path: Option<String>,
    listening: Listening,
    transcript: Transcript,
    lines: SyncSender<String>,
    /// Lines that were not handed over yet, and how many.
    unshown: (String, u64),
    /// Lines are being left out.
    is_behind: bool,
    outcome: Outcome,
}

impl Worker {
    fn run(mut self, taken: &Receiver<Seen>) -> Outcome {
        if self.file.is_some() {
            self.recorder.begin(&mut self.unwritten);
        }
        loop {
            let seen = match taken.try_recv() {
                Ok(seen) => seen,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    self.write();
                    self.hand_over();
                    let seen = taken.recv();
                    std::thread::park_timeout(REST);
                    match seen {
                        Ok(seen) => seen,
                        Err(_) => break,
                    }
                }
            };
            let cost = cost(&seen);
            match seen {
                Seen::Passed {
                    connection,
                    at,
                    what,
                } => self.take(connection, at, &what),
                Seen::Known(schema) => self.transcript.know(*schema),
            }
            self.shared.waiting_bytes.fetch_sub(cost, Ordering::Relaxed);
        }
        self.write();
        self.hand_over();
        self.outcome
    }

    fn take(&mut self, connection: u64, at: Duration, what: &Held) {
        let what = match what {
            Held::Opened(client, server) => {
                self.outcome.connections += 1;
                let line =
                    self.transcript
                        .open(connection, at, &client.to_string(), &server.to_string());
                self.show([line]);
                Passing::Opened(*client, *server)
            }
            Held::Bytes(from, bytes) => Passing::Bytes(*from, bytes),
            Held::Missing(from, bytes) => {
                self.outcome.missing_bytes += bytes;
                Passing::Missing(*from, *bytes)
            }
            Held::Ended(from) => Passing::Ended(*from),
            Held::Broken => Passing::Broken(None),
        };
        let passed = Passed {
            connection,
            at,
            what,
        };
        let mut blanking = std::mem::take(&mut self.blanking);
        let redactions = std::mem::take(&mut self.redactions);
        blanking.take(passed, &redactions, |passed| self.blanked(passed));
        (self.blanking, self.redactions) = (blanking, redactions);
    }

    fn blanked(&mut self, passed: Passed<'_>) {
        if self.file.is_some() {
            self.recorder.take(passed, &mut self.unwritten);
            if self.unwritten.len() >= WRITTEN_BYTES {
                self.write();
            }
        }
        let mut lines = Vec::new();
        let (transcript, outcome) = (&mut self.transcript, &mut self.outcome);
        let is_behind = self.is_behind;
        let is_open = self.listening.take(passed, &mut |event| {
            outcome.messages += u64::from(matches!(event.what, tap::What::Message(_)));
            let ended = if is_behind {
                // Nobody would see it: what it is for the calls is all that counts.
                outcome.not_shown += 1;
                transcript.note(passed.connection, &event)
            } else {
                let (told, ended) = transcript.take(passed.connection, &event);
                lines.extend(told);
                ended
            };
            if let Some(call) = ended {
                outcome.count(&call.end);
            }
        });
        if !is_open {
            let (told, calls) = self.transcript.close(passed.connection, passed.at);
            lines.extend(told);
            for call in calls {
                self.outcome.count(&call.end);
            }
        }
        self.show(lines);
    }

    /// Keeps lines for whoever prints them.
    fn show(&mut self, lines: impl IntoIterator<Item = String>) {
        let (text, count) = &mut self.unshown;
        for line in lines {
            text.push_str(&line);
            text.push('\n');
            *count += 1;
        }
        if text.len() >= LINES_BYTES {
            self.hand_over();
        }
    }

    /// Hands lines to whoever prints them, as long as that is not behind.
    fn hand_over(&mut self) {
        let (mut text, count) = std::mem::take(&mut self.unshown);
        if text.is_empty() {
            return;
        }
        if self.is_behind && !self.transcript.is_json() {
            // Once there is room again it is told that something is left out.
            text.insert_str(
                0,
                "… lines were left out: what passes is faster than this screen\n",
            );
        }
        self.is_behind = match self.lines.try_send(text) {
            Ok(()) => false,
            Err(TrySendError::Full(_)) => {
                self.outcome.not_shown += count;
                true
            }
            // Nobody reads what is printed.
            Err(TrySendError::Disconnected(_)) => false,
        };
    }

    fn write(&mut self) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(&self.unwritten) {
            Ok(()) => self.outcome.recorded_bytes += self.unwritten.len() as u64,
            Err(error) => {
                let path = self.path.as_deref().unwrap_or_default();
                let why = format!(
                    "failed to record to {path}: {error}; what passes goes on, and is not recorded any more"
                );
                tracing::error!("{why}");
                self.outcome.recording = Some(why);
                self.file = None;
            }
        }
        self.unwritten.clear();
    }
}

impl Outcome {
    fn count(&mut self, end: &CallEnd) {
        self.calls += 1;
        if matches!(end, CallEnd::Answered(status) if status.code == 0) {
            self.answered += 1;
        } else {
            self.failed += 1;
        }
    }
}

/// Prints lines as they come, several at once where several wait.
fn print(lines: &Receiver<String>, told: &SyncSender<Printed>) -> io::Result<()> {
    while let Ok(text) = lines.recv() {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        // That some were printed is asked at the end alone; one such word is enough.
        let _ = told.try_send(Printed::Some);
    }
    Ok(())
}
