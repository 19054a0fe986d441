//! Both offices in this process: two servers, each with its own ledger and port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ledger::DiskStorage;
use office::{Limits, PerPlace, Place};
use server::{Server, Setup, TcpDial, system_seed};
use service::{bind, make_room, shutdown_signal};
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::watch;

use command::connect::Address;
use command::failure::Failure;

/// Starts both offices with their ledgers in `data/south` and `data/north`, calls `serving` with the addresses
/// once both listen, and returns after the drain that Ctrl-C or SIGTERM begins.
pub(super) fn run(
    data: &Path,
    listen: &PerPlace<Address>,
    serving: impl FnOnce(PerPlace<Address>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start the offices: {error}")))?;
    runtime.block_on(async {
        // Both listen before either dials, so that port 0 is known to the peer.
        let (south, at_south) = listener(&listen[Place::South]).await?;
        let (north, at_north) = listener(&listen[Place::North]).await?;
        let mut limits = Limits::default();
        make_room(&mut limits, 2);
        let south_office = open(Place::South, data, at_north, limits.clone())?;
        let north_office = open(Place::North, data, at_south, limits)?;
        let asked_to_stop = shutdown_signal();
        serving(PerPlace::new(at_south.into(), at_north.into()))?;

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
    })
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
    // Only a loopback address may be bound without TLS; for another there are `south` and `north`.
    let listener = bind(at, false)
        .await
        .map_err(|error| Failure::Failed(error.replace("--listen", "--south or --north")))?;
    let at = listener.local_addr().map_err(|error| failed(&error))?;
    Ok((listener, at))
}

fn open(place: Place, data: &Path, peer: SocketAddr, limits: Limits) -> Result<Server, Failure> {
    let directory = data.join(place.word());
    let storage = DiskStorage::create(&directory).map_err(|error| {
        Failure::Failed(format!("failed to create {}: {error}", directory.display()))
    })?;
    let setup = Setup {
        limits,
        seed: system_seed(),
        dial: Some(Arc::new(TcpDial::new(peer.to_string()))),
        ..Setup::new(place, Arc::new(storage))
    };
    Server::open(setup).map_err(|error| Failure::Failed(error.to_string()))
}
