//! `liaison document`: list, show, acknowledge, refuse.

use std::io::{self, IsTerminal as _, Write as _};

use bytes::Bytes;
use clap::{Args, Subcommand};
use office::{Collection, Place, StepId};
use protocol::pb::office as pb;
use reading::visible;
use words::figures::bytes as bytes_words;
use words::table::{self, Table};
use words::{json, officer, time};

use command::connect::{Connection, block_on};
use command::failure::Failure;
use command::flags::{DocumentStateWord, OfficeWord};
use command::listing;
use command::output::{Output, note};
use command::request::RequestArgs;
use command::settings::{OfficeArgs, OfficesArgs, Settings};
use command::shown::{Showing, Shown};

/// List, read and answer documents
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    #[command(subcommand)]
    command: DocumentCommand,
}

#[derive(Debug, Subcommand)]
enum DocumentCommand {
    List(ListArgs),
    Show(ShowArgs),
    Acknowledge(AcknowledgeArgs),
    Refuse(RefuseArgs),
}

const LIST_EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison document list
  liaison document list --office north --sender south --state delivered
  liaison document list --limit 0 --output json

JSON: an array of liaison.office.v1.DocumentRecord, without bodies: {\"name\", \"sender\", \"state\", \"document\", \
\"body_bytes\", \"sent_at\", \"answered_at\", \"answered_by\", \"answer\"}.";

/// List documents as an office knows them
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct ListArgs {
    /// Only documents in this state
    #[arg(long, value_enum)]
    state: Option<DocumentStateWord>,

    /// Only documents that this office sent
    #[arg(
        long,
        value_enum,
        value_name = "south|north",
        hide_possible_values = true
    )]
    sender: Option<OfficeWord>,

    #[command(flatten)]
    listing: listing::ListingArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

const SHOW_EXAMPLES: &str = "\
Examples (with `liaison up` running, and a document sent):
  liaison document show offices/south/documents/1
  liaison document show offices/south/documents/1 --office north --body > body.txt

JSON: liaison.office.v1.DocumentRecord; the body is in \"document\" in base64, unless it is above 1 MiB.";

/// Show a document, and what has become of it
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArgs {
    /// The name, such as offices/south/documents/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    /// Write the body to stdout, and nothing else: every byte to a pipe or a file, what can be seen to a terminal
    #[arg(long)]
    body: bool,

    #[command(flatten)]
    office: OfficeArgs,
}

const ACKNOWLEDGE_EXAMPLES: &str = "\
The office that received the document acknowledges it, so --office need not be given.

Example (with `liaison up` running, and a document sent by South):
  liaison document acknowledge offices/south/documents/1 --by 'Jon Jong-su, chief' --text 'Noted'

JSON: liaison.office.v1.DocumentRecord, as `liaison document show` prints it.";

/// Acknowledge a document of the other office: an officer's act
#[derive(Debug, Args)]
#[command(after_help = ACKNOWLEDGE_EXAMPLES)]
struct AcknowledgeArgs {
    /// The name, such as offices/south/documents/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    /// Who acknowledges: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    by: Option<pb::Officer>,

    /// A remark
    #[arg(long)]
    text: Option<String>,

    #[command(flatten)]
    answer: AnswerArgs,
}

const REFUSE_EXAMPLES: &str = "\
The office that received the document refuses it, so --office need not be given. The sender may reissue it.

Example (with `liaison up` running, and a document sent by South):
  liaison document refuse offices/south/documents/1 --reason 'It bears the wrong name' --by 'Jon Jong-su'

JSON: liaison.office.v1.DocumentRecord, as `liaison document show` prints it.";

/// Refuse receipt of a document of the other office
#[derive(Debug, Args)]
#[command(after_help = REFUSE_EXAMPLES)]
struct RefuseArgs {
    /// The name, such as offices/south/documents/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    /// Why
    #[arg(long)]
    reason: String,

    /// Who refuses: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    by: Option<pb::Officer>,

    #[command(flatten)]
    answer: AnswerArgs,
}

/// Where an answer is given, and its request id.
#[derive(Debug, Args)]
struct AnswerArgs {
    #[command(flatten)]
    request: RequestArgs,

    /// The office that answers [default: the one that received the document]
    #[arg(
        long,
        value_enum,
        value_name = "south|north",
        hide_possible_values = true
    )]
    office: Option<OfficeWord>,

    #[command(flatten)]
    offices: OfficesArgs,
}

fn parse_name(text: &str) -> Result<StepId, String> {
    Collection::Documents
        .parse(text)
        .map_err(|error| error.to_string())
}

impl DocumentArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            DocumentCommand::List(args) => args.run(settings),
            DocumentCommand::Show(args) => args.run(settings),
            DocumentCommand::Acknowledge(args) => args.run(settings),
            DocumentCommand::Refuse(args) => args.run(settings),
        }
    }
}

impl ListArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.office.offices)?;
        let place = settings.office(self.office.office).unwrap_or(Place::South);
        let (documents, more) = block_on(async {
            let connection = offices.dial(place).await?;
            let pages = |page_size, page_token| {
                let request = connection.request(pb::ListDocumentsRequest {
                    sender: self
                        .sender
                        .map_or(0, |word| protocol::place_to_pb(word.place()).into()),
                    state: self.state.map_or(0, DocumentStateWord::number),
                    page_size,
                    page_token,
                });
                let connection = connection.clone();
                async move {
                    let outcome = connection.documents().list_documents(request).await;
                    let page = connection.answer("list documents", outcome)?;
                    Ok((page.documents, page.next_page_token))
                }
            };
            self.listing.gather(pages).await
        })?;
        settings.output.print(
            || table_of(&documents),
            || {
                let to_json = |document| json::of(RECORD, document);
                documents.iter().map(to_json).collect()
            },
        )?;
        self.listing.tell_more(more);
        Ok(())
    }
}

const RECORD: &str = "liaison.office.v1.DocumentRecord";

fn table_of(documents: &[pb::DocumentRecord]) -> String {
    let mut table = Table::new(&["name", "state", "sent (UTC+9)", "form", "subject", ">size"]);
    for record in documents {
        let document = record.document.clone().unwrap_or_default();
        table.row(vec![
            record.name.clone(),
            words::document_state(record.state).to_owned(),
            time::words_of(record.sent_at.as_ref()),
            words::form(document.form),
            document.subject,
            bytes_words(record.body_bytes),
        ]);
    }
    table.render()
}

impl ShowArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.office.offices)?;
        let place = settings.office(self.office.office).unwrap_or(Place::South);
        let output = settings.output;
        let name = self.name.name(Collection::Documents);
        block_on(async {
            let connection = offices.dial(place).await?;
            if self.body {
                return download(&connection, name).await;
            }
            let request = connection.request(pb::GetDocumentRequest { name });
            let outcome = connection.documents().get_document(request).await;
            let answer = connection.answer("read the document", outcome)?;
            show(output, &answer.document.unwrap_or_default())
        })
    }
}

/// Writes the body as it comes.
async fn download(connection: &Connection, name: String) -> Result<(), Failure> {
    let is_terminal = io::stdout().is_terminal();
    let mut out = Showing::new(io::stdout(), Shown::Text, is_terminal);
    if out.changes() {
        note(
            "what a terminal would act on is written out, such as ‹U+001B›; write the body to a file for its bytes: \
             --body > FILE",
        );
    }
    let request = connection.request(pb::DownloadDocumentRequest { name, offset: 0 });
    let outcome = connection.documents().download_document(request).await;
    let mut chunks = connection.answer("read the body", outcome)?;
    let mut expected = 0;
    while let Some(part) = chunks
        .message()
        .await
        .map_err(|status| connection.refused("read the body", status))?
    {
        if part.offset != expected {
            return Err(Failure::Failed(format!(
                "failed to read the body: a chunk begins at byte {} where {expected} belongs; try again",
                part.offset
            )));
        }
        expected += part.chunk.len() as u64;
        out.write_all(&part.chunk)
            .and_then(|()| out.flush())
            .map_err(Failure::Output)?;
    }
    Ok(())
}

fn show(output: Output, record: &pb::DocumentRecord) -> Result<(), Failure> {
    let text = || {
        let body = record.document.as_ref().map(|document| &document.body);
        record_text(record) + &body.map_or_else(String::new, |body| body_text(record, body))
    };
    output.print(text, || json::of(RECORD, record))
}

/// The document after it was answered; its body is of no interest.
fn show_answered(output: Output, record: &pb::DocumentRecord) -> Result<(), Failure> {
    output.print(|| record_text(record), || json::of(RECORD, record))
}

fn record_text(record: &pb::DocumentRecord) -> String {
    let document = record.document.clone().unwrap_or_default();
    let time_of = |time: Option<&prost_types::Timestamp>| {
        time.map_or_else(String::new, |_| time::words_of(time) + " (UTC+9)")
    };
    let answered = [
        time_of(record.answered_at.as_ref()),
        officer::words_or_empty(record.answered_by.as_ref()),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join(", by ");
    table::pairs(
        0,
        &[
            ("name", record.name.clone()),
            ("state", words::document_state(record.state).to_owned()),
            ("sender", words::place(record.sender)),
            ("sent", time_of(record.sent_at.as_ref())),
            ("answered", answered),
            ("answer", record.answer.clone()),
            ("form", words::form(document.form)),
            ("subject", document.subject.clone()),
            (
                "signatory",
                officer::words_or_empty(document.signatory.as_ref()),
            ),
            (
                "addressee",
                officer::words_or_empty(document.addressee.as_ref()),
            ),
            ("in reply to", document.in_reply_to.clone()),
            ("reference", document.reference.clone()),
            ("precedence", words::precedence(document.precedence)),
            ("deadline", time_of(document.deadline.as_ref())),
            ("media type", document.media_type.clone()),
            ("body", bytes_words(record.body_bytes)),
        ],
    )
}

/// The body where it is text and not too long; else how to have it.
fn body_text(record: &pb::DocumentRecord, body: &Bytes) -> String {
    const SHOWN_BYTES_MAX: usize = 16 * 1024;
    if record.body_bytes == 0 {
        return String::new();
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.is_empty() && text.len() <= SHOWN_BYTES_MAX => {
            let lines: Vec<String> = text
                .lines()
                .map(|line| format!("  {}\n", visible::lines(line)))
                .collect();
            format!("\n{}", lines.concat())
        }
        _ => format!(
            "  (write it to a file: liaison document show {} --body > FILE)\n",
            record.name
        ),
    }
}

impl AnswerArgs {
    /// The office that answers: the one that received the document.
    fn place(&self, name: StepId) -> Place {
        self.office.map_or(name.place.peer(), OfficeWord::place)
    }
}

impl AcknowledgeArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.answer.offices)?;
        let place = self.answer.place(self.name);
        let request_id = self.answer.request.id();
        let request = pb::AcknowledgeDocumentRequest {
            request_id: request_id.clone(),
            name: self.name.name(Collection::Documents),
            acknowledgement: officer::remark(self.by, self.text),
        };
        let answer = block_on(async {
            let connection = offices.dial(place).await?;
            let request = connection.request(request);
            let outcome = connection.documents().acknowledge_document(request).await;
            connection.answer_to("acknowledge the document", &request_id, outcome)
        })?;
        show_answered(settings.output, &answer.document.unwrap_or_default())
    }
}

impl RefuseArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.answer.offices)?;
        let place = self.answer.place(self.name);
        let request_id = self.answer.request.id();
        let request = pb::RefuseDocumentRequest {
            request_id: request_id.clone(),
            name: self.name.name(Collection::Documents),
            refusal: Some(pb::ReceiptRefusal {
                reason: self.reason,
                officer: self.by,
            }),
        };
        let answer = block_on(async {
            let connection = offices.dial(place).await?;
            let request = connection.request(request);
            let outcome = connection.documents().refuse_document(request).await;
            connection.answer_to("refuse receipt of the document", &request_id, outcome)
        })?;
        show_answered(settings.output, &answer.document.unwrap_or_default())?;
        if !settings.output.is_json() {
            note("the sender may reissue it");
        }
        Ok(())
    }
}
