//! `liaison send`: a document, in one message or in chunks.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;
use tonic::Response;
use words::time::{Moment, parse_moment};
use words::{document, officer};

use crate::body;
use command::connect::{Connection, block_on};
use command::failure::Failure;
use command::flags::{FormWord, PrecedenceWord, WaitWord};
use command::output::Output;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, Settings};
use command::system;

/// The longest request that goes in one message.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
const CHUNK_BYTES: usize = 1024 * 1024;

const EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison send --office south --subject 'Good morning' --text 'Hello'
  liaison send --office north --subject 'Flood warning' --text 'The river rises.' --form notice \\
      --precedence flash --signatory 'Jon Jong-su, chief' --addressee 'Chun Hae-sung, chief' \\
      --deadline 2h --wait delivered
  date | liaison send --subject 'What time is it' --file - --reference S-017

JSON: {\"name\", \"state\", \"recorded_at\", \"request_id\"}, the message liaison.office.v1.Receipt.";

/// Send a document to the other office
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    /// The subject
    #[arg(long)]
    subject: String,

    /// The body, as text
    #[arg(long, conflicts_with = "file")]
    text: Option<String>,

    /// A file with the body, up to 16 MiB; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// The media type of the body [default: guessed by name and content]
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,

    /// The form
    #[arg(long, value_enum, default_value_t = FormWord::Message)]
    form: FormWord,

    /// The delivery speed asked for
    #[arg(long, value_enum)]
    precedence: Option<PrecedenceWord>,

    /// In whose name it is: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    signatory: Option<pb::Officer>,

    /// To whom it is: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    addressee: Option<pb::Officer>,

    /// The document it answers, such as offices/north/documents/3
    #[arg(long, value_name = "NAME")]
    in_reply_to: Option<String>,

    /// Your own reference, such as S-017
    #[arg(long)]
    reference: Option<String>,

    /// When it expires unless it has been answered: a time, or a while such as 2h
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    deadline: Option<Moment>,

    /// When the command ends
    #[arg(long, value_enum, default_value_t = WaitWord::Recorded)]
    wait: WaitWord,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

impl SendArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let output = settings.output;
        let wait = self.wait.number();
        let document = self.document()?;
        let request_id = self.request.id();
        let receipt = block_on(async {
            let connection = offices.dial(place).await?;
            send(&connection, document, wait, &request_id).await
        })?;
        show(output, place, &receipt)
    }

    fn document(&self) -> Result<pb::Document, Failure> {
        let body = match (&self.text, &self.file) {
            (Some(text), _) => Bytes::from(text.clone()),
            (None, Some(path)) => body::read(path)?,
            (None, None) => {
                return Err(Failure::Usage(
                    "the body is missing; give --text TEXT or --file FILE (`-` is stdin)"
                        .to_owned(),
                ));
            }
        };
        let deadline = self.deadline.map(system::time_of).transpose()?;
        let media_type = self.media_type.clone();
        Ok(pb::Document {
            form: self.form.number(),
            subject: self.subject.clone(),
            media_type: media_type
                .unwrap_or_else(|| body::media_type(self.file.as_ref(), &body).to_owned()),
            body,
            signatory: self.signatory.clone(),
            addressee: self.addressee.clone(),
            in_reply_to: self.in_reply_to.clone().unwrap_or_default(),
            reference: self.reference.clone().unwrap_or_default(),
            precedence: self.precedence.map_or(0, PrecedenceWord::number),
            deadline,
        })
    }
}

/// Sends a document: in one message if it fits, else in chunks.
async fn send(
    connection: &Connection,
    document: pb::Document,
    wait: i32,
    request_id: &str,
) -> Result<pb::Receipt, Failure> {
    let request = pb::SendDocumentRequest {
        request_id: request_id.to_owned(),
        document: Some(document),
        wait,
    };
    let receipt = if request.encoded_len() <= MESSAGE_BYTES_MAX {
        let outcome = connection
            .documents()
            .send_document(connection.request(request))
            .await
            .map(Response::into_inner);
        connection
            .answer_to("send the document", request_id, outcome)?
            .receipt
    } else {
        let parts = tokio_stream::iter(parts(request));
        let outcome = connection
            .documents()
            .upload_document(connection.request(parts))
            .await
            .map(Response::into_inner);
        connection
            .answer_to("upload the document", request_id, outcome)?
            .receipt
    };
    receipt
        .ok_or_else(|| Failure::Failed("failed to send the document: an empty answer".to_owned()))
}

/// An upload: the header first, then the body in chunks.
fn parts(request: pb::SendDocumentRequest) -> Vec<pb::UploadDocumentRequest> {
    let mut document = request.document.unwrap_or_default();
    let body = std::mem::take(&mut document.body);
    let header = pb::UploadHeader {
        request_id: request.request_id,
        document: Some(document),
        wait: request.wait,
    };
    let part = |part| pb::UploadDocumentRequest { part: Some(part) };
    let mut parts = vec![part(pb::upload_document_request::Part::Header(header))];
    let starts = (0..body.len()).step_by(CHUNK_BYTES);
    parts.extend(starts.map(|start| {
        let end = (start + CHUNK_BYTES).min(body.len());
        part(pb::upload_document_request::Part::Chunk(
            body.slice(start..end),
        ))
    }));
    parts
}

fn show(output: Output, place: Place, receipt: &pb::Receipt) -> Result<(), Failure> {
    output.print(
        || document::receipt(place, receipt),
        || document::receipt_to_json(receipt),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_a_header_and_the_whole_body_in_chunks() {
        let body = Bytes::from(vec![7; CHUNK_BYTES * 2 + 1]);
        let parts = parts(pb::SendDocumentRequest {
            document: Some(pb::Document {
                subject: "Annex".to_owned(),
                body: body.clone(),
                ..Default::default()
            }),
            ..Default::default()
        });
        assert_eq!(parts.len(), 4);
        let mut joined = Vec::new();
        for part in &parts {
            match &part.part {
                Some(pb::upload_document_request::Part::Header(header)) => {
                    let document = header.document.as_ref().expect("it is there");
                    assert!(document.body.is_empty() && document.subject == "Annex");
                }
                Some(pb::upload_document_request::Part::Chunk(chunk)) => {
                    joined.extend_from_slice(chunk);
                }
                None => panic!("an empty part"),
            }
        }
        assert_eq!(joined, body);
    }
}
