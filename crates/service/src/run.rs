//! A service's main: an office that serves until a signal.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ledger::DiskStorage;
use office::Place;
use reading::visible;
use server::{Clock, Server, Setup, SystemClock, system_seed};
use tokio::net::TcpListener;

use crate::admin;
use crate::handles::make_room;
use crate::logs::init_logs;
use crate::options::{Args, LogFormat, Options};
use crate::signals::shutdown_signal;
use crate::telling::telling;

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

/// Listens on `address`. With a line that is not encrypted, any but a loopback address is refused.
pub async fn bind(address: SocketAddr, insecure_line: bool) -> Result<TcpListener, String> {
    if !address.ip().is_loopback() && insecure_line {
        return Err(format!(
            "failed to listen on {address}: it is not a loopback address, and --insecure-line is for loopback alone; \
             listen on 127.0.0.1, or give both offices their identities (`liaison pki`)"
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
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), String> {
    let listener = bind(options.listen, options.identities.insecure_line).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let pages = match options.admin {
        Some(address) => Some(admin::bind(address, options.identities.insecure_bind).await?),
        None => None,
    };
    let identified = options.identities.of(place, &options.peer)?;
    let storage = DiskStorage::create(&options.data)
        .map_err(|error| format!("failed to create {}: {error}", options.data.display()))?;
    let mut limits = options.limits;
    make_room(&mut limits, 1);
    let setup = Setup {
        limits,
        clock: Arc::new(OffsetClock(options.clock_offset)),
        seed: system_seed(),
        dial: Some(identified.dial),
        knowing: identified.knowing,
        telling: telling(&options.data),
        ..Setup::new(place, Arc::new(storage))
    };
    let server = Server::open(setup).map_err(|error| error.to_string())?;
    let told = pages.map(|pages| {
        if let Ok(at) = pages.local_addr() {
            tracing::info!(%place, "metrics are at http://{at}/metrics");
        }
        tokio::spawn(admin::serve(pages, server.seen()))
    });
    listening(address);
    let served = server.serve(listener, shutdown).await;
    if let Some(told) = told {
        told.abort();
    }
    served.map_err(|error| error.to_string())
}

/// The main of a service.
pub fn main(place: Place) -> ExitCode {
    let name = place.word();
    let args = Args::of(place);
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
