//! Where commands come from: standard input, and a line protocol on a socket.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::command::Command;
use super::relay::Order;

/// The longest line, its end included.
const LINE_BYTES_MAX: u64 = 512;
/// Control connections at once; more wait.
const CONTROLLERS_MAX: usize = 16;

/// What is said to a line, and whether the proxy quits once that has been said.
pub(crate) struct Answer {
    pub(crate) line: String,
    quit: bool,
}

/// Reads a line as a command, has it obeyed, and gives back the one line of its answer. `None`: the proxy is
/// going.
pub(crate) async fn obey(line: &str, orders: &mpsc::Sender<Order>) -> Option<Answer> {
    let spoken = |line| Some(Answer { line, quit: false });
    match line.trim().parse::<Command>() {
        Err(error) => spoken(format!("error: {error}")),
        // Answered before it is in force: afterwards nobody is left to answer.
        Ok(Command::Quit) => Some(Answer {
            line: "ok".to_owned(),
            quit: true,
        }),
        Ok(command) => spoken(give(command, orders).await?),
    }
}

async fn give(command: Command, orders: &mpsc::Sender<Order>) -> Option<String> {
    let (answer, answered) = oneshot::channel();
    orders.send(Order { command, answer }).await.ok()?;
    answered.await.ok()
}

/// Takes commands from standard input until it ends, and answers on standard output. Not when that would stop
/// the process: in the background of a terminal.
pub(crate) async fn follow_stdin(orders: mpsc::Sender<Order>) {
    let stdin = io::stdin();
    if stdin.is_terminal() && !in_foreground(&stdin) {
        return;
    }
    let (lines, mut read) = mpsc::channel(1);
    // A thread of its own, which nobody waits for: a read of standard input cannot be called off.
    std::thread::spawn(move || {
        while let Some(line) = read_line(&mut io::stdin().lock()) {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = read.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        let Some(answer) = obey(&line, &orders).await else {
            break;
        };
        super::say(&answer.line);
        if answer.quit {
            give(Command::Quit, &orders).await;
        }
    }
}

fn read_line(from: &mut impl io::BufRead) -> Option<String> {
    let mut line = Vec::new();
    let mut from = io::Read::take(from, LINE_BYTES_MAX);
    let got = io::BufRead::read_until(&mut from, b'\n', &mut line);
    (got.ok()? > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}

fn in_foreground(stdin: &io::Stdin) -> bool {
    rustix::termios::tcgetpgrp(stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Serves the line protocol.
pub(crate) async fn serve(listener: TcpListener, orders: mpsc::Sender<Order>) {
    let room = Arc::new(Semaphore::new(CONTROLLERS_MAX));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let orders = orders.clone();
                tokio::spawn(async move {
                    // The controller may go at any time.
                    let _ = converse(stream, &orders).await;
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

async fn converse(mut stream: TcpStream, orders: &mpsc::Sender<Order>) -> io::Result<()> {
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
        let Some(answer) = obey(&line, orders).await else {
            return Ok(());
        };
        let written = format!("{}\n", answer.line);
        writer.write_all(written.as_bytes()).await?;
        if answer.quit {
            give(Command::Quit, orders).await;
        }
        obeyed |= !answer.line.starts_with("error");
        // Someone who begins with anything else is no controller: a web page that posts here, say.
        if !obeyed || answer.quit {
            return Ok(());
        }
    }
}
