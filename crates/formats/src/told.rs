//! A ledger's steps as every export tells them.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ledger::{Entry, Record};
use office::line::LineHash;
use office::tally::OFFICE_TIME;
use office::{Applied, Collection, Counted, Exchanges, RequestId, Step, StepId, StepKind};

/// A step of a ledger, with what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The entry's sequence in its ledger.
    pub sequence: u64,
    /// When it was recorded there.
    pub recorded_at: Timestamp,
    /// Whether the peer authored it.
    pub inbound: bool,
    /// The line hash with it: of the step and all that its author wrote before, alike in both ledgers of a pair.
    pub line_hash: LineHash,
    /// The step.
    pub step: Step,
    /// The request that caused it.
    pub request_id: Option<RequestId>,
    /// Who made it, as a certificate named them; empty if nobody had to show one.
    pub made_by: String,
    /// What it says, as it came in.
    pub payload: Bytes,
    /// What it is a step of; of a declaration the step itself.
    pub exchange: (Collection, StepId),
    /// Whether it is inert, and what counts from here, on a day of the zone.
    pub applied: Applied,
    /// When it was authored, in the zone.
    pub local: DateTime,
}

impl Told {
    /// The name of what it is a step of, such as `offices/south/documents/17`.
    pub fn name(&self) -> String {
        self.exchange.1.name(self.exchange.0)
    }

    /// What is counted by it: `document`, `call`, or a kind of contact. Empty if nothing is.
    pub fn counted(&self) -> &'static str {
        match self.applied.counted.map(|count| count.what) {
            None => "",
            Some(Counted::Document) => "document",
            Some(Counted::Call) => "call",
            Some(Counted::Contact(kind)) => kind.word(),
        }
    }

    /// `outbound` or `inbound`.
    pub(crate) fn direction(&self) -> &'static str {
        if self.inbound { "inbound" } else { "outbound" }
    }

    /// The day that its count stands on; empty if nothing is counted.
    pub(crate) fn counted_day(&self) -> String {
        let day = self.applied.counted.map(|count| count.day.to_string());
        day.unwrap_or_default()
    }

    /// The office whose its count is; empty if nothing is counted.
    pub(crate) fn counted_office(&self) -> &'static str {
        let office = self.applied.counted.map(|count| count.office.word());
        office.unwrap_or_default()
    }

    pub(crate) fn parent_name(&self) -> String {
        let parent = self.step.parent.map(|parent| parent.to_string());
        parent.unwrap_or_default()
    }

    pub(crate) fn request_id_text(&self) -> String {
        let id = self
            .request_id
            .map(|id| uuid::Uuid::from_bytes(id.0).to_string());
        id.unwrap_or_default()
    }
}

/// Tells steps, one entry after another, from the first.
#[derive(Debug)]
pub struct Teller {
    pub(crate) exchanges: Exchanges,
    /// Whose days and hours are told.
    pub(crate) zone: TimeZone,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            exchanges: Exchanges::default(),
            zone: TimeZone::fixed(OFFICE_TIME),
        }
    }
}

impl Teller {
    /// The same with the days and hours of `zone`.
    pub fn in_zone(zone: TimeZone) -> Self {
        Self {
            zone,
            ..Self::default()
        }
    }

    /// The step of an entry. `None` if it is a local note, or its envelope cannot be read.
    pub fn tell(&mut self, entry: &Entry) -> Option<Told> {
        let (parcel, inbound) = match &entry.record {
            Record::Outbound(parcel) => (parcel, false),
            Record::Inbound(parcel) => (parcel, true),
            _ => return None,
        };
        let written = protocol::read_envelope(&parcel.envelope, &parcel.payload).ok()?;
        let step = written.step;
        let mut applied = self.exchanges.apply(&step);
        if let (Some(count), Some(at)) = (&mut applied.counted, applied.counted_at) {
            count.day = self.zone.to_datetime(at).date();
        }
        Some(Told {
            sequence: entry.sequence,
            recorded_at: entry.recorded_at,
            inbound,
            line_hash: parcel.hash,
            exchange: self.exchange_of(&step),
            local: self.zone.to_datetime(step.authored_at),
            step,
            request_id: written.request_id,
            made_by: written.author,
            payload: parcel.payload.clone(),
            applied,
        })
    }

    fn exchange_of(&self, step: &Step) -> (Collection, StepId) {
        let parent = step.parent.unwrap_or(step.id);
        match step.kind {
            StepKind::DocumentSent => (Collection::Documents, step.id),
            StepKind::DocumentAcknowledged
            | StepKind::DocumentReceiptRefused
            | StepKind::DocumentExpired => (Collection::Documents, parent),
            StepKind::ContactRecorded => (Collection::Contacts, step.id),
            StepKind::ContactConfirmed => (Collection::Contacts, parent),
            StepKind::CallRecorded => (Collection::Calls, step.id),
            StepKind::LineDeclared => (Collection::Steps, step.id),
            _ => {
                let meetings = &self.exchanges.meetings;
                let meeting = meetings
                    .of_step(step.id)
                    .or_else(|| meetings.of_step(parent));
                (Collection::Meetings, meeting.unwrap_or(parent))
            }
        }
    }
}
