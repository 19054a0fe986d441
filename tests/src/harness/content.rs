//! Documents and terms to send, and the everyday calls.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::pb::office as pb;
use tonic::{Code, Status};

use super::clients::Clients;
use super::wait::until;

/// A request id that no other call of this test run has.
pub(crate) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("5eed0000-0000-4000-8000-{next:012x}")
}

/// A short document.
pub(crate) fn document(subject: &str) -> pb::Document {
    pb::Document {
        form: pb::DocumentForm::Message.into(),
        subject: subject.to_owned(),
        body: "as agreed".into(),
        media_type: "text/plain".to_owned(),
        ..Default::default()
    }
}

/// A request to send `document`, durable here.
pub(crate) fn sending(document: pb::Document) -> pb::SendDocumentRequest {
    pb::SendDocumentRequest {
        request_id: request_id(),
        document: Some(document),
        wait: pb::Wait::Recorded.into(),
    }
}

/// Sends a document, which is taken.
pub(crate) async fn send(clients: &Clients, subject: &str, wait: pb::Wait) -> pb::Receipt {
    let request = pb::SendDocumentRequest {
        wait: wait.into(),
        ..sending(document(subject))
    };
    try_send(clients, request)
        .await
        .expect("the document is taken")
}

/// Sends a document.
pub(crate) async fn try_send(
    clients: &Clients,
    request: pb::SendDocumentRequest,
) -> Result<pb::Receipt, Status> {
    let sent = clients.documents.clone().send_document(request).await?;
    Ok(sent.into_inner().receipt.expect("there is a receipt"))
}

/// What an office knows of a document; `None` if it knows none.
pub(crate) async fn known(clients: &Clients, name: &str) -> Option<pb::DocumentRecord> {
    let request = pb::GetDocumentRequest {
        name: name.to_owned(),
    };
    match clients.documents.clone().get_document(request).await {
        Ok(found) => found.into_inner().document,
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("{name} cannot be read: {status}"),
    }
}

/// Waits until an office knows a document in this state.
pub(crate) async fn arrives(
    clients: &Clients,
    name: &str,
    state: pb::DocumentState,
) -> pb::DocumentRecord {
    until(&format!("{name} as {state:?}"), async || {
        known(clients, name)
            .await
            .filter(|record| record.state() == state)
    })
    .await
}

/// Has an officer acknowledge a document.
pub(crate) async fn acknowledge(
    clients: &Clients,
    name: &str,
) -> Result<pb::DocumentRecord, Status> {
    let request = pb::AcknowledgeDocumentRequest {
        request_id: request_id(),
        name: name.to_owned(),
        acknowledgement: Some(remark("received")),
    };
    let mut documents = clients.documents.clone();
    let answered = documents.acknowledge_document(request).await?;
    Ok(answered.into_inner().document.expect("there is a record"))
}

/// What a chief says.
pub(crate) fn remark(text: &str) -> pb::Remark {
    pb::Remark {
        officer: Some(pb::Officer {
            name: "Jon Jong-su".to_owned(),
            rank: pb::Rank::Chief.into(),
        }),
        text: text.to_owned(),
    }
}

/// Terms of a working-level meeting.
pub(crate) fn terms(topic: &str) -> pb::MeetingTerms {
    pb::MeetingTerms {
        kind: pb::ContactKind::WorkingLevel.into(),
        place: "joint liaison office".to_owned(),
        topics: vec![topic.to_owned()],
        ..Default::default()
    }
}
