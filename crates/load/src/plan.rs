//! Plans: which calls an arrival makes, in which order, with which messages.
//!
//! A plan is a mix of workflows; a workflow is steps, one call each. Everything that could be wrong is found when the plan
//! is read, with its line and column, and all of it at once.

mod data;
mod name;
mod pick;
mod read;
mod shipped;
mod single;
mod step;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use office::Place;

pub use shipped::{shipped, shipped_text};
pub use single::Single;

use self::step::header_of;
use template::Keep;
use template::Method;
use template::{Csv, Draw, Scope, Template, TemplateError, TemplateMistake, Text};

/// What each arrival does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The name: lower-case letters, digits and hyphens; or the method, of a plan of a single call.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// What an arrival may do; one or more.
    pub workflows: Vec<Workflow>,
    /// Whether it is for a pair of offices: its steps say at which of them they are called.
    pub is_for_offices: bool,
    /// The rows that its placeholders take.
    csv: Option<Arc<Csv>>,
}

/// Calls that one arrival makes, one after the other.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The name, unique in the plan.
    pub name: String,
    /// What it stands for in a recorded timeline: `document`, `meeting`, `contact` or `call`.
    pub kind: Option<String>,
    /// How many of each round of the mix it makes.
    pub weight: u64,
    /// Which office begins it.
    pub from: Sender,
    /// The calls; one or more.
    pub steps: Vec<Step>,
    /// How many values it keeps.
    pub slots: usize,
}

/// The office that begins a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// South.
    South,
    /// North.
    North,
    /// One or the other, drawn by the seed.
    Either,
}

/// Where a step is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At the one target there is.
    Target,
    /// At the office that begins the workflow.
    Sender,
    /// At the other office.
    Peer,
    /// At South.
    South,
    /// At North.
    North,
}

/// One call of a workflow.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name, unique in the workflow.
    pub name: String,
    /// Where it is called.
    pub at: At,
    /// The method.
    pub method: Method,
    /// The messages of a stream, from the first again after the last; or the one message.
    pub data: Vec<Template>,
    /// The values kept of its answer (of a stream: of its last), each with its slot.
    pub keeps: Vec<(usize, Keep)>,
    /// What is sent beside the message.
    pub metadata: Vec<(HeaderName, Text)>,
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// Codes that may pass: the call is tried again.
    pub retry: Vec<tonic::Code>,
    /// For how long it is tried again.
    pub retry_for: Duration,
    /// How long is waited before it: a draw from `start` to `end`, both included.
    pub pause: Range<Duration>,
    /// How many messages are sent on a stream; 1 where one is sent.
    pub messages: u32,
    /// After so many messages a stream that only receives is ended, and has come to a good end.
    pub receive_max: Option<u32>,
    /// After so long a stream is ended, and has come to a good end.
    pub stream_for: Option<Duration>,
    /// The time from one of these messages to the next; 0: at once.
    pub every: Duration,
    /// Whether the k-th answer of a stream belongs to its k-th message.
    pub one_to_one: bool,
    place: u64,
}

/// Where the draws of a step's pause are; its placeholders count from there.
const PLACES_PER_STEP: u64 = 1 << 32;
/// Of these, what one more entry of metadata may draw.
const PLACES_PER_HEADER: u64 = 1 << 10;
/// The place of what is drawn for a whole arrival; those of steps count from 1 step on.
const ARRIVAL_PLACE: u64 = 0;

impl Sender {
    /// The office that begins the arrival `index`.
    pub fn drawn(self, seed: u64, index: u64) -> Place {
        match self {
            Self::South => Place::South,
            Self::North => Place::North,
            Self::Either if Draw::new(&[seed, index, 0, ARRIVAL_PLACE]).word() & 1 == 0 => {
                Place::South
            }
            Self::Either => Place::North,
        }
    }
}

impl At {
    /// The office where a step is called that `sender` has begun; `None` if there is one target only.
    pub fn place(self, sender: Place) -> Option<Place> {
        match self {
            Self::Target => None,
            Self::Sender => Some(sender),
            Self::Peer => Some(sender.peer()),
            Self::South => Some(Place::South),
            Self::North => Some(Place::North),
        }
    }
}

impl Plan {
    /// Sends this beside every message. `name` is in lower-case letters; `text` may have placeholders.
    pub fn add_metadata(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let header = header_of(name).ok_or_else(|| no_header(name))?;
        for workflow in &mut self.workflows {
            for step in &mut workflow.steps {
                let scope = Scope::new(self.csv.clone());
                // Behind those that the step itself draws.
                let drawn = step.metadata.len() as u64;
                scope.begin_at(step.place + PLACES_PER_STEP - (drawn + 1) * PLACES_PER_HEADER);
                let text = Text::compile(text, &scope)?;
                step.metadata.push((header.clone(), text));
            }
        }
        Ok(())
    }
}

fn no_header(name: &str) -> TemplateError {
    TemplateError::Mistakes {
        mistakes: vec![TemplateMistake {
            path: name.to_owned(),
            message: format!("`{name}` is no key for metadata"),
            remedy: "write lower-case letters, digits, `-`, `_` and `.`, and no name that gRPC uses itself".to_owned(),
        }],
    }
}

impl Step {
    /// The message of this number, from 0.
    pub fn template(&self, message: u64) -> &Template {
        let count = self.data.len().max(1) as u64;
        &self.data[(message % count) as usize]
    }

    /// How long the arrival `index` waits before this step.
    pub fn pause_of(&self, seed: u64, index: u64) -> Duration {
        let (start, end) = (self.pause.start.as_nanos(), self.pause.end.as_nanos());
        if end <= start {
            return self.pause.start;
        }
        // At most a hundred days, which is far below what 64 bits hold.
        let drawn = Draw::new(&[seed, index, 0, self.place]).within(start as u64..=end as u64);
        Duration::from_nanos(drawn)
    }

    /// Whether a repeat of this call can be told by its request id.
    pub fn uses_request_id(&self) -> bool {
        self.data.iter().any(Template::uses_request_id)
            || self.metadata.iter().any(|(_, text)| text.uses_request_id())
    }
}
