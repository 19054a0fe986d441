//! Where connections come from, and what becomes of an office that can take none for a while.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use office::authority::Speaker;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::io::Io;

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Trouble is over once none has come for so long.
const QUIET: Duration = Duration::from_secs(10);
/// Connections closed with one spare handle, before others have their turn.
const TURNED_AWAY_MAX: u64 = 64;

/// Waits for a connection.
pub type Accepting<'a> = Pin<Box<dyn Future<Output = io::Result<Accepted>> + Send + 'a>>;

/// Where connections come from.
pub trait Accept: Send + 'static {
    /// The next connection. After an error it is asked again, a little later.
    fn accept(&mut self) -> Accepting<'_>;
}

/// A connection that somebody opened to this office.
pub struct Accepted {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// Where from; `None` if it came over no network.
    pub address: Option<SocketAddr>,
    /// Who speaks over it, where that is known without asking.
    pub said: Speaker,
}

impl Accept for TcpListener {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async {
            let (stream, address) = TcpListener::accept(self).await?;
            // Small answers must not wait for more bytes.
            let _ = stream.set_nodelay(true);
            Ok(Accepted {
                io: Box::new(stream),
                address: Some(address),
                said: Speaker::Unnamed,
            })
        })
    }
}

/// Connections handed over by somebody else, such as a simulated network.
#[derive(Debug)]
pub struct HandedOver(mpsc::Receiver<(Box<dyn Io>, Speaker)>);

impl HandedOver {
    /// Takes what comes out of `connections`, each with who speaks over it.
    pub fn new(connections: mpsc::Receiver<(Box<dyn Io>, Speaker)>) -> Self {
        Self(connections)
    }
}

impl Accept for HandedOver {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some((io, said)) => Ok(Accepted {
                    io,
                    address: None,
                    said,
                }),
                None => std::future::pending().await,
            }
        })
    }
}

/// A time in which connections cannot be accepted: told when it begins and when it is over, however often it is tried.
#[derive(Debug)]
pub struct Trouble {
    last: Option<Instant>,
    pause: Duration,
    turned_away: u64,
    /// A handle to let go of, so that whoever waits is closed rather than left to wait.
    spare: Option<File>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            last: None,
            pause: PAUSE_MIN,
            turned_away: 0,
            spare: spare(),
        }
    }
}

impl Trouble {
    /// Meets an error, and says how long to wait before it is tried again.
    pub fn meet(&mut self, error: &io::Error, incoming: &mut dyn Accept) -> Duration {
        // A client that is gone already is no trouble of the office's.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return Duration::ZERO;
        }
        if self.last.replace(Instant::now()).is_none() {
            tracing::warn!(
                %error,
                "failed to accept a connection: it is tried again, and told when it works. If there are too few file \
                 handles, raise the limit (ulimit -n)"
            );
        }
        if is_out_of_handles(error) {
            self.turn_away(incoming);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        pause
    }

    /// A connection was accepted.
    pub fn passes(&mut self) {
        if self.last.is_some_and(|last| last.elapsed() >= QUIET) {
            tracing::info!(
                turned_away = self.turned_away,
                "connections are accepted again"
            );
            (self.last, self.pause, self.turned_away) = (None, PAUSE_MIN, 0);
        }
    }

    /// Closes those who wait. The handle that this takes is one that nobody else had.
    fn turn_away(&mut self, incoming: &mut dyn Accept) {
        if self.spare.take().is_none() {
            self.spare = spare();
            return;
        }
        for _ in 0..TURNED_AWAY_MAX {
            let Some(Ok(accepted)) = incoming.accept().now_or_never() else {
                break;
            };
            drop(accepted);
            self.turned_away += 1;
        }
        self.spare = spare();
    }
}

/// Any file that is always there.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_out_of_handles(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that wait, and an error once there are none.
    struct Waiting(u64);

    impl Accept for Waiting {
        fn accept(&mut self) -> Accepting<'_> {
            Box::pin(async {
                self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
                Ok(Accepted {
                    io: Box::new(tokio::io::empty()),
                    address: None,
                    said: Speaker::Unnamed,
                })
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_closed_and_it_is_tried_less_and_less_often() {
        let (mut trouble, mut waiting) = (Trouble::default(), Waiting(5));
        let error = rustix::io::Errno::MFILE.into();
        let pauses = [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000];
        for pause in pauses {
            let met = trouble.meet(&error, &mut waiting);
            assert_eq!(met, Duration::from_millis(pause));
            trouble.passes();
        }
        assert_eq!((waiting.0, trouble.turned_away), (0, 5));
        assert!(trouble.spare.is_some() && trouble.last.is_some());
        tokio::time::sleep(QUIET).await;
        trouble.passes();
        assert!(trouble.last.is_none());
        assert_eq!(trouble.meet(&error, &mut waiting), PAUSE_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_gone_is_no_trouble() {
        let (mut trouble, mut waiting) = (Trouble::default(), Waiting(5));
        let error = io::ErrorKind::ConnectionAborted.into();
        assert_eq!(trouble.meet(&error, &mut waiting), Duration::ZERO);
        assert!(trouble.last.is_none());
        assert_eq!(waiting.0, 5);
    }
}
