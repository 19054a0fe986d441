//! What was recorded, whoever has recorded it.

use crate::binary_log::{BinaryLog, BinaryLogFault};
use crate::capture::{Capture, CaptureFault};
use crate::conversation::Bounds;
use crate::event::Event;
use crate::passed::{Listening, Passed, Passing};

/// Bytes by which a recording is told from others.
const FIRST_BYTES: usize = 4;

/// What is told of a recording.
#[derive(Debug)]
pub enum Told<'a> {
    /// Something has passed, in a capture of packets.
    Passed(Passed<'a>),
    /// Something has happened on a connection.
    Event(u64, Event),
    /// A connection is over.
    Over(u64, std::time::Duration),
}

/// Why a recording cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingFault {
    /// Of packets.
    #[error(transparent)]
    Capture(#[from] CaptureFault),
    /// Of a library of gRPC.
    #[error(transparent)]
    BinaryLog(#[from] BinaryLogFault),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
}

/// Reads pcapng, pcap and binary logs, in whatever pieces they come.
#[derive(Debug)]
pub struct Recording {
    first: Vec<u8>,
    source: Option<Source>,
    listening: Listening,
}

#[derive(Debug)]
enum Source {
    Capture(Box<Capture>),
    BinaryLog(BinaryLog),
}

impl Recording {
    /// Of which so much is kept at most.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            first: Vec::new(),
            source: None,
            listening: Listening::new(bounds),
        }
    }

    /// When it began, in nanoseconds since 1970.
    pub fn began(&self) -> Option<u128> {
        match self.source.as_ref()? {
            Source::Capture(capture) => capture.began(),
            Source::BinaryLog(log) => log.began(),
        }
    }

    /// Packets that were no TCP over IP.
    pub fn passed_over(&self) -> u64 {
        match &self.source {
            Some(Source::Capture(capture)) => capture.passed_over(),
            _ => 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// It is no recording, or damaged.
    pub fn take(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(Told<'_>),
    ) -> Result<(), RecordingFault> {
        let first;
        let bytes = if self.source.is_none() {
            self.first.extend_from_slice(bytes);
            if self.first.len() < FIRST_BYTES {
                return Ok(());
            }
            first = std::mem::take(&mut self.first);
            self.source = Some(if Capture::is_begun_by(&first) {
                Source::Capture(Box::default())
            } else {
                Source::BinaryLog(BinaryLog::default())
            });
            &first[..]
        } else {
            bytes
        };
        match &mut self.source {
            Some(Source::Capture(capture)) => {
                let listening = &mut self.listening;
                capture.take(bytes, |passed| hear(listening, passed, each))?;
            }
            Some(Source::BinaryLog(log)) => {
                log.take(bytes, |call, event| each(Told::Event(call, event)))?;
            }
            None => {}
        }
        Ok(())
    }

    /// It is at its end: what is left is told.
    ///
    /// # Errors
    /// It ends too early.
    pub fn end(&mut self, each: &mut impl FnMut(Told<'_>)) -> Result<(), RecordingFault> {
        match &mut self.source {
            Some(Source::Capture(capture)) => {
                let listening = &mut self.listening;
                capture.end(|passed| hear(listening, passed, each))?;
            }
            Some(Source::BinaryLog(log)) => log.end()?,
            None if self.first.is_empty() => return Err(RecordingFault::Empty),
            None => return Err(CaptureFault::NoCapture.into()),
        }
        Ok(())
    }
}

fn hear(listening: &mut Listening, passed: Passed<'_>, each: &mut impl FnMut(Told<'_>)) {
    each(Told::Passed(passed));
    let connection = passed.connection;
    let is_open = listening.take(passed, &mut |event| each(Told::Event(connection, event)));
    if !is_open && !matches!(passed.what, Passing::Opened(..)) {
        each(Told::Over(connection, passed.at));
    }
}
