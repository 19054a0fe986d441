//! The yardsticks: the same schedule, walked by bare timers that send nothing.

use replay::LagReport;
use tokio::time::{Instant, sleep_until};

use crate::report;
use crate::schedule::Schedule;

/// By the runtime's timer, on a task of its own, as the officers are.
pub(crate) async fn tokio(schedule: Schedule) -> LagReport {
    let walk = async move {
        let start = Instant::now();
        let mut lags = Vec::new();
        for due in schedule.dues() {
            sleep_until(start + due).await;
            lags.push(start.elapsed().saturating_sub(due));
        }
        report(lags.into_iter())
    };
    tokio::spawn(walk).await.expect("it does not panic")
}

/// By a thread that parks until the next is due.
pub(crate) fn thread(schedule: Schedule) -> LagReport {
    let start = Instant::now();
    report(schedule.dues().map(|due| {
        loop {
            let now = start.elapsed();
            if now >= due {
                return now.saturating_sub(due);
            }
            std::thread::park_timeout(due.saturating_sub(now));
        }
    }))
}
