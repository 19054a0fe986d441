//! The tasks of one office: counted, and ended together.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts tasks, waits for them, and can end them all: an office that is dropped leaves nothing behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        // What becomes of a task that is ended is nobody's concern any more.
        self.tracker.spawn(token.run_until_cancelled_owned(task));
    }

    /// Ends all tasks, wherever they are.
    pub(crate) fn end(&self) {
        self.token.cancel();
    }

    /// Ends all tasks when the guard is dropped.
    pub(crate) fn end_on_drop(&self) -> impl Drop + use<> {
        self.token.clone().drop_guard()
    }

    /// Waits until all tasks have ended.
    pub(crate) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// The executor of the connection to the peer.
impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}
