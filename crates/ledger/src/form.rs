//! The ledger's entries, as the journal is told of them.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use jiff::Timestamp;
use journal::{Covered, DurablePoint, FaultyFrame, Form, JournalError, Link};
use office::Place;
use office::line::LineHash;
use prost::Message;
use protocol::pb::ledger as pb;

use crate::codec::{INBOUND, OUTBOUND, covered_by_line_hash, put_durable, put_step, take_step};
use crate::entry::{Entry, FORMAT_VERSION, Parcel, Record, without_chain};
use crate::error::LedgerError;

/// The longest body: a line message of the greatest size, and room for what stands around it in an entry.
pub const BODY_BYTES_MAX: usize = 17 * 1024 * 1024 + 1024;

/// The first format whose chain leaves out what a line hash covers.
const LEAVES_OUT_SINCE: u32 = 2;

/// Encoded `liaison.ledger.v1.Entry`s, whose last field is the chain; and what they say of the ledger itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerForm {
    /// Whose ledger it is.
    pub(crate) place: Option<Place>,
    /// The format that it began with; none before its opening is read.
    format: Option<u32>,
    /// Of the office whose ledger it is.
    epoch: u64,
    /// How far the steps have come that were read: this office's, and its peer's.
    lines: [Line; 2],
}

/// How far the steps of one office have come.
#[derive(Debug, Clone, Copy)]
struct Line {
    sequence: u64,
    /// The line hash there; none where the step is not found that a snapshot counts last.
    hash: Option<LineHash>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            sequence: 0,
            hash: Some(LineHash::ZERO),
        }
    }
}

/// Whose step an entry is, as a place among the lines, if it is one.
fn step_in(record: &Record) -> Option<(usize, &Parcel)> {
    match record {
        Record::Outbound(parcel) => Some((0, parcel)),
        Record::Inbound(parcel) => Some((1, parcel)),
        _ => None,
    }
}

impl LedgerForm {
    /// That of a ledger which began in `format`.
    pub(crate) fn of_format(format: u32) -> Self {
        Self {
            format: Some(format),
            ..Self::default()
        }
    }

    /// The format that the ledger began with; the newest if it begins here.
    pub(crate) fn format(&self) -> u32 {
        self.format.unwrap_or(FORMAT_VERSION)
    }

    /// Whether the chain leaves out what a line hash covers.
    fn leaves_out(&self) -> bool {
        self.format() >= LEAVES_OUT_SINCE
    }
}

/// How far the steps of both offices, and the time, have come by an entry.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Own steps.
    pub(crate) outbound: u64,
    /// The peer's steps.
    pub(crate) inbound: u64,
    /// The latest recording time.
    pub(crate) latest: Timestamp,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            outbound: 0,
            inbound: 0,
            latest: Timestamp::MIN,
        }
    }
}

impl Form for LedgerForm {
    type Entry = Entry;
    type Content<'a> = (Timestamp, &'a Record);
    type Mark = Progress;
    type Error = LedgerError;

    const NOUN: &'static str = "ledger";
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    // The sequence: tag 1, a varint.
    const BODY_BEGIN: u8 = 0x08;
    // The chain: tag 15, length-delimited, 32 bytes.
    const CHAIN_KEY: [u8; 2] = [0x7a, 32];

    #[inline]
    fn encode(
        &self,
        body: &mut BytesMut,
        sequence: u64,
        (recorded_at, record): (Timestamp, &Record),
        durable: Option<DurablePoint>,
    ) {
        match record {
            Record::Outbound(parcel) => put_step(body, sequence, recorded_at, OUTBOUND, parcel),
            Record::Inbound(parcel) => put_step(body, sequence, recorded_at, INBOUND, parcel),
            _ => without_chain(sequence, recorded_at, record, None)
                .encode(body)
                .expect("a BytesMut grows"),
        }
        if let Some(durable) = durable {
            put_durable(body, durable);
        }
    }

    /// Envelope and payload are slices of the body.
    fn decode(body: Bytes) -> Result<Entry, FaultyFrame> {
        if let Some(entry) = take_step(&body) {
            return Ok(entry);
        }
        let entry = pb::Entry::decode(body)
            .map_err(|error| FaultyFrame::new(format!("the entry cannot be read: {error}")))?;
        Entry::from_pb(entry)
    }

    /// All of it; since format 2 all but the envelope and the payload of a step. Its line hash, which is hashed, covers
    /// those, so that a writer hashes nothing twice; whoever opens or verifies a ledger holds them against it.
    fn hashed<'a>(&self, body: &'a [u8]) -> [&'a [u8]; 2] {
        if !self.leaves_out() {
            return [body, &[]];
        }
        match covered_by_line_hash(body) {
            Some(covered) => [&body[..covered.start], &body[covered.end..]],
            None => [body, &[]],
        }
    }

    /// The envelope and the payload of a step are held against its line hash.
    fn follow(&mut self, entry: &Entry, checks: bool) -> Result<(), String> {
        let Some((line, parcel)) = step_in(&entry.record) else {
            return Ok(());
        };
        let before = self.lines[line];
        let sequence = before.sequence + 1;
        if let Some(before) = before.hash.filter(|_| checks && self.leaves_out())
            && before.next(sequence, &parcel.envelope, &parcel.payload) != parcel.hash
        {
            return Err("the line hash does not hold".to_owned());
        }
        let hash = Some(parcel.hash);
        self.lines[line] = Line { sequence, hash };
        Ok(())
    }

    /// The line hashes of the last steps are what the next ones are held against.
    fn go_on_behind(
        &mut self,
        counted: &Progress,
        covered: &Covered<'_, Progress>,
    ) -> Result<(), JournalError> {
        if !self.leaves_out() {
            return Ok(());
        }
        for line in 0..self.lines.len() {
            let steps = |progress: &Progress| [progress.outbound, progress.inbound][line];
            let sequence = steps(counted);
            let mut hash = (sequence == 0).then_some(LineHash::ZERO);
            if sequence > 0 {
                let last_behind = |before: &Progress| steps(before) < sequence;
                covered.stretch::<Self>(last_behind, |entry| match step_in(&entry.record) {
                    Some((found, parcel)) if found == line => hash = Some(parcel.hash),
                    _ => {}
                })?;
            }
            self.lines[line] = Line { sequence, hash };
        }
        Ok(())
    }

    fn otherwise(&self) -> Option<Self> {
        let lost = self.format.is_none();
        lost.then(|| Self::of_format(LEAVES_OUT_SINCE - 1))
    }

    fn link(entry: &Entry) -> Link {
        Link {
            sequence: entry.sequence,
            durable: entry.durable,
            chain: entry.chain,
        }
    }

    fn content(entry: &Entry) -> (Timestamp, &Record) {
        (entry.recorded_at, &entry.record)
    }

    fn kept_bytes(entry: &Entry) -> usize {
        match &entry.record {
            Record::Outbound(parcel) | Record::Inbound(parcel) => parcel.payload.len(),
            _ => 0,
        }
    }

    /// Whose the ledger is, its format, and the epoch.
    fn learn(&mut self, (_, record): (Timestamp, &Record)) {
        match *record {
            Record::Opening {
                format_version,
                place,
                epoch,
            } => {
                if self.format.is_none() {
                    (self.format, self.place) = (Some(format_version), Some(place));
                }
                if self.place == Some(place) {
                    self.epoch = epoch;
                }
            }
            Record::EpochRaised { place, epoch, .. } if self.place == Some(place) => {
                self.epoch = epoch;
            }
            _ => {}
        }
    }

    fn stamp(&self) -> u64 {
        self.epoch
    }

    fn take_stamp(&mut self, stamp: u64) {
        self.epoch = stamp;
    }

    fn count(progress: &mut Progress, (recorded_at, record): (Timestamp, &Record)) {
        progress.outbound += u64::from(matches!(record, Record::Outbound(_)));
        progress.inbound += u64::from(matches!(record, Record::Inbound(_)));
        progress.latest = progress.latest.max(recorded_at);
    }

    /// Own steps, the peer's steps, and the latest recording time: seconds (8 bytes) and nanoseconds (4), little-endian.
    fn put_mark(progress: &Progress, bytes: &mut Vec<u8>) {
        bytes.put_u64_le(progress.outbound);
        bytes.put_u64_le(progress.inbound);
        bytes.put_i64_le(progress.latest.as_second());
        bytes.put_i32_le(progress.latest.subsec_nanosecond());
    }

    fn take_mark(rest: &mut &[u8]) -> Result<Progress, String> {
        let cut = |_| "it is cut off".to_owned();
        let outbound = rest.try_get_u64_le().map_err(cut)?;
        let inbound = rest.try_get_u64_le().map_err(cut)?;
        let seconds = rest.try_get_i64_le().map_err(cut)?;
        let nanos = rest.try_get_i32_le().map_err(cut)?;
        let latest = Timestamp::new(seconds, nanos).map_err(|error| error.to_string())?;
        Ok(Progress {
            outbound,
            inbound,
            latest,
        })
    }
}
