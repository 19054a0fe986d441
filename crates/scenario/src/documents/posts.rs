//! Who sends when, and when the answer comes.

mod replies;

use std::collections::BTreeMap;

use jiff::Timestamp;
use office::officer::Officer;
use office::{PerPlace, Place};

use super::{APART_S, Documents, Sending};
use crate::calendar::Calendar;
use crate::delay::Delay;
use crate::draw::Draw;
use crate::follows::Follows;
use crate::rhythm::{Nearness, Rhythm};
use crate::staff::Staff;
use crate::timeline::{Act, Key, Plan};

const SHARE_FROM_SEED_PER_MILLE: std::ops::RangeInclusive<u64> = 350..=650;
/// Ends the subject of a document that is sent again after its receipt was refused.
const REISSUED: &str = " (reissued)";

/// One document that is to be sent.
#[derive(Debug)]
struct Post {
    office: Place,
    // Both in seconds of the period.
    sent_s: u64,
    answered_s: Option<u64>,
    /// Which of the followed documents it answers.
    follows: Option<usize>,
    /// Which of the posts before it it answers, where that follows from how long replies take.
    reply_to: Option<usize>,
    /// Whether a later one answers it.
    has_reply: bool,
}

impl Post {
    const fn new(office: Place, sent_s: u64) -> Self {
        Self {
            office,
            sent_s,
            answered_s: None,
            follows: None,
            reply_to: None,
            has_reply: false,
        }
    }
}

/// A document that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) key: Key,
    pub(crate) office: Place,
    pub(crate) subject: String,
    pub(crate) at: Timestamp,
    answered_s: u64,
    // It was not refused, is no answer, and has had none.
    answerable: bool,
}

impl Documents {
    pub(super) fn draw(
        &self,
        count: u64,
        followed: &[Sent],
        calendar: &Calendar,
        staff: &PerPlace<Staff>,
        draw: &mut Draw,
        plan: &mut Plan,
    ) -> Vec<Sent> {
        let mut beside = draw.beside();
        let posts = self.posts(count, followed, calendar, draw);
        let mut sizes = self.sizes(count, draw);
        let mut reissues: BTreeMap<usize, usize> = BTreeMap::new();
        let mut sent: Vec<Sent> = Vec::with_capacity(posts.len());
        for (index, post) in posts.iter().enumerate() {
            let office = post.office;
            let refused = reissues.get(&index).copied();
            let replied = match refused {
                Some(_) => None,
                None => self.question(post, followed, &mut sent, draw),
            };
            let reissued = refused.map(|refused| &*sent[refused].subject);
            let question = replied.as_ref().map(|(_, subject)| &**subject);
            let subject = match (reissued, question) {
                (None, None) => draw.one_of(&self.subjects).clone(),
                (reissued, question) => subject_of(reissued, question),
            };
            let key = plan.next_key();
            let number = plan.next_number(office);
            let mut document = self.document(&subject, office, number, sizes.pop(), staff, draw);
            let in_reply_to = replied.map(|(key, _)| key);
            let at = calendar.at_second(post.sent_s);
            document.deadline = self.deadline(at, calendar.of(office.peer()), &mut beside);
            let deadline = document.deadline;
            plan.add(
                at,
                office,
                Act::SendDocument {
                    key,
                    document: Box::new(document),
                    in_reply_to,
                },
            );
            let (mut reissue, mut refused) = (None, false);
            if let Some(answered_s) = post.answered_s {
                let by = staff[office.peer()].any(draw);
                refused = draw.chance(self.refused_per_mille) && !post.has_reply;
                let stays = refused && beside.chance(self.stays_refused_per_mille);
                let answered = calendar.at_second(answered_s);
                // What comes too late does not come: it has expired.
                let in_time = deadline.is_none_or(|deadline| answered < deadline);
                refused &= in_time;
                if refused && !stays {
                    // It is sent again under the total, or it is not refused.
                    reissue = reissue_of(&posts, index, answered_s, &reissues);
                    refused = reissue.is_some();
                }
                if in_time {
                    plan.add(answered, office.peer(), answer(key, by, refused));
                }
            }
            if let Some(later) = reissue {
                reissues.insert(later, index);
            }
            sent.push(Sent {
                key,
                office,
                subject,
                at,
                answered_s: post.answered_s.unwrap_or(post.sent_s),
                answerable: !refused,
            });
        }
        sent
    }

    /// The sizes, if they are to have their shape under every seed.
    fn sizes(&self, count: u64, draw: &mut Draw) -> Vec<u64> {
        let sizes = self.body_bytes.as_ref().filter(|_| self.gaps_hold());
        sizes.map_or(Vec::new(), |bytes| bytes.spread(count, draw))
    }

    /// Until when what is sent `at` is to be answered; at any time if that is after the period.
    fn deadline(&self, at: Timestamp, calendar: &Calendar, beside: &mut Draw) -> Option<Timestamp> {
        let second = calendar.second_at(at);
        let deadline = self.deadline.as_ref()?.after(second, calendar, beside);
        deadline.map(|second| calendar.at_second(second))
    }

    /// What is to be sent, in that order.
    fn posts(
        &self,
        count: u64,
        followed: &[Sent],
        calendar: &Calendar,
        draw: &mut Draw,
    ) -> Vec<Post> {
        match &self.sending {
            Sending::Following(follows) => {
                self.posts_following(follows, count, followed, calendar, draw)
            }
            Sending::Begun { .. } if self.in_office_time() => {
                self.posts_in_office_time(count, calendar, draw)
            }
            Sending::Begun { rhythm, .. } => self.posts_by_clock(count, rhythm, calendar, draw),
        }
    }

    /// What `post` answers, if anything: a followed document, or one that was sent before it.
    fn question(
        &self,
        post: &Post,
        followed: &[Sent],
        sent: &mut [Sent],
        draw: &mut Draw,
    ) -> Option<(Key, String)> {
        if let Some(follows) = post.follows {
            let followed = &followed[follows];
            Some((followed.key, followed.subject.clone()))
        } else if self.reply_s.is_some() {
            let question = &sent[post.reply_to?];
            Some((question.key, question.subject.clone()))
        } else if draw.chance(self.reply_per_mille) {
            open_question(sent, post)
        } else {
            None
        }
    }

    /// Whether everything about it is in office time.
    const fn in_office_time(&self) -> bool {
        let rhythm = matches!(
            self.sending,
            Sending::Begun {
                rhythm: Rhythm::OfficeTime,
                ..
            }
        );
        let plain = self.answered_per_mille == 1_000 && self.reply_s.is_none();
        rhythm && plain && matches!(self.answer, Delay::Office(_))
    }

    /// Whether the gaps are given: then all of what is measured holds its shape under every seed.
    const fn gaps_hold(&self) -> bool {
        let Sending::Begun {
            rhythm: Rhythm::Clock { nearness, .. },
            ..
        } = &self.sending
        else {
            return false;
        };
        matches!(nearness, Nearness::Gaps(_))
    }

    /// In the order of sending, by the hours of each office; an answer comes to each before the period ends.
    fn posts_in_office_time(&self, count: u64, calendar: &Calendar, draw: &mut Draw) -> Vec<Post> {
        let Delay::Office(answer_s) = &self.answer else {
            unreachable!("all of it is in office time")
        };
        let (answer_min_s, answer_max_s) = (*answer_s.start(), *answer_s.end());
        let offices = self.offices(count, draw);
        let post = |office: Place| {
            let (own, peers) = (calendar.of(office), calendar.of(office.peer()));
            let last_s = peers.office_s().saturating_sub(1);
            // Whatever is sent until then is answered in time.
            let latest_s = peers.second_of(last_s.saturating_sub(answer_min_s));
            let sent_s = own.second_of(draw.within(0..=own.office_s_until(latest_s)));
            let asked_s = peers.office_s_from(sent_s);
            let answer_max_s = answer_max_s.min(last_s.saturating_sub(asked_s));
            let answer_s = draw.within(answer_min_s.min(answer_max_s)..=answer_max_s);
            let answered_s = peers.second_of(asked_s + answer_s);
            Post {
                answered_s: (answered_s > sent_s).then_some(answered_s),
                ..Post::new(office, sent_s)
            }
        };
        let mut posts: Vec<Post> = offices.into_iter().map(post).collect();
        posts.sort_by_key(|post| post.sent_s);
        posts
    }

    /// In the order of sending, by the clock. What would be answered after the period is not.
    fn posts_by_clock(
        &self,
        count: u64,
        rhythm: &Rhythm,
        calendar: &Calendar,
        draw: &mut Draw,
    ) -> Vec<Post> {
        let offices = self.offices(count, draw);
        let mut posts: Vec<Post> = if calendar.differs() && !self.gaps_hold() {
            // Each at moments of its own hours. Gaps are between documents, whoever sends them.
            let of_office = |place: Place| {
                let count = offices.iter().filter(|office| **office == place).count();
                let moments = rhythm.moments(count as u64, calendar.of(place), draw);
                moments
                    .into_iter()
                    .map(move |sent_s| Post::new(place, sent_s))
            };
            Place::BOTH.into_iter().flat_map(of_office).collect()
        } else {
            let moments = rhythm.moments(count, calendar, draw);
            let posts = offices.into_iter().zip(moments);
            posts
                .map(|(office, sent_s)| Post::new(office, sent_s))
                .collect()
        };
        posts.sort_by_key(|post| post.sent_s);
        match &self.reply_s {
            Some(reply_s) if self.gaps_hold() => {
                replies::choose_replies(&mut posts, self.reply_per_mille, reply_s, draw);
            }
            Some(reply_s) => {
                posts = replies::match_replies(posts, self.reply_per_mille, reply_s, draw);
            }
            None => {}
        }
        for post in &mut posts {
            let peers = calendar.of(post.office.peer());
            post.answered_s = self.answered(post.sent_s, peers, draw);
        }
        posts
    }

    fn posts_following(
        &self,
        follows: &Follows,
        count: u64,
        followed: &[Sent],
        calendar: &Calendar,
        draw: &mut Draw,
    ) -> Vec<Post> {
        let mut chosen: Vec<usize> = (0..followed.len()).collect();
        draw.shuffle_first(&mut chosen, count as usize);
        chosen.truncate(count as usize);
        let mut posts: Vec<Post> = chosen
            .into_iter()
            .map(|index| {
                let asked_s = calendar.second_at(followed[index].at);
                // What would follow after the period follows within what is left of it.
                let office = followed[index].office.peer();
                let sent_s = follows.after.after(asked_s, calendar.of(office), draw);
                // Half of that, so that what follows it in turn finds room too.
                let sent_s = sent_s.unwrap_or_else(|| {
                    let left_s = calendar.last_s().saturating_sub(asked_s);
                    asked_s + draw.within(left_s.min(1)..=(left_s / 2).max(left_s.min(1)))
                });
                Post {
                    answered_s: self.answered(sent_s, calendar.of(office.peer()), draw),
                    follows: Some(index),
                    ..Post::new(office, sent_s)
                }
            })
            .collect();
        posts.sort_by_key(|post| post.sent_s);
        posts
    }

    fn answered(&self, sent_s: u64, calendar: &Calendar, draw: &mut Draw) -> Option<u64> {
        if !draw.chance(self.answered_per_mille) {
            return None;
        }
        self.answer.after(sent_s, calendar, draw)
    }

    /// Whose each document is, in a drawn order.
    fn offices(&self, count: u64, draw: &mut Draw) -> Vec<Place> {
        let Sending::Begun {
            share_of_south_per_mille,
            ..
        } = self.sending
        else {
            unreachable!("what follows is sent by the other office")
        };
        let share = match share_of_south_per_mille {
            Some(share) => share,
            None => draw.within(SHARE_FROM_SEED_PER_MILLE),
        };
        let of_south = count * share / 1000;
        let place = |index| {
            if index < of_south {
                Place::South
            } else {
                Place::North
            }
        };
        let mut offices: Vec<Place> = (0..count).map(place).collect();
        draw.shuffle_first(&mut offices, count as usize);
        offices
    }
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

/// The subject of what is sent again, or answers a question.
fn subject_of(reissued: Option<&str>, question: Option<&str>) -> String {
    let answered = || {
        let subject = question.unwrap_or_default().trim_end_matches(REISSUED);
        format!("Re: {}", subject.strip_prefix("Re: ").unwrap_or(subject))
    };
    reissued.map_or_else(answered, |subject| format!("{subject}{REISSUED}"))
}

/// What becomes of a document with the office that received it.
fn answer(of: Key, by: Officer, refused: bool) -> Act {
    if refused {
        let reason = "the office does not receive it in the name it bears".to_owned();
        Act::RefuseDocument { of, by, reason }
    } else {
        let text = "received and passed on".to_owned();
        Act::AcknowledgeDocument { of, by, text }
    }
}

/// The later document of the same office that is to be a refused one, sent again.
fn reissue_of(
    posts: &[Post],
    refused: usize,
    answered_s: u64,
    reissues: &BTreeMap<usize, usize>,
) -> Option<usize> {
    let may_be = |later: &usize| {
        let post = &posts[*later];
        post.office == posts[refused].office
            && post.follows.is_none()
            && post.reply_to.is_none()
            && post.sent_s >= answered_s + APART_S
            && !reissues.contains_key(later)
    };
    (refused + 1..posts.len()).find(may_be)
}
