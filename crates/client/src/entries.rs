//! A running office's ledger, a page at a time.

use protocol::pb::ledger as pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use crate::ANSWER_BYTES_MAX;

const PAGE_ENTRIES: i32 = 1_000;

/// The entries of one office within a range of its ledger.
#[derive(Debug, Clone)]
pub struct Entries {
    client: LedgerServiceClient<Channel>,
    after: u64,
    through: u64,
}

impl Entries {
    /// The entries after one sequence, through another.
    pub fn new(channel: Channel, after: u64, through: u64) -> Self {
        let client = LedgerServiceClient::new(channel);
        Self {
            client: client.max_decoding_message_size(ANSWER_BYTES_MAX),
            after,
            through,
        }
    }

    /// The next of them, at least one; `None` when there are no more.
    pub async fn page(&mut self) -> Result<Option<Vec<pb::Entry>>, Status> {
        if self.after >= self.through {
            return Ok(None);
        }
        let request = pb::ListEntriesRequest {
            page_size: PAGE_ENTRIES,
            after_sequence: self.after,
            ..Default::default()
        };
        let answer = self.client.list_entries(request).await?;
        let mut entries = answer.into_inner().entries;
        let Some(last) = entries.last() else {
            return Ok(None);
        };
        self.after = last.sequence;
        entries.retain(|entry| entry.sequence <= self.through);
        Ok((!entries.is_empty()).then_some(entries))
    }
}
