//! Clients of one office, over one connection.

use std::net::SocketAddr;

use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::line::line_service_client::LineServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::contact_service_client::ContactServiceClient;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_client::HealthClient;

use super::wait::DEADLINE;

const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection to `address`, opened when it is first used.
fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect_timeout(DEADLINE)
        .connect_lazy()
}

/// Clients of one office.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) channel: Channel,
    pub(crate) documents: DocumentServiceClient<Channel>,
    pub(crate) meetings: MeetingServiceClient<Channel>,
    pub(crate) contacts: ContactServiceClient<Channel>,
    pub(crate) offices: OfficeServiceClient<Channel>,
    pub(crate) ledger: LedgerServiceClient<Channel>,
    /// Nobody's, unless a test takes the peer's place.
    pub(crate) line: LineServiceClient<Channel>,
    pub(crate) health: HealthClient<Channel>,
}

impl Clients {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self::over(channel(address))
    }

    /// Clients over a connection of the caller's.
    pub(crate) fn over(channel: Channel) -> Self {
        Self {
            documents: DocumentServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            meetings: MeetingServiceClient::new(channel.clone()),
            contacts: ContactServiceClient::new(channel.clone()),
            offices: OfficeServiceClient::new(channel.clone()),
            ledger: LedgerServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            line: LineServiceClient::new(channel.clone()),
            health: HealthClient::new(channel.clone()),
            channel,
        }
    }

    /// How the office is.
    pub(crate) async fn office(&self) -> pb::GetOfficeResponse {
        let asked = self
            .offices
            .clone()
            .get_office(pb::GetOfficeRequest {})
            .await;
        asked.expect("the office tells").into_inner()
    }

    /// How far the line has come.
    pub(crate) async fn marks(&self) -> pb::Marks {
        self.office().await.marks.expect("the office has marks")
    }

    /// What the office counts.
    pub(crate) async fn tally(&self) -> ledger_pb::Tally {
        let request = ledger_pb::GetTallyRequest::default();
        let asked = self.ledger.clone().get_tally(request).await;
        let response = asked.expect("the office counts").into_inner();
        response.tally.expect("there is a tally")
    }

    /// All entries of the office's ledger.
    pub(crate) async fn entries(&self) -> Vec<ledger_pb::Entry> {
        let mut entries = Vec::new();
        let mut request = ledger_pb::ListEntriesRequest::default();
        loop {
            let asked = self.ledger.clone().list_entries(request.clone()).await;
            let page = asked.expect("the office lists").into_inner();
            entries.extend(page.entries);
            if page.next_page_token.is_empty() {
                return entries;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// What the health service says of the whole office.
    pub(crate) async fn serves(&self) -> bool {
        let request = tonic_health::pb::HealthCheckRequest::default();
        let asked = self.health.clone().check(request).await;
        asked.expect("the office tells").into_inner().status()
            == tonic_health::pb::health_check_response::ServingStatus::Serving
    }
}
