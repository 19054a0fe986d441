//! Which documents are replies, and to which: it follows from how long replies take.

use std::collections::BTreeSet;

use office::{PerPlace, Place};

use super::Post;
use crate::draw::Draw;
use crate::quantiles::Quantiles;

/// How often a time of reply is drawn before the nearest question is taken.
const DRAWS_MAX: u32 = 8;
/// How far a reply is moved, so that it comes exactly as long after its question as was drawn. No hour of the rhythm
/// becomes another by it but its neighbour.
const MOVED_S_MAX: u64 = 3_600;
/// How often a document is tried as a reply that takes so long, and how near is near enough: so many parts of that time.
const TRIES_MAX: u32 = 256;
const NEAR_PARTS: u64 = 50;

/// Makes `per_mille` of the posts replies to one of the peer's that was sent before, each to another one. Takes them in
/// the order of sending, and returns them so.
pub(super) fn match_replies(
    mut posts: Vec<Post>,
    per_mille: u64,
    reply_s: &Quantiles,
    draw: &mut Draw,
) -> Vec<Post> {
    // Those without a reply, by the time at which they are sent.
    let mut open: PerPlace<BTreeSet<(u64, usize)>> = PerPlace::default();
    for index in 0..posts.len() {
        let Post { office, sent_s, .. } = posts[index];
        if draw.chance(per_mille)
            && let Some((question, sent_s)) =
                question(&mut open[office.peer()], sent_s, reply_s, draw)
        {
            posts[index].reply_to = Some(question);
            posts[index].sent_s = sent_s;
            posts[question].has_reply = true;
        }
        open[office].insert((posts[index].sent_s, index));
    }
    let mut order: Vec<usize> = (0..posts.len()).collect();
    order.sort_by_key(|index| posts[*index].sent_s);
    let mut now_at = vec![0; posts.len()];
    for (now, was) in order.into_iter().enumerate() {
        now_at[was] = now;
    }
    for post in &mut posts {
        post.reply_to = post.reply_to.map(|was| now_at[was]);
    }
    posts.sort_by_key(|post| post.sent_s);
    posts
}

/// The document that was sent most nearly as long before `sent_s` as a reply takes, which is open no more; and when the
/// reply is sent.
fn question(
    open: &mut BTreeSet<(u64, usize)>,
    sent_s: u64,
    reply_s: &Quantiles,
    draw: &mut Draw,
) -> Option<(usize, u64)> {
    let (oldest, _) = *open.first().filter(|(oldest, _)| *oldest < sent_s)?;
    let mut takes_s = reply_s.draw(draw);
    for _ in 1..DRAWS_MAX {
        if oldest + takes_s <= sent_s {
            break;
        }
        takes_s = reply_s.draw(draw);
    }
    let wanted = sent_s.saturating_sub(takes_s);
    let found = near(open, wanted, sent_s)?;
    open.remove(&found);
    let due = found.0 + takes_s;
    // Only to an earlier time: what is sent at the end of the period stays in it.
    let moved = if due < sent_s && sent_s - due <= MOVED_S_MAX {
        due
    } else {
        sent_s
    };
    Some((found.1, moved))
}

/// Makes `per_mille` of the posts replies to one that was sent before, each to another one, and moves none: it is for those to
/// be replies that were sent as long after a question as a reply takes. The offices change places, so that the peer replies.
pub(super) fn choose_replies(
    posts: &mut [Post],
    per_mille: u64,
    reply_s: &Quantiles,
    draw: &mut Draw,
) {
    let mut takes_s = reply_s.spread(posts.len() as u64 * per_mille / 1_000, draw);
    // Of those that take the least, the fewest are near enough.
    takes_s.sort_unstable();
    let sent = posts.iter().enumerate();
    let mut open = sent.map(|(index, post)| (post.sent_s, index)).collect();
    let mut unasked: Vec<usize> = (0..posts.len()).collect();
    for takes_s in takes_s {
        if let Some((at, question)) = nearest(posts, &unasked, &open, takes_s, draw) {
            let reply = unasked.swap_remove(at);
            open.remove(&(posts[question].sent_s, question));
            posts[reply].reply_to = Some(question);
            posts[question].has_reply = true;
        }
    }
    take_turns(posts, draw);
}

/// Of the posts that are tried the one that would be sent most nearly so long after an open question, as an index into those
/// that are no reply; and the question.
fn nearest(
    posts: &[Post],
    unasked: &[usize],
    open: &BTreeSet<(u64, usize)>,
    takes_s: u64,
    draw: &mut Draw,
) -> Option<(usize, usize)> {
    let mut nearest: Option<(u64, usize, usize)> = None;
    let last = (unasked.len() as u64).checked_sub(1)?;
    for _ in 0..TRIES_MAX {
        let at = draw.within(0..=last) as usize;
        let sent_s = posts[unasked[at]].sent_s;
        let wanted = sent_s.checked_sub(takes_s);
        let Some((found, wanted)) =
            wanted.and_then(|wanted| Some((near(open, wanted, sent_s)?, wanted)))
        else {
            continue;
        };
        let apart = found.0.abs_diff(wanted);
        if nearest.is_none_or(|(least, ..)| apart < least) {
            nearest = Some((apart, at, found.1));
        }
        if apart * NEAR_PARTS <= takes_s {
            break;
        }
    }
    nearest.map(|(_, at, question)| (at, question))
}

/// Deals the offices out anew, as many posts to each as it had: each reply is of the other office than what it answers. What
/// cannot be so is no reply.
fn take_turns(posts: &mut [Post], draw: &mut Draw) {
    let mut left = PerPlace::new(0_u64, 0_u64);
    let mut reply_of = vec![None; posts.len()];
    for (index, post) in posts.iter().enumerate() {
        left[post.office] += 1;
        if let Some(question) = post.reply_to {
            reply_of[question] = Some(index);
        }
    }
    let begun = (0..posts.len()).filter(|index| posts[*index].reply_to.is_none());
    let mut threads: Vec<Vec<usize>> = begun
        .map(|first| std::iter::successors(Some(first), |index| reply_of[*index]).collect())
        .collect();
    let count = threads.len();
    draw.shuffle_first(&mut threads, count);
    // Those of one post are dealt last, and take whatever is left.
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.len()));
    for thread in threads {
        let mut drawn = |left: &PerPlace<u64>| {
            let [south, north] = Place::BOTH.map(|place| left[place]);
            Place::BOTH[usize::from(draw.within(0..=south + north - 1) >= south)]
        };
        let first = drawn(&left);
        let needs = [thread.len().div_ceil(2) as u64, thread.len() as u64 / 2];
        let has_room = |first: &Place| left[*first] >= needs[0] && left[first.peer()] >= needs[1];
        let first = [first, first.peer()].into_iter().find(has_room);
        for (turn, index) in thread.into_iter().enumerate() {
            let office =
                first.map_or_else(|| drawn(&left), |first| [first, first.peer()][turn % 2]);
            left[office] -= 1;
            posts[index].office = office;
            if first.is_none() {
                (posts[index].reply_to, posts[index].has_reply) = (None, false);
            }
        }
    }
}

/// What is nearest to `wanted`, and before `sent_s`.
fn near(open: &BTreeSet<(u64, usize)>, wanted: u64, sent_s: u64) -> Option<(u64, usize)> {
    let before = open.range(..=(wanted, usize::MAX)).next_back();
    let after = open.range((wanted + 1, 0)..(sent_s, 0)).next();
    match (before, after) {
        (Some(before), Some(after)) if wanted - before.0 > after.0 - wanted => Some(*after),
        (Some(before), _) => Some(*before),
        (None, after) => after.copied(),
    }
}
