//! Connections to offices.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use client::{ANSWER_BYTES_MAX, LetGo, Manner};
use office::{PerPlace, Place};
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::contact_service_client::ContactServiceClient;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use words::labels::{self, Labels};
use words::time::{self, Moment};
use words::{Doubt, Refused};

use crate::failure::Failure;
use crate::output::Output;
use crate::system;
use crate::zone::parse_either;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How a watcher finds out that an office has gone without a word.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Where an office is: `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err(format!(
                "{text:?} asks for TLS, which --identity FILE has spoken; write the address as {}",
                text.trim_start_matches("https://").trim_end_matches('/')
            ));
        }
        let bare = text
            .strip_prefix("http://")
            .unwrap_or(text)
            .trim_end_matches('/');
        let port = bare.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let is_port = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !is_port || Endpoint::from_shared(format!("http://{bare}")).is_err() {
            return Err(format!(
                "{text:?} is not an address; write it as 127.0.0.1:50051"
            ));
        }
        Ok(Self(bare.to_owned()))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where both offices are, and how long a call may take.
#[derive(Debug, Clone)]
pub struct Offices {
    /// Where each is.
    pub addresses: PerPlace<Address>,
    /// How long a call may take.
    pub timeout: Duration,
    /// How they are spoken to.
    pub manner: Manner,
}

impl Offices {
    /// Connects to the office at `place`.
    pub async fn dial(&self, place: Place) -> Result<Connection, Failure> {
        let address = &self.addresses[place];
        let office = format!("the {place} office ({address})");
        self.dial_at(office, address, Some(place)).await
    }

    /// Connects to `address`; over TLS it must be the office at `place`, if one is meant.
    pub async fn dial_at(
        &self,
        office: String,
        address: &Address,
        place: Option<Place>,
    ) -> Result<Connection, Failure> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| Failure::Usage(format!("{address} is not an address: {error}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_while_idle(true);
        let Address(at) = address;
        match self.manner.connect(endpoint, at, place).await {
            Ok((channel, let_go)) => Ok(Connection {
                office,
                channel,
                let_go,
                timeout: self.timeout,
            }),
            Err(error) => {
                let refused = Refused::unreachable(&office, cause(&error));
                Err(Failure::Refused(Box::new(refused)))
            }
        }
    }
}

/// What the system said, if an office could not be reached when a connection was to be made anew.
pub fn unreached(status: &Status) -> Option<String> {
    std::error::Error::source(status).map(cause)
}

/// The innermost reason: what the system said.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A connection to one office.
#[derive(Debug, Clone)]
pub struct Connection {
    office: String,
    channel: Channel,
    let_go: LetGo,
    timeout: Duration,
}

impl Connection {
    /// What calls go over.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// How long a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whoever makes steps here.
    pub fn caller(&self) -> client::Office {
        client::Office::new(self.channel()).within(self.timeout)
    }

    /// The office's documents.
    pub fn documents(&self) -> DocumentServiceClient<Channel> {
        DocumentServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Its meetings.
    pub fn meetings(&self) -> MeetingServiceClient<Channel> {
        MeetingServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Its contacts and calls.
    pub fn contacts(&self) -> ContactServiceClient<Channel> {
        ContactServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The office itself.
    pub fn office(&self) -> OfficeServiceClient<Channel> {
        OfficeServiceClient::new(self.channel.clone())
    }

    /// Its ledger.
    pub fn ledger(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// A request that the office may take `--timeout` for.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// The answer, or the refusal. `doing` completes "failed to …".
    pub fn answer<T>(
        &self,
        doing: &str,
        outcome: Result<Response<T>, Status>,
    ) -> Result<T, Failure> {
        outcome
            .map(Response::into_inner)
            .map_err(|status| self.refused(doing, status))
    }

    /// The answer to a mutation. If it is in doubt, the request id lets it be repeated.
    pub fn answer_to<T>(
        &self,
        doing: &str,
        request_id: &str,
        outcome: Result<T, Status>,
    ) -> Result<T, Failure> {
        outcome.map_err(|status| {
            if let Some(refused) = self.was_let_go(&status) {
                return Failure::Refused(Box::new(refused));
            }
            let refused = Refused::new(doing, &self.office, status);
            let refused = match refused.doubt() {
                Doubt::None => refused,
                Doubt::Recorded => refused.with_hint(format!(
                    "to wait for it again, repeat the command with --request-id {request_id}"
                )),
                Doubt::Unknown => refused.with_hint(format!(
                    "the office may have recorded it all the same; repeat the command with \
                     --request-id {request_id}, and it is recorded once"
                )),
            };
            Failure::Refused(Box::new(refused))
        })
    }

    /// Has all told from here on as the office's ledger is: by its clocks, unless others were named, and under its labels. An
    /// office that does not say is told of as ever.
    pub async fn tell_as_there(&self) {
        let asked = self.request(pb::GetOfficeRequest {});
        let Ok(answer) = self.office().get_office(asked).await else {
            return;
        };
        let telling = answer.into_inner().telling.unwrap_or_default();
        if let Some(zone) = parse_either(&telling.time_zone).filter(|_| !time::clocks_are_set()) {
            time::set_clocks(zone);
        }
        if telling.labels.len() <= labels::BYTES_MAX {
            labels::set(Labels::parse(&telling.labels));
        }
    }

    /// The same where people read what is printed.
    pub async fn heed(&self, output: Output) {
        if !output.is_json() {
            self.tell_as_there().await;
        }
    }

    /// The time that is meant, counted from now. Where a scenario is played, a while is one of the play.
    pub async fn time_of(&self, moment: Moment) -> Result<prost_types::Timestamp, Failure> {
        let speed = match moment {
            Moment::At(_) | Moment::Local(_) => 0,
            Moment::In(_) => {
                let asked = self.request(pb::GetOfficeRequest {});
                let outcome = self.office().get_office(asked).await;
                self.answer("ask for the time", outcome)?.played_speed
            }
        };
        system::time_of(moment, speed)
    }

    /// The same of one that may not be given.
    pub async fn time_if(
        &self,
        moment: Option<Moment>,
    ) -> Result<Option<prost_types::Timestamp>, Failure> {
        match moment {
            Some(moment) => self.time_of(moment).await.map(Some),
            None => Ok(None),
        }
    }

    /// A page of documents, and the token of the next.
    pub async fn list_documents(
        &self,
        request: pb::ListDocumentsRequest,
    ) -> Result<(Vec<pb::DocumentRecord>, String), Failure> {
        let outcome = self.documents().list_documents(self.request(request)).await;
        let page = self.answer("list documents", outcome)?;
        Ok((page.documents, page.next_page_token))
    }

    /// A page of meetings, and the token of the next.
    pub async fn list_meetings(
        &self,
        request: pb::ListMeetingsRequest,
    ) -> Result<(Vec<pb::Meeting>, String), Failure> {
        let outcome = self.meetings().list_meetings(self.request(request)).await;
        let page = self.answer("list meetings", outcome)?;
        Ok((page.meetings, page.next_page_token))
    }

    /// A page of contacts, and the token of the next.
    pub async fn list_contacts(
        &self,
        request: pb::ListContactsRequest,
    ) -> Result<(Vec<pb::ContactRecord>, String), Failure> {
        let outcome = self.contacts().list_contacts(self.request(request)).await;
        let page = self.answer("list contacts", outcome)?;
        Ok((page.contacts, page.next_page_token))
    }

    /// A refusal of this office. `doing` completes "failed to …".
    pub fn refused(&self, doing: &str, status: Status) -> Failure {
        let refused = self.was_let_go(&status);
        let refused = refused.unwrap_or_else(|| Refused::new(doing, &self.office, status));
        Failure::Refused(Box::new(refused))
    }

    /// Why the connection broke before the office answered, if TLS was told.
    fn was_let_go(&self, status: &Status) -> Option<Refused> {
        let broke = matches!(
            status.code(),
            Code::Unknown | Code::Unavailable | Code::Cancelled | Code::Internal
        );
        let why = self
            .let_go
            .why()
            .filter(|_| broke && status.details().is_empty())?;
        Some(Refused::let_go(&self.office, why))
    }
}

/// Runs what talks to offices, until it is done or someone presses Ctrl-C.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start the runtime: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            done = work => done,
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (text, meant) in [
            ("127.0.0.1:50051", "127.0.0.1:50051"),
            ("http://localhost:7/", "localhost:7"),
            ("[::1]:50051", "[::1]:50051"),
        ] {
            let address: Address = text.parse().expect("it is an address");
            assert_eq!(address.to_string(), meant);
        }
        for text in [
            "",
            "localhost",
            ":50051",
            "localhost:http",
            "https://localhost:1",
            "a b:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was taken");
        }
    }
}
