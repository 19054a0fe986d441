//! Documents: as many as each block says, and what the other office's officers do with them.

mod posts;

use bytes::Bytes;
use office::document::{Document, Form, Precedence};
use office::officer::Rank;
use office::{PerPlace, Place};

pub(crate) use posts::Sent;

use crate::amount::Amount;
use crate::calendar::Calendar;
use crate::delay::Delay;
use crate::draw::Draw;
use crate::follows::Follows;
use crate::quantiles::Quantiles;
use crate::rhythm::Rhythm;
use crate::staff::{NAME_BYTES_MAX, Staff};
use crate::timeline::Plan;
use reading::{Table, Value};

pub(crate) const DOCUMENTS_KEYS: &[&str] = &[
    "name",
    "total",
    "per_day",
    "per_week",
    "rhythm",
    "follows",
    "after_minutes_min",
    "after_minutes_max",
    "after_seconds",
    "share_of_south_per_mille",
    "forms",
    "precedences",
    "subjects",
    "body_bytes",
    "answered_per_mille",
    "answer_minutes_min",
    "answer_minutes_max",
    "answer_seconds",
    "reply_per_mille",
    "reply_seconds",
    "refused_per_mille",
    "stays_refused_per_mille",
    "deadline_minutes_min",
    "deadline_minutes_max",
    "deadline_seconds",
];

pub(crate) const TOPIC_BYTES_MAX: usize = 512;
/// Two acts on one exchange are at least this far apart, so that no delay on the line reorders them.
pub(crate) const APART_S: u64 = 60;
const MINUTE_S: u64 = 60;
/// What one call may carry, with room for the rest of the document.
const BODY_BYTES_MAX: u64 = 1 << 20;
const REPLY_S_MAX: u64 = crate::calendar::DAYS_MAX as u64 * 86_400;

/// Documents of one block of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Documents {
    pub(crate) name: Option<String>,
    pub(crate) amount: Amount,
    pub(crate) sending: Sending,
    forms: Vec<Form>,
    precedences: Vec<Precedence>,
    subjects: Vec<String>,
    // Empty: whatever the text comes to.
    body_bytes: Option<Quantiles>,
    pub(crate) answer: Delay,
    pub(crate) answered_per_mille: u64,
    reply_per_mille: u64,
    reply_s: Option<Quantiles>,
    pub(crate) refused_per_mille: u64,
    /// Of those refused, how many are not sent again.
    stays_refused_per_mille: u64,
    deadline: Option<Delay>,
}

/// When the documents of a block are sent, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Of their own accord. The share of South: none is from the seed.
    Begun {
        rhythm: Rhythm,
        share_of_south_per_mille: Option<u64>,
    },
    /// Each answers one of another block.
    Following(Follows),
}

impl Documents {
    pub(crate) fn read(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<Self> {
        let name = table.or("name", None, |value| value.text(NAME_BYTES_MAX).map(Some));
        let amount = Amount::read(table).map(|(amount, _)| amount);
        let follows = Follows::read(table);
        let sending = read_sending(table, calendar, follows);
        let forms = table
            .required("forms")
            .and_then(|value| value.filled_list(|form| form.word(Form::WORDS)));
        let precedences = table.or("precedences", Vec::new(), |value| {
            value.list(|item| item.word(Precedence::WORDS))
        });
        let texts = |value: Value<'_>| value.filled_list(|subject| subject.text(TOPIC_BYTES_MAX));
        let subjects = match table.optional("follows") {
            Some(_) => Some(Vec::new()),
            None => table.required("subjects").and_then(texts),
        };
        let quantiles = |key: &str, bounds| {
            table.or(key, None, |value| {
                Quantiles::read(&value, &bounds).map(Some)
            })
        };
        let body_bytes = quantiles("body_bytes", 0..=BODY_BYTES_MAX);
        let answer = Delay::read(table, "answer");
        let answered_per_mille = table.or("answered_per_mille", 1_000, |value| {
            value.integer(0..=1_000)
        });
        let reply_per_mille = table.per_mille("reply_per_mille");
        let reply_s = quantiles("reply_seconds", 1..=REPLY_S_MAX);
        let refused_per_mille = table.per_mille("refused_per_mille");
        let stays_refused_per_mille = table.per_mille("stays_refused_per_mille");
        let deadline = if Delay::is_given(table, "deadline") {
            Delay::read(table, "deadline").map(Some)
        } else {
            Some(None)
        };
        let (amount, answer) = (amount?, answer?);
        let in_office_time = matches!(
            sending,
            Some(Sending::Begun {
                rhythm: Rhythm::OfficeTime,
                ..
            })
        );
        if let Some(calendar) = calendar {
            check_time(table, calendar, amount, &answer, in_office_time)?;
        }
        Some(Self {
            name: name?,
            amount,
            sending: sending?,
            forms: forms?,
            precedences: precedences?,
            subjects: subjects?,
            body_bytes: body_bytes?,
            answer,
            answered_per_mille: answered_per_mille?,
            reply_per_mille: reply_per_mille?,
            reply_s: reply_s?,
            refused_per_mille: refused_per_mille?,
            stays_refused_per_mille: stays_refused_per_mille?,
            deadline: deadline?,
        })
    }

    fn document(
        &self,
        subject: &str,
        office: Place,
        number: u64,
        size: Option<u64>,
        staff: &PerPlace<Staff>,
        draw: &mut Draw,
    ) -> Document {
        let signatory =
            staff[office].of_rank(*draw.one_of(&[Rank::Chief, Rank::DeputyChief]), draw);
        let rank = signatory.rank.unwrap_or(Rank::Chief);
        let addressee = staff[office.peer()].of_rank(rank, draw);
        let letter = match office {
            Place::South => "S",
            Place::North => "N",
        };
        let called = |place: Place| {
            let usual = match place {
                Place::South => "the South office",
                Place::North => "the North office",
            };
            staff[place].label().unwrap_or(usual)
        };
        let (from, to) = (called(office), called(office.peer()));
        let reference = format!("{letter}-{number:03}");
        let mut body = format!(
            "{reference}\nFrom {from} to {to}.\nSubject: {subject}\n{} asks {to} to take note.\n",
            capital(from)
        );
        let form = *draw.one_of(&self.forms);
        let precedence = (!self.precedences.is_empty()).then(|| *draw.one_of(&self.precedences));
        let drawn = |bytes: &Quantiles| size.unwrap_or_else(|| bytes.draw(draw));
        if let Some(bytes) = self.body_bytes.as_ref().map(drawn) {
            body = of_length(body, bytes as usize);
        }
        Document {
            form,
            subject: subject.to_owned(),
            body: Bytes::from(body),
            media_type: "text/plain; charset=utf-8".to_owned(),
            signatory: Some(signatory),
            addressee: Some(addressee),
            in_reply_to: None,
            reference,
            precedence,
            deadline: None,
        }
    }
}

/// Who sends, and when: of their own accord, or after what is followed.
fn read_sending(
    table: &Table<'_>,
    calendar: Option<&Calendar>,
    follows: Option<Option<Follows>>,
) -> Option<Sending> {
    let Some(follows) = follows? else {
        let rhythm = Rhythm::read(table, calendar);
        let share = table
            .required("share_of_south_per_mille")
            .and_then(|value| share(&value));
        return rhythm.zip(share).map(|(rhythm, share)| Sending::Begun {
            rhythm,
            share_of_south_per_mille: share,
        });
    };
    for key in ["rhythm", "share_of_south_per_mille", "subjects"] {
        if let Some(value) = table.optional(key) {
            let message = format!("`{}` says nothing beside `follows`", value.path());
            value.mistake(message, "leave it out: what is followed decides");
            return None;
        }
    }
    Some(Sending::Following(follows))
}

/// Whether what is sent, and its answer, find time in the period.
fn check_time(
    table: &Table<'_>,
    calendar: &Calendar,
    amount: Amount,
    answer: &Delay,
    in_office_time: bool,
) -> Option<()> {
    match answer {
        // In minutes of office time there is no answer either, which is told below.
        Delay::Clock(_)
            if in_office_time
                && amount.total() != Some(0)
                && calendar.working_days().is_empty() =>
        {
            table.required("answer_seconds")?.mistake(
                "nothing is sent: the offices work on no day of the period".to_owned(),
                "change `office_hours`, lengthen `period`, or write a `rhythm`",
            );
            None
        }
        Delay::Office(minutes)
            if amount.mean(calendar) > 0 && calendar.office_s() <= *minutes.start() =>
        {
            let minutes = calendar.office_s() / MINUTE_S;
            table.required("answer_minutes_min")?.mistake(
                format!("no answer comes in time: the period has {minutes} minutes of office time"),
                "write fewer minutes, or lengthen `period`",
            );
            None
        }
        _ => Some(()),
    }
}

/// Draws the documents of all blocks, what is followed before what follows it. Returns what was sent, by block.
pub(crate) fn draw_all(
    all: &[Documents],
    counts: &[u64],
    calendar: &Calendar,
    staff: &PerPlace<Staff>,
    mut draw_of: impl FnMut(usize) -> Draw,
    plan: &mut Plan,
) -> Vec<Vec<Sent>> {
    let mut sent: Vec<Option<Vec<Sent>>> = all.iter().map(|_| None).collect();
    while sent.iter().any(Option::is_none) {
        for (index, documents) in all.iter().enumerate() {
            let followed = match &documents.sending {
                Sending::Begun { .. } => Some(&[][..]),
                Sending::Following(follows) => sent[follows.block_of(all)].as_deref(),
            };
            if let (None, Some(followed)) = (&sent[index], followed) {
                let mut draw = draw_of(index);
                let drawn =
                    documents.draw(counts[index], followed, calendar, staff, &mut draw, plan);
                sent[index] = Some(drawn);
            }
        }
    }
    sent.into_iter().flatten().collect()
}

/// The text with a capital at its beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// The text, filled up or cut to `bytes`.
fn of_length(mut text: String, bytes: usize) -> String {
    const FILLER: &str = "For the rest it refers to what was said before.\n";
    if text.len() > bytes {
        text.clear();
    }
    while text.len() < bytes {
        let rest = (bytes - text.len()).min(FILLER.len());
        text.push_str(&FILLER[..rest]);
    }
    text
}

fn share(value: &Value<'_>) -> Option<Option<u64>> {
    if value.is_text() {
        return value.word(&[("seed", ())]).map(|()| None);
    }
    value.integer(0..=1000).map(Some)
}
