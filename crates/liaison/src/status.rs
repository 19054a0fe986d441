//! `liaison status`: both offices and the line in one table.

use clap::Args;
use office::{PerPlace, Place};
use protocol::pb::office as pb;
use serde_json::{Value, json};
use words::figures::{bytes as bytes_words, thousands};
use words::table::Table;
use words::{json, time};

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

/// What an office tells of itself, or why it does not.
type Told = Result<pb::GetOfficeResponse, Failure>;

impl StatusArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let (south, north) = block_on(async {
            Ok(tokio::join!(
                ask(&offices, Place::South),
                ask(&offices, Place::North)
            ))
        })?;
        let told = [&south, &north];
        settings
            .output
            .print(|| render(&offices, told), || to_json(&offices, told))?;
        match (south, north) {
            (Err(failure), Err(_)) => Err(failure),
            _ => Ok(()),
        }
    }
}

async fn ask(offices: &Offices, place: Place) -> Told {
    let connection = offices.dial(place).await?;
    let request = connection.request(pb::GetOfficeRequest {});
    let outcome = connection.office().get_office(request).await;
    connection.answer("read the office's state", outcome)
}

/// A row of the table: what it is, and how to tell it of an office.
type Row = (&'static str, fn(&pb::GetOfficeResponse) -> String);

const ROWS: [Row; 19] = [
    ("connection to the peer", |office| {
        words::state(office.connection().as_str_name(), "CONNECTION_").to_owned()
    }),
    ("why it is not up", |office| {
        office.connection_reason.clone()
    }),
    ("why nothing is recorded", |office| {
        office.held_reason.clone()
    }),
    ("draining", |office| {
        if office.draining { "yes" } else { "no" }.to_owned()
    }),
    ("telephone line, as stated here", |office| {
        stated(office.telephone_line_here)
    }),
    ("telephone line, as the peer states", |office| {
        stated(office.telephone_line_there)
    }),
    ("appended", |office| mark(office, |marks| marks.appended)),
    ("acknowledged", |office| {
        mark(office, |marks| marks.acknowledged)
    }),
    ("settled", |office| mark(office, |marks| marks.settled)),
    ("received", |office| mark(office, |marks| marks.received)),
    ("ledger sequence", |office| {
        thousands(office.ledger_sequence)
    }),
    ("open meetings", |office| thousands(office.open_meetings)),
    ("queue depth", |office| thousands(office.queue_depth)),
    ("outbox", |office| bytes_words(office.outbox_bytes)),
    ("last sync took", |office| {
        time::duration_words_of(office.last_sync.as_ref())
    }),
    ("epoch", |office| office.epoch.to_string()),
    ("epoch of the peer", |office| office.peer_epoch.to_string()),
    ("line protocol", |office| {
        format!("{} to {}", office.version_min, office.version_max)
    }),
    ("software", |office| office.software_version.clone()),
];

fn mark(office: &pb::GetOfficeResponse, which: fn(&pb::Marks) -> u64) -> String {
    office
        .marks
        .as_ref()
        .map_or_else(|| "-".to_owned(), |marks| thousands(which(marks)))
}

fn stated(number: i32) -> String {
    match words::statement(number) {
        nothing if nothing.is_empty() => "-".to_owned(),
        statement => statement,
    }
}

fn render(offices: &Offices, told: [&Told; 2]) -> String {
    let mut table = Table::new(&["", "South", "North"]);
    let mut row = |name: &str, cells: [String; 2]| {
        let [south, north] = cells;
        table.row(vec![name.to_owned(), south, north]);
    };
    row(
        "address",
        Place::BOTH.map(|place| offices.addresses[place].to_string()),
    );
    row(
        "state",
        told.map(|told| match told {
            Ok(_) => "answers".to_owned(),
            Err(failure) => format!("not reachable: {}", reason(failure)),
        }),
    );
    for (name, tell) in ROWS {
        let cells = told.map(|told| told.as_ref().map(tell).unwrap_or_default());
        if cells.iter().any(|cell| !cell.is_empty()) {
            row(name, cells);
        }
    }
    table.render()
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Refused(refused) => refused.message().to_owned(),
        other => other.to_string(),
    }
}

fn to_json(offices: &Offices, told: [&Told; 2]) -> Value {
    let [south, north] = told;
    let told = PerPlace::new(south, north);
    let of = |place: Place| {
        let address = offices.addresses[place].to_string();
        match told[place] {
            Ok(office) => json!({
                "address": address,
                "reachable": true,
                "office": json::of("liaison.office.v1.GetOfficeResponse", office),
            }),
            Err(failure) => json!({
                "address": address,
                "reachable": false,
                "error": reason(failure),
            }),
        }
    };
    json!({"south": of(Place::South), "north": of(Place::North)})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offices() -> Offices {
        let address = |text: &str| text.parse().expect("an address");
        Offices {
            addresses: PerPlace::new(address("127.0.0.1:1"), address("127.0.0.1:2")),
            timeout: std::time::Duration::from_secs(1),
        }
    }

    #[test]
    fn an_office_that_does_not_answer_is_shown_as_such() {
        let south: Told = Ok(pb::GetOfficeResponse {
            connection: pb::Connection::Dialling.into(),
            outbox_bytes: 2_048,
            ..Default::default()
        });
        let north: Told = Err(Failure::Failed("connection refused".to_owned()));
        let text = render(&offices(), [&south, &north]);
        assert!(text.contains("not reachable: connection refused"), "{text}");
        assert!(
            text.contains("DIALLING") && text.contains("2.0 KiB"),
            "{text}"
        );
        let value = to_json(&offices(), [&south, &north]);
        assert_eq!(value["north"]["reachable"], false);
        assert_eq!(value["south"]["office"]["outbox_bytes"], 2_048);
    }
}
