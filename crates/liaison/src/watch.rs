//! `liaison watch`: steps as they happen at both offices.

use std::time::Duration;

use clap::Args;
use client::{Awaited, Follow, Followed, Patience};
use office::Place;
use protocol::pb::ledger;
use tokio::sync::mpsc;
use words::Event;

use command::connect::{Connection, Offices, block_on, unreached};
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
                watchers.spawn(Watcher::new(&offices, place, &self, output, tell.clone()).run());
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
    output: Output,
    /// Where to begin; `None` for the ledger's end.
    after: Option<u64>,
    tell: mpsc::Sender<Told>,
    /// Whether it was said that the office is away, since it was last there.
    said: bool,
}

impl Watcher {
    fn new(
        offices: &Offices,
        place: Place,
        args: &WatchArgs,
        output: Output,
        tell: mpsc::Sender<Told>,
    ) -> Self {
        Self {
            offices: offices.clone(),
            place,
            line: args.line,
            output,
            after: args.after,
            tell,
            said: false,
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        let (connection, after) = self.begin().await?;
        let mut follow = Follow::new(connection.channel(), after, self.line, PATIENCE);
        loop {
            let followed = follow.next().await;
            match followed.map_err(|status| connection.refused("watch", status))? {
                Followed::Began => {
                    self.said = false;
                    let after = follow.after();
                    note(&format!("{}: watching after entry {after}", self.place));
                }
                Followed::Event(event) => {
                    if self.tell.send((self.place, *event)).await.is_err() {
                        return Ok(());
                    }
                }
                Followed::Lost(status) => {
                    let why = unreached(&status).unwrap_or_else(|| status.message().to_owned());
                    self.say_away(&why);
                }
            }
        }
    }

    /// A connection, and where to begin, as soon as the office is there.
    async fn begin(&mut self) -> Result<(Connection, u64), Failure> {
        let mut tries = PATIENCE.tries();
        loop {
            let refused = match self.look().await {
                Err(Failure::Refused(refused)) => refused,
                done => return done,
            };
            let Some(wait) = tries.wait_after(refused.status()) else {
                return Err(Failure::Refused(refused));
            };
            self.say_away(refused.message());
            tokio::time::sleep(wait).await;
        }
    }

    async fn look(&self) -> Result<(Connection, u64), Failure> {
        let connection = self.offices.dial(self.place).await?;
        connection.heed(self.output).await;
        if let Some(after) = self.after {
            return Ok((connection, after));
        }
        let request = connection.request(protocol::pb::office::GetOfficeRequest {});
        let outcome = connection.office().get_office(request).await;
        let office = connection.answer("read where the ledger ends", outcome)?;
        Ok((connection, office.ledger_sequence))
    }

    fn say_away(&mut self, why: &str) {
        if !self.said {
            note(&format!("{}: {why}; connecting again", self.place));
            self.said = true;
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
    output.text(&format!("{}\n", told.row(output.width())))
}
