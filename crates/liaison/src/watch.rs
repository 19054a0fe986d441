//! `liaison watch`: steps as they happen at both offices.

use std::time::Duration;

use clap::Args;
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

const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
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
        let mut backoff = BACKOFF_MIN;
        let mut said = false;
        loop {
            let before = self.after;
            let failure = match self.follow().await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if !passes(&failure) {
                return Err(failure);
            }
            if self.after != before {
                (backoff, said) = (BACKOFF_MIN, false);
            }
            if !said {
                note(&format!(
                    "{}: {}; connecting again",
                    self.place,
                    failure.reason()
                ));
                said = true;
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
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

/// Whether it helps to connect again.
fn passes(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refused) if client::may_pass(refused.status(), client::Awaited::Nothing))
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

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use words::Refused;

    #[test]
    fn only_what_passes_is_tried_again() {
        let refused = |code| {
            Failure::Refused(Box::new(Refused::new(
                "watch",
                "the south office",
                Status::new(code, ""),
            )))
        };
        assert!(passes(&refused(Code::Unavailable)));
        assert!(passes(&refused(Code::ResourceExhausted)));
        assert!(!passes(&refused(Code::InvalidArgument)));
        assert!(!passes(&Failure::Interrupted));
    }
}
