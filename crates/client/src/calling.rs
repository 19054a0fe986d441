//! An office, as whoever makes steps speaks to it.

use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::ANSWER_BYTES_MAX;
use crate::call::{Call, Raw};

/// Makes calls at one office.
#[derive(Debug, Clone)]
pub struct Office {
    grpc: Grpc<Channel>,
}

impl Office {
    /// The one behind `channel`.
    pub fn new(channel: Channel) -> Self {
        Self {
            grpc: Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX),
        }
    }

    /// Makes a call, once.
    pub async fn call(&mut self, call: &Call) -> Result<Raw, Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| {
            Status::unavailable(format!("the office cannot be reached: {error}"))
        })?;
        let path = PathAndQuery::from_static(call.path);
        let codec = ProstCodec::<Raw, Raw>::default();
        let answer = self
            .grpc
            .unary(Request::new(call.request.clone()), path, codec);
        answer.await.map(Response::into_inner)
    }
}
