//! `liaison watch`: steps as they happen at both offices.

use std::time::Duration;

use clap::Args;
use client::{Awaited, Patience};
use office::Place;
use protocol::pb::ledger;
use tokio::sync::mpsc;
use tonic::{Request, Status};
use words::Event;
use words::table::WIDTH_MAX;

use command::connect::{Offices, block_on};
use command::failure::Failure;
use command::flags::OfficeWord;
use command::output::{Output, note};
use command::settings::{OfficesArgs, Settings};

const PATIENCE: Patience = Patience {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(5),
    awaited: Awaited::Nothing,
};
/// Told and not printed yet; then the office waits for us.
const QUEUE: usize = 256;

const EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison watch
  liaison watch --line
  liaison watch --office south --after 0 --output json

Arrows: → this office's step, ← the peer's, · a note of the line's own (with --line), ~ on the line. It connects \
again when an office goes away, and misses nothing. Ctrl-C ends it.

JSON: a line for each: {\"office\", \"entry\": as `liaison ledger show` prints it} or {\"office\", \"line_event\": \
liaison.line.v1.LineEvent}.";

/// Show steps as they happen
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Show also what happens on the line: hello, parcels, acknowledgements, resets, backoff
    #[arg(long)]
    line: bool,

    /// Watch this office only [default: both]
    #[arg(
        long,
        value_enum,
        value_name = "south|north",
        hide_possible_values = true
    )]
    office: Option<OfficeWord>,

    /// Begin after this sequence of the ledger; 0 is its beginning [default: its end]
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,

    #[command(flatten)]
    offices: OfficesArgs,
}

/// Something told by one office.
type Told = (Place, ledger::watch_entries_response::Event);

impl WatchArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let output = settings.output;
        let places = match self.office {
            Some(word) => vec![word.place()],
            None => Place::BOTH.to_vec(),
        };
        block_on(async {
            let (tell, mut told) = mpsc::channel(QUEUE);
            let mut watchers = tokio::task::JoinSet::new();
            for place in places {
                watchers.spawn(Watcher::new(&offices, place, &self, tell.clone()).run());
            }
            drop(tell);
            loop {
                tokio::select! {
                    Some(told) = told.recv() => show(output, self.line, told)?,
                    Some(ended) = watchers.join_next() => {
                        ended.map_err(|error| Failure::Failed(format!("failed to watch: {error}")))??;
                    }
                    else => return Ok(()),
                }
            }
        })
    }
}

/// Follows one office, through any number of connections.
struct Watcher {
    offices: Offices,
    place: Place,
    line: bool,
    /// The last sequence told; `None` until it is known where to begin.
    after: Option<u64>,
    tell: mpsc::Sender<Told>,
}

impl Watcher {
    fn new(offices: &Offices, place: Place, args: &WatchArgs, tell: mpsc::Sender<Told>) -> Self {
        Self {
            offices: offices.clone(),
            place,
            line: args.line,
            after: args.after,
            tell,
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        let mut tries = PATIENCE.tries();
        let mut said = false;
        loop {
            let before = self.after;
            let refused = match self.follow().await {
                Ok(()) => return Ok(()),
                Err(Failure::Refused(refused)) => refused,
                Err(failure) => return Err(failure),
            };
            if self.after != before {
                (tries, said) = (PATIENCE.tries(), false);
            }
            let Some(wait) = tries.wait_after(refused.status()) else {
                return Err(Failure::Refused(refused));
            };
            if !said {
                let why = refused.message();
                note(&format!("{}: {why}; connecting again", self.place));
                said = true;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Follows one connection until it ends. `Ok` when nobody listens any more.
    async fn follow(&mut self) -> Result<(), Failure> {
        let connection = self.offices.dial(self.place).await?;
        let after = if let Some(after) = self.after {
            after
        } else {
            let request = connection.request(protocol::pb::office::GetOfficeRequest {});
            let outcome = connection.office().get_office(request).await;
            let office = connection.answer("read where the ledger ends", outcome)?;
            office.ledger_sequence
        };
        self.after = Some(after);
        // No deadline: a watch has no end.
        let request = Request::new(ledger::WatchEntriesRequest {
            after_sequence: after,
            line_events: self.line,
        });
        let outcome = connection.ledger().watch_entries(request).await;
        let mut events = connection.answer("watch", outcome)?;
        note(&format!("{}: watching after entry {after}", self.place));
        loop {
            let message = events.message().await;
            let message = message.map_err(|status| connection.refused("watch", status))?;
            let Some(message) = message else {
                let status = Status::unavailable("the office ended the watch");
                return Err(connection.refused("watch", status));
            };
            let Some(event) = message.event else { continue };
            if let ledger::watch_entries_response::Event::Entry(entry) = &event {
                self.after = Some(entry.sequence);
            }
            if self.tell.send((self.place, event)).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn show(output: Output, with_line: bool, (place, event): Told) -> Result<(), Failure> {
    let told = match event {
        ledger::watch_entries_response::Event::Entry(entry) => Event::entry(place, entry),
        ledger::watch_entries_response::Event::LineEvent(event) => Event::line(place, event),
    };
    if told.is_note() && !with_line {
        return Ok(());
    }
    if output.is_json() {
        return output.json_line(&told.to_json());
    }
    output.text(&format!("{}\n", told.row(WIDTH_MAX)))
}
