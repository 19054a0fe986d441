//! Steering a running proxy: by command, or by the lines of whoever is connected to a socket.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::command::Command;
use crate::running::Order;

/// The longest line, its end included.
const LINE_BYTES_MAX: u64 = 512;
/// Control connections at once; more wait.
const CONTROLLERS_MAX: usize = 16;

/// What is said to a line, and whether the proxy quits once that has been said.
#[derive(Debug)]
pub struct Answer {
    /// `ok …` or `error: …`.
    pub line: String,
    quits: bool,
}

/// Steers a running proxy, or several as one.
#[derive(Debug, Clone)]
pub struct Control {
    orders: Vec<mpsc::Sender<Order>>,
}

impl Control {
    pub(crate) fn new(orders: mpsc::Sender<Order>) -> Self {
        Self {
            orders: vec![orders],
        }
    }

    /// Steers what `other` steers too: each command is obeyed by all, and answered once that is so.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.orders.extend(other.orders);
        self
    }

    /// Reads a line as a command, has it obeyed, and gives back the one line of its answer; `None` if the proxy is gone. Once
    /// the answer has been told, call [`Self::told`].
    pub async fn obey(&self, line: &str) -> Option<Answer> {
        let spoken = |line| Some(Answer { line, quits: false });
        match line.trim().parse::<Command>() {
            Err(error) => spoken(format!("error: {error}")),
            // Answered before it is in force: afterwards nobody is left to answer.
            Ok(Command::Quit) => Some(Answer {
                line: "ok".to_owned(),
                quits: true,
            }),
            Ok(command) => spoken(self.give(command).await?),
        }
    }

    /// An answer has been told: if it was the last, the proxy quits.
    pub async fn told(&self, answer: &Answer) {
        if answer.quits {
            self.give(Command::Quit).await;
        }
    }

    /// Has a command obeyed; `None` if a proxy is gone. What several answer alike is said once.
    pub async fn give(&self, command: Command) -> Option<String> {
        let mut said: Vec<String> = Vec::new();
        for orders in &self.orders {
            let (answer, answered) = oneshot::channel();
            let command = command.clone();
            orders.send(Order { command, answer }).await.ok()?;
            let answer = answered.await.ok()?;
            if !said.contains(&answer) {
                said.push(answer);
            }
        }
        Some(said.join("; "))
    }

    /// Has a command obeyed soon, after those before it. `false` if a proxy is gone, or too many wait.
    pub fn give_soon(&self, command: Command) -> bool {
        let mut taken = true;
        for orders in &self.orders {
            let (answer, command) = (oneshot::channel().0, command.clone());
            taken &= orders.try_send(Order { command, answer }).is_ok();
        }
        taken
    }

    /// Takes lines from whoever connects, for ever. A connection whose first line is no command is closed.
    pub async fn serve(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONTROLLERS_MAX));
        loop {
            let permit = Arc::clone(&room).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, _)) => {
                    let control = self.clone();
                    tokio::spawn(async move {
                        // The controller may go at any time.
                        let _ = control.converse(stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a controller");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut reader = BufReader::new(reader);
        let mut obeyed = false;
        loop {
            let mut line = Vec::new();
            let got = (&mut reader)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)
                .await?;
            if got == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line);
            let Some(answer) = self.obey(&line).await else {
                return Ok(());
            };
            let written = format!("{}\n", answer.line);
            writer.write_all(written.as_bytes()).await?;
            self.told(&answer).await;
            obeyed |= !answer.line.starts_with("error");
            // Someone who begins with anything else is no controller: a web page that posts here, say.
            if !obeyed || answer.quits {
                return Ok(());
            }
        }
    }
}
