//! Both offices and the line between them, side by side.

use office::{PerPlace, Place};
use protocol::pb::office as pb;
use serde_json::{Value, json};

use crate::figures::{bytes as bytes_words, thousands};
use crate::table::Table;
use crate::{json, nouns, time};

/// An office that was asked how it is.
#[derive(Debug)]
pub struct Asked {
    /// Where.
    pub address: String,
    /// What it tells of itself, or why it does not.
    pub told: Result<pb::GetOfficeResponse, String>,
}

/// Both offices in one table, at most `width` columns wide.
pub fn table(asked: &PerPlace<Asked>, width: usize) -> String {
    let mut table = Table::new(&["", "South", "North"]);
    let mut row = |name: &str, tell: &dyn Fn(&Asked) -> String| {
        let cells = Place::BOTH.map(|place| tell(&asked[place]));
        if cells.iter().any(|cell| !cell.is_empty()) {
            let [south, north] = cells;
            table.row(vec![name.to_owned(), south, north]);
        }
    };
    row("address", &|office| office.address.clone());
    row("state", &|office| match &office.told {
        Ok(_) => "answers".to_owned(),
        Err(why) => format!("not reachable: {why}"),
    });
    for (name, tell) in ROWS {
        row(name, &|office| {
            office.told.as_ref().map(tell).unwrap_or_default()
        });
    }
    table.render(width)
}

/// Both offices as JSON.
pub fn to_json(asked: &PerPlace<Asked>) -> Value {
    let of = |place: Place| {
        let Asked { address, told } = &asked[place];
        match told {
            Ok(office) => json!({
                "address": address,
                "reachable": true,
                "office": json::of("liaison.office.v1.GetOfficeResponse", office),
            }),
            Err(why) => json!({"address": address, "reachable": false, "error": why}),
        }
    };
    json!({"south": of(Place::South), "north": of(Place::North)})
}

/// A row of the table: what it is, and how to tell it of an office.
type Row = (&'static str, fn(&pb::GetOfficeResponse) -> String);

const ROWS: [Row; 29] = [
    ("connection to the peer", |office| {
        nouns::state(office.connection().as_str_name(), "CONNECTION_").to_owned()
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
    ("a scenario is played", |office| match office.played_speed {
        0 => String::new(),
        times => format!("{} times as fast", thousands(times.into())),
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
    ("ledger on disk", |office| bytes_words(office.ledger_bytes)),
    ("documents", |office| thousands(office.documents)),
    ("contacts", |office| thousands(office.contacts)),
    ("calls", |office| thousands(office.calls)),
    ("open meetings", |office| thousands(office.open_meetings)),
    ("queue depth", |office| thousands(office.queue_depth)),
    ("outbox", |office| bytes_words(office.outbox_bytes)),
    ("oldest unacknowledged step", |office| {
        time::office_words_of(office.oldest_unacknowledged.as_ref())
    }),
    ("refused since it began", |office| {
        let told = office
            .refusals
            .iter()
            .map(|it| format!("{} {}", thousands(it.count), it.reason));
        told.collect::<Vec<_>>().join(", ")
    }),
    ("last sync took", |office| {
        time::duration_words_of(office.last_sync.as_ref())
    }),
    ("entries of it", |office| {
        thousands(office.last_sync_entries)
    }),
    ("epoch", |office| office.epoch.to_string()),
    ("epoch of the peer", |office| office.peer_epoch.to_string()),
    ("line protocol", |office| {
        format!("{} to {}", office.version_min, office.version_max)
    }),
    ("identity", |office| office.identity.clone()),
    ("identity until", |office| {
        time::office_words_of(office.identity_until.as_ref())
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
    match nouns::statement(number) {
        nothing if nothing.is_empty() => "-".to_owned(),
        statement => statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_that_does_not_answer_is_shown_as_such() {
        let south = Asked {
            address: "127.0.0.1:1".to_owned(),
            told: Ok(pb::GetOfficeResponse {
                connection: pb::Connection::Dialling.into(),
                outbox_bytes: 2_048,
                ..Default::default()
            }),
        };
        let north = Asked {
            address: "127.0.0.1:2".to_owned(),
            told: Err("connection refused".to_owned()),
        };
        let asked = PerPlace::new(south, north);
        let text = table(&asked, crate::table::WIDTH_MAX);
        assert!(text.contains("not reachable: connection refused"), "{text}");
        assert!(
            text.contains("DIALLING") && text.contains("2.0 KiB"),
            "{text}"
        );
        let value = to_json(&asked);
        assert_eq!(value["north"]["reachable"], false);
        assert_eq!(value["south"]["office"]["outbox_bytes"], 2_048);
    }
}
