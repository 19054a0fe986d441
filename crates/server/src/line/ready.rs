//! Takes from a stream what is there, in one go.

use std::pin::Pin;
use std::task::Poll;

use tokio_stream::Stream;

/// Room for items before more is asked for.
const FIRST_ITEMS: usize = 32;

/// Waits for one item, and takes with it those that are ready, at most `items_max` and about
/// `weight_max` by `weight`. `None` at the end. An error that follows items is given next time.
pub(crate) async fn ready_batch<S, T, E>(
    stream: &mut S,
    held: &mut Option<E>,
    items_max: usize,
    weight_max: usize,
    weight: impl Fn(&T) -> usize,
) -> Option<Result<Vec<T>, E>>
where
    S: Stream<Item = Result<T, E>> + Unpin,
{
    let mut items = Vec::with_capacity(items_max.min(FIRST_ITEMS));
    let mut weighed = 0;
    if let Some(error) = held.take() {
        return Some(Err(error));
    }
    std::future::poll_fn(|context| {
        loop {
            match Pin::new(&mut *stream).poll_next(context) {
                Poll::Ready(Some(Ok(item))) => {
                    weighed += weight(&item);
                    items.push(item);
                    if items.len() >= items_max || weighed >= weight_max {
                        return Poll::Ready(Some(Ok(std::mem::take(&mut items))));
                    }
                }
                Poll::Ready(Some(Err(error))) if items.is_empty() => {
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Err(error))) => {
                    *held = Some(error);
                    return Poll::Ready(Some(Ok(std::mem::take(&mut items))));
                }
                // A stream that has ended says so again when it is asked next.
                Poll::Ready(None) | Poll::Pending if !items.is_empty() => {
                    return Poll::Ready(Some(Ok(std::mem::take(&mut items))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
