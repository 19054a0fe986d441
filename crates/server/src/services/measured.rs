//! Answers whose size is known only when they are made: memory is taken for them before they are held.

use office::Refusal;
use prost::Message;

use callers::{room, turn};

/// A page ends near this size.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// An answer, and the bytes that it is encoded into.
const COPIES: u64 = 3;
/// What is smaller is held while memory is taken for it; what is larger is made again once there is some.
const SMALL_BYTES: usize = 16 * 1024;

/// How long a page of at most `count` may be, by the first of them: others are likely to be like it, and if they are
/// not, the page is shorter. A little more than thought is no reason for a page of its own.
fn page_bytes_max(first: usize, count: usize) -> usize {
    let likely = first.saturating_mul(count).max(SMALL_BYTES);
    likely.min(PAGE_BYTES_MAX).max(first)
}

/// A page that `make` reads together, of at most so many entries and bytes; it has one at least, if there is any.
pub(super) async fn page_within<T: Message>(
    count: usize,
    make: impl Fn(usize, usize) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let turn_to_look = turn().await;
    let first = make(1, 0)?.encoded_len();
    drop(turn_to_look);
    let bytes_max = page_bytes_max(first, count);
    let taken = room(bytes_max as u64 * COPIES).await?;
    let _turn = turn().await;
    let page = make(count, bytes_max)?;
    taken.took(page.encoded_len() as u64 * COPIES);
    Ok(page)
}

/// An answer that `make` reads together.
pub(super) async fn measured<T: Message>(
    make: impl Fn() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let turn_to_look = turn().await;
    let made = make()?;
    drop(turn_to_look);
    let bytes = made.encoded_len();
    let taken = bytes as u64 * COPIES;
    if bytes <= SMALL_BYTES {
        room(taken).await?.took(taken);
        return Ok(made);
    }
    drop(made);
    room(taken).await?.took(taken);
    let _turn = turn().await;
    make()
}

/// What `make` makes of each of `found`, as far as a page may be long: at least one. Says how many of them that was.
pub(super) async fn page_of<K, T: Message>(
    found: &[K],
    make: impl Fn(&K) -> Result<T, Refusal>,
) -> Result<(Vec<T>, usize), Refusal> {
    let Some(first) = found.first() else {
        return Ok((Vec::new(), 0));
    };
    let turn_to_look = turn().await;
    let first = make(first)?.encoded_len();
    drop(turn_to_look);
    let bytes_max = page_bytes_max(first, found.len());
    let taken = room(bytes_max as u64 * COPIES).await?;
    let _turn = turn().await;
    let (mut page, mut bytes) = (Vec::new(), 0);
    for key in found {
        let made = make(key)?;
        let len = made.encoded_len();
        if !page.is_empty() && bytes + len > bytes_max {
            break;
        }
        bytes += len;
        page.push(made);
    }
    taken.took(bytes as u64 * COPIES);
    let count = page.len();
    Ok((page, count))
}
