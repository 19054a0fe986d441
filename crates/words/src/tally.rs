//! The counts, as the ministry told them.

use office::officer::Rank;
use protocol::pb::ledger as pb;
use serde_json::Value;

use crate::figures::thousands;
use crate::labels;
use crate::style::{FAINT, HEADING, styled};
use crate::table::Table;

/// How wide the names of counts are, unless they are wider.
const NAMES_COLUMNS: usize = 46;

/// Counts under a day, a Monday, a kind or an office.
pub type Row = (String, pb::Tally);

/// A tally as JSON, in the shape that is a contract.
pub fn to_json(tally: &pb::Tally) -> Value {
    crate::json::of("liaison.ledger.v1.Tally", &whole(tally))
}

/// With the counts of nothing where there are none.
fn whole(tally: &pb::Tally) -> pb::Tally {
    let mut contacts = tally.contacts.unwrap_or_default();
    contacts.meetings.get_or_insert_default();
    contacts.consultations.get_or_insert_default();
    pb::Tally {
        contacts: Some(contacts),
        ..*tally
    }
}

/// The counts, a line each.
pub fn lines(tally: &pb::Tally) -> String {
    let contacts = tally.contacts.unwrap_or_default();
    let meetings = contacts.meetings.unwrap_or_default();
    let consultations = contacts.consultations.unwrap_or_default();
    let lines = [
        (0, "rounds of contact", contacts.total),
        (1, "meetings", meetings.total),
        (
            2,
            "among government officials of both sides",
            meetings.government_officials,
        ),
        (2, "working-level talks", meetings.working_level),
        (2, "between chiefs and deputy chiefs", meetings.chiefs),
        (1, "regular consultations", consultations.regular),
        (1, "consultations on demand", consultations.on_demand),
        (1, "of no stated kind (unspecified)", contacts.unspecified),
        (0, "on top of them, messages or documents", tally.documents),
        (0, "exchanges: contacts and documents", tally.exchanges),
        (0, "beside them, calls", tally.calls),
    ];
    let names: Vec<String> = lines
        .iter()
        .map(|(depth, what, _)| format!("{}{what}{}", "  ".repeat(*depth), called(what)))
        .collect();
    let widths = names.iter().map(|name| name.chars().count() + 1);
    let width = widths.max().unwrap_or(0).max(NAMES_COLUMNS);
    lines
        .iter()
        .zip(names)
        .map(|((depth, _, count), name)| {
            let line = format!("{name:<width$}{:>9}", thousands(*count));
            match depth {
                0 => styled(HEADING, &line) + "\n",
                _ => line + "\n",
            }
        })
        .collect()
}

/// What the ranks are called that a line names, if they have labels.
fn called(what: &str) -> String {
    let ranks: &[Rank] = match what {
        "among government officials of both sides" => &[Rank::GovernmentOfficial],
        "working-level talks" => &[Rank::WorkingLevelOfficial],
        "between chiefs and deputy chiefs" => &[Rank::Chief, Rank::DeputyChief],
        _ => &[],
    };
    let labels = ranks
        .iter()
        .filter_map(|rank| labels::labelled(None, *rank));
    let labels: Vec<String> = labels.collect();
    match &labels[..] {
        [] => String::new(),
        labels => format!(" ({})", labels.join(", ")),
    }
}

/// The counts broken down, a row for each key under `heading`, and their sum; at most `width` columns wide.
pub fn table(heading: &'static str, rows: &[Row], sum: &pb::Tally, width: usize) -> String {
    let mut table = Table::new(&[
        heading,
        ">contacts",
        ">meetings",
        ">regular",
        ">on demand",
        ">unspecified",
        ">documents",
        ">exchanges",
        ">calls",
    ]);
    let sum = [("total".to_owned(), *sum)];
    for (key, tally) in rows.iter().chain(&sum) {
        let contacts = tally.contacts.unwrap_or_default();
        let consultations = contacts.consultations.unwrap_or_default();
        let counts = [
            contacts.total,
            contacts.meetings.unwrap_or_default().total,
            consultations.regular,
            consultations.on_demand,
            contacts.unspecified,
            tally.documents,
            tally.exchanges,
            tally.calls,
        ];
        let cells = counts.iter().map(|count| thousands(*count));
        table.row(std::iter::once(key.clone()).chain(cells).collect());
    }
    table.render(width)
}

/// The counts broken down by kind: one count a row, and the exchanges below; at most `width` columns wide.
pub fn kinds(rows: &[Row], sum: &pb::Tally, width: usize) -> String {
    let mut table = Table::new(&["kind", ">count"]);
    for (key, tally) in rows {
        table.row(vec![key.clone(), thousands(tally.exchanges + tally.calls)]);
    }
    let note = format!("exchanges {}", thousands(sum.exchanges));
    table.render(width) + &styled(FAINT, &note) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_contract() {
        let tally = pb::Tally {
            documents: 1,
            exchanges: 1,
            ..pb::Tally::default()
        };
        let text = "{\"contacts\":{\"total\":0,\"meetings\":{\"total\":0,\"government_officials\":0,\
                    \"working_level\":0,\"chiefs\":0},\"consultations\":{\"regular\":0,\"on_demand\":0},\
                    \"unspecified\":0},\"documents\":1,\"calls\":0,\"exchanges\":1}";
        assert_eq!(to_json(&tally).to_string(), text);
    }
}
