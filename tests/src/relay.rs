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
pub use generated::{PassRequest, PassResponse};

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

fn answer(request: PassRequest) -> PassResponse {
    PassResponse {
        request_id: request.request_id,
        name: "offices/south/documents/1234567".to_owned(),
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<PassResponse, Status>> + Send>>;

#[tonic::async_trait]
impl RelayService for Relay {
    type PassManyStream = Answers;

    async fn pass(&self, request: Request<PassRequest>) -> Result<Response<PassResponse>, Status> {
        match &self.next {
            Some(next) => next.clone().pass(request.into_inner()).await,
            None => Ok(Response::new(answer(request.into_inner()))),
        }
    }

    async fn pass_many(
        &self,
        request: Request<Streaming<PassRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let inbound = request.into_inner();
        let Some(next) = &self.next else {
            return Ok(Response::new(Box::pin(
                inbound.map(|request| request.map(answer)),
            )));
        };
        // A broken inbound stream ends the outbound one.
        let outbound = inbound.map_while(Result::ok);
        let answers = next.clone().pass_many(outbound).await?.into_inner();
        Ok(Response::new(Box::pin(answers)))
    }
}
