//! Events: what is to happen at a given time, act by act. Nothing of it is drawn.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use office::call::{Call, CallKind, LineDeclaration};
use office::contact::{Contact, ContactKind, Formality};
use office::document::{Document, Form, Precedence};
use office::meeting::MeetingTerms;
use office::officer::{Officer, Rank};
use office::{Collection, PerPlace, Place, StepKind};

use crate::calendar::Calendar;
use crate::documents::TOPIC_BYTES_MAX;
use crate::staff::{NAME_BYTES_MAX, PLACES, Staff};
use crate::timeline::{Act, Key, Plan};
use reading::near_miss;
use reading::{Table, Value};

pub(crate) const EVENTS_KEYS: &[&str] = &[
    "at",
    "office",
    "act",
    "name",
    "of",
    "by",
    "text",
    "refused",
    "form",
    "subject",
    "precedence",
    "in_reply_to",
    "reference",
    "deadline",
    "kind",
    "level",
    "begins_at",
    "duration_minutes",
    "topics",
    "formality",
    "answer_by",
    "call",
    "answered",
    "state",
];

const BODY_BYTES_MAX: usize = 65_536;
const REASON_BYTES_MAX: usize = 64;
const MINUTE_S: u64 = 60;

/// What an event does, as its file says it.
const WORDS: &[(&str, StepKind)] = &[
    ("send document", StepKind::DocumentSent),
    ("acknowledge document", StepKind::DocumentAcknowledged),
    ("refuse document", StepKind::DocumentReceiptRefused),
    ("propose meeting", StepKind::MeetingProposed),
    ("counter meeting", StepKind::MeetingCountered),
    ("accept meeting", StepKind::MeetingAccepted),
    ("decline meeting", StepKind::MeetingDeclined),
    ("cancel meeting", StepKind::MeetingCancelled),
    ("convene meeting", StepKind::MeetingConvened),
    ("close meeting", StepKind::MeetingClosed),
    ("record contact", StepKind::ContactRecorded),
    ("confirm contact", StepKind::ContactConfirmed),
    ("record call", StepKind::CallRecorded),
    ("declare line", StepKind::LineDeclared),
];

/// What an exchange is, by the act that begins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Document,
    Meeting,
    Contact,
}

impl Begun {
    const fn word(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Meeting => "meeting",
            Self::Contact => "contact",
        }
    }
}

impl Begun {
    /// The exchange that such a step begins or moves, if any.
    const fn of(kind: StepKind) -> Option<Self> {
        match kind.collection() {
            Collection::Documents => Some(Self::Document),
            Collection::Meetings => Some(Self::Meeting),
            Collection::Contacts => Some(Self::Contact),
            Collection::Calls | Collection::Steps => None,
        }
    }
}

/// One event, whose exchange is still known by its name.
#[derive(Debug, Clone, PartialEq)]
struct Scripted {
    at: Timestamp,
    office: Place,
    act: Act,
    refused: Option<String>,
}

/// The events of a scenario, by time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Events {
    scripted: Vec<Scripted>,
    /// How many exchanges they begin.
    names: u32,
    pub(crate) documents: u64,
    pub(crate) contacts: Vec<(ContactKind, u64)>,
}

impl Eq for Events {}

/// What is known of the events before one.
#[derive(Default)]
struct Known {
    names: BTreeMap<String, (Key, Begun, ContactKind)>,
    kinds: BTreeMap<Key, ContactKind>,
    latest: Option<Timestamp>,
}

impl Events {
    /// Reads them in the order of the file, which must be the order of time.
    pub(crate) fn read(
        value: &Value<'_>,
        calendar: Option<&Calendar>,
        staff: Option<&PerPlace<Staff>>,
        place: &str,
    ) -> Option<Self> {
        let known = std::cell::RefCell::new(Known::default());
        let keys = std::cell::RefCell::new(Plan::default());
        let scripted = value.list(|item| {
            item.table(EVENTS_KEYS, |table| {
                let reading = Reading {
                    table,
                    calendar,
                    staff,
                    place,
                };
                reading.read(&mut known.borrow_mut(), &mut keys.borrow_mut())
            })
        })?;
        let mut events = Self {
            names: keys.into_inner().begun(),
            ..Self::default()
        };
        let kinds = known.into_inner().kinds;
        for event in &scripted {
            if event.refused.is_some() {
                continue;
            }
            match &event.act {
                Act::SendDocument { .. } => events.documents += 1,
                // A meeting counts when it is closed, a consultation when it is confirmed.
                Act::CloseMeeting { of, .. } | Act::ConfirmContact { of, .. } => {
                    events.contacts.push((kinds[of], 1));
                }
                _ => {}
            }
        }
        events.scripted = scripted;
        Some(events)
    }

    /// Adds them to a plan. Of the telephone line there is one, however often the traffic is drawn.
    pub(crate) fn add(&self, plan: &mut Plan) {
        let first = plan.begun();
        for _ in 0..self.names {
            plan.next_key();
        }
        for event in &self.scripted {
            let is_of_line = matches!(event.act, Act::RecordCall { .. } | Act::DeclareLine { .. });
            if is_of_line && plan.is_copy() {
                continue;
            }
            let mut act = event.act.clone().with_keys_from(first);
            if let Act::RecordContact { contact, .. } = &mut act {
                contact.begun_at = plan.own_instant(contact.begun_at);
            }
            plan.add_expecting(event.at, event.office, act, event.refused.clone());
        }
    }
}

struct Reading<'r> {
    table: &'r Table<'r>,
    calendar: Option<&'r Calendar>,
    staff: Option<&'r PerPlace<Staff>>,
    place: &'r str,
}

impl Reading<'_> {
    fn read(&self, known: &mut Known, keys: &mut Plan) -> Option<Scripted> {
        let table = self.table;
        let at_value = table.required("at");
        let at = at_value.as_ref().and_then(|value| self.moment(value));
        let office = table
            .required("office")
            .and_then(|value| value.word(PLACES));
        let act_value = table.required("act");
        let word = act_value.as_ref().and_then(|value| value.word(WORDS));
        let refused = table.or("refused", None, |value| {
            value.text(REASON_BYTES_MAX).map(Some)
        });
        let act = word.and_then(|word| self.act(word, office, known, keys));
        if let (Some(at), Some(latest)) = (at, known.latest)
            && at < latest
        {
            at_value?.mistake(
                "it is before the event above it".to_owned(),
                "write events in the order of time",
            );
            return None;
        }
        known.latest = at.or(known.latest);
        Some(Scripted {
            at: at?,
            office: office?,
            act: act?,
            refused: refused?,
        })
    }

    fn act(
        &self,
        kind: StepKind,
        office: Option<Place>,
        known: &mut Known,
        keys: &mut Plan,
    ) -> Option<Act> {
        let table = self.table;
        let exchange = Begun::of(kind);
        let of = match exchange {
            Some(begun) if !kind.begins() => self.subject("of", begun, known),
            _ => None,
        };
        let text = table.or("text", None, |value| value.text(BODY_BYTES_MAX).map(Some));
        let by = table.or("by", None, |value| {
            value
                .text(NAME_BYTES_MAX)
                .map(|name| Some(Officer { name, rank: None }))
        });
        let act = match kind {
            StepKind::DocumentSent => self.document(office, text.clone()?, known),
            StepKind::MeetingProposed => self.terms(office).map(|terms| Act::ProposeMeeting {
                key: Key::FIRST,
                terms: Box::new(terms),
            }),
            StepKind::MeetingCountered => {
                self.terms(office)
                    .zip(of)
                    .map(|(terms, of)| Act::CounterMeeting {
                        of,
                        terms: Box::new(terms),
                    })
            }
            StepKind::ContactRecorded => self.contact().map(|contact| Act::RecordContact {
                key: Key::FIRST,
                contact: Box::new(contact),
            }),
            StepKind::CallRecorded => self.call(),
            StepKind::LineDeclared => table
                .required("state")
                .and_then(|value| value.word(LineDeclaration::WORDS))
                .map(|declaration| Act::DeclareLine { declaration }),
            _ => {
                let (of, office) = (of?, office?);
                let by = by?.unwrap_or_else(|| self.officer(office));
                let text = text?;
                self.remark(kind, of, by, text)
            }
        };
        let Some(begun) = exchange.filter(|_| kind.begins()) else {
            return act;
        };
        // A name is known even if something else about the event is wrong.
        let key = keys.next_key();
        let of_contact = match &act {
            Some(Act::ProposeMeeting { terms, .. }) => terms.kind,
            Some(Act::RecordContact { contact, .. }) => contact.kind,
            _ => ContactKind::NotStated,
        };
        known.kinds.insert(key, of_contact);
        self.name(key, begun, of_contact, known)?;
        act.map(|act| act.with_key(key))
    }

    /// An act that is done to something, and says no more than who and why.
    fn remark(&self, kind: StepKind, of: Key, by: Officer, text: Option<String>) -> Option<Act> {
        let text = text.unwrap_or_default();
        let reason = text.clone();
        Some(match kind {
            StepKind::DocumentAcknowledged => Act::AcknowledgeDocument { of, by, text },
            StepKind::DocumentReceiptRefused => Act::RefuseDocument { of, by, reason },
            StepKind::MeetingAccepted => Act::AcceptMeeting { of, by, text },
            StepKind::MeetingDeclined => Act::DeclineMeeting { of, by, reason },
            StepKind::MeetingCancelled => Act::CancelMeeting { of, by, reason },
            StepKind::MeetingConvened => Act::ConveneMeeting { of, by, text },
            StepKind::ContactConfirmed => Act::ConfirmContact { of, by, text },
            StepKind::MeetingClosed => Act::CloseMeeting {
                of,
                by,
                text,
                duration: self.duration()?,
            },
            _ => unreachable!("the others are made elsewhere"),
        })
    }

    fn name(&self, key: Key, begun: Begun, kind: ContactKind, known: &mut Known) -> Option<()> {
        let Some(value) = self.table.optional("name") else {
            return Some(());
        };
        let name = value.text(NAME_BYTES_MAX)?;
        if known.names.contains_key(&name) {
            let message = format!("`{}` is {name:?}, as an event above has it", value.path());
            value.mistake(message, "give each exchange a name of its own");
            return None;
        }
        known.names.insert(name, (key, begun, kind));
        Some(())
    }

    /// The exchange that `key` names.
    fn subject(&self, key: &str, wanted: Begun, known: &Known) -> Option<Key> {
        let value = self.table.required(key)?;
        named(&value, wanted, known)
    }

    /// A moment of the period.
    fn moment(&self, value: &Value<'_>) -> Option<Timestamp> {
        let moment = value.datetime()?;
        let calendar = self.calendar?;
        let at = calendar.moment(moment);
        if (calendar.start()..calendar.end()).contains(&at) {
            return Some(at);
        }
        value.mistake(
            format!("`{}` is {moment}, outside the period", value.path()),
            "write a moment of the days of `period`, or change those",
        );
        None
    }

    /// A time of any day.
    fn time(&self, key: &str) -> Option<Option<Timestamp>> {
        self.table.or(key, None, |value| {
            let moment = value.datetime()?;
            Some(Some(self.calendar?.moment(moment)))
        })
    }

    fn officer(&self, office: Place) -> Officer {
        let staff = self.staff.map(|staff| staff[office].first());
        staff.unwrap_or_default()
    }

    fn duration(&self) -> Option<Duration> {
        let minutes = self.table.integer("duration_minutes", 0..=1_440)?;
        Some(Duration::from_secs(minutes * MINUTE_S))
    }

    fn document(&self, office: Option<Place>, text: Option<String>, known: &Known) -> Option<Act> {
        let table = self.table;
        let form = table.or("form", Form::Document, |value| value.word(Form::WORDS));
        let subject = table
            .required("subject")
            .and_then(|value| value.text(TOPIC_BYTES_MAX));
        let precedence = table.or("precedence", None, |value| {
            value.word(Precedence::WORDS).map(Some)
        });
        let precedence: Option<Option<Precedence>> = precedence;
        let reference = table.or("reference", String::new(), |value| {
            value.text(NAME_BYTES_MAX)
        });
        let in_reply_to = table.or("in_reply_to", None, |value| {
            named(&value, Begun::Document, known).map(Some)
        });
        let deadline = self.time("deadline");
        let office = office?;
        let document = Document {
            form: form?,
            subject: subject?,
            body: text.map(Bytes::from).unwrap_or_default(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            signatory: Some(self.officer(office)),
            addressee: Some(self.officer(office.peer())),
            in_reply_to: None,
            reference: reference?,
            precedence: precedence?,
            deadline: deadline?,
        };
        Some(Act::SendDocument {
            key: Key::FIRST,
            document: Box::new(document),
            in_reply_to: in_reply_to?,
        })
    }

    fn terms(&self, office: Option<Place>) -> Option<MeetingTerms> {
        let (kind, level, topics, formality) = self.about();
        let duration = self.table.or("duration_minutes", None, |value| {
            value
                .integer(0..=1_440)
                .map(|minutes| Some(Duration::from_secs(minutes * MINUTE_S)))
        });
        let (begins_at, answer_by) = (self.time("begins_at"), self.time("answer_by"));
        let participants = office.map(|office| vec![self.officer(office)]);
        Some(MeetingTerms {
            kind: kind?,
            level: level?,
            participants: participants?,
            place: self.place.to_owned(),
            begins_at: begins_at?,
            duration: duration?,
            topics: topics?,
            formality: formality?,
            answer_by: answer_by?,
        })
    }

    fn contact(&self) -> Option<Contact> {
        let (kind, level, topics, formality) = self.about();
        let begun_at = match self.table.required("begins_at") {
            Some(_) => self.time("begins_at")?,
            None => None,
        };
        let duration = self.duration();
        Some(Contact {
            kind: kind?,
            level: level?,
            participants: Place::BOTH.map(|place| self.officer(place)).to_vec(),
            place: self.place.to_owned(),
            begun_at: begun_at?,
            duration: Some(duration?),
            topics: topics?,
            formality: formality?,
        })
    }

    /// What meetings and consultations say alike: kind, level, topics, formality.
    #[expect(clippy::type_complexity, reason = "each may be wrong by itself")]
    fn about(
        &self,
    ) -> (
        Option<ContactKind>,
        Option<Option<Rank>>,
        Option<Vec<String>>,
        Option<Option<Formality>>,
    ) {
        let table = self.table;
        let kind = table
            .required("kind")
            .and_then(|value| value.word(ContactKind::WORDS));
        let level = table.or("level", None, |value| value.word(Rank::WORDS).map(Some));
        let topics = table.or("topics", Vec::new(), |value| {
            value.filled_list(|topic| topic.text(TOPIC_BYTES_MAX))
        });
        let formality = table.or("formality", None, |value| {
            value.word(Formality::WORDS).map(Some)
        });
        (kind, level, topics, formality)
    }

    fn call(&self) -> Option<Act> {
        let kind = self
            .table
            .required("call")
            .and_then(|value| value.word(CallKind::WORDS));
        let answered = self.table.or("answered", true, |value| value.flag());
        let at = self.table.optional("at")?.datetime()?;
        Some(Act::RecordCall {
            call: Call {
                kind: kind?,
                day: at.date(),
                answered: answered?,
            },
        })
    }
}

/// The exchange that a value names.
fn named(value: &Value<'_>, wanted: Begun, known: &Known) -> Option<Key> {
    let name = value.text(NAME_BYTES_MAX)?;
    match known.names.get(&name) {
        Some((key, begun, _)) if *begun == wanted => return Some(*key),
        Some((_, begun, _)) => value.mistake(
            format!("{name:?} is a {}", begun.word()),
            format!("name a {}", wanted.word()),
        ),
        None => {
            let of_kind = known
                .names
                .iter()
                .filter(|(_, (_, begun, _))| *begun == wanted);
            let names: Vec<&str> = of_kind.map(|(name, _)| name.as_str()).collect();
            let remedy = near_miss(&name, &names).map_or_else(
                || format!("write the `name` of a {} of an event above", wanted.word()),
                |meant| format!("did you mean {meant:?}?"),
            );
            value.mistake(
                format!("no {} is named {name:?} above", wanted.word()),
                remedy,
            );
        }
    }
    None
}
