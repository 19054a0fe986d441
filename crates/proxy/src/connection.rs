//! One connection: its bytes, carried both ways to the fates that are drawn for them.
//!
//! Each way is a reader and a writer with a bounded queue between them: a writer that must wait (for a cut, a
//! delay, a slow receiver) fills the queue, then the reader stops, and the sender feels it.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::condition::Condition;
use crate::draw::Draw;
use crate::fate::{ChunkFate, ConnectionFate, connection_fate};
use crate::seam::{Ends, Io, Onlooker};
use crate::way::{PerWay, Way};

/// The most that is read at once, and so the longest chunk.
const CHUNK_BYTES_MAX: usize = 16 * 1024;
/// Chunks between a reader and its writer: at most 1 MiB each way.
const QUEUE_CHUNKS_MAX: usize = 64;
/// How long the service may take to accept.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What all connections of a proxy have come to.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) reset: AtomicU64,
    pub(crate) up_bytes: AtomicU64,
    pub(crate) down_bytes: AtomicU64,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both sides finished.
    Finished,
    /// The caller went while a cut kept it from coming about.
    GoneWhileCut,
    /// One side broke off, so the other is broken off too.
    Broken,
    /// The service did not accept.
    Unreachable,
    /// A chunk drew a reset.
    ResetInFrame(Way),
    /// A command reset it, or bytes of it were dropped.
    ResetByCommand,
    /// A command made it half-open: until restored.
    HalfOpenByCommand,
    /// It was accepted half-open, and stays so.
    HalfOpenByFate,
}

/// A connection that has been accepted.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) seed: u64,
    pub(crate) condition: watch::Receiver<Condition>,
    /// Resets commanded before it was accepted: they are not meant for it.
    pub(crate) resets_before: u64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) client: SocketAddr,
    pub(crate) onlooker: Option<Arc<dyn Onlooker>>,
    pub(crate) ends: Option<Arc<dyn Ends>>,
}

/// What waits between a reader and its writer.
#[derive(Debug)]
struct Waiting {
    due: Option<Instant>,
    what: Carried,
}

#[derive(Debug)]
enum Carried {
    Chunk(Bytes),
    /// The chunk's first bytes, then a reset.
    Torn(Bytes),
    /// The sender has finished.
    Finish,
    /// The sender broke off.
    Break,
}

impl Connection {
    /// Carries the connection to its end.
    pub(crate) async fn run(self, client: TcpStream) {
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        // Small frames must not wait for one another, or every delay would be this machine's.
        let _ = client.set_nodelay(true);
        let end = match self.accepted(client).await {
            Some(client) => self.carry_to_the_end(client).await,
            None => End::Unreachable,
        };
        self.counters.open.fetch_sub(1, Ordering::Relaxed);
        tracing::info!(connection = self.number, ?end, "ended");
    }

    /// The caller's side, by whatever means it is spoken to.
    async fn accepted(&self, client: TcpStream) -> Option<Box<dyn Io>> {
        let Some(ends) = &self.ends else {
            return Some(Box::new(client));
        };
        let accepted = timeout(DIAL_TIMEOUT, ends.accepted(client)).await;
        let accepted = accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let told = accepted.inspect_err(|error| {
            tracing::warn!(connection = self.number, %error, "failed to agree with the caller");
        });
        told.ok()
    }

    async fn carry_to_the_end(&self, mut client: Box<dyn Io>) -> End {
        let half_open_some = self.condition.borrow().half_open_some();
        let (mut server, mut end) = match connection_fate(half_open_some, &mut self.draw(1)) {
            ConnectionFate::Carry => self.carry(&mut client).await,
            ConnectionFate::Drop => (None, End::HalfOpenByFate),
        };
        if matches!(end, End::HalfOpenByCommand | End::HalfOpenByFate) {
            let mendable = end == End::HalfOpenByCommand;
            end = self.swallow(&mut client, server.as_mut(), mendable).await;
        }
        if !matches!(end, End::Finished | End::GoneWhileCut) {
            self.counters.reset.fetch_add(1, Ordering::Relaxed);
            for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
                // Dropped after this, a socket sends RST and not FIN.
                stream.break_off();
            }
        }
        if let Some(onlooker) = &self.onlooker {
            onlooker.over(self.number, end != End::Finished);
        }
        end
    }

    /// A stream of draws of this connection's own.
    fn draw(&self, purpose: u64) -> Draw {
        Draw::new(self.seed, self.number * 4 + purpose)
    }

    async fn carry(&self, client: &mut Box<dyn Io>) -> (Option<Box<dyn Io>>, End) {
        let (client_reader, client_writer) = tokio::io::split(client);
        let (up_sender, up_queue) = mpsc::channel(QUEUE_CHUNKS_MAX);
        let up = self.read(Way::Up, client_reader, up_sender);
        tokio::pin!(up);
        // Read before there is a service to write to: only so a caller that gives up is noticed.
        let interrupted = tokio::select! {
            biased;
            end = self.interrupted() => Some(end),
            () = self.until(|condition| !condition.is_cut_at_all()) => None,
            _ = &mut up => Some(End::GoneWhileCut),
        };
        if let Some(end) = interrupted {
            return (None, end);
        }
        let dialled = tokio::select! {
            biased;
            end = self.interrupted() => Err(end),
            dialled = self.dial() => dialled.ok_or(End::Unreachable),
        };
        let mut server = match dialled {
            Ok(server) => server,
            Err(end) => return (None, end),
        };
        let end = {
            let (server_reader, server_writer) = tokio::io::split(&mut server);
            let (down_sender, down_queue) = mpsc::channel(QUEUE_CHUNKS_MAX);
            let carried = async {
                tokio::try_join!(
                    up,
                    self.write(Way::Up, up_queue, server_writer),
                    self.read(Way::Down, server_reader, down_sender),
                    self.write(Way::Down, down_queue, client_writer),
                )
            };
            tokio::select! {
                biased;
                end = self.interrupted() => end,
                carried = carried => carried.map_or_else(|end| end, |_| End::Finished),
            }
        };
        (Some(server), end)
    }

    async fn dial(&self) -> Option<Box<dyn Io>> {
        let to = self.condition.borrow().to().to_owned();
        let dialling = async {
            let server = TcpStream::connect(&to).await?;
            let _ = server.set_nodelay(true);
            let address = server.peer_addr()?;
            let server = match &self.ends {
                Some(ends) => ends.dialled(server).await?,
                None => Box::new(server),
            };
            Ok::<_, io::Error>((server, address))
        };
        let dialled = timeout(DIAL_TIMEOUT, dialling).await;
        let dialled = dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let server = dialled.inspect_err(
            |error| tracing::warn!(connection = self.number, %to, %error, "failed to dial"),
        );
        let (server, address) = server.ok()?;
        if let Some(onlooker) = &self.onlooker {
            onlooker.opened(self.number, self.client, address);
        }
        tracing::info!(connection = self.number, %to, "carried");
        Some(server)
    }

    /// Reads chunks, and sends them on with the fates drawn for them.
    async fn read(
        &self,
        way: Way,
        mut from: impl AsyncRead + Unpin,
        queue: mpsc::Sender<Waiting>,
    ) -> Result<(), End> {
        let mut draw = self.draw(match way {
            Way::Up => 2,
            Way::Down => 3,
        });
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK_BYTES_MAX);
            let got = (&mut from)
                .take(CHUNK_BYTES_MAX as u64)
                .read_buf(&mut buffer)
                .await;
            let (due, what) = match got {
                Ok(0) => (None, Carried::Finish),
                Err(_) => (None, Carried::Break),
                Ok(len) => {
                    let chunk = buffer.split().freeze();
                    match self.condition.borrow().rules(way).fate(&mut draw, len) {
                        ChunkFate::Pass => (None, Carried::Chunk(chunk)),
                        ChunkFate::DeliverAfter(wait) => {
                            (Some(Instant::now() + wait), Carried::Chunk(chunk))
                        }
                        ChunkFate::ResetAfter { bytes } => {
                            (None, Carried::Torn(chunk.slice(..bytes)))
                        }
                    }
                }
            };
            let last = !matches!(what, Carried::Chunk(_));
            if queue.send(Waiting { due, what }).await.is_err() || last {
                return Ok(());
            }
        }
    }

    async fn write(
        &self,
        way: Way,
        mut queue: mpsc::Receiver<Waiting>,
        mut to: impl AsyncWrite + Unpin,
    ) -> Result<(), End> {
        while let Some(Waiting { due, what }) = queue.recv().await {
            if let Some(due) = due {
                sleep_until(due).await;
            }
            match what {
                Carried::Chunk(bytes) => self.write_chunk(way, bytes, &mut to).await?,
                Carried::Torn(bytes) => {
                    self.write_chunk(way, bytes, &mut to).await?;
                    return Err(End::ResetInFrame(way));
                }
                Carried::Finish => {
                    self.until(|condition| !condition.is_cut(way)).await;
                    if let Some(onlooker) = &self.onlooker {
                        onlooker.finished(self.number, way);
                    }
                    // The other side may have gone already.
                    let _ = to.shutdown().await;
                    return Ok(());
                }
                Carried::Break => {
                    self.until(|condition| !condition.is_cut(way)).await;
                    return Err(End::Broken);
                }
            }
        }
        Ok(())
    }

    async fn write_chunk(
        &self,
        way: Way,
        mut bytes: Bytes,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), End> {
        let counter = match way {
            Way::Up => &self.counters.up_bytes,
            Way::Down => &self.counters.down_bytes,
        };
        while !bytes.is_empty() {
            self.until(|condition| !condition.is_cut(way)).await;
            let trickle = self.condition.borrow().rules(way).trickle;
            let len = trickle.map_or(bytes.len(), |trickle| {
                bytes.len().min(trickle.bytes as usize)
            });
            let piece = bytes.split_to(len);
            to.write_all(&piece).await.map_err(|_| End::Broken)?;
            to.flush().await.map_err(|_| End::Broken)?;
            if let Some(onlooker) = &self.onlooker {
                onlooker.passed(self.number, way, &piece);
            }
            counter.fetch_add(len as u64, Ordering::Relaxed);
            if let Some(trickle) = trickle {
                sleep(trickle.every).await;
            }
        }
        Ok(())
    }

    /// Reads and drops, and tells neither side anything, until both have gone or a command ends it.
    async fn swallow(
        &self,
        client: &mut Box<dyn Io>,
        server: Option<&mut Box<dyn Io>>,
        mendable: bool,
    ) -> End {
        tracing::info!(connection = self.number, "half-open");
        let drop_all = async {
            let server = async {
                if let Some(server) = server {
                    drop_from(server).await;
                }
            };
            tokio::join!(drop_from(client), server);
        };
        let restored = async {
            if !mendable {
                pending::<()>().await;
            }
            self.until(|condition| !condition.is_half_open()).await;
        };
        tokio::select! {
            biased;
            () = self.reset_by_command() => End::ResetByCommand,
            () = restored => End::ResetByCommand,
            () = drop_all => End::Broken,
        }
    }

    /// Until a command ends the carrying, and how.
    async fn interrupted(&self) -> End {
        tokio::select! {
            biased;
            () = self.reset_by_command() => End::ResetByCommand,
            () = self.until(Condition::is_half_open) => End::HalfOpenByCommand,
        }
    }

    async fn reset_by_command(&self) {
        self.until(|condition| condition.resets() > self.resets_before)
            .await;
    }

    async fn until(&self, wanted: impl FnMut(&Condition) -> bool) {
        if self.condition.clone().wait_for(wanted).await.is_err() {
            // The proxy is stopping, and takes this connection with it.
            pending::<()>().await;
        }
    }
}

async fn drop_from(stream: &mut Box<dyn Io>) {
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES_MAX);
    while matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
        buffer.clear();
    }
}

/// The bytes carried each way.
pub(crate) fn carried_bytes(counters: &Counters) -> PerWay<u64> {
    PerWay {
        up: counters.up_bytes.load(Ordering::Relaxed),
        down: counters.down_bytes.load(Ordering::Relaxed),
    }
}
