//! `liaison inbox`: what waits for an officer of an office.

use clap::Args;
use client::{Noun, Waiting};
use command::connect::block_on;
use command::failure::Failure;
use command::listing::ListingArgs;
use command::output::note;
use command::settings::{OfficeArgs, Settings};
use words::inbox::{self, Row};

const EXAMPLES: &str = "\
In order of precedence, then of what is due: documents of the other office to acknowledge or refuse; its offers to \
counter, accept or decline; accepted meetings to convene; convened ones to close; its consultations to confirm. An own \
document whose receipt was refused is not among them, nor are the day's calls: see `liaison document list --state \
receipt-refused` and `liaison call`.

Examples (with `liaison up` running):
  liaison inbox
  liaison inbox --office north --limit 10
  liaison inbox --limit 0 --output json

JSON: an array of {\"name\", \"what\": \"document\", \"meeting\" or \"contact\", \"may\": [verb], \"precedence\", \"due\", \
\"since\", \"record\": liaison.office.v1.DocumentRecord, Meeting or ContactRecord}.";

/// Show what waits for an officer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InboxArgs {
    #[command(flatten)]
    listing: ListingArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

impl InboxArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let found = block_on(async {
            let connection = offices.dial(place).await?;
            connection.heed(settings.output).await;
            let (channel, most) = (connection.channel(), self.listing.most());
            client::inbox(channel, place, most, offices.timeout)
                .await
                .map_err(|status| connection.refused("list what waits", status))
        })?;
        let rows: Vec<Row> = found.waiting.iter().map(told).collect();
        settings.output.print(
            || inbox::table(&rows, settings.output.width()),
            || inbox::to_json(&rows),
        )?;
        if rows.is_empty() && !settings.output.is_json() {
            let other = place.peer();
            note(&format!(
                "nothing waits for an officer of the {place} office; of the other: liaison inbox --office {other}"
            ));
        }
        self.listing.tell_more(found.more);
        Ok(())
    }
}

fn told(waiting: &Waiting) -> Row {
    let Waiting {
        what,
        may,
        due,
        since,
    } = waiting;
    let row = match what {
        Noun::Document(record) => Row::document(record, may),
        Noun::Meeting(meeting) => Row::meeting(meeting, may),
        Noun::Contact(record) => Row::contact(record, may),
    };
    row.at(*due, *since)
}
