//! Whether the line is at rest.

use std::time::Duration;

use office::{PerPlace, Place};
use protocol::pb::office::office_service_client::OfficeServiceClient;
use protocol::pb::office::{GetOfficeRequest, GetOfficeResponse, Marks};
use tokio::time::{Instant, sleep};
use tonic::Status;
use tonic::transport::Channel;

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What was found of both offices.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// How far their ledgers are.
    pub sequences: PerPlace<u64>,
    /// Each has acknowledged all that the other has.
    pub is_quiet: bool,
}

/// Whether each office has acknowledged all that the other has.
pub fn is_quiet(south: &Marks, north: &Marks) -> bool {
    let rests = |own: &Marks, other: &Marks| {
        own.appended == own.acknowledged && own.appended == other.received
    };
    rests(south, north) && rests(north, south)
}

/// Waits until both are quiet, at most until `timeout` has passed; what was found last.
///
/// # Errors
/// The office that cannot be asked, and why.
pub async fn quiet(
    channels: &PerPlace<Channel>,
    timeout: Duration,
) -> Result<Quiet, (Place, Status)> {
    let end = Instant::now() + timeout;
    loop {
        let found = look(channels).await?;
        if found.is_quiet || Instant::now() >= end {
            return Ok(found);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// How far the ledgers of both are.
///
/// # Errors
/// The office that cannot be asked, and why.
pub async fn sequences(channels: &PerPlace<Channel>) -> Result<PerPlace<u64>, (Place, Status)> {
    Ok(look(channels).await?.sequences)
}

async fn look(channels: &PerPlace<Channel>) -> Result<Quiet, (Place, Status)> {
    let south = ask(channels, Place::South).await?;
    let north = ask(channels, Place::North).await?;
    let marks = |office: &GetOfficeResponse| office.marks.unwrap_or_default();
    Ok(Quiet {
        sequences: PerPlace::new(south.ledger_sequence, north.ledger_sequence),
        is_quiet: is_quiet(&marks(&south), &marks(&north)),
    })
}

async fn ask(
    channels: &PerPlace<Channel>,
    place: Place,
) -> Result<GetOfficeResponse, (Place, Status)> {
    let mut client = OfficeServiceClient::new(channels[place].clone());
    let answer = client.get_office(GetOfficeRequest {}).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| (place, status))
}
