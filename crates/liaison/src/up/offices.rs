//! Both offices in this process: two servers, each with its own ledger and port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ledger::DiskStorage;
use office::{Limits, PerPlace, Place};
use server::{Server, Setup, system_seed};
use service::{Identities, bind, make_room, shutdown_signal};
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::watch;

use super::line::Line;
use command::connect::Address;
use command::failure::Failure;
use command::output::Output;
use wire::{Looking, LookingOn, Watching};

/// What the offices are to be.
pub(super) struct Wanted<'a> {
    /// Their ledgers are in `south` and `north` within it.
    pub(super) data: &'a Path,
    /// Where they listen.
    pub(super) listen: &'a PerPlace<Address>,
    /// Where the line takes commands, if it is to fail on command.
    pub(super) control: Option<&'a str>,
    /// Who the offices are.
    pub(super) identities: Identities,
    /// How many times as fast as the clock a scenario is played there; 0 if none is.
    pub(super) played_speed: u32,
    /// How what passes is shown, if it is.
    pub(super) tap: Option<(&'a LookingOn, Output)>,
}

/// Offices that serve.
pub(super) struct Serving {
    pub(super) addresses: PerPlace<Address>,
    /// How many steps each has made.
    pub(super) appended: PerPlace<u64>,
    /// Where the line takes commands.
    pub(super) control: Option<SocketAddr>,
}

/// Starts both offices, calls `serving` once both listen, and returns after the drain that Ctrl-C or SIGTERM begins.
pub(super) fn run(
    wanted: &Wanted<'_>,
    serving: impl FnOnce(&Serving) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start the offices: {error}")))?;
    let looking = wanted
        .tap
        .map(|(flags, output)| Looking::of_offices(flags, output));
    let looking = looking.transpose()?;
    let watching = looking.as_ref().map(Looking::watching);
    let ran = runtime.block_on(serve_both(wanted, watching, serving));
    // What still runs hands over what it sees, and keeps whoever looks on waiting.
    drop(runtime);
    match looking {
        Some(looking) => ran.and(looking.end()),
        None => ran,
    }
}

async fn serve_both(
    wanted: &Wanted<'_>,
    watching: Option<Watching>,
    serving: impl FnOnce(&Serving) -> Result<(), Failure>,
) -> Result<(), Failure> {
    {
        // Both listen before either dials, so that port 0 is known to the peer.
        let (south, at_south) = listener(&wanted.listen[Place::South]).await?;
        let (north, at_north) = listener(&wanted.listen[Place::North]).await?;
        let at = PerPlace::new(at_south, at_north);
        let line = match wanted.control {
            Some(control) => Some(Line::bind(control, &at).await?),
            None => None,
        };
        let mut limits = Limits::default();
        make_room(&mut limits, 2);
        let way_to = |place: Place| line.as_ref().map_or(at[place], |line| line.way_to(place));
        let looked_on = |at: SocketAddr| {
            let watching = watching.clone()?;
            Some((Arc::new(watching) as Arc<dyn tap::Onlooker>, at))
        };
        let south_office = open(
            Place::South,
            wanted,
            way_to(Place::North),
            limits.clone(),
            looked_on(at_south),
        )?;
        let north_office = open(
            Place::North,
            wanted,
            way_to(Place::South),
            limits,
            looked_on(at_north),
        )?;
        drop(watching);
        let asked_to_stop = shutdown_signal();
        let control = line.as_ref().and_then(Line::control);
        if let Some(line) = line {
            line.carry();
        }
        serving(&Serving {
            addresses: PerPlace::new(at_south.into(), at_north.into()),
            appended: PerPlace::new(south_office.appended(), north_office.appended()),
            control,
        })?;

        let (stop, stopped) = watch::channel(());
        let until_stopped = |mut stopped: watch::Receiver<()>| async move {
            // The sender is gone when both are to stop.
            let _ = stopped.changed().await;
        };
        let serve = async |place, office: Server, listener, stopped| {
            office
                .serve(listener, until_stopped(stopped))
                .await
                .map_err(|error| Failure::Failed(format!("the {place} office stopped: {error}")))
        };
        let both = async {
            tokio::try_join!(
                serve(Place::South, south_office, south, stopped.clone()),
                serve(Place::North, north_office, north, stopped.clone()),
            )
        };
        let signal = async move {
            asked_to_stop.await;
            drop(stop);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = both => ended.map(|_| ()),
            () = signal => Ok(()),
        }
    }
}

async fn listener(address: &Address) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!("failed to listen on {address}: {error}"))
    };
    let mut found = lookup_host(address.to_string())
        .await
        .map_err(|error| failed(&error))?;
    let at = found
        .next()
        .ok_or_else(|| failed(&"the name has no address"))?;
    let listener = bind(at, false)
        .await
        .map_err(|error| Failure::Failed(error.replace("--listen", "--south or --north")))?;
    let at = listener.local_addr().map_err(|error| failed(&error))?;
    Ok((listener, at))
}

fn open(
    place: Place,
    wanted: &Wanted<'_>,
    peer: SocketAddr,
    limits: Limits,
    looked_on: Option<(Arc<dyn tap::Onlooker>, SocketAddr)>,
) -> Result<Server, Failure> {
    let directory = wanted.data.join(place.word());
    let storage = DiskStorage::create(&directory).map_err(|error| {
        Failure::Failed(format!("failed to create {}: {error}", directory.display()))
    })?;
    let identified = wanted
        .identities
        .of(place, &peer.to_string())
        .map_err(Failure::Failed)?;
    let setup = Setup {
        limits,
        seed: system_seed(),
        dial: Some(identified.dial),
        knowing: identified.knowing,
        played_speed: wanted.played_speed,
        telling: service::telling(&directory),
        looked_on,
        ..Setup::new(place, Arc::new(storage))
    };
    Server::open(setup).map_err(|error| Failure::Failed(error.to_string()))
}
