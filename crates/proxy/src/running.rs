//! The proxy itself: the one task that owns the listener and the condition.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::command::Command;
use crate::condition::Condition;
use crate::connection::{Connection, Counters, carried_bytes};
use crate::schedule::Schedule;
use crate::seam::{Ends, Onlooker};
use crate::way::Ways;

/// A command, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<String>,
}

/// A recurring cut, and when its next change is due.
#[derive(Debug)]
struct Recurring {
    ways: Ways,
    schedule: Schedule,
    due: Instant,
    cut: bool,
}

/// A proxy.
#[derive(Debug)]
pub struct Proxy {
    /// None while refusing.
    listener: Option<TcpListener>,
    address: SocketAddr,
    seed: u64,
    condition: watch::Sender<Condition>,
    recurring: Vec<Recurring>,
    orders: mpsc::Receiver<Order>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
    accepted: u64,
    connections: JoinSet<()>,
    onlooker: Option<Arc<dyn Onlooker>>,
    ends: Option<Arc<dyn Ends>>,
}

impl Proxy {
    pub(crate) fn new(
        listener: TcpListener,
        condition: Condition,
        seed: u64,
        connections_max: u32,
        orders: mpsc::Receiver<Order>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            seed,
            condition: watch::Sender::new(condition),
            recurring: Vec::new(),
            orders,
            room: Arc::new(Semaphore::new(connections_max as usize)),
            counters: Arc::new(Counters::default()),
            accepted: 0,
            connections: JoinSet::new(),
            onlooker: None,
            ends: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, looked on at by somebody.
    #[must_use]
    pub fn looked_on_by(self, onlooker: Arc<dyn Onlooker>) -> Self {
        Self {
            onlooker: Some(onlooker),
            ..self
        }
    }

    /// The same, whose ends are spoken to so.
    #[must_use]
    pub fn between(self, ends: Arc<dyn Ends>) -> Self {
        Self {
            ends: Some(ends),
            ..self
        }
    }

    /// Adds a recurring cut that begins now.
    pub(crate) fn cut_by(&mut self, ways: Ways, schedule: Schedule) {
        let mut recurring = Recurring {
            ways,
            schedule,
            due: Instant::now(),
            cut: false,
        };
        recurring.advance();
        self.recurring.push(recurring);
    }

    /// Runs until told to quit, or until `shutdown`. Whatever is being carried is then dropped.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let mut change: Pin<Box<Sleep>> = Box::pin(sleep_until(self.next_change()));
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(order) = self.orders.recv() => {
                    let quit = order.command == Command::Quit;
                    let answer = self.obey(&order.command).await;
                    // Who gave the order may have gone.
                    let _ = order.answer.send(answer);
                    if quit {
                        break;
                    }
                }
                () = &mut change, if !self.recurring.is_empty() => self.change(),
                Some(_) = self.connections.join_next() => {}
                (client, from, permit) = accept(self.listener.as_ref(), &self.room) => {
                    self.accept(client, from, permit);
                }
            }
        }
        tracing::info!("stopping");
    }

    async fn obey(&mut self, command: &Command) -> String {
        self.condition
            .send_modify(|condition| condition.apply(command));
        if *command == Command::Status {
            return self.status();
        }
        tracing::info!(?command, "told");
        if self.condition.borrow().is_refusing() {
            self.listener = None;
        } else if self.listener.is_none() {
            match TcpListener::bind(self.address).await {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => {
                    return format!(
                        "error: failed to listen on {} again: {error}; free the port, then say restore",
                        self.address
                    );
                }
            }
        }
        "ok".to_owned()
    }

    fn status(&self) -> String {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let bytes = carried_bytes(&self.counters);
        format!(
            "ok {} connections={} accepted={} reset={} up-bytes={} down-bytes={}",
            *self.condition.borrow(),
            count(&self.counters.open),
            count(&self.counters.accepted),
            count(&self.counters.reset),
            bytes.up,
            bytes.down,
        )
    }

    fn next_change(&self) -> Instant {
        let due = self.recurring.iter().map(|recurring| recurring.due).min();
        due.unwrap_or_else(Instant::now)
    }

    fn change(&mut self) {
        let now = Instant::now();
        for recurring in &mut self.recurring {
            if recurring.due > now {
                continue;
            }
            let (ways, cut) = (recurring.ways, recurring.cut);
            self.condition.send_modify(|condition| {
                for way in crate::way::Way::BOTH {
                    if ways.contains(way) {
                        condition.apply_schedule(way, cut);
                    }
                }
            });
            tracing::info!(?ways, cut, "the schedule changes the line");
            recurring.advance();
        }
    }

    fn accept(&mut self, client: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        self.accepted += 1;
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let connection = Connection {
            number: self.accepted,
            seed: self.seed,
            condition: self.condition.subscribe(),
            resets_before: self.condition.borrow().resets(),
            counters: Arc::clone(&self.counters),
            client: from,
            onlooker: self.onlooker.clone(),
            ends: self.ends.clone(),
        };
        tracing::info!(connection = self.accepted, "accepted");
        self.connections.spawn(async move {
            connection.run(client).await;
            drop(permit);
        });
    }
}

impl Recurring {
    /// Intended times are absolute: a late wake-up does not push the next change back.
    fn advance(&mut self) {
        if let Some(change) = self.schedule.next() {
            self.due += change.after;
            self.cut = change.cut;
        }
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: Option<&TcpListener>,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let permit = Arc::clone(room).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((client, from)) => return (client, from, permit),
            Err(error) => {
                // Out of file handles, most likely: wait for some to be given back.
                tracing::warn!(%error, "failed to accept");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
