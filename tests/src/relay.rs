//! The yardstick: a bare tonic relay that passes messages on and stores nothing, as tonic's own examples write one.

use std::pin::Pin;

use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "documented in the proto file"
)]
mod generated {
    tonic::include_proto!("relay.v1");
}

pub use generated::relay_service_client::RelayServiceClient;
pub use generated::relay_service_server::{RelayService, RelayServiceServer};
pub use generated::{PassInResponse, PassOutRequest, PassRequest, PassResponse};

/// The service's file, as reflection hands it out.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/relay.bin"));

/// Passes messages on to the next hop; the last hop answers.
#[derive(Debug)]
pub struct Relay {
    next: Option<RelayServiceClient<Channel>>,
}

impl Relay {
    /// A relay whose next hop is at `next`; `None` for the last.
    pub fn new(next: Option<Channel>) -> Self {
        Self {
            next: next.map(RelayServiceClient::new),
        }
    }
}

/// The last hop's answer to a message.
pub fn answer(request_id: String) -> PassResponse {
    PassResponse {
        request_id,
        name: "offices/south/documents/1234567".to_owned(),
    }
}

/// The last hop's answer to many messages.
pub async fn answer_all(
    mut requests: Streaming<PassRequest>,
) -> Result<Response<PassInResponse>, Status> {
    let mut answer = PassInResponse::default();
    while let Some(request) = requests.message().await? {
        answer.messages += 1;
        answer.payload_bytes += request.payload.len() as u64;
    }
    Ok(Response::new(answer))
}

/// Many answers.
pub type Answers = Pin<Box<dyn Stream<Item = Result<PassResponse, Status>> + Send>>;

#[tonic::async_trait]
impl RelayService for Relay {
    type PassManyStream = Answers;
    type PassOutStream = Answers;

    async fn pass(&self, request: Request<PassRequest>) -> Result<Response<PassResponse>, Status> {
        match &self.next {
            Some(next) => next.clone().pass(request.into_inner()).await,
            None => Ok(Response::new(answer(request.into_inner().request_id))),
        }
    }

    async fn pass_many(
        &self,
        request: Request<Streaming<PassRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let inbound = request.into_inner();
        let Some(next) = &self.next else {
            return Ok(Response::new(Box::pin(inbound.map(|request| {
                request.map(|request| answer(request.request_id))
            }))));
        };
        // A broken inbound stream ends the outbound one.
        let outbound = inbound.map_while(Result::ok);
        let answers = next.clone().pass_many(outbound).await?.into_inner();
        Ok(Response::new(Box::pin(answers)))
    }

    async fn pass_out(
        &self,
        request: Request<PassOutRequest>,
    ) -> Result<Response<Answers>, Status> {
        let request = request.into_inner();
        let Some(next) = &self.next else {
            let answers = (0..request.answers).map(move |_| Ok(answer(request.request_id.clone())));
            return Ok(Response::new(Box::pin(tokio_stream::iter(answers))));
        };
        let answers = next.clone().pass_out(request).await?.into_inner();
        Ok(Response::new(Box::pin(answers)))
    }

    async fn pass_in(
        &self,
        request: Request<Streaming<PassRequest>>,
    ) -> Result<Response<PassInResponse>, Status> {
        let inbound = request.into_inner();
        match &self.next {
            Some(next) => next.clone().pass_in(inbound.map_while(Result::ok)).await,
            None => answer_all(inbound).await,
        }
    }
}
