//! The connections to one target. They grow in number when all that there are have their streams full.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant, timeout};
use tonic::Code;

use super::endpoint::{Endpoint, Place};
use super::failed::{Blame, Failed, in_full};
use super::watched::{Seen, Watched};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of each address, where a host has several.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_LONGEST: Duration = Duration::from_secs(2);
/// Streams opened on a connection before the server has said how many it takes: more than it takes it would refuse.
const STREAMS_UNTIL_TOLD: usize = 0;
/// Windows so large that they never hold an answer back.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;

/// Bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// Connections opened before the first call.
    pub connections: usize,
    /// Connections at most.
    pub connections_max: usize,
    /// The largest answer taken.
    pub message_bytes_max: usize,
}

/// The connections of one thread to one target.
#[derive(Debug)]
pub struct Pool {
    endpoint: Endpoint,
    limits: PoolLimits,
    connections: RefCell<Vec<Rc<Connection>>>,
    next: Cell<usize>,
    connecting: Cell<bool>,
    /// Why the last attempt failed, how long it is waited after it, and until when.
    refused: RefCell<Option<(String, Duration, Instant)>>,
    changed: Notify,
    most: Cell<usize>,
    waited_for_streams: Cell<bool>,
    /// With which of a host's addresses the next connection begins.
    turn: Cell<usize>,
    /// Those that did not answer when they were last tried: they are tried last.
    silent: RefCell<BTreeSet<SocketAddr>>,
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) send: SendRequest<Bytes>,
    /// Calls on it.
    pub(crate) open: Cell<usize>,
    /// It takes no more.
    pub(crate) gone: Cell<bool>,
    seen: Rc<Seen>,
}

/// One stream of a connection, for what failed on it.
#[derive(Debug, Clone)]
pub(crate) struct OnStream {
    seen: Rc<Seen>,
    number: u32,
}

impl OnStream {
    pub(crate) fn failed(&self, error: &h2::Error) -> Failed {
        Failed::of_h2(error, self.seen.is_unread(self.number))
    }
}

/// Room for one call on a connection.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Rc<Pool>,
    connection: Rc<Connection>,
}

impl Lease {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn on_stream(&self, stream: h2::StreamId) -> OnStream {
        OnStream {
            seen: Rc::clone(&self.connection.seen),
            number: stream.as_u32(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connection.open.set(self.connection.open.get() - 1);
        self.pool.changed.notify_one();
    }
}

impl Pool {
    /// A pool whose first connections are open.
    pub async fn connect(endpoint: Endpoint, limits: PoolLimits) -> Result<Rc<Self>, Failed> {
        let pool = Rc::new(Self {
            endpoint,
            limits,
            connections: RefCell::default(),
            next: Cell::new(0),
            connecting: Cell::new(false),
            refused: RefCell::default(),
            changed: Notify::new(),
            most: Cell::new(0),
            waited_for_streams: Cell::new(false),
            turn: Cell::new(0),
            silent: RefCell::default(),
        });
        for _ in 0..limits.connections.max(1) {
            let opened = pool.open_connection().await;
            opened.map_err(|message| Failed::new(Code::Unavailable, Blame::NotSent, message))?;
        }
        Ok(pool)
    }

    /// Its bounds.
    pub fn limits(&self) -> PoolLimits {
        self.limits
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How many connections there were at most.
    pub fn connections_most(&self) -> usize {
        self.most.get()
    }

    /// Whether a call had to wait since every stream of every connection was taken.
    pub fn waited_for_streams(&self) -> bool {
        self.waited_for_streams.get()
    }

    /// Room for a call. Fails at once where nothing is connected and the last attempt to failed a moment ago.
    pub(crate) async fn lease(self: &Rc<Self>) -> Result<Lease, Failed> {
        loop {
            if let Some(connection) = self.free() {
                connection.open.set(connection.open.get() + 1);
                return Ok(Lease {
                    pool: Rc::clone(self),
                    connection,
                });
            }
            let none = self.connections.borrow().is_empty();
            if none
                && !self.connecting.get()
                && let Some((message, _, until)) = &*self.refused.borrow()
                && Instant::now() < *until
            {
                return Err(Failed::new(Code::Unavailable, Blame::NotSent, message));
            }
            let changed = self.changed.notified();
            if !self.connecting.get() && self.may_grow() {
                self.grow();
            } else if !none && !self.connecting.get() {
                self.waited_for_streams.set(true);
            }
            changed.await;
        }
    }

    fn free(&self) -> Option<Rc<Connection>> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|it| !it.gone.get() && !it.seen.is_ending());
        let count = connections.len();
        for turn in 0..count {
            let index = (self.next.get() + turn) % count;
            let connection = &connections[index];
            // The server's limit, as far as it is known.
            if connection.open.get() < connection.send.current_max_send_streams() {
                self.next.set((index + 1) % count);
                return Some(Rc::clone(connection));
            }
        }
        None
    }

    fn may_grow(&self) -> bool {
        self.connections.borrow().len() < self.limits.connections_max
    }

    fn grow(self: &Rc<Self>) {
        self.connecting.set(true);
        let pool = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let opened = pool.open_connection().await;
            pool.connecting.set(false);
            let mut refused = pool.refused.borrow_mut();
            *refused = opened.err().map(|message| {
                let wait = refused.as_ref().map_or(BACKOFF_FIRST, |(_, wait, _)| {
                    (*wait * 2).min(BACKOFF_LONGEST)
                });
                (message, wait, Instant::now() + wait)
            });
            drop(refused);
            pool.changed.notify_waiters();
        });
    }

    async fn open_connection(self: &Rc<Self>) -> Result<(), String> {
        match self.endpoint.place() {
            Place::Host(host, port) => {
                let stream = self.connect_tcp(host, *port).await?;
                // A small message must not wait for the one before it to be acknowledged.
                let _ = stream.set_nodelay(true);
                self.secure(stream).await
            }
            Place::Path(path) => self.connect_unix(path).await,
        }
    }

    /// Tries a host's addresses in turn, each connection from another on.
    async fn connect_tcp(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let address = self.endpoint.address();
        let found = timeout(CONNECT_TIMEOUT, lookup_host((host, port))).await;
        let found = found
            .map_err(|_| format!("no address of {host} was found within {CONNECT_TIMEOUT:?}"))?
            .map_err(|error| format!("failed to look up {host}: {error}"))?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let count = addresses.len().max(1);
        addresses.rotate_left(turn % count);
        addresses.sort_by_key(|address| self.silent.borrow().contains(address));
        let limit = if count > 1 {
            ADDRESS_TIMEOUT
        } else {
            CONNECT_TIMEOUT
        };
        let mut failed = Vec::new();
        for tried in addresses {
            let why = match timeout(limit, TcpStream::connect(tried)).await {
                Ok(Ok(stream)) => {
                    self.silent.borrow_mut().remove(&tried);
                    return Ok(stream);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {limit:?}"),
            };
            self.silent.borrow_mut().insert(tried);
            failed.push(if count > 1 || tried.to_string() != address {
                format!("{tried}: {why}")
            } else {
                why
            });
        }
        Err(format!(
            "failed to connect to {address}: {}",
            failed.join("; ")
        ))
    }

    #[cfg(unix)]
    async fn connect_unix(self: &Rc<Self>, path: &Path) -> Result<(), String> {
        let address = self.endpoint.address();
        let stream = tokio::net::UnixStream::connect(path).await;
        let stream = stream.map_err(|error| format!("failed to connect to {address}: {error}"))?;
        self.secure(stream).await
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_async, reason = "where there are such sockets it waits")]
    async fn connect_unix(self: &Rc<Self>, _: &Path) -> Result<(), String> {
        Err("sockets in the file system are not known on this system".to_owned())
    }

    async fn secure<S>(self: &Rc<Self>, stream: S) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let address = self.endpoint.address();
        let Some(tls) = self.endpoint.tls() else {
            return self.shake(stream).await;
        };
        let secured = timeout(CONNECT_TIMEOUT, tls.connect(stream)).await;
        let stream = secured
            .map_err(|_| format!("{address} did not agree on TLS within {CONNECT_TIMEOUT:?}"))?
            .map_err(|error| format!("failed to speak TLS to {address}: {}", in_full(&error)))?;
        self.shake(stream).await
    }

    /// Begins HTTP/2.
    async fn shake<S>(self: &Rc<Self>, stream: S) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let address = self.endpoint.address();
        let (stream, seen) = Watched::new(stream);
        let shaken = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(64 * 1024)
            .initial_max_send_streams(STREAMS_UNTIL_TOLD)
            .enable_push(false)
            .handshake::<_, Bytes>(stream);
        let (send, connection) = timeout(CONNECT_TIMEOUT, shaken)
            .await
            .map_err(|_| format!("{address} did not shake hands within {CONNECT_TIMEOUT:?}"))?
            .map_err(|error| format!("failed to speak HTTP/2 to {address}: {error}"))?;
        let opened = Rc::new(Connection {
            send,
            open: Cell::new(0),
            gone: Cell::new(false),
            seen: Rc::clone(&seen),
        });
        let (told, told_here) = oneshot::channel();
        let (pool, driven) = (Rc::clone(self), Rc::clone(&opened));
        let driving = tokio::task::spawn_local(async move {
            let mut connection = pin!(connection);
            let mut told = Some(told);
            let is_told = || driven.send.current_max_send_streams() > STREAMS_UNTIL_TOLD;
            // What breaks it, the calls on it are told.
            let _ = poll_fn(|context| {
                let polled = connection.as_mut().poll(context);
                if let Some(told) = told.take_if(|_| is_told()) {
                    // Nobody listens once that has taken too long.
                    let _ = told.send(());
                }
                polled
            })
            .await;
            driven.gone.set(true);
            pool.changed.notify_waiters();
        });
        let told = timeout(CONNECT_TIMEOUT, told_here).await;
        let why = match told {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("ended the connection before it took a stream of HTTP/2".to_owned()),
            Err(_) => Some(format!(
                "took no stream of HTTP/2 within {CONNECT_TIMEOUT:?}"
            )),
        };
        if let Some(why) = why {
            driving.abort();
            return Err(match (seen.other_protocol(), self.endpoint.tls()) {
                (Some(what), _) => format!("{address} speaks no HTTP/2: {what}"),
                (None, None) => {
                    format!("{address} {why}: does it speak gRPC? does it speak TLS (--tls)?")
                }
                (None, Some(_)) => format!("{address} {why}: does it speak gRPC?"),
            });
        }
        let mut connections = self.connections.borrow_mut();
        connections.push(opened);
        self.most.set(self.most.get().max(connections.len()));
        drop(connections);
        self.changed.notify_waiters();
        Ok(())
    }
}
