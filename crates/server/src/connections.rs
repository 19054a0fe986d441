//! Connections: counted, timed, and closed gently.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use office::Limits;
use pin_project_lite::pin_project;
use tap::Onlooker;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::phase::reached;
use crate::tasks::Tasks;
use callers::Places;
use callers::{Accept, Accepted, Door, Greeting, Io, PREFACE, Trouble};
use callers::{Called, Caller, OpenCall};
use callers::{Tapped, Watched};

/// Streams that a client may reset before it is sent away.
const RESETS_MAX: usize = 256;
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// What may come in and wait to be read, of a stream and of a connection, while there are few connections.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Connections that have these windows; what others may send ahead is what HTTP/2 gives everybody.
const WIDE_CONNECTIONS: usize = 48;
const NARROW_WINDOW_BYTES: u32 = 65_535;
/// How long a connection that is asked to make room has for what is under way.
const PARTING: Duration = Duration::from_secs(1);

/// Serves connections until `closing` says so.
pub(crate) struct Connections<S> {
    pub(crate) service: S,
    pub(crate) limits: Limits,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) tasks: Tasks,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) door: Door,
    /// Who looks on, and where callers find this office.
    pub(crate) looked_on: Option<(Arc<dyn Onlooker>, SocketAddr)>,
}

impl<S> Connections<S>
where
    S: tower::Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    pub(crate) async fn serve(mut self, mut incoming: Box<dyn Accept>) {
        let places = Places::new(self.limits.connections_max, self.limits.places_kept);
        let greeting = Greeting::new(
            self.door.clone(),
            self.limits.handshakes_max,
            self.limits.handshake_timeout,
        );
        let mut trouble = Trouble::default();
        let mut callers = 0;
        loop {
            let next = places.lets_in_next();
            let accepted = tokio::select! {
                biased;
                () = reached(&mut self.closing) => return,
                () = at(places.tells_next()) => {
                    places.tell_rest();
                    continue;
                }
                () = at(next), if next.is_some() => continue,
                accepted = incoming.accept(), if next.is_none() => accepted,
            };
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    let pause = trouble.meet(&error, incoming.as_mut());
                    tokio::select! {
                        biased;
                        () = reached(&mut self.closing) => return,
                        () = tokio::time::sleep(pause) => continue,
                    }
                }
            };
            trouble.passes();
            callers += 1;
            let caller = Arc::new(Caller::new(callers, accepted.address));
            let Some(place) = places.take(&caller) else {
                continue;
            };
            let is_one_of_few = places.taken() <= WIDE_CONNECTIONS;
            greeting.room().await;
            let connection = self.connection(accepted, caller, is_one_of_few, &greeting);
            self.tasks.spawn(async move {
                connection.await;
                drop(place);
            });
        }
    }

    fn builder(&self, executor: Counted, is_one_of_few: bool) -> http2::Builder<Counted> {
        let (stream, connection) = if is_one_of_few {
            (STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES)
        } else {
            (NARROW_WINDOW_BYTES, NARROW_WINDOW_BYTES)
        };
        let mut builder = http2::Builder::new(executor);
        builder
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(self.limits.streams_per_connection_max)
            .max_local_error_reset_streams(RESETS_MAX)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .initial_stream_window_size(stream)
            .initial_connection_window_size(connection);
        if let Some(interval) = self.keep_alive {
            builder
                .keep_alive_interval(interval)
                .keep_alive_timeout(interval);
        }
        builder
    }

    fn connection(
        &self,
        accepted: Accepted,
        caller: Arc<Caller>,
        is_one_of_few: bool,
        greeting: &Greeting,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let executor = Counted {
            tasks: self.tasks.clone(),
            caller: Arc::clone(&caller),
        };
        let builder = self.builder(executor, is_one_of_few);
        let service =
            TowerToHyperService::new(Called::new(self.service.clone(), Arc::clone(&caller)));
        let greeted = greeting.greet(accepted.io, accepted.said, Arc::clone(&caller));
        let over = greeting.no_longer_holds(&caller);
        let mut closing = self.closing.clone();
        let looked_on = self.looked_on.clone().zip(caller.address);
        // In simulated time nothing would ever rest.
        let timeouts = self.keep_alive.map(|_| Idle {
            idle: self.limits.idle_timeout,
            provisional: self.limits.handshake_timeout,
        });
        async move {
            let greeted = tokio::select! {
                biased;
                // Nothing has been said that could be answered.
                () = caller.cut.cancelled() => return,
                () = caller.leave.cancelled() => return,
                greeted = greeted => greeted,
            };
            let Some(io) = greeted else { return };
            let io: Box<dyn Io> = match looked_on {
                None => io,
                Some(((onlooker, here), from)) => {
                    Box::new(Tapped::new(PREFACE, io, onlooker, from, here))
                }
            };
            let io = Watched::new(PREFACE, io, Arc::clone(&caller));
            let mut connection =
                std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
            // What it holds is given back at once.
            let cut = polled_when_woken(caller.cut.cancelled());
            let ending = polled_when_woken(async {
                tokio::select! {
                    biased;
                    () = reached(&mut closing) => {}
                    () = caller.leave.cancelled() => {}
                    () = idle(&caller, timeouts) => {}
                    () = over => {}
                }
            });
            let serving = async {
                tokio::select! {
                    biased;
                    served = connection.as_mut() => return served,
                    () = ending => {}
                }
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    () = parting(&caller) => Ok(()),
                    served = connection => served,
                }
            };
            let served = tokio::select! {
                biased;
                () = cut => return,
                served = serving => served,
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection broke");
            }
        }
    }
}

/// Polls a future only when it has been woken itself: what stands beside it wakes with every frame.
async fn polled_when_woken<F: Future>(future: F) -> F::Output {
    let mut alone: FuturesUnordered<F> = std::iter::once(future).collect();
    match alone.next().await {
        Some(output) => output,
        // It holds one.
        None => std::future::pending().await,
    }
}

/// Ends at a time, if there is one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// How long a connection may do nothing.
#[derive(Debug, Clone, Copy)]
struct Idle {
    idle: Duration,
    provisional: Duration,
}

/// Ends when a connection has had no call for too long.
async fn idle(caller: &Caller, timeouts: Option<Idle>) {
    let Some(timeouts) = timeouts else {
        return std::future::pending().await;
    };
    loop {
        let limit = if caller.is_provisional() {
            timeouts.provisional
        } else {
            timeouts.idle
        };
        let silence = caller.silence();
        if silence >= limit && !caller.has_open_calls() {
            return;
        }
        let left = limit.saturating_sub(silence).max(timeouts.provisional / 4);
        tokio::time::sleep(left.min(timeouts.provisional)).await;
    }
}

/// Ends a moment after a connection was asked to make room: its calls are broken off.
async fn parting(caller: &Caller) {
    caller.leave.cancelled().await;
    tokio::time::sleep(PARTING).await;
}

/// Runs the tasks of a connection: each is a call under way.
#[derive(Debug, Clone)]
struct Counted {
    tasks: Tasks,
    caller: Arc<Caller>,
}

impl<F> hyper::rt::Executor<F> for Counted
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.tasks.spawn(UnderWay {
            task,
            _call: self.caller.begin_call(),
        });
    }
}

pin_project! {
    /// A call under way. Not an async block, which would keep room for the task twice.
    struct UnderWay<F> {
        #[pin]
        task: F,
        _call: OpenCall,
    }
}

impl<F: Future> Future for UnderWay<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.project().task.poll(context).map(drop)
    }
}
