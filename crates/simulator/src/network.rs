//! The network between the offices, and between officers and their office: pipes with seeded delays.

use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use office::authority::{Name, Role, Speaker};
use office::{PerPlace, Place};
use officers::Desk;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use server::{Dial, Dialled, Dialling, HandedOver, Io};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tonic::transport::{Channel, Endpoint};

const PIPE_BYTES: usize = 64 * 1024;
const LINE_DELAY_MS: RangeInclusive<u64> = 1..=40;
const DESK_DELAY_MS: RangeInclusive<u64> = 1..=3;

/// Which cable a connection runs through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cable {
    /// Between the offices. It can be cut.
    Line,
    /// Between an officer's desk and the office.
    Desk,
}

/// Where both offices are reached, and how the line is.
#[derive(Clone)]
pub(crate) struct Network {
    shared: Arc<Shared>,
}

type Listening = mpsc::Sender<(Box<dyn Io>, Speaker)>;

struct Shared {
    listening: Mutex<PerPlace<Option<Listening>>>,
    line_is_up: watch::Sender<bool>,
    /// How much longer than usual the line takes.
    line_delay_ms: AtomicU64,
    draws: Mutex<ChaCha8Rng>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(1);
        Self {
            shared: Arc::new(Shared {
                listening: Mutex::default(),
                line_is_up: watch::channel(true).0,
                line_delay_ms: AtomicU64::new(0),
                draws: Mutex::new(draws),
            }),
        }
    }

    /// Has `place` listen; connections come out of what is returned.
    pub(crate) fn listen(&self, place: Place) -> HandedOver {
        let (sender, connections) = mpsc::channel(64);
        locked(&self.shared.listening)[place] = Some(sender);
        HandedOver::new(connections)
    }

    /// Nobody listens at `place` any more.
    pub(crate) fn close(&self, place: Place) {
        locked(&self.shared.listening)[place] = None;
    }

    /// Cuts the line, and every connection through it, or restores it.
    pub(crate) fn set_line(&self, up: bool) {
        self.shared.line_is_up.send_replace(up);
    }

    /// Has the line take so much longer from now on, for what is under way too.
    pub(crate) fn set_line_delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared.line_delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// A desk in the office of `place`.
    pub(crate) fn desk(&self, place: Place) -> Desk {
        Desk::over(place, self.desk_channel(place))
    }

    /// The way to an office from a desk in it; it is connected by the first call.
    pub(crate) fn desk_channel(&self, place: Place) -> Channel {
        let network = self.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let connected = network.connect(place, Cable::Desk);
            std::future::ready(connected.map(hyper_util::rt::TokioIo::new))
        });
        Endpoint::from_static("http://office").connect_with_connector_lazy(connector)
    }

    /// The office at `place`, as the pipes within this process know it.
    fn office(place: Place) -> Speaker {
        let name = Name::new("simulated", place, Role::Server, place.word());
        Speaker::Named(name.expect("a name"))
    }

    /// Opens a connection to `place`.
    pub(crate) fn connect(&self, place: Place, cable: Cable) -> io::Result<DuplexStream> {
        if cable == Cable::Line && !*self.shared.line_is_up.borrow() {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let listening = locked(&self.shared.listening)[place].clone();
        let listening = listening.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (caller, caller_end) = tokio::io::duplex(PIPE_BYTES);
        let (called, called_end) = tokio::io::duplex(PIPE_BYTES);
        let called: Box<dyn Io> = Box::new(called);
        let speaker = match cable {
            Cable::Line => Self::office(place.peer()),
            Cable::Desk => Speaker::Unnamed,
        };
        listening
            .try_send((called, speaker))
            .map_err(|_| io::ErrorKind::ConnectionRefused)?;
        let (from_caller, to_caller) = tokio::io::split(caller_end);
        let (from_called, to_called) = tokio::io::split(called_end);
        self.pump(cable, from_caller, to_called);
        self.pump(cable, from_called, to_caller);
        Ok(caller)
    }

    /// Carries bytes one way, each chunk after a delay of its own, in order.
    fn pump(&self, cable: Cable, from: ReadHalf<DuplexStream>, to: WriteHalf<DuplexStream>) {
        let draws = ChaCha8Rng::seed_from_u64(locked(&self.shared.draws).next_u64());
        let mut line = self.shared.line_is_up.subscribe();
        let cut = async move {
            match cable {
                // An end of the simulation is no cut, and nobody is left to notice.
                Cable::Line => drop(line.wait_for(|up| !up).await.map(drop)),
                Cable::Desk => std::future::pending().await,
            }
        };
        let delays = match cable {
            Cable::Line => LINE_DELAY_MS,
            Cable::Desk => DESK_DELAY_MS,
        };
        let shared = Arc::clone(&self.shared);
        let more_ms = move || match cable {
            Cable::Line => shared.line_delay_ms.load(Ordering::Relaxed),
            Cable::Desk => 0,
        };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = cut => {}
                _ = carry(from, to, delays, more_ms, draws) => {}
            }
        });
    }
}

async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    delays_ms: RangeInclusive<u64>,
    more_ms: impl Fn() -> u64,
    mut draws: ChaCha8Rng,
) -> io::Result<()> {
    let mut chunk = vec![0; PIPE_BYTES];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let choices = delays_ms.end() - delays_ms.start() + 1;
        let delay_ms = delays_ms.start() + draws.next_u64() % choices + more_ms();
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        to.write_all(&chunk[..count]).await?;
    }
}

/// The way to the peer through the line.
pub(crate) struct LineDial {
    pub(crate) network: Network,
    pub(crate) peer: Place,
}

impl Dial for LineDial {
    fn dial(&self) -> Dialling {
        let connected = self.network.connect(self.peer, Cable::Line);
        let dialled = connected.map(|io| Dialled {
            io: Box::new(io),
            shown: None,
        });
        Box::pin(std::future::ready(dialled))
    }

    fn address(&self) -> String {
        format!("the {} office", self.peer)
    }
}

/// Each guarded change is one step: a panic elsewhere leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
