//! One thread of the generator, from its connections to its end.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use report::Recorder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::Instant;
use tonic::Code;

use super::manner::Manner;
use super::source::Source;
use super::steering::Steering;
use super::worker::{Told, Worker};
use crate::plan::Plan;
use crate::transport::{Blame, Endpoint, Failed, Pool};

/// What a thread is given.
pub(super) struct Thread {
    pub(super) number: usize,
    pub(super) targets: Vec<Endpoint>,
    pub(super) plan: Arc<Plan>,
    pub(super) manner: Manner,
    pub(super) steering: Arc<Steering>,
    pub(super) source: Source,
    pub(super) told: mpsc::UnboundedSender<Told>,
    /// When to begin: sent once all threads are connected.
    pub(super) started: oneshot::Receiver<(Instant, Timestamp)>,
    pub(super) spared: mpsc::UnboundedReceiver<Box<Recorder>>,
}

impl Thread {
    /// Lets it run. What becomes of it, it tells.
    pub(super) fn spawn(self) -> io::Result<()> {
        std::thread::Builder::new()
            .name(format!("load-{}", self.number))
            .spawn(move || self.run())
            .map(drop)
    }

    fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => LocalSet::new().block_on(&runtime, self.calls()),
            Err(error) => {
                let message = format!("failed to start a runtime: {error}");
                let failed = Failed::new(Code::Internal, Blame::NotSent, message);
                let _ = self.told.send(Told::Ready(Err(failed)));
            }
        }
    }

    async fn calls(mut self) {
        let mut pools = Vec::new();
        for target in self.targets {
            match Pool::connect(target, self.manner.pool).await {
                Ok(pool) => pools.push(pool),
                Err(failed) => {
                    let _ = self.told.send(Told::Ready(Err(failed)));
                    return;
                }
            }
        }
        let _ = self.told.send(Told::Ready(Ok(())));
        let Ok((start, start_wall)) = self.started.await else {
            return;
        };
        let worker = Worker::new(
            self.number,
            self.plan,
            self.manner,
            pools,
            start,
            start_wall,
            self.steering,
        );
        let end = worker
            .run(self.source, self.told.clone(), &mut self.spared)
            .await;
        let _ = self.told.send(Told::Ended(Box::new(end)));
    }
}
