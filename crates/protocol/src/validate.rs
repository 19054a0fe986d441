//! From foreign messages to the rules' types, with all violations at once.

use std::time::Duration;

use jiff::Timestamp;
use office::call::{Call, CallKind, LineDeclaration};
use office::contact::{Contact, ContactKind, Formality};
use office::document::{Document, Form, Precedence};
use office::meeting::MeetingTerms;
use office::officer::{Officer, Rank};
use office::{Collection, Limits, StepId, Violation};

use crate::convert::{contact_kind_from_pb, duration_from_pb, timestamp_from_pb};
use crate::pb::office as pb;

/// The bounds that fields are held to, and where in the request they stand.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    limits: Limits,
    prefix: String,
}

impl Fields {
    /// Fields of the message named `path` in the request, such as `document`.
    pub fn of(path: &str, limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            prefix: format!("{path}."),
        }
    }

    fn violations(&self) -> Violations<'_> {
        Violations {
            fields: self,
            found: Vec::new(),
        }
    }
}

/// A rule's type that can be made from a foreign message.
pub trait Checked<M>: Sized {
    /// Checks `message`. All violations are told.
    fn checked(message: M, fields: &Fields) -> Result<Self, Vec<Violation>>;
}

struct Violations<'a> {
    fields: &'a Fields,
    found: Vec<Violation>,
}

impl Violations<'_> {
    fn add(&mut self, field: &str, description: impl Into<String>) {
        self.found.push(Violation {
            field: format!("{}{field}", self.fields.prefix),
            description: description.into(),
        });
    }

    fn text(&mut self, field: &str, text: &str, min: u64, max: u64) {
        let len = text.len() as u64;
        if len > max {
            self.add(field, format!("has {len} bytes; write at most {max}"));
        } else if len < min {
            self.add(field, format!("is empty; write 1 to {max} bytes"));
        }
    }

    fn name(&mut self, field: &str, text: &str) {
        self.text(field, text, 0, self.fields.limits.name_bytes_max);
    }

    /// An enum that may be left out.
    fn choice<E: Copy>(&mut self, field: &str, value: i32, known: &[(i32, E)]) -> Option<E> {
        if value == 0 {
            return None;
        }
        let found = known.iter().find(|(number, _)| *number == value);
        if found.is_none() {
            let numbers: Vec<_> = known.iter().map(|(number, _)| number.to_string()).collect();
            self.add(
                field,
                format!(
                    "{value} is not a known value; the known ones are {}",
                    numbers.join(", ")
                ),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    fn required<E: Copy>(&mut self, field: &str, value: i32, known: &[(i32, E)]) -> Option<E> {
        if value == 0 {
            let numbers: Vec<_> = known.iter().map(|(number, _)| number.to_string()).collect();
            self.add(
                field,
                format!("is required; the known values are {}", numbers.join(", ")),
            );
        }
        self.choice(field, value, known)
    }

    fn time(&mut self, field: &str, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let time = time?;
        let read = timestamp_from_pb(&time);
        match read {
            None => self.add(field, "is not a time between the years 1 and 9999"),
            Some(read) if !office::time::is_recordable(read) => {
                self.add(field, office::time::UNRECORDABLE);
            }
            Some(_) => {}
        }
        read
    }

    fn duration(
        &mut self,
        field: &str,
        duration: Option<prost_types::Duration>,
    ) -> Option<Duration> {
        let duration = duration?;
        let read = duration_from_pb(&duration);
        if read.is_none() {
            self.add(field, "is negative or malformed; write zero or more");
        }
        read
    }

    fn officer(&mut self, field: &str, officer: Option<pb::Officer>) -> Option<Officer> {
        let officer = officer?;
        self.name(&format!("{field}.name"), &officer.name);
        let rank = self.choice(&format!("{field}.rank"), officer.rank, &RANKS);
        Some(Officer {
            name: officer.name,
            rank,
        })
    }

    fn officers(&mut self, field: &str, officers: Vec<pb::Officer>) -> Vec<Officer> {
        let max = self.fields.limits.participants_max;
        if officers.len() as u64 > max {
            self.add(
                field,
                format!("has {} officers; name at most {max}", officers.len()),
            );
            return Vec::new();
        }
        let indexed = officers.into_iter().enumerate();
        indexed
            .filter_map(|(index, officer)| {
                self.officer(&format!("{field}[{index}]"), Some(officer))
            })
            .collect()
    }

    fn topics(&mut self, field: &str, topics: &[String]) {
        let Limits {
            topics_max,
            subject_bytes_max,
            ..
        } = self.fields.limits;
        if topics.len() as u64 > topics_max {
            self.add(
                field,
                format!("has {} topics; write at most {topics_max}", topics.len()),
            );
            return;
        }
        for (index, topic) in topics.iter().enumerate() {
            self.text(&format!("{field}[{index}]"), topic, 1, subject_bytes_max);
        }
    }

    fn done<T>(self, value: Option<T>) -> Result<T, Vec<Violation>> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self.found),
        }
    }
}

const RANKS: [(i32, Rank); 4] = [
    (pb::Rank::Chief as i32, Rank::Chief),
    (pb::Rank::DeputyChief as i32, Rank::DeputyChief),
    (
        pb::Rank::GovernmentOfficial as i32,
        Rank::GovernmentOfficial,
    ),
    (
        pb::Rank::WorkingLevelOfficial as i32,
        Rank::WorkingLevelOfficial,
    ),
];

const FORMS: [(i32, Form); 4] = [
    (pb::DocumentForm::Message as i32, Form::Message),
    (pb::DocumentForm::Notice as i32, Form::Notice),
    (pb::DocumentForm::Note as i32, Form::Note),
    (pb::DocumentForm::Document as i32, Form::Document),
];

const PRECEDENCES: [(i32, Precedence); 4] = [
    (pb::Precedence::Flash as i32, Precedence::Flash),
    (pb::Precedence::Immediate as i32, Precedence::Immediate),
    (pb::Precedence::Priority as i32, Precedence::Priority),
    (pb::Precedence::Routine as i32, Precedence::Routine),
];

const FORMALITIES: [(i32, Formality); 3] = [
    (pb::Formality::Official as i32, Formality::Official),
    (pb::Formality::Informal as i32, Formality::Informal),
    (pb::Formality::Private as i32, Formality::Private),
];

const CALL_KINDS: [(i32, CallKind); 2] = [
    (pb::CallKind::Opening as i32, CallKind::Opening),
    (pb::CallKind::Closing as i32, CallKind::Closing),
];

const CALL_OUTCOMES: [(i32, bool); 2] = [
    (pb::CallOutcome::Answered as i32, true),
    (pb::CallOutcome::Unanswered as i32, false),
];

const STATEMENTS: [(i32, LineDeclaration); 2] = [
    (pb::LineStatement::Cut as i32, LineDeclaration::Cut),
    (
        pb::LineStatement::Restored as i32,
        LineDeclaration::Restored,
    ),
];

fn kinds(meetings: bool) -> Vec<(i32, ContactKind)> {
    (1..=6)
        .filter_map(|number| contact_kind_from_pb(number).map(|kind| (number, kind)))
        .filter(|(_, kind)| kind.is_meeting() == meetings)
        .collect()
}

impl Checked<pb::Document> for Document {
    fn checked(message: pb::Document, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        let limits = &fields.limits;
        let form = v.required("form", message.form, &FORMS);
        v.text("subject", &message.subject, 1, limits.subject_bytes_max);
        v.name("media_type", &message.media_type);
        v.name("reference", &message.reference);
        if message.body.len() as u64 > limits.document_bytes_max {
            v.add(
                "body",
                format!(
                    "has {} bytes; a document has at most {}",
                    message.body.len(),
                    limits.document_bytes_max
                ),
            );
        }
        let in_reply_to = match message.in_reply_to.as_str() {
            "" => None,
            name => match Collection::Documents.parse(name) {
                Ok(id) => Some(id),
                Err(error) => {
                    v.add("in_reply_to", error.to_string());
                    None
                }
            },
        };
        let signatory = v.officer("signatory", message.signatory);
        let addressee = v.officer("addressee", message.addressee);
        let precedence = v.choice("precedence", message.precedence, &PRECEDENCES);
        let deadline = v.time("deadline", message.deadline);
        let document = form.map(|form| Self {
            form,
            subject: message.subject,
            body: message.body,
            media_type: message.media_type,
            signatory,
            addressee,
            in_reply_to,
            reference: message.reference,
            precedence,
            deadline,
        });
        v.done(document)
    }
}

impl Checked<pb::MeetingTerms> for MeetingTerms {
    fn checked(message: pb::MeetingTerms, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        let kind = v.required("kind", message.kind, &kinds(true));
        let level = v.choice("level", message.level, &RANKS);
        let participants = v.officers("participants", message.participants);
        v.name("place", &message.place);
        let begins_at = v.time("begins_at", message.begins_at);
        let duration = v.duration("duration", message.duration);
        v.topics("topics", &message.topics);
        let formality = v.choice("formality", message.formality, &FORMALITIES);
        let answer_by = v.time("answer_by", message.answer_by);
        let (place, topics) = (message.place, message.topics);
        let terms = kind.map(|kind| Self {
            kind,
            level,
            participants,
            place,
            begins_at,
            duration,
            topics,
            formality,
            answer_by,
        });
        v.done(terms)
    }
}

impl Checked<pb::Contact> for Contact {
    fn checked(message: pb::Contact, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        let kind = v.required("kind", message.kind, &kinds(false));
        let level = v.choice("level", message.level, &RANKS);
        let participants = v.officers("participants", message.participants);
        v.name("place", &message.place);
        if message.begun_at.is_none() {
            v.add(
                "begun_at",
                "is required: with the kind it is the contact's key",
            );
        }
        let begun_at = v.time("begun_at", message.begun_at);
        let duration = v.duration("duration", message.duration);
        v.topics("topics", &message.topics);
        let formality = v.choice("formality", message.formality, &FORMALITIES);
        let (place, topics) = (message.place, message.topics);
        let contact = kind.zip(begun_at).map(|(kind, begun_at)| Self {
            kind,
            level,
            participants,
            place,
            begun_at,
            duration,
            topics,
            formality,
        });
        v.done(contact)
    }
}

impl Checked<pb::Call> for Call {
    fn checked(message: pb::Call, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        let kind = v.required("kind", message.kind, &CALL_KINDS);
        let answered = v.required("outcome", message.outcome, &CALL_OUTCOMES);
        let day = message.day.parse().ok();
        if day.is_none() || message.day.len() != "2018-09-14".len() {
            v.add("day", "is not a day; write it as 2018-09-14");
        }
        check_remark(&mut v, message.remark.as_ref());
        let call = kind
            .zip(answered)
            .zip(day)
            .map(|((kind, answered), day)| Self {
                kind,
                day,
                answered,
            });
        v.done(call)
    }
}

impl Checked<pb::LineDeclaration> for LineDeclaration {
    fn checked(message: pb::LineDeclaration, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        let statement = v.required("statement", message.statement, &STATEMENTS);
        check_remark(&mut v, message.remark.as_ref());
        v.done(statement)
    }
}

/// A remark needs no type of the rules: it is only held to its bounds.
impl Checked<pb::Remark> for () {
    fn checked(message: pb::Remark, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        v.officer("officer", message.officer);
        v.text("text", &message.text, 0, fields.limits.remark_bytes_max);
        v.done(Some(()))
    }
}

impl Checked<pb::ReceiptRefusal> for () {
    fn checked(message: pb::ReceiptRefusal, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        v.text("reason", &message.reason, 1, fields.limits.remark_bytes_max);
        v.officer("officer", message.officer);
        v.done(Some(()))
    }
}

impl Checked<pb::MeetingClosing> for () {
    fn checked(message: pb::MeetingClosing, fields: &Fields) -> Result<Self, Vec<Violation>> {
        let mut v = fields.violations();
        check_remark(&mut v, message.remark.as_ref());
        v.duration("duration", message.duration);
        v.done(Some(()))
    }
}

/// A resource name in the request's field `name` or `parent`.
impl Checked<(&str, Collection)> for StepId {
    fn checked(
        (name, collection): (&str, Collection),
        fields: &Fields,
    ) -> Result<Self, Vec<Violation>> {
        collection.parse(name).map_err(|error| {
            let field = fields.prefix.trim_end_matches('.').to_owned();
            vec![Violation {
                field,
                description: error.to_string(),
            }]
        })
    }
}

fn check_remark(v: &mut Violations<'_>, remark: Option<&pb::Remark>) {
    if let Some(remark) = remark {
        v.officer("remark.officer", remark.officer.clone());
        let max = v.fields.limits.remark_bytes_max;
        v.text("remark.text", &remark.text, 0, max);
    }
}
