//! Which documents are replies, and to which: it follows from how long replies take.

use std::collections::BTreeSet;

use office::PerPlace;

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

/// Makes `per_mille` of the posts replies to one of the peer's that was sent before, each to another one, and moves none: it
/// is for those to be replies that were sent as long after a question as a reply takes.
pub(super) fn choose_replies(
    posts: &mut [Post],
    per_mille: u64,
    reply_s: &Quantiles,
    draw: &mut Draw,
) {
    let mut open: PerPlace<BTreeSet<(u64, usize)>> = PerPlace::default();
    for (index, post) in posts.iter().enumerate() {
        open[post.office].insert((post.sent_s, index));
    }
    let mut unasked: Vec<usize> = (0..posts.len()).collect();
    let mut takes_s = reply_s.spread(posts.len() as u64 * per_mille / 1_000, draw);
    // Of those that take the least, the fewest are near enough.
    takes_s.sort_unstable();
    for takes_s in takes_s {
        let mut nearest: Option<(u64, usize, (u64, usize))> = None;
        for _ in 0..TRIES_MAX {
            let at = draw.within(0..=unasked.len() as u64 - 1) as usize;
            let post = &posts[unasked[at]];
            let peers = &open[post.office.peer()];
            let Some(wanted) = post.sent_s.checked_sub(takes_s) else {
                continue;
            };
            let Some(found) = near(peers, wanted, post.sent_s) else {
                continue;
            };
            let apart = found.0.abs_diff(wanted);
            if nearest.is_none_or(|(least, ..)| apart < least) {
                nearest = Some((apart, at, found));
            }
            if apart * NEAR_PARTS <= takes_s {
                break;
            }
        }
        if let Some((_, at, found)) = nearest {
            let reply = unasked.swap_remove(at);
            open[posts[reply].office.peer()].remove(&found);
            posts[reply].reply_to = Some(found.1);
            posts[found.1].has_reply = true;
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
