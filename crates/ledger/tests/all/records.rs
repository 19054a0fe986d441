//! Records for ledgers under test, as an office and its line would make them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use ledger::{
    CHAIN_START, DurablePoint, Entry, Ledger, LedgerOptions, MemoryStorage, Parcel, Record,
    Storage, encode_frame,
};
use office::call::{Call, CallKind};
use office::contact::ContactKind;
use office::line::{Acknowledgement, Mark};
use office::{Content, Place, RequestId, Step, StepId, StepKind};
use prost::Message;
use protocol::pb::office as pb;

/// A time, `second` seconds after the office opened.
pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_536_883_200 + second as i64).expect("this century")
}

/// Small segments, so that a short ledger has several.
pub(crate) fn small_segments(segment_bytes_max: u64) -> LedgerOptions {
    LedgerOptions { segment_bytes_max }
}

/// Opens South's ledger, and gives what it holds.
pub(crate) fn open(
    storage: &Arc<dyn Storage>,
    segment_bytes_max: u64,
) -> Result<(Ledger, Vec<Entry>, ledger::Recovery), ledger::LedgerError> {
    let mut entries = Vec::new();
    let options = small_segments(segment_bytes_max);
    let (ledger, recovery) =
        Ledger::open(Arc::clone(storage), Place::South, options, at(0), |entry| {
            entries.push(entry.clone());
        })?;
    Ok((ledger, entries, recovery))
}

/// Makes the records of one office's ledger: steps of both offices, chained as the line chains them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records {
    place: Place,
    own: Mark,
    peers: Mark,
}

impl Records {
    pub(crate) fn of(place: Place) -> Self {
        Self {
            place,
            own: Mark::default(),
            peers: Mark::default(),
        }
    }

    pub(crate) fn step(
        &mut self,
        author: Place,
        kind: StepKind,
        parent: Option<StepId>,
        payload: Bytes,
    ) -> Record {
        let mark = if author == self.place {
            &mut self.own
        } else {
            &mut self.peers
        };
        let id = StepId::new(author, mark.sequence + 1);
        let step = Step {
            id,
            parent,
            kind,
            authored_at: at(mark.sequence * 600),
            content: Content::Plain,
        };
        let request_id = RequestId((u128::from(id.sequence) << 8 | author as u128).to_be_bytes());
        let envelope = protocol::encode_envelope(&step, Some(request_id));
        let hash = mark.hash.next(id.sequence, &envelope, &payload);
        *mark = Mark {
            sequence: id.sequence,
            hash,
        };
        let parcel = Parcel {
            kind,
            envelope,
            payload,
            hash,
        };
        if author == self.place {
            Record::Outbound(parcel)
        } else {
            Record::Inbound(parcel)
        }
    }

    pub(crate) fn document(&mut self, author: Place, bytes: usize) -> Record {
        let document = pb::Document {
            subject: "Delegation list".to_owned(),
            body: vec![b'x'; bytes].into(),
            ..Default::default()
        };
        let payload = document.encode_to_vec().into();
        self.step(author, StepKind::DocumentSent, None, payload)
    }

    pub(crate) fn acknowledgement(&self) -> Record {
        Record::AcknowledgementTaken(Acknowledgement {
            through: self.own,
            appended: self.peers.sequence,
        })
    }

    pub(crate) fn call(&mut self, author: Place, day: u64) -> Record {
        let call = Call {
            kind: CallKind::Opening,
            day: office::tally::day_of(at(day * 86_400)),
            answered: true,
        };
        let payload = protocol::call_to_pb(&call).encode_to_vec().into();
        self.step(author, StepKind::CallRecorded, None, payload)
    }

    pub(crate) fn contact(&mut self, author: Place, kind: ContactKind, begun: u64) -> Record {
        let contact = pb::Contact {
            kind: protocol::contact_kind_to_pb(kind).into(),
            begun_at: Some(protocol::timestamp_to_pb(at(begun))),
            ..Default::default()
        };
        let payload = contact.encode_to_vec().into();
        self.step(author, StepKind::ContactRecorded, None, payload)
    }

    pub(crate) fn proposal(&mut self, author: Place, kind: ContactKind) -> Record {
        let terms = pb::MeetingTerms {
            kind: protocol::contact_kind_to_pb(kind).into(),
            ..Default::default()
        };
        let payload = terms.encode_to_vec().into();
        self.step(author, StepKind::MeetingProposed, None, payload)
    }

    /// The last step of `author`.
    pub(crate) fn last(&self, author: Place) -> StepId {
        let mark = if author == self.place {
            self.own
        } else {
            self.peers
        };
        StepId::new(author, mark.sequence)
    }

    /// A mixture: documents of many sizes, answers, notes of the line.
    pub(crate) fn nth(&mut self, n: u64) -> Record {
        let author = if n.is_multiple_of(3) {
            self.place.peer()
        } else {
            self.place
        };
        let answered = StepId::new(author.peer(), 1 + n / 7);
        match n % 11 {
            2 => self.acknowledgement(),
            5 => self.step(
                author,
                StepKind::DocumentAcknowledged,
                Some(answered),
                Bytes::new(),
            ),
            9 => self.document(author, (n as usize * 37) % 2_000),
            _ => self.document(author, (n as usize * 13) % 90),
        }
    }
}

/// Where in a body the envelope and the payload of a step stand, with their keys and lengths.
pub(crate) fn covered(body: &[u8], record: &Record) -> Range<usize> {
    let (Record::Outbound(parcel) | Record::Inbound(parcel)) = record else {
        return 0..0;
    };
    let find = |bytes: &[u8]| body.windows(bytes.len()).position(|found| found == bytes);
    let envelope = [&[0x2a, parcel.envelope.len() as u8], &parcel.envelope[..]].concat();
    let hash = [&[0x3a, 32], &parcel.hash.0[..]].concat();
    let [start, end] = [envelope, hash].map(|bytes| find(&bytes).expect("a step's body"));
    start..end
}

/// An empty ledger of South's, in a format, as its version would have begun it.
pub(crate) fn begun_in(format: u32) -> MemoryStorage {
    let opening = Record::Opening {
        format_version: format,
        place: Place::South,
        epoch: 1,
    };
    let durable = Some(DurablePoint {
        segment: 1,
        offset: 0,
    });
    let mut frame = BytesMut::new();
    encode_frame(
        &mut frame,
        format,
        1,
        at(0),
        &opening,
        durable,
        &CHAIN_START,
    );
    let name = "00000000000000000001.segment".to_owned();
    MemoryStorage::holding(BTreeMap::from([(name, frame.to_vec())]))
}

/// What a ledger should hold: its records, and for each how the lines stood behind it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) records: Vec<Record>,
    states: Vec<Records>,
}

impl Model {
    /// A ledger that has just begun.
    pub(crate) fn new(place: Place) -> Self {
        Self::of_format(ledger::FORMAT_VERSION, place)
    }

    /// A ledger that has just begun in a format.
    pub(crate) fn of_format(format_version: u32, place: Place) -> Self {
        Self {
            records: vec![Record::Opening {
                format_version,
                place,
                epoch: 1,
            }],
            states: vec![Records::of(place)],
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Makes the next record, of the kind that `n` chooses.
    pub(crate) fn next(&mut self, n: u64) -> Record {
        let mut state = *self.states.last().expect("never empty");
        let record = state.nth(n);
        self.states.push(state);
        self.records.push(record.clone());
        record
    }

    /// Appends and commits `count` records.
    pub(crate) fn write(
        &mut self,
        ledger: &mut Ledger,
        count: u64,
    ) -> Result<u64, ledger::LedgerError> {
        for _ in 0..count {
            let n = self.len();
            let record = self.next(n);
            assert_eq!(ledger.append(at(n), &record), n + 1);
        }
        ledger.take_batch().expect("there are entries").commit()
    }

    /// Checks that `entries` are the first of this model, gapless and in order.
    pub(crate) fn check_prefix(&self, entries: &[Entry]) -> Result<(), String> {
        if entries.len() > self.records.len() {
            return Err(format!(
                "{} entries of {} written",
                entries.len(),
                self.records.len()
            ));
        }
        for (index, entry) in entries.iter().enumerate() {
            if entry.sequence != index as u64 + 1 || entry.record != self.records[index] {
                return Err(format!(
                    "entry {} stands at place {}, or is not what was written",
                    entry.sequence,
                    index + 1
                ));
            }
        }
        Ok(())
    }
}
