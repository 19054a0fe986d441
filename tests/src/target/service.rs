//! The relay's service as its last hop answers it, at the target's pace.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::pace::Pace;
use crate::relay::{
    Answers, PassInResponse, PassOutRequest, PassRequest, PassResponse, RelayService, answer,
    answer_all,
};

/// Messages of a stream that have come and are not answered yet.
const WAITING_MESSAGES_MAX: usize = 65_536;

/// The last hop, at a pace.
#[derive(Debug)]
pub(super) struct Paced(pub(super) Arc<Pace>);

#[tonic::async_trait]
impl RelayService for Paced {
    type PassManyStream = Answers;
    type PassOutStream = Answers;

    async fn pass(&self, request: Request<PassRequest>) -> Result<Response<PassResponse>, Status> {
        self.0.until(self.0.arrive()).await;
        Ok(Response::new(answer(request.into_inner().request_id)))
    }

    /// Each message has a delay of its own from when it comes; answers keep the messages' order.
    async fn pass_many(
        &self,
        request: Request<Streaming<PassRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let mut inbound = request.into_inner();
        let answered = |request: Result<PassRequest, Status>| {
            request.map(|request| answer(request.request_id))
        };
        if !self.0.waits() {
            return Ok(Response::new(Box::pin(inbound.map(answered))));
        }
        let (sender, receiver) = mpsc::channel(WAITING_MESSAGES_MAX);
        let pace = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(request) = inbound.next().await {
                // An error here is a client that has gone.
                if sender.send((pace.arrive(), request)).await.is_err() {
                    return;
                }
            }
        });
        let pace = Arc::clone(&self.0);
        let answers = ReceiverStream::new(receiver).then(move |(due, request)| {
            let pace = Arc::clone(&pace);
            async move {
                pace.until(due).await;
                answered(request)
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    /// Each answer has a delay of its own from when the one before went out.
    async fn pass_out(
        &self,
        request: Request<PassOutRequest>,
    ) -> Result<Response<Answers>, Status> {
        let PassOutRequest {
            request_id,
            answers,
            ..
        } = request.into_inner();
        let pace = Arc::clone(&self.0);
        let answers = tokio_stream::iter(0..answers).then(move |_| {
            let (pace, request_id) = (Arc::clone(&pace), request_id.clone());
            async move {
                pace.until(pace.arrive()).await;
                Ok(answer(request_id))
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    /// The answer has one delay, from when the last message has come.
    async fn pass_in(
        &self,
        request: Request<Streaming<PassRequest>>,
    ) -> Result<Response<PassInResponse>, Status> {
        let answer = answer_all(request.into_inner()).await?;
        self.0.until(self.0.arrive()).await;
        Ok(answer)
    }
}
