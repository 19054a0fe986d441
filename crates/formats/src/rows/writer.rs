//! Rows into steps.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use office::call::{Call, CallKind};
use office::contact::{Contact, ContactKind};
use office::document::Form;
use office::{Limits, Order, Place};
use prost::Message as _;
use protocol::Fields;
use protocol::pb::office as pb;
use serde::{Deserialize, Serialize};

use crate::pair::{PairError, PairWriter};

/// A row as it is sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) line: u64,
    /// Where it begins, in characters.
    pub(super) column: usize,
    /// How the reference tells of it: `line 7`, `event 7`.
    pub(super) told: String,
    pub(super) nanoseconds: i128,
    pub(super) side: Place,
    pub(super) kind: Kind,
    pub(super) from: String,
    /// Empty if nobody is named.
    pub(super) to: String,
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) text: String,
}

impl Row {
    /// Cuts what is longer than the office takes, and says whether anything was: the whole stands in a document's body.
    pub(super) fn cut(&mut self, limits: &Limits) -> bool {
        let name = limits.name_bytes_max as usize;
        // Of the reference the place in the file stays whole.
        let id = name.saturating_sub(self.told.len() + ", ".len());
        let parts = [
            (&mut self.from, name),
            (&mut self.to, name),
            (&mut self.id, id),
            (&mut self.subject, limits.subject_bytes_max as usize),
        ];
        let mut any = false;
        for (text, bytes_max) in parts {
            if text.len() > bytes_max {
                let end = text.floor_char_boundary(bytes_max - "…".len());
                text.truncate(end);
                text.push('…');
                any = true;
            }
        }
        any
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Document(Form),
    Contact(ContactKind),
    Call { closing: bool, answered: bool },
}

/// What the words of a kind column mean. `None`: a meeting, which is more than one step.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    let call = |closing, answered| Kind::Call { closing, answered };
    let word = word.trim().to_lowercase().replace(['_', '-'], " ");
    Some(match &*word {
        "notice" => Kind::Document(Form::Notice),
        "note" => Kind::Document(Form::Note),
        "document" => Kind::Document(Form::Document),
        "contact" | "consultation" | "not stated" => Kind::Contact(ContactKind::NotStated),
        "regular consultation" => Kind::Contact(ContactKind::RegularConsultation),
        "on demand consultation" => Kind::Contact(ContactKind::OnDemandConsultation),
        "call" | "opening call" => call(false, true),
        "closing call" => call(true, true),
        "unanswered call" | "missed call" => call(false, false),
        "meeting" => return None,
        _ => Kind::Document(Form::Message),
    })
}

/// Rows into steps.
pub(super) struct Writer<'z> {
    /// Whose day a call is of.
    zone: &'z TimeZone,
    /// The begin of the last contact of each kind: two that begin at once are kept apart.
    contacts: Vec<(ContactKind, Timestamp)>,
}

impl<'z> Writer<'z> {
    pub(super) fn new(zone: &'z TimeZone) -> Self {
        Self {
            zone,
            contacts: Vec::new(),
        }
    }

    /// Writes a row's steps, and says how many; the inner error says why the office does not take it.
    pub(super) fn write(
        &mut self,
        pair: &mut PairWriter,
        now: Timestamp,
        row: &Row,
    ) -> Result<Result<u64, String>, PairError> {
        let (order, payload) = match self.order(row, now) {
            Ok(order) => order,
            Err(message) => return Ok(Err(message)),
        };
        let id = match pair.author(row.side, now, &order, payload) {
            Ok(id) => id,
            Err(PairError::Refused(refusal)) => return Ok(Err(refusal.to_string())),
            Err(error) => return Err(error),
        };
        if matches!(order, Order::RecordContact(_)) {
            let confirm = Order::ConfirmContact(id);
            pair.author(row.side.peer(), now, &confirm, Bytes::new())?;
            return Ok(Ok(2));
        }
        Ok(Ok(1))
    }

    fn order(&mut self, row: &Row, now: Timestamp) -> Result<(Order, Bytes), String> {
        match row.kind {
            Kind::Document(form) => {
                let message = document(row, form);
                let payload = message.encode_to_vec().into();
                Ok((Order::SendDocument(checked(message)?), payload))
            }
            Kind::Contact(kind) => {
                let mut message = contact(row, kind);
                let begun_at = self.begun_at(kind, now);
                message.begun_at = Some(protocol::timestamp_to_pb(begun_at));
                let payload = message.encode_to_vec().into();
                Ok((
                    Order::RecordContact(checked::<_, Contact>(message)?),
                    payload,
                ))
            }
            Kind::Call { closing, answered } => {
                let call = Call {
                    kind: if closing {
                        CallKind::Closing
                    } else {
                        CallKind::Opening
                    },
                    day: self.zone.to_datetime(now).date(),
                    answered,
                };
                let mut message = protocol::call_to_pb(&call);
                message.remark = Some(pb::Remark {
                    officer: named(&row.from),
                    text: subject(row),
                });
                let payload = message.encode_to_vec().into();
                Ok((Order::RecordCall(checked::<_, Call>(message)?), payload))
            }
        }
    }

    /// Equal rows are separate contacts, and a contact is known by its kind and begin: a nanosecond keeps them apart.
    fn begun_at(&mut self, kind: ContactKind, now: Timestamp) -> Timestamp {
        let apart = Duration::from_nanos(1);
        let index = self.contacts.iter().position(|(known, _)| *known == kind);
        let begun_at = match index.map(|index| self.contacts[index].1) {
            Some(last) if last >= now => last.checked_add(apart).unwrap_or(now),
            _ => now,
        };
        match index {
            Some(index) => self.contacts[index].1 = begun_at,
            None => self.contacts.push((kind, begun_at)),
        }
        begun_at
    }
}

fn checked<M, T: protocol::Checked<M>>(message: M) -> Result<T, String> {
    T::checked(message, &Fields::default()).map_err(|violations| {
        let told = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description));
        told.collect::<Vec<_>>().join("; ")
    })
}

fn subject(row: &Row) -> String {
    if row.subject.is_empty() {
        row.told.clone()
    } else {
        row.subject.clone()
    }
}

fn officer(name: &str) -> pb::Officer {
    pb::Officer {
        name: name.to_owned(),
        ..Default::default()
    }
}

fn named(name: &str) -> Option<pb::Officer> {
    (!name.is_empty()).then(|| officer(name))
}

fn document(row: &Row, form: Form) -> pb::Document {
    let told = &row.told;
    pb::Document {
        form: protocol::form_to_pb(form).into(),
        subject: subject(row),
        body: row.text.clone().into(),
        media_type: "text/plain; charset=utf-8".to_owned(),
        signatory: named(&row.from),
        addressee: named(&row.to),
        reference: if row.id.is_empty() {
            told.clone()
        } else {
            format!("{}, {told}", row.id)
        },
        ..Default::default()
    }
}

fn contact(row: &Row, kind: ContactKind) -> pb::Contact {
    pb::Contact {
        kind: protocol::contact_kind_to_pb(kind).into(),
        participants: [named(&row.from), named(&row.to)]
            .into_iter()
            .flatten()
            .collect(),
        topics: vec![subject(row)],
        ..Default::default()
    }
}
