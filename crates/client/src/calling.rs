//! An office, as whoever makes steps speaks to it.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use protocol::pb::office as pb;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::ANSWER_BYTES_MAX;
use crate::call::{Call, Raw, parts_of};

const UPLOAD: &str = "/liaison.office.v1.DocumentService/UploadDocument";
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

    /// Makes a call, once.
    pub async fn call(&mut self, call: &Call) -> Result<Raw, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(call.path);
        let request = self.request(call.request.clone());
        let answer = self.grpc.unary(request, path, codec()).await;
        answer.map(Response::into_inner)
    }

    /// Uploads a document, whose payload may be of any size; `id` is the request id.
    pub async fn upload(&mut self, id: &str, payload: &Bytes) -> Result<Raw, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(UPLOAD);
        let parts = self.request(tokio_stream::iter(parts_of(id, payload)));
        let answer = self.grpc.client_streaming(parts, path, codec()).await;
        answer.map(Response::into_inner)
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
