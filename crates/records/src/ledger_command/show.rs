//! `liaison ledger show`: the ledger as a journal, one entry in full, or its bytes.

use clap::Args;
use jiff::tz::TimeZone;
use words::Line;
use words::style::{HEADING, styled};
use words::time::{self, Typed};

use super::bytes;
use crate::labels;
use crate::source::{self, Named, Range, Source};
use crate::zone;
use command::connect::block_on;
use command::failure::Failure;
use command::output::Output;
use command::settings::{OfficesArgs, Settings};

const EXAMPLES: &str = "\
A LEDGER is a directory, or a running office: south, north, or its address. Arrows: → this office's step, ← the \
peer's, · a note of the line's own.

Examples:
  liaison simulate kaesong-2018
  liaison ledger show liaison-data/kaesong-2018-1/south --limit 20
  liaison ledger show liaison-data/kaesong-2018-1/south --from 2018-11-02
  liaison ledger show liaison-data/kaesong-2018-1/south --sequence 5
  liaison ledger show liaison-data/kaesong-2018-1/south --sequence 5 --bytes

JSON: a line for each entry: {\"sequence\", \"recorded_at\", \"direction\", \"what\", \"name\", \"step\", \"parent\", \
\"authored_at\", \"request_id\", \"payload_type\", \"payload\", \"note\", \"line_hash\", \"chain\"}. The payload has the \
field names of proto/. With --bytes: an array of {\"offset\", \"depth\", \"bytes\", \"what\"} for each entry.";

/// Show a ledger as a journal, one entry in full, or every byte explained
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArgs {
    /// The ledger
    #[arg(value_parser = source::parse)]
    ledger: Named,

    /// Show this one entry in full
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "after", "limit"])]
    sequence: Option<u64>,

    /// Begin with the first entry recorded at or after this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_typed)]
    from: Option<Typed>,

    /// Begin after this sequence
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,

    /// Show at most so many entries
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Show the bytes, each explained: frame, tags, wire types, lengths, values
    #[arg(long)]
    bytes: bool,

    #[command(flatten)]
    offices: OfficesArgs,
}

impl ShowArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let output = settings.output;
        block_on(async {
            let source = Source::open(&self.ledger, &offices).await?;
            match (&self.ledger, &source) {
                _ if output.is_json() => {}
                (Named::Directory(path), _) => labels::heed(path),
                (_, Source::Running(office)) => office.heed(output).await,
                (_, Source::Disk(_)) => {}
            }
            let zone = zone::of(&self.offices.zone, &self.ledger)?;
            let from = self.from.map(|from| from.at(&zone)).transpose();
            let from = from.map_err(Failure::Usage)?;
            if let Some(sequence) = self.sequence {
                return self.entry(output, source.entry(sequence).await?, &zone);
            }
            let range = Range {
                after: self.after,
                from,
                limit: self.limit,
            };
            let mut journal = Journal::default();
            source
                .entries(range, |entry| {
                    if self.bytes {
                        self.entry(output, entry, &zone)
                    } else {
                        journal.show(output, &Line::new(entry).in_zone(zone.clone()))
                    }
                })
                .await
        })
    }

    fn entry(
        &self,
        output: Output,
        entry: protocol::pb::ledger::Entry,
        zone: &TimeZone,
    ) -> Result<(), Failure> {
        if self.bytes {
            return bytes::show(output, &self.ledger, &entry);
        }
        let line = Line::new(entry).in_zone(zone.clone());
        output.print(|| line.in_full(), || line.to_json())
    }
}

/// Rows under a heading for each day.
#[derive(Default)]
struct Journal {
    day: String,
}

impl Journal {
    fn show(&mut self, output: Output, line: &Line) -> Result<(), Failure> {
        if output.is_json() {
            return output.json_line(&line.to_json());
        }
        let day = line.day();
        if day != self.day {
            output.text(&format!("{}\n", styled(HEADING, &day)))?;
            self.day = day;
        }
        output.text(&format!("{}\n", line.row(output.width())))
    }
}
