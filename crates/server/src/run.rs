//! A service's main: flags, environment and file into a setup, then serving until a signal.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use ledger::DiskStorage;
use office::{Limits, Place};
use reading::visible;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use crate::clock::{Clock, SystemClock, system_seed};
use crate::handles::make_room;
use crate::line::{Dial, Io};
use crate::logs::{VisibleFields, VisibleJson};
use crate::server::{Server, Setup};

const EXAMPLES: &str = "\
Examples:
  south --data liaison-data/south
  south --listen 127.0.0.1:50051 --peer 127.0.0.1:50052
  north --listen 127.0.0.1:0 --peer 127.0.0.1:50051 --limit drain_timeout=2000

The file of --config is TOML: listen, peer, data, and a table [limits], such as
  listen = \"127.0.0.1:50051\"
  [limits]
  outbox_bytes_max = 1048576
  drain_timeout = 2000
What a flag says stands over the environment, that over the file, and that over the default.";

/// One office of the pair.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Args {
    /// Where to listen [default: 127.0.0.1:50051 for South, :50052 for North]
    #[arg(long, env = "LIAISON_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the peer listens [default: the other's default]
    #[arg(long, env = "LIAISON_PEER", value_name = "ADDR")]
    peer: Option<String>,
    /// The ledger's directory [default: liaison-data/south or liaison-data/north]
    #[arg(long, env = "LIAISON_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A TOML file with the same settings
    #[arg(long, env = "LIAISON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Lower a limit; durations in milliseconds. May be repeated
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit)]
    limit: Vec<(String, u64)>,
    /// Listen on an address that is not loopback, without TLS
    #[arg(long)]
    insecure_bind: bool,
    /// How log lines look, on stderr
    #[arg(long, env = "LIAISON_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or directives such as server=debug
    #[arg(long, env = "LIAISON_LOG", default_value = "info")]
    log: String,
    /// Set the office's clock off by so many seconds, to rehearse a clock that is wrong
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, hide = true)]
    clock_offset: i64,
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, number) = text
        .split_once('=')
        .ok_or("write NAME=NUMBER, such as drain_timeout=2000")?;
    let number = number
        .parse()
        .map_err(|_| format!("{number:?} is not a whole number"))?;
    Ok((name.to_owned(), number))
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// The file of `--config`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    peer: Option<String>,
    data: Option<PathBuf>,
    #[serde(default)]
    limits: std::collections::BTreeMap<String, u64>,
}

/// What an office runs with, once flags, environment, file and defaults are one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the peer listens.
    pub peer: String,
    /// The ledger's directory.
    pub data: PathBuf,
    /// The bounds.
    pub limits: Limits,
    /// Listening on an address that is not loopback is meant.
    pub insecure_bind: bool,
    /// What the clock is off by.
    pub clock_offset: SignedDuration,
}

impl Options {
    /// The defaults of an office.
    pub fn of(place: Place) -> Self {
        let address = |place| SocketAddr::from(([127, 0, 0, 1], default_port(place)));
        Self {
            listen: address(place),
            peer: address(place.peer()).to_string(),
            data: Path::new("liaison-data").join(place.word()),
            limits: Limits::default(),
            insecure_bind: false,
            clock_offset: SignedDuration::ZERO,
        }
    }

    fn merged(place: Place, args: Args) -> Result<Self, String> {
        let file = args.config.as_deref().map(read_file).transpose()?;
        let file = file.unwrap_or_default();
        let default = Self::of(place);
        let mut limits = default.limits;
        for (name, value) in file.limits.into_iter().chain(args.limit) {
            limits
                .set(&name, value)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(default.listen),
            peer: args.peer.or(file.peer).unwrap_or(default.peer),
            data: args.data.or(file.data).unwrap_or(default.data),
            limits,
            insecure_bind: args.insecure_bind,
            clock_offset: SignedDuration::from_secs(args.clock_offset),
        })
    }
}

const fn default_port(place: Place) -> u16 {
    match place {
        Place::South => 50_051,
        Place::North => 50_052,
    }
}

fn read_file(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("failed to read {}: {error}", path.display()))
}

/// A clock that is off by a fixed time.
struct OffsetClock(SignedDuration);

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .saturating_add(self.0)
            .unwrap_or(Timestamp::MAX)
    }
}

/// Dials the peer over TCP.
#[derive(Debug)]
pub struct TcpDial {
    address: String,
}

impl TcpDial {
    /// A way to `address`, such as `127.0.0.1:50052`. Names are looked up at each connection.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
        }
    }
}

impl Dial for TcpDial {
    fn dial(&self) -> Pin<Box<dyn Future<Output = std::io::Result<Box<dyn Io>>> + Send>> {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}

/// Listens on `address`. Any but a loopback address is refused unless that is meant.
pub async fn bind(address: SocketAddr, insecure_bind: bool) -> Result<TcpListener, String> {
    if !address.ip().is_loopback() && !insecure_bind {
        return Err(format!(
            "failed to listen on {address}: it is not a loopback address, and nothing is encrypted; \
             listen on 127.0.0.1, or give --insecure-bind if that is meant"
        ));
    }
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "; another process listens there: stop it, or give another --listen (port 0 picks a free one)"
            }
            _ => "",
        };
        format!("failed to listen on {address}: {error}{remedy}")
    })
}

/// Runs an office until `shutdown`: binds, recovers, tells `listening` its address, serves, drains.
pub async fn run(
    place: Place,
    options: Options,
    listening: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), String> {
    let listener = bind(options.listen, options.insecure_bind).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let storage = DiskStorage::create(&options.data)
        .map_err(|error| format!("failed to create {}: {error}", options.data.display()))?;
    let mut limits = options.limits;
    make_room(&mut limits, 1);
    let setup = Setup {
        limits,
        clock: Arc::new(OffsetClock(options.clock_offset)),
        seed: system_seed(),
        dial: Some(Arc::new(TcpDial::new(options.peer))),
        ..Setup::new(place, Arc::new(storage))
    };
    let server = Server::open(setup).map_err(|error| error.to_string())?;
    listening(address);
    server
        .serve(listener, shutdown)
        .await
        .map_err(|error| error.to_string())
}

/// Listens for being asked to stop, SIGTERM or Ctrl-C, from this call on; what it returns ends when that comes.
/// Call it inside a runtime, before anybody can know that there is something to stop.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "a signal cannot be waited for"))
                .ok()
        };
        let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(listen);
        async move {
            let [mut terminate, mut interrupt] = signals;
            tokio::select! {
                () = received(&mut terminate) => {}
                () = received(&mut interrupt) => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Sends log lines to stderr. `directives` is what is logged, such as `info` or `server=debug`.
pub fn init_logs(directives: &str, json: bool) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(directives)
        .map_err(|error| format!("failed to read what to log ({directives:?}): {error}"))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours);
    let set = if json {
        lines
            .json()
            .with_writer(|| VisibleJson::new(std::io::stderr()))
            .try_init()
    } else {
        lines
            .fmt_fields(VisibleFields)
            .with_writer(std::io::stderr)
            .try_init()
    };
    set.map_err(|error| error.to_string())
}

/// The main of a service.
pub fn main(place: Place) -> ExitCode {
    let name = place.word();
    let command = Args::command().name(name).about(match place {
        Place::South => "The South office",
        Place::North => "The North office",
    });
    let args = Args::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let json = args.log_format == LogFormat::Json;
    let ran = init_logs(&args.log, json)
        .and_then(|()| Options::merged(place, args))
        .and_then(|options| serve(place, options));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if that fails.
            let _ = writeln!(std::io::stderr(), "{name}: {}", visible::lines(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve(place: Place, options: Options) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("failed to start: {error}"))?;
    let listening = |address| {
        let mut stdout = std::io::stdout();
        // Whoever started it may have closed the pipe.
        let _ = writeln!(stdout, "listening {address}").and_then(|()| stdout.flush());
    };
    runtime.block_on(async { run(place, options, listening, shutdown_signal()).await })
}
