//! Large documents, in chunks.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use office::Refusal;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use protocol::pb::office as pb;
use protocol::pb::office::upload_document_request::Part;
use protocol::{Original, field_of};
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::documents::{Documents, Sending, body, checked_sending};
use crate::boundary::in_own_words;
use crate::status::{invalid, status_of};

const CHUNK_BYTES_MAX: usize = 1024 * 1024;
const DOWNLOAD_CHUNK_BYTES: usize = 64 * 1024;
const HEADER_FIELD: u32 = 1;
const HEADER_DOCUMENT_FIELD: u32 = 2;
const DOCUMENT_BODY_FIELD: u32 = 3;

impl Documents {
    fn transfer(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let transfers = Arc::clone(&self.desk.transfers);
        transfers
            .try_acquire_owned()
            .map_err(|_| Refusal::Exhausted {
                what: "the number of uploads and downloads under way",
                limit: self.desk.limits.transfers_max,
                retry_after: Duration::from_secs(1),
            })
    }
}

/// Takes an upload, has the document sent, and waits as its header asks.
pub(super) async fn receive(
    documents: &Documents,
    mut parts: Streaming<Original<pb::UploadDocumentRequest>>,
) -> Result<pb::Receipt, Status> {
    let _transfer = documents
        .transfer()
        .map_err(|refusal| status_of(&refusal))?;
    let limits = &documents.desk.limits;
    let own = |status| in_own_words(status, limits.client_message_bytes_max);
    let first = parts.message().await.map_err(own)?;
    let header = first.and_then(Header::of).ok_or_else(|| {
        status_of(&invalid(
            "header",
            "must come first, once; the chunks of the body follow it",
        ))
    })?;
    let mut body = BytesMut::new();
    while let Some(part) = parts.message().await.map_err(own)? {
        let Some(Part::Chunk(chunk)) = part.into_message().part else {
            return Err(status_of(&invalid(
                "header",
                "came twice; only chunks follow the first",
            )));
        };
        check_chunk(&chunk, body.len(), limits.document_bytes_max)
            .map_err(|refusal| status_of(&refusal))?;
        body.extend_from_slice(&chunk);
    }
    let sending = header
        .with_body(body.freeze(), documents)
        .map_err(|refusal| status_of(&refusal))?;
    documents.send(sending).await
}

fn check_chunk(chunk: &Bytes, before: usize, document_bytes_max: u64) -> Result<(), Refusal> {
    if chunk.len() > CHUNK_BYTES_MAX {
        let what = format!(
            "has {} bytes; send at most {CHUNK_BYTES_MAX} at a time",
            chunk.len()
        );
        return Err(invalid("chunk", &what));
    }
    let whole = (before + chunk.len()) as u64;
    if whole > document_bytes_max {
        let what = format!(
            "makes the document larger than {document_bytes_max} bytes, the most that one may have; \
             split it into several documents"
        );
        return Err(invalid("chunk", &what));
    }
    Ok(())
}

struct Header {
    header: pb::UploadHeader,
    /// The document's bytes as they came in, without the body.
    document: Bytes,
}

impl Header {
    fn of(request: Original<pb::UploadDocumentRequest>) -> Option<Self> {
        let bytes = request.field(HEADER_FIELD);
        let Some(Part::Header(_)) = request.into_message().part else {
            return None;
        };
        // Read from the bytes that are kept. Of two headers with a chunk between them the request has the later
        // one only, and the bytes are those of both: what is checked would not be what is recorded.
        let header = pb::UploadHeader::decode(bytes.clone()).ok()?;
        let document = field_of(&bytes, HEADER_DOCUMENT_FIELD);
        Some(Self { header, document })
    }

    fn with_body(self, body: Bytes, documents: &Documents) -> Result<Sending, Refusal> {
        let Self { header, document } = self;
        let pb::UploadHeader {
            request_id,
            document: message,
            wait,
        } = header;
        if message
            .as_ref()
            .is_some_and(|document| !document.body.is_empty())
        {
            return Err(invalid(
                "header.document.body",
                "must be empty: the chunks are the body",
            ));
        }
        // A message goes on where another field is written behind it: the bytes that came stay as they are.
        let mut payload = BytesMut::with_capacity(document.len() + body.len() + 16);
        payload.put_slice(&document);
        if !body.is_empty() {
            encode_key(DOCUMENT_BODY_FIELD, WireType::LengthDelimited, &mut payload);
            encode_varint(body.len() as u64, &mut payload);
            payload.put_slice(&body);
        }
        let message = message.map(|document| pb::Document { body, ..document });
        checked_sending(
            &request_id,
            message,
            payload.freeze(),
            wait,
            &documents.fields,
        )
    }
}

/// The body of a document in chunks, from `offset` on.
pub(super) async fn download(
    documents: &Documents,
    name: &str,
    offset: u64,
) -> Result<impl Stream<Item = Result<pb::DownloadDocumentResponse, Status>> + Send + use<>, Refusal>
{
    let transfer = documents.transfer()?;
    let body = body(documents, name).await?;
    let total = body.len();
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if start > total {
        let what = format!("is beyond the end: the body has {total} bytes");
        return Err(invalid("offset", &what));
    }
    Ok(futures_util::stream::unfold(Some(start), move |at| {
        // Held until the last chunk is read.
        let _transfer = &transfer;
        let next = at.map(|at| {
            let end = (at + DOWNLOAD_CHUNK_BYTES).min(total);
            let response = pb::DownloadDocumentResponse {
                chunk: body.slice(at..end),
                offset: at as u64,
                total_bytes: total as u64,
            };
            (Ok(response), (end < total).then_some(end))
        });
        std::future::ready(next)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(subject: &str, deadline_seconds: Option<i64>) -> Part {
        let deadline = deadline_seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        Part::Header(pb::UploadHeader {
            document: Some(pb::Document {
                subject: subject.to_owned(),
                deadline,
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    #[test]
    fn a_header_in_pieces_is_checked_as_it_is_kept() {
        let chunk = Part::Chunk(Bytes::from_static(b"x"));
        let parts = [header("one", Some(7)), chunk, header("two", None)];
        let bytes = parts.map(|part| {
            let request = pb::UploadDocumentRequest { part: Some(part) };
            request.encode_to_vec()
        });
        let request = Original::decode(&bytes.concat()[..]).expect("prost joins the parts");
        let header = Header::of(request).expect("a header came last");
        let kept = pb::Document::decode(header.document).ok();
        assert!(kept.as_ref().is_some_and(|kept| kept.deadline.is_some()));
        assert_eq!(header.header.document, kept);
    }
}
