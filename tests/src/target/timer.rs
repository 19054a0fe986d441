//! A timer finer than the runtime's, whose grain is a millisecond.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU64;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Wakes whoever waits for a moment, within some tens of microseconds of it. Its thread ends with it.
#[derive(Debug, Clone)]
pub(super) struct Timer(Sender<Waiting>);

#[derive(Debug)]
struct Waiting {
    due: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    /// Starts the timer's thread.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("timer".to_owned())
            .spawn(move || run(&receiver))?;
        Ok(Self(sender))
    }

    /// Comes back at that moment, never before it.
    pub(super) async fn until(&self, due: Instant) {
        if due <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        self.0
            .send(Waiting { due, wake })
            .expect("the thread runs as long as the timer");
        woken.await.expect("everybody is woken");
    }
}

fn run(receiver: &Receiver<Waiting>) {
    // The kernel may be late by 50 µs otherwise, to wake several at once. Where that cannot be had, it is late.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let mut waiting = BinaryHeap::new();
    loop {
        let now = Instant::now();
        while let Some(Reverse(Waiting { due, .. })) = waiting.peek()
            && *due <= now
        {
            let Some(Reverse(Waiting { wake, .. })) = waiting.pop() else {
                break;
            };
            // Who is not there any more need not be woken.
            let _ = wake.send(());
        }
        let next = match waiting.peek() {
            Some(Reverse(Waiting { due, .. })) => {
                receiver.recv_timeout(due.saturating_duration_since(Instant::now()))
            }
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(next) => {
                waiting.push(Reverse(next));
                waiting.extend(receiver.try_iter().map(Reverse));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn nobody_is_woken_early_or_out_of_order() {
        let timer = Timer::start().expect("a thread");
        let begun = Instant::now();
        let mut waits = tokio::task::JoinSet::new();
        for after_us in [3_000, 1_000, 0, 2_000, 1_500] {
            let (timer, due) = (timer.clone(), begun + Duration::from_micros(after_us));
            waits.spawn(async move {
                timer.until(due).await;
                (due, Instant::now())
            });
        }
        for (due, woken) in waits.join_all().await {
            assert!(woken >= due);
        }
    }
}
