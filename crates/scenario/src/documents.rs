//! Documents: as many as the total says, each answered by an officer of the other office.

use std::collections::BTreeMap;

use bytes::Bytes;
use office::document::{Document, Form, Precedence};
use office::officer::Rank;
use office::{PerPlace, Place};

use crate::calendar::Calendar;
use crate::draw::Draw;
use crate::staff::Staff;
use crate::table::{Table, Value};
use crate::timeline::{Act, Key, Plan};

pub(crate) const DOCUMENTS_KEYS: &[&str] = &[
    "total",
    "share_of_south_per_mille",
    "forms",
    "precedences",
    "subjects",
    "answer_minutes_min",
    "answer_minutes_max",
    "reply_per_mille",
    "refused_per_mille",
];

/// Exchanges of one kind in one scenario.
pub(crate) const TOTAL_MAX: u64 = 100_000;
pub(crate) const TOPIC_BYTES_MAX: usize = 512;
/// Two acts on one exchange are at least this far apart, so that no delay on the line reorders them.
pub(crate) const APART_S: u64 = 60;
const MINUTE_S: u64 = 60;
const SHARE_FROM_SEED_PER_MILLE: std::ops::RangeInclusive<u64> = 350..=650;

pub(crate) const FORMS: &[(&str, Form)] = &[
    ("message", Form::Message),
    ("notice", Form::Notice),
    ("note", Form::Note),
    ("document", Form::Document),
];
pub(crate) const PRECEDENCES: &[(&str, Precedence)] = &[
    ("flash", Precedence::Flash),
    ("immediate", Precedence::Immediate),
    ("priority", Precedence::Priority),
    ("routine", Precedence::Routine),
];

/// Ends the subject of a document that is sent again after its receipt was refused.
const REISSUED: &str = " (reissued)";

/// The documents of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Documents {
    pub(crate) total: u64,
    // None: from the seed.
    share_of_south_per_mille: Option<u64>,
    forms: Vec<Form>,
    precedences: Vec<Precedence>,
    subjects: Vec<String>,
    answer_s: std::ops::RangeInclusive<u64>,
    reply_per_mille: u64,
    refused_per_mille: u64,
}

impl Documents {
    pub(crate) fn read(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<Self> {
        let total_value = table.required("total");
        let total = total_value
            .as_ref()
            .and_then(|value| value.integer(0..=TOTAL_MAX));
        let share = table
            .required("share_of_south_per_mille")
            .and_then(|value| share(&value));
        let forms = table
            .required("forms")
            .and_then(|value| value.filled_list(|form| form.word(FORMS)));
        let precedences = table.or("precedences", Vec::new(), |value| {
            value.list(|item| item.word(PRECEDENCES))
        });
        let subjects = table
            .required("subjects")
            .and_then(|value| value.filled_list(|subject| subject.text(TOPIC_BYTES_MAX)));
        let answer = table.range("answer_minutes", &(1..=100_000));
        let reply_per_mille = table.per_mille("reply_per_mille");
        let refused_per_mille = table.per_mille("refused_per_mille");
        let (total, answer) = (total?, answer?);
        let answer_s = answer.start() * MINUTE_S..=answer.end() * MINUTE_S;
        if let Some(calendar) = calendar.filter(|_| total > 0)
            && calendar.office_s() <= *answer_s.start()
        {
            let minutes = calendar.office_s() / MINUTE_S;
            table.required("answer_minutes_min")?.mistake(
                format!("no answer comes in time: the period has {minutes} minutes of office time"),
                "write fewer minutes, or lengthen `period`",
            );
            return None;
        }
        Some(Self {
            total,
            share_of_south_per_mille: share?,
            forms: forms?,
            precedences: precedences?,
            subjects: subjects?,
            answer_s,
            reply_per_mille: reply_per_mille?,
            refused_per_mille: refused_per_mille?,
        })
    }

    pub(crate) fn draw(
        &self,
        calendar: &Calendar,
        staff: &PerPlace<Staff>,
        draw: &mut Draw,
        plan: &mut Plan,
    ) {
        let posts = self.posts(calendar, draw);
        let mut reissues: BTreeMap<usize, usize> = BTreeMap::new();
        let mut sent: Vec<Sent> = Vec::with_capacity(posts.len());
        for (index, post) in posts.iter().enumerate() {
            let office = post.office;
            let replied = match reissues.get(&index) {
                Some(_) => None,
                None if draw.chance(self.reply_per_mille) => open_question(&mut sent, post),
                None => None,
            };
            let subject = match (reissues.get(&index), &replied) {
                (Some(refused), _) => format!("{}{REISSUED}", sent[*refused].subject),
                (_, Some((_, subject))) => {
                    format!("Re: {}", subject.trim_end_matches(REISSUED))
                }
                _ => draw.one_of(&self.subjects).clone(),
            };
            let key = plan.next_key();
            let number = plan.next_number(office);
            let document = self.document(&subject, office, number, staff, draw);
            let in_reply_to = replied.map(|(key, _)| key);
            plan.add(
                calendar.office_time(post.sent_s),
                office,
                Act::SendDocument {
                    key,
                    document: Box::new(document),
                    in_reply_to,
                },
            );

            let by = staff[office.peer()].any(draw);
            // A refused document is sent again under the total, or it is not refused.
            let reissue = Some(draw.chance(self.refused_per_mille)).filter(|refused| *refused);
            let reissue = reissue.and_then(|_| {
                let next = |later: &usize| {
                    let post = &posts[*later];
                    post.office == office
                        && post.sent_s >= posts[index].answered_s + APART_S
                        && !reissues.contains_key(later)
                };
                (index + 1..posts.len()).find(next)
            });
            let answer = if let Some(later) = reissue {
                reissues.insert(later, index);
                let reason = "the office does not receive it in the name it bears".to_owned();
                Act::RefuseDocument {
                    of: key,
                    by,
                    reason,
                }
            } else {
                let text = "received and passed on".to_owned();
                Act::AcknowledgeDocument { of: key, by, text }
            };
            plan.add(calendar.office_time(post.answered_s), office.peer(), answer);
            let answerable = reissue.is_none();
            sent.push(Sent {
                key,
                office,
                subject,
                answered_s: post.answered_s,
                answerable,
            });
        }
    }

    /// Who sends when, and when the answer comes, in the order of sending.
    fn posts(&self, calendar: &Calendar, draw: &mut Draw) -> Vec<Post> {
        let share = match self.share_of_south_per_mille {
            Some(share) => share,
            None => draw.within(SHARE_FROM_SEED_PER_MILLE),
        };
        let of_south = self.total * share / 1000;
        let mut offices: Vec<Place> = (0..self.total)
            .map(|index| {
                if index < of_south {
                    Place::South
                } else {
                    Place::North
                }
            })
            .collect();
        draw.shuffle_first(&mut offices, self.total as usize);
        let last_s = calendar.office_s().saturating_sub(1);
        let (answer_min_s, answer_max_s) = (*self.answer_s.start(), *self.answer_s.end());
        let mut posts: Vec<Post> = offices
            .into_iter()
            .map(|office| {
                let sent_s = draw.within(0..=last_s.saturating_sub(answer_min_s));
                let answer_max_s = answer_max_s.min(last_s - sent_s);
                let answered_s = sent_s + draw.within(answer_min_s..=answer_max_s);
                Post {
                    office,
                    sent_s,
                    answered_s,
                }
            })
            .collect();
        posts.sort_by_key(|post| post.sent_s);
        posts
    }

    fn document(
        &self,
        subject: &str,
        office: Place,
        number: u64,
        staff: &PerPlace<Staff>,
        draw: &mut Draw,
    ) -> Document {
        let signatory =
            staff[office].of_rank(*draw.one_of(&[Rank::Chief, Rank::DeputyChief]), draw);
        let rank = signatory.rank.unwrap_or(Rank::Chief);
        let addressee = staff[office.peer()].of_rank(rank, draw);
        let (letter, from, to) = match office {
            Place::South => ("S", "South", "North"),
            Place::North => ("N", "North", "South"),
        };
        let reference = format!("{letter}-{number:03}");
        let body = format!(
            "{reference}\nFrom the {from} office to the {to} office.\nSubject: {subject}\n\
             The {from} office asks the {to} office to take note.\n"
        );
        Document {
            form: *draw.one_of(&self.forms),
            subject: subject.to_owned(),
            body: Bytes::from(body),
            media_type: "text/plain; charset=utf-8".to_owned(),
            signatory: Some(signatory),
            addressee: Some(addressee),
            in_reply_to: None,
            reference,
            precedence: (!self.precedences.is_empty()).then(|| *draw.one_of(&self.precedences)),
            deadline: None,
        }
    }
}

fn share(value: &Value<'_>) -> Option<Option<u64>> {
    if value.is_text() {
        return value.word(&[("seed", ())]).map(|()| None);
    }
    value.integer(0..=1000).map(Some)
}

#[derive(Debug)]
struct Post {
    office: Place,
    // Both in office time.
    sent_s: u64,
    answered_s: u64,
}

#[derive(Debug)]
struct Sent {
    key: Key,
    office: Place,
    subject: String,
    answered_s: u64,
    // It was not refused, is no answer, and has had none.
    answerable: bool,
}

/// The peer's last document that `post` can answer; from now on it has its answer.
fn open_question(sent: &mut [Sent], post: &Post) -> Option<(Key, String)> {
    let open = sent.iter_mut().rev().find(|earlier| {
        earlier.answerable
            && earlier.office != post.office
            && earlier.answered_s + APART_S <= post.sent_s
            && !earlier.subject.starts_with("Re: ")
    })?;
    open.answerable = false;
    Some((open.key, open.subject.clone()))
}
