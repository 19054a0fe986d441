//! `liaison proxy`: a TCP proxy between a caller and a service, which does to their traffic what lines do.
//!
//! What becomes of each connection and chunk is decided by pure functions from the seed ([`fate`], [`schedule`],
//! [`condition`]); the rest ([`mod@relay`], [`connection`], [`control`]) carries it out.

mod command;
mod condition;
mod connection;
mod control;
mod draw;
mod fate;
mod quantity;
mod relay;
mod schedule;
#[cfg(test)]
mod tests;
mod way;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::output::clean;
use command::parse_address;
use condition::Condition;
use draw::Draw;
use fate::Rules;
use quantity::{Odds, Recurrence, Span, Trickle, parse_duration};
use relay::Relay;
use schedule::Schedule;
use way::{Way, Ways};

const EXAMPLES: &str = "\
Examples:
  # North, as South reaches it over a bad line
  liaison proxy --listen 127.0.0.1:6001 --to 127.0.0.1:50052 \\
      --delay 20ms..80ms --reset 1/500

  # Your own service: cut about every 5 s for about 2 s, the same way for the same seed
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --seed 7 --cut 5s..2s

  # Steered while it runs
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --control 127.0.0.1:6002
  echo cut | nc -N 127.0.0.1 6002

It takes commands while it runs: see liaison proxy --help.";

const AFTER_HELP: &str = "\
Examples:
  # North, as South reaches it over a bad line
  liaison proxy --listen 127.0.0.1:6001 --to 127.0.0.1:50052 \\
      --delay 20ms..80ms --reset 1/500

  # Your own service: cut about every 5 s for about 2 s, the same way for the same seed
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --seed 7 --cut 5s..2s

  # Steered while it runs
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --control 127.0.0.1:6002
  echo cut | nc -N 127.0.0.1 6002

Commands, one a line, on standard input or on the --control socket. Each is answered by
one line, `ok …` or `error: …`, once it is in force:
  cut [up|down]             hold every byte that way; nothing is lost
  restore                   end cut, half-open and refuse
  delay [up|down] SPAN|off  such as `delay 50ms..100ms`
  jitter [up|down] DURATION|off
  trickle [up|down] BYTES/EVERY|off
                            such as `trickle 10B/5ms`
  reset                     reset every connection now
  reset [up|down] N/M|off   reset N in M chunks in mid-frame; 1/1 takes the next one
  half-open                 drop every byte of every connection, those to come too;
                            `restore` then resets them, since bytes are missing
  half-open N/M|off         so many of the connections to come
  refuse                    stop listening, until `restore`
  to HOST:PORT              dial another service from now on
  status                    the condition; connections open, accepted and reset; bytes
  quit
A control connection whose first line is no command is closed.

Up is from the caller to the service, down is back. What is drawn depends on the seed,
the connection's number and the chunk's number, and on nothing else; where one chunk ends
and the next begins is TCP's affair. The proxy holds at most 1 MiB each way of a
connection; then the sender has to wait.";

/// A TCP proxy that cuts, delays, resets and trickles what it carries, from a seed or by command.
///
/// It carries any protocol over TCP. It prints `listening ADDR` once it listens (and `control ADDR` with
/// --control), logs to standard error, and exits 0 on SIGTERM and Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = AFTER_HELP)]
pub(crate) struct ProxyArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = parse_address)]
    listen: String,
    /// The service to carry connections to
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: String,
    /// Where all chance comes from: the same seed draws the same fates
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Cut both ways, again and again: open for about the first, cut for about the second (each drawn
    /// within a quarter), such as 5s..2s. A cut holds bytes, as a line does; it loses none
    #[arg(long, value_name = "EVERY..FOR")]
    cut: Option<Recurrence>,
    /// The same for the way up only (caller to service)
    #[arg(long, value_name = "EVERY..FOR")]
    cut_up: Option<Recurrence>,
    /// The same for the way down only
    #[arg(long, value_name = "EVERY..FOR")]
    cut_down: Option<Recurrence>,
    /// Deliver each chunk so much later, such as 20ms or 20ms..80ms; order is kept
    #[arg(long, value_name = "SPAN")]
    delay: Option<Span>,
    /// Add up to so much to each delay
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    jitter: Option<Duration>,
    /// Reset the connection in the middle of so many chunks in so many, such as 1/500
    #[arg(long, value_name = "N/M")]
    reset: Option<Odds>,
    /// Carry at most so many bytes so often, such as 10B/5ms
    #[arg(long, value_name = "BYTES/EVERY")]
    trickle: Option<Trickle>,
    /// Accept and never forward: so many connections in so many, or all
    #[arg(long, value_name = "N/M", num_args = 0..=1, default_missing_value = "1/1")]
    half_open: Option<Odds>,
    /// Take commands on this socket too
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    control: Option<String>,
    /// Connections carried at once; more wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    connections_max: u32,
    /// Listen on other than loopback addresses too: anyone who reaches them can use the proxy, and steer it
    #[arg(long)]
    insecure_bind: bool,
}

/// Why the proxy cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("failed to listen on {address}: {source}; choose another address, or port 0 for any")]
    Listen { address: String, source: io::Error },
    #[error(
        "failed to listen on {address}: it is not a loopback address, and others could reach it; \
         give --insecure-bind if that is meant"
    )]
    NotLoopback { address: SocketAddr },
    #[error("failed to wait for signals: {0}")]
    Signals(io::Error),
}

impl ProxyArgs {
    /// Runs the proxy until it is told to quit, or to stop. Ctrl-C is how it is meant to end.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&format!("failed to start: {error}")))?;
        runtime.block_on(run(self)).map_err(|error| failed(&error))
    }
}

/// Runs the proxy until it is told to quit.
async fn run(args: ProxyArgs) -> Result<(), ProxyError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ProxyError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ProxyError::Signals)?;
    let relay = relay(&args).await?;
    let control = match &args.control {
        Some(address) => Some(listen(address, args.insecure_bind).await?),
        None => None,
    };
    say(&format!("listening {}", relay.address()));
    if let Some(Ok(address)) = control.as_ref().map(TcpListener::local_addr) {
        say(&format!("control {address}"));
    }
    let (orders, obeyed) = mpsc::channel(16);
    let stdin = tokio::spawn(control::follow_stdin(orders.clone()));
    let control = control.map(|listener| tokio::spawn(control::serve(listener, orders.clone())));
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    relay.run(obeyed, shutdown).await;
    stdin.abort();
    if let Some(control) = control {
        control.abort();
    }
    Ok(())
}

async fn relay(args: &ProxyArgs) -> Result<Relay, ProxyError> {
    let rules = Rules {
        delay: args.delay,
        jitter: args.jitter,
        reset: args.reset,
        trickle: args.trickle,
    };
    let condition = Condition::open(args.to.clone(), rules, args.half_open);
    let listener = listen(&args.listen, args.insecure_bind).await?;
    let relay = Relay::new(listener, condition, args.seed, args.connections_max);
    let mut relay = relay.map_err(|source| ProxyError::Listen {
        address: args.listen.clone(),
        source,
    })?;
    // Connections draw from the streams from 4 on.
    let cuts = [
        (args.cut, Ways::Both, 1),
        (args.cut_up, Ways::Only(Way::Up), 2),
        (args.cut_down, Ways::Only(Way::Down), 3),
    ];
    for (recurrence, ways, stream) in cuts {
        if let Some(recurrence) = recurrence {
            relay.cut_by(
                ways,
                Schedule::new(recurrence, Draw::new(args.seed, stream)),
            );
        }
    }
    Ok(relay)
}

async fn listen(address: &str, insecure_bind: bool) -> Result<TcpListener, ProxyError> {
    let failed = |source| ProxyError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if bound.ip().is_loopback() || insecure_bind {
        Ok(listener)
    } else {
        Err(ProxyError::NotLoopback { address: bound })
    }
}

/// Prints a line on standard output. A reader that has gone is no reason to stop carrying.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", clean(line)).and_then(|()| out.flush());
}
