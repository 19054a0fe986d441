//! An office, as whoever makes steps speaks to it.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use office::StepKind;
use protocol::pb::office as pb;
use tokio::time::{Instant, sleep};
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::ANSWER_BYTES_MAX;
use crate::call::{About, Call, Raw};
use crate::retry::until_settled;

const STREAM: &str = "/liaison.office.v1.DocumentService/SendDocuments";

/// Makes calls at one office.
#[derive(Debug, Clone)]
pub struct Office {
    grpc: Grpc<Channel>,
    timeout: Option<Duration>,
}

impl Office {
    /// The one behind `channel`.
    pub fn new(channel: Channel) -> Self {
        Self {
            grpc: Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX),
            timeout: None,
        }
    }

    /// A call may take so long at the office.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes a call, once. A document that is too long for one request goes up in parts.
    pub async fn call(&mut self, call: &Call) -> Result<Raw, Status> {
        self.ready().await?;
        let answer = match call.in_parts() {
            None => {
                let path = PathAndQuery::from_static(call.path);
                let request = self.request(call.request.clone());
                self.grpc.unary(request, path, codec()).await
            }
            Some((path, parts)) => {
                let path = PathAndQuery::from_static(path);
                let parts = self.request(tokio_stream::iter(parts));
                self.grpc.client_streaming(parts, path, codec()).await
            }
        };
        answer.map(Response::into_inner)
    }

    /// The same, and again as the office says while a close is refused since its convening is not final yet, until so much
    /// time has passed.
    pub async fn call_once_settled(
        &mut self,
        call: &Call,
        within: Duration,
    ) -> Result<Raw, Status> {
        let end = Instant::now() + within;
        loop {
            let refused = match self.call(call).await {
                Err(status) => status,
                answered => return answered,
            };
            match until_settled(&refused).filter(|wait| Instant::now() + *wait < end) {
                Some(wait) => sleep(wait).await,
                None => return Err(refused),
            }
        }
    }

    /// Sends a document, whose payload may be of any size; `id` is the request id.
    pub async fn upload(&mut self, id: &str, payload: &Bytes) -> Result<Raw, Status> {
        let call = Call::of(StepKind::DocumentSent, id, About::default(), payload);
        self.call(&call.expect("clients send documents")).await
    }

    /// Sends documents as they come, each as the request that a call has; a receipt comes for each.
    pub async fn stream(
        &mut self,
        documents: impl Stream<Item = Raw> + Send + 'static,
    ) -> Result<Streaming<pb::SendDocumentsResponse>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(STREAM);
        let codec = ProstCodec::<Raw, pb::SendDocumentsResponse>::default();
        let receipts = self.grpc.streaming(Request::new(documents), path, codec);
        receipts.await.map(Response::into_inner)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        request
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(format!("the office cannot be reached: {error}")))
    }
}

fn codec() -> ProstCodec<Raw, Raw> {
    ProstCodec::default()
}
