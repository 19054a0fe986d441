//! Asking a target what it serves, by gRPC reflection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use prost::encoding::{WireType, encode_varint};
use prost_types::FileDescriptorProto;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
// v1 and v1alpha are the same on the wire: one set of types serves both.
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::error::SchemaError;
use crate::wire::put_key;

const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// A large product's whole schema has some thousand files.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why asking stopped.
enum Stop {
    /// This version of reflection is not there; the other may be.
    Unimplemented,
    Failed(String),
}

/// An encoded descriptor set with all that `symbols` need.
pub(super) async fn fetch(channel: Channel, symbols: &[String]) -> Result<Vec<u8>, SchemaError> {
    for path in PATHS {
        let mut files = Files::default();
        match files.fetch(channel.clone(), path, symbols).await {
            Ok(()) => return Ok(files.into_set()),
            Err(Stop::Unimplemented) => {}
            Err(Stop::Failed(message)) => return Err(SchemaError::Reflection { message }),
        }
    }
    Err(SchemaError::Reflection {
        message: "it serves neither grpc.reflection.v1 nor v1alpha".to_owned(),
    })
}

/// The files told so far.
#[derive(Default)]
struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Imported and not told yet.
    wanted: BTreeSet<String>,
}

/// One stream of questions and their answers.
struct Conversation {
    questions: tokio::sync::mpsc::Sender<ServerReflectionRequest>,
    answers: tonic::Streaming<ServerReflectionResponse>,
}

impl Files {
    async fn fetch(
        &mut self,
        channel: Channel,
        path: &'static str,
        symbols: &[String],
    ) -> Result<(), Stop> {
        let mut conversation = Conversation::open(channel, path).await?;
        let services = if symbols.is_empty() {
            conversation.services().await?
        } else {
            symbols.iter().map(|symbol| service_of(symbol)).collect()
        };
        for service in services {
            let question = MessageRequest::FileContainingSymbol(service.clone());
            let told = match conversation.ask(question).await? {
                MessageResponse::ErrorResponse(error)
                    if error.error_code == Code::NotFound as i32 =>
                {
                    // `package.Service.Method` was taken for a service; its last part may be a method.
                    let outer = service.rsplit_once('.').map(|(outer, _)| outer.to_owned());
                    let outer = outer.ok_or_else(|| Stop::Failed(unknown(&service)))?;
                    conversation
                        .ask(MessageRequest::FileContainingSymbol(outer))
                        .await?
                }
                told => told,
            };
            self.take(told, &service)?;
        }
        while let Some(name) = self.wanted.pop_first() {
            let question = MessageRequest::FileByFilename(name.clone());
            let told = conversation.ask(question).await?;
            self.take(told, &name)?;
            if !self.by_name.contains_key(&name) {
                return Err(Stop::Failed(format!(
                    "asked for {name}, it told another file"
                )));
            }
        }
        Ok(())
    }

    fn take(&mut self, told: MessageResponse, asked: &str) -> Result<(), Stop> {
        let files = match told {
            MessageResponse::FileDescriptorResponse(files) => files.file_descriptor_proto,
            MessageResponse::ErrorResponse(error) if error.error_code == Code::NotFound as i32 => {
                return Err(Stop::Failed(unknown(asked)));
            }
            MessageResponse::ErrorResponse(error) => {
                let message = format!("asked for `{asked}`, it said: {}", error.error_message);
                return Err(Stop::Failed(message));
            }
            _ => return Err(Stop::Failed("it answered another question".to_owned())),
        };
        for bytes in files {
            let file = FileDescriptorProto::decode(&bytes[..])
                .map_err(|error| Stop::Failed(format!("a file descriptor is broken: {error}")))?;
            let name = file.name().to_owned();
            self.wanted.remove(&name);
            if self.by_name.contains_key(&name) {
                continue;
            }
            self.bytes += bytes.len();
            if self.by_name.len() == FILES_MAX || self.bytes > BYTES_MAX {
                let message = format!("it has more than {FILES_MAX} files or {BYTES_MAX} bytes");
                return Err(Stop::Failed(message));
            }
            self.by_name.insert(name, bytes);
            let missing = file.dependency.into_iter();
            self.wanted
                .extend(missing.filter(|name| !self.by_name.contains_key(name)));
        }
        Ok(())
    }

    /// The files as they were told: a descriptor set decoded and encoded again would lose options.
    fn into_set(self) -> Vec<u8> {
        let mut set = Vec::with_capacity(self.bytes);
        for bytes in self.by_name.values() {
            put_key(1, WireType::LengthDelimited, &mut set);
            encode_varint(bytes.len() as u64, &mut set);
            set.extend_from_slice(bytes);
        }
        set
    }
}

impl Conversation {
    async fn open(channel: Channel, path: &'static str) -> Result<Self, Stop> {
        let mut grpc = Grpc::new(channel).max_decoding_message_size(BYTES_MAX);
        grpc.ready()
            .await
            .map_err(|error| Stop::Failed(format!("it cannot be reached: {error}")))?;
        // One question is in flight at a time.
        let (questions, asked) = tokio::sync::mpsc::channel(1);
        let request = Request::new(tokio_stream::wrappers::ReceiverStream::new(asked));
        let codec = tonic_prost::ProstCodec::default();
        let opening = grpc.streaming(request, PathAndQuery::from_static(path), codec);
        let opened = timeout(ANSWER_TIMEOUT, opening).await.map_err(|_| late())?;
        Ok(Self {
            questions,
            answers: opened.map_err(stop_of)?.into_inner(),
        })
    }

    async fn ask(&mut self, question: MessageRequest) -> Result<MessageResponse, Stop> {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        // If the stream has ended, its answer says why.
        let _ended = self.questions.send(request).await;
        let answer = timeout(ANSWER_TIMEOUT, self.answers.next())
            .await
            .map_err(|_| late())?;
        let answer = answer
            .ok_or_else(|| Stop::Failed("it ended the stream".to_owned()))?
            .map_err(stop_of)?;
        let told = answer.message_response;
        told.ok_or_else(|| Stop::Failed("it answered nothing".to_owned()))
    }

    /// All services, reflection itself left out.
    async fn services(&mut self) -> Result<Vec<String>, Stop> {
        let question = MessageRequest::ListServices(String::new());
        let MessageResponse::ListServicesResponse(listed) = self.ask(question).await? else {
            return Err(Stop::Failed("it does not list its services".to_owned()));
        };
        let names = listed.service.into_iter().map(|service| service.name);
        Ok(names
            .filter(|name| !name.starts_with("grpc.reflection."))
            .collect())
    }
}

fn stop_of(status: Status) -> Stop {
    match status.code() {
        Code::Unimplemented => Stop::Unimplemented,
        code => Stop::Failed(format!("{code:?}: {}", status.message())),
    }
}

fn late() -> Stop {
    Stop::Failed(format!("no answer within {ANSWER_TIMEOUT:?}"))
}

fn unknown(name: &str) -> String {
    format!("it does not know `{name}`")
}

/// The service of a method, as far as its name tells.
fn service_of(symbol: &str) -> String {
    let symbol = symbol.trim().trim_start_matches('/');
    let service = symbol
        .split_once('/')
        .map_or(symbol, |(service, _)| service);
    service.to_owned()
}
