//! Waits for events and states. A deadline is reached only when something is wrong.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Status, Streaming};

/// How long anything may take, on a machine that is busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits for `what`, which must come.
pub(crate) async fn within<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let come = tokio::time::timeout(DEADLINE, coming).await;
    come.unwrap_or_else(|_| panic!("{what} did not come about in {DEADLINE:?}"))
}

/// Looks again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not come about in {DEADLINE:?}"
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The next message of a stream.
pub(crate) async fn message<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Status> {
    within("the next message", stream.message()).await
}
