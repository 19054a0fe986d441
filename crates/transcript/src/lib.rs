//! What a tap has heard, as it is told to people: a line or an object for each thing that happens, calls in a table, one call
//! byte by byte or as a diagram.
//!
//! **The decision.** Whoever shows a conversation, in a terminal or on a page, asks here how it reads, so that it reads the
//! same everywhere. Where there is no schema, the fields of a message have numbers in place of names.
//!
//! **The invariant.** Nothing that passed is left out without a word: what is not kept is told as cut, and what is not
//! understood by its bytes. No I/O, no clock.
//!
//! ```
//! use std::time::Duration;
//! use tap::{Event, Side, What};
//! use transcript::{Known, Manner, Transcript};
//!
//! let mut transcript = Transcript::new(Known::default(), Manner { json: false, frames: false }, None);
//! let event = Event { at: Duration::ZERO, from: Side::Client, stream: 0, what: What::Missing(12) };
//! let (told, _) = transcript.take(1, &event);
//! assert!(told[0].contains("12 B were not seen"));
//! ```

mod bytes;
mod call;
mod field_name;
mod frames;
mod known;
mod objects;
mod text;

use std::time::Duration;

use tap::{Call, Calls, Event};

pub use bytes::{FrameBytes, dump, dumped};
pub use call::{
    MethodAgain, code_name, diagram, end_words, in_full, methods_again, object, object_in_full,
    table,
};
pub use field_name::{FaultyFieldName, FieldName};
pub use known::Known;

/// How it is told.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// An object an event, and not a line.
    pub json: bool,
    /// Frames of HTTP/2, too.
    pub frames: bool,
}

/// Tells what happens.
#[derive(Debug)]
pub struct Transcript {
    known: Known,
    manner: Manner,
    calls: Calls,
}

impl Transcript {
    /// Of conversations whose messages are of `known`. With each call, as many bytes of its messages are kept as are said.
    pub fn new(known: Known, manner: Manner, kept_bytes_max: Option<usize>) -> Self {
        Self {
            known,
            manner,
            calls: Calls::new(kept_bytes_max),
        }
    }

    /// The lines that tell what has happened, and the call that is over by it.
    pub fn take(&mut self, connection: u64, event: &Event) -> (Vec<String>, Option<Box<Call>>) {
        let noted = self.calls.take(connection, event);
        let open = || self.calls.on(connection, event.stream);
        let named = noted.ended.as_deref().or_else(open).map(text::Named::of);
        let told = text::Told {
            connection,
            event,
            named: named.as_ref(),
            ended: noted.ended.as_deref(),
            known: &self.known,
            frames: self.manner.frames,
        };
        let lines = if self.manner.json {
            objects::of(&told)
                .into_iter()
                .map(|it| it.to_string())
                .collect()
        } else {
            told.lines()
        };
        (lines, noted.ended)
    }

    /// Takes what has happened without telling it; gives the call that is over by it.
    pub fn note(&mut self, connection: u64, event: &Event) -> Option<Box<Call>> {
        self.calls.take(connection, event).ended
    }

    /// From here on messages are known by this schema, before any other.
    pub fn know(&mut self, schema: template::Schema) {
        self.known.prefer(schema);
    }

    /// Whether it is told in objects.
    pub fn is_json(&self) -> bool {
        self.manner.json
    }

    /// A connection is over: the lines that tell it, and the calls that were open.
    pub fn close(&mut self, connection: u64, at: Duration) -> (Vec<String>, Vec<Box<Call>>) {
        let calls = self.calls.close(connection, at);
        let lines = if self.manner.json {
            let ended = calls.iter().map(|call| objects::ended(at, call));
            ended
                .chain([objects::closed(at, connection)])
                .map(|it| it.to_string())
                .collect()
        } else {
            let ended = calls.iter().map(|call| text::ended(at, call));
            ended.chain([text::closed(at, connection)]).collect()
        };
        (lines, calls)
    }

    /// A connection was opened.
    pub fn open(&self, connection: u64, at: Duration, client: &str, server: &str) -> String {
        if self.manner.json {
            objects::opened(at, connection, client, server).to_string()
        } else {
            text::opened(at, connection, client, server)
        }
    }

    /// What the messages are known by.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The calls that are open still.
    pub fn left(self) -> Vec<Box<Call>> {
        self.calls.left()
    }
}
