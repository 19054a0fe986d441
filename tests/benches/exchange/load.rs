//! Closed loops of calls.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::report::Latency;

/// What a loop of calls did.
pub(crate) struct Done {
    pub(crate) per_s: f64,
    pub(crate) count: u64,
    pub(crate) latency: Latency,
}

/// Calls one after another in each of `workers`, for `time`.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
pub(crate) async fn calls<F, C>(
    workers: usize,
    time: Duration,
    call: C,
) -> Result<Done, Box<dyn Error>>
where
    C: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), tonic::Status>> + Send,
{
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..workers {
        let (next, call) = (Arc::clone(&next), call.clone());
        tasks.push(tokio::spawn(async move {
            let mut samples = Vec::new();
            while begun.elapsed() < time {
                let start = Instant::now();
                call(next.fetch_add(1, Ordering::Relaxed)).await?;
                samples.push(start.elapsed());
            }
            Ok::<_, tonic::Status>(samples)
        }));
    }
    let mut samples = Vec::new();
    for task in tasks {
        samples.extend(task.await??);
    }
    let count = samples.len() as u64;
    Ok(Done {
        per_s: count as f64 / begun.elapsed().as_secs_f64(),
        count,
        latency: Latency::of(samples),
    })
}
