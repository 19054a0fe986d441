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
    let before = open.range(..=(wanted, usize::MAX)).next_back();
    let after = open.range((wanted + 1, 0)..(sent_s, 0)).next();
    let found = match (before, after) {
        (Some(before), Some(after)) if wanted - before.0 > after.0 - wanted => *after,
        (Some(before), _) => *before,
        (None, Some(after)) => *after,
        (None, None) => return None,
    };
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
