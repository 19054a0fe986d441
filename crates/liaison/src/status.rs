//! `liaison status`: both offices and the line in one table.

use clap::Args;
use office::{PerPlace, Place};
use protocol::pb::office as pb;
use words::status::{self, Asked};

use command::connect::{Offices, block_on};
use command::failure::Failure;
use command::settings::{OfficesArgs, Settings};

const EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison status
  liaison status --output json

Marks are line sequences: appended is this office's last step, acknowledged what the peer has of them, settled what \
nothing can cross any more, received the peer's last step here. Exit code 78 only if neither office answers.

JSON: {\"south\": {\"address\", \"reachable\", \"office\" or \"error\"}, \"north\": …}; the office is \
liaison.office.v1.GetOfficeResponse.";

/// Show both offices and the line
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    offices: OfficesArgs,
}

impl StatusArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let (south, north) = block_on(async {
            Ok(tokio::join!(
                ask(&offices, Place::South),
                ask(&offices, Place::North)
            ))
        })?;
        let asked = |place: Place, told: &Result<pb::GetOfficeResponse, Failure>| Asked {
            address: offices.addresses[place].to_string(),
            told: told.as_ref().cloned().map_err(Failure::reason),
        };
        let both = PerPlace::new(asked(Place::South, &south), asked(Place::North, &north));
        settings.output.print(
            || status::table(&both, settings.output.width()),
            || status::to_json(&both),
        )?;
        match (south, north) {
            (Err(failure), Err(_)) => Err(failure),
            _ => Ok(()),
        }
    }
}

async fn ask(offices: &Offices, place: Place) -> Result<pb::GetOfficeResponse, Failure> {
    let connection = offices.dial(place).await?;
    let request = connection.request(pb::GetOfficeRequest {});
    let outcome = connection.office().get_office(request).await;
    connection.answer("read the office's state", outcome)
}
