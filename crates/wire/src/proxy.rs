//! `liaison proxy`: a proxy that is steered by standard input, a socket, and signals.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use proxy::{
    Config, Control, Odds, Proxy, Recurrence, Rules, Span, Trickle, parse_address, parse_duration,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use words::style::clean;

use command::failure::Failure;
use command::output::Output;
use command::settings::Settings;

use crate::flags::LookingOn;
use crate::schemas::{self, SchemaArgs};
use crate::tap::{self, Looking};

/// The longest line, its end included.
const LINE_BYTES_MAX: u64 = 512;

macro_rules! examples {
    () => {
        "\
Examples:
  # North, as South reaches it over a bad line
  liaison proxy --listen 127.0.0.1:6001 --to 127.0.0.1:50052 \\
      --delay 20ms..80ms --reset 1/500

  # Your own service: cut about every 5 s for about 2 s, the same way for the same seed
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --seed 7 --cut 5s..2s

  # Steered while it runs
  liaison proxy --listen 127.0.0.1:6001 --to localhost:8080 --control 127.0.0.1:6002
  echo cut | nc -N 127.0.0.1 6002

"
    };
}

const EXAMPLES: &str = concat!(
    examples!(),
    "It takes commands while it runs: see liaison proxy --help."
);

const AFTER_HELP: &str = concat!(
    examples!(),
    "\
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
connection; then the sender has to wait."
);

/// A TCP proxy that fails on purpose, from a seed or by command
///
/// It cuts, delays, resets and trickles what it carries, and carries any protocol over TCP. It prints `listening ADDR` once it listens (and `control ADDR` with
/// --control), logs to standard error, and exits 0 on SIGTERM and Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = AFTER_HELP)]
pub struct ProxyArgs {
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

    /// Show the gRPC calls that pass, as `liaison tap` does; standard output is theirs, and commands come by --control
    #[arg(long, help_heading = "Looking on")]
    tap: bool,

    #[command(flatten)]
    looking: LookingOn,

    #[command(flatten)]
    schema: SchemaArgs,
}

impl ProxyArgs {
    /// Runs the proxy until it is told to quit, or to stop. Ctrl-C is how it is meant to end.
    ///
    /// # Errors
    /// It cannot listen, or cannot look on.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(format!("failed to start: {error}")))?;
        runtime.block_on(async {
            let looking = self.looking(settings.output).await?;
            let ran = run(&self.config(), self.control.as_deref(), looking.as_ref()).await;
            match looking {
                Some(looking) => ran.and(looking.end()),
                None => ran,
            }
        })
    }

    /// Who looks on, if anybody is to.
    async fn looking(&self, output: Output) -> Result<Option<Looking>, Failure> {
        if !self.tap {
            self.looking.without_tap()?;
            return Ok(None);
        }
        let asked = || schemas::asked(&self.to, None);
        let mut known = tap::known(&self.looking, &self.schema, &asked).await?;
        if !self.schema.is_given()
            && let Ok(schema) = asked().await
        {
            known.prefer(schema);
        }
        Looking::begin(&self.looking, known, output).map(Some)
    }

    fn config(&self) -> Config {
        Config {
            listen: self.listen.clone(),
            to: self.to.clone(),
            seed: self.seed,
            rules: Rules {
                delay: self.delay,
                jitter: self.jitter,
                reset: self.reset,
                trickle: self.trickle,
            },
            half_open: self.half_open,
            cut: self.cut,
            cut_up: self.cut_up,
            cut_down: self.cut_down,
            connections_max: self.connections_max,
            insecure_bind: self.insecure_bind,
        }
    }
}

/// Runs the proxy until it is told to quit.
async fn run(
    config: &Config,
    control_at: Option<&str>,
    looking: Option<&Looking>,
) -> Result<(), Failure> {
    let failed = |error: proxy::ProxyError| Failure::Failed(error.to_string());
    let signals =
        |error: io::Error| Failure::Failed(format!("failed to wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let (mut proxy, control) = Proxy::bind(config).await.map_err(failed)?;
    if let Some(looking) = looking {
        proxy = proxy.looked_on_by(Arc::new(looking.watching()));
    }
    let listener = match control_at {
        Some(address) => {
            let listener = proxy::listen(address, config.insecure_bind).await;
            Some(listener.map_err(failed)?)
        }
        None => None,
    };
    say(&format!("listening {}", proxy.address()));
    if let Some(Ok(address)) = listener.as_ref().map(TcpListener::local_addr) {
        say(&format!("control {address}"));
    }
    // Where calls are shown, answers would stand among them.
    let stdin = looking
        .is_none()
        .then(|| tokio::spawn(follow_stdin(control.clone())));
    let serving = listener.map(|listener| tokio::spawn(control.serve(listener)));
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    proxy.run(shutdown).await;
    if let Some(stdin) = stdin {
        stdin.abort();
    }
    if let Some(serving) = serving {
        serving.abort();
    }
    Ok(())
}

/// Takes commands from standard input until it ends, and answers on standard output. Not when that would stop
/// the process: in the background of a terminal.
async fn follow_stdin(control: Control) {
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
        let Some(answer) = control.obey(&line).await else {
            break;
        };
        say(&answer.line);
        control.told(&answer).await;
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

/// Prints a line on standard output. A reader that has gone is no reason to stop carrying.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", clean(line)).and_then(|()| out.flush());
}
