//! The books of a run, with progress.

use std::cell::{Cell, RefCell};

use load::{Accounts, books};
use office::{PerPlace, Place};
use report::{Books, Breakdown};
use tonic::transport::Channel;
use words::figures::thousands;

use command::connect::Offices;
use command::failure::Failure;
use command::progress::Progress;

/// The ways to both offices.
pub(super) async fn channels(offices: &Offices) -> Result<PerPlace<Channel>, Failure> {
    let south = offices.dial(Place::South).await?.channel();
    let north = offices.dial(Place::North).await?.channel();
    Ok(PerPlace::new(south, north))
}

/// Makes up the books.
pub(super) async fn make_up(
    accounts: Accounts,
    channels: &PerPlace<Channel>,
    offices: &Offices,
) -> Result<(Books, Option<Breakdown>), Failure> {
    let progress = RefCell::new(Progress::start());
    let read = Cell::new(0);
    let on_entries = |entries: u64| {
        read.set(read.get() + entries);
        progress.borrow_mut().tell(|| {
            format!(
                "making up the books: {} entries read",
                thousands(read.get())
            )
        });
    };
    books::make_up(accounts, channels, offices.timeout, &on_entries)
        .await
        .map_err(|error| {
            Failure::Failed(format!(
                "the run is done, and its books cannot be made up: {error}"
            ))
        })
}
