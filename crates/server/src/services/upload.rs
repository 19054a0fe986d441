//! Large documents, in chunks.

use bytes::{BufMut as _, Bytes, BytesMut};
use office::Refusal;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use protocol::pb::office as pb;
use protocol::pb::office::upload_document_request::Part;
use protocol::{Original, field_of};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::documents::{Documents, Sending, body, checked_sending};
use crate::boundary::in_own_words;
use crate::status::{invalid, status_of};
use callers::Call;
use callers::Lease;
use callers::Slot;

const CHUNK_BYTES_MAX: usize = 1024 * 1024;
const DOWNLOAD_CHUNK_BYTES: usize = 64 * 1024;
const HEADER_FIELD: u32 = 1;
const HEADER_DOCUMENT_FIELD: u32 = 2;
const DOCUMENT_BODY_FIELD: u32 = 3;

/// Takes an upload, has the document sent, and waits as its header asks.
pub(super) async fn receive(
    documents: &Documents,
    mut parts: Streaming<Original<pb::UploadDocumentRequest>>,
) -> Result<pb::Receipt, Status> {
    let transfer = documents
        .desk
        .transfers
        .take_soon()
        .await
        .map_err(|refusal| status_of(&refusal))?;
    if let Some(call) = Call::current() {
        call.is_transfer(transfer.keeper());
    }
    let upload = tokio::select! {
        biased;
        upload = taken(documents, &transfer, &mut parts) => upload?,
        refusal = transfer.taken_away() => return Err(status_of(&refusal)),
    };
    let sending = upload
        .sending(documents)
        .map_err(|refusal| status_of(&refusal))?;
    drop(transfer);
    documents.send(sending).await
}

/// What has come in of an upload.
struct Upload {
    header: Header,
    chunks: Vec<Bytes>,
    body_bytes: usize,
    leases: Vec<Lease>,
}

async fn taken(
    documents: &Documents,
    transfer: &Slot,
    parts: &mut Streaming<Original<pb::UploadDocumentRequest>>,
) -> Result<Upload, Status> {
    let call = Call::current();
    let limits = &documents.desk.limits;
    let own = |status| in_own_words(status, limits.client_message_bytes_max);
    let first = parts.message().await.map_err(own)?;
    let header = first.and_then(Header::of).ok_or_else(|| {
        status_of(&invalid(
            "header",
            "must come first, once; the chunks of the body follow it",
        ))
    })?;
    let mut upload = Upload {
        header,
        chunks: Vec::new(),
        body_bytes: 0,
        leases: Vec::new(),
    };
    while let Some(part) = parts.message().await.map_err(own)? {
        let Some(Part::Chunk(chunk)) = part.into_message().part else {
            return Err(status_of(&invalid(
                "header",
                "came twice; only chunks follow the first",
            )));
        };
        check_chunk(&chunk, upload.body_bytes, limits.document_bytes_max)
            .map_err(|refusal| status_of(&refusal))?;
        let bytes = chunk.len() as u64;
        if let Some(call) = &call {
            // Once as it came, and once in the document that is made of all.
            let lease = call.lease_for_bytes(bytes * 2, bytes).await;
            upload
                .leases
                .push(lease.map_err(|refusal| status_of(&refusal))?);
        }
        transfer.moved(bytes);
        upload.body_bytes += chunk.len();
        upload.chunks.push(chunk);
    }
    Ok(upload)
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
}

impl Upload {
    fn sending(self, documents: &Documents) -> Result<Sending, Refusal> {
        let Self {
            header: Header { header, document },
            chunks,
            body_bytes,
            leases: _leases,
        } = self;
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
        let mut payload = BytesMut::with_capacity(document.len() + body_bytes + 16);
        payload.put_slice(&document);
        if body_bytes > 0 {
            encode_key(DOCUMENT_BODY_FIELD, WireType::LengthDelimited, &mut payload);
            encode_varint(body_bytes as u64, &mut payload);
        }
        let begins = payload.len();
        for chunk in chunks {
            payload.put_slice(&chunk);
        }
        let payload = payload.freeze();
        let body = payload.slice(begins..);
        let message = message.map(|document| pb::Document { body, ..document });
        checked_sending(&request_id, message, payload, wait, &documents.fields)
    }
}

/// The body of a document in chunks, from `offset` on.
pub(super) async fn download(
    documents: &Documents,
    name: &str,
    offset: u64,
) -> Result<impl Stream<Item = Result<pb::DownloadDocumentResponse, Status>> + Send + use<>, Refusal>
{
    let transfer = documents.desk.transfers.take_soon().await?;
    let body = transfer.keeper().kept(body(documents, name)).await?;
    let total = body.len();
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if start > total {
        let what = format!("is beyond the end: the body has {total} bytes");
        return Err(invalid("offset", &what));
    }
    Ok(futures_util::stream::unfold(Some(start), move |at| {
        // Held until the last chunk is read.
        let transfer = &transfer;
        let next = at.map(|at| {
            if let Err(refusal) = transfer.check() {
                // From there on it can be asked for again.
                return (Err(status_of(&refusal)), None);
            }
            let end = (at + DOWNLOAD_CHUNK_BYTES).min(total);
            transfer.moved((end - at) as u64);
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
