//! `liaison document`: list, show, acknowledge, refuse.

use std::io::{self, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use client::About;
use command::act::Act;
use office::{Collection, StepId, StepKind};
use prost::Message;
use protocol::pb::office as pb;
use words::{document, officer};

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
        let (offices, place) = settings.acting(&self.office)?;
        let (documents, more) = block_on(async {
            let connection = offices.dial(place).await?;
            connection.heed(settings.output).await;
            let page = |page_size, page_token| {
                connection.list_documents(pb::ListDocumentsRequest {
                    sender: self
                        .sender
                        .map_or(0, |word| protocol::place_to_pb(word.place()).into()),
                    state: self.state.map_or(0, DocumentStateWord::number),
                    page_size,
                    page_token,
                })
            };
            self.listing.gather(page).await
        })?;
        settings.output.print(
            || document::table(&documents, settings.output.width()),
            || documents.iter().map(document::to_json).collect(),
        )?;
        self.listing.tell_more(more);
        Ok(())
    }
}

impl ShowArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let output = settings.output;
        let name = self.name.name(Collection::Documents);
        block_on(async {
            let connection = offices.dial(place).await?;
            if self.body {
                return download(&connection, name).await;
            }
            connection.heed(output).await;
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
    output.print(
        || document::text_with_body(record),
        || document::to_json(record),
    )
}

/// The document after it was answered; its body is of no interest.
fn show_answered(output: Output, record: &pb::DocumentRecord) -> Result<(), Failure> {
    output.print(|| document::text(record), || document::to_json(record))
}

impl AnswerArgs {
    /// Answers the document `name` at the office that received it, unless another is named.
    fn answer<A: Message + Default>(
        self,
        settings: &Settings,
        kind: StepKind,
        name: StepId,
        answer: &impl Message,
    ) -> Result<A, Failure> {
        let offices = settings.offices(&self.offices)?;
        let place = self.office.map_or(name.place.peer(), OfficeWord::place);
        let about = About {
            subject: Some(name),
            ..About::default()
        };
        offices.act(place, &Act::new(kind, about, answer, self.request))
    }
}

impl AcknowledgeArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let remark = officer::remark(self.by, self.text).unwrap_or_default();
        let answer: pb::AcknowledgeDocumentResponse =
            self.answer
                .answer(settings, StepKind::DocumentAcknowledged, self.name, &remark)?;
        show_answered(settings.output, &answer.document.unwrap_or_default())
    }
}

impl RefuseArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let refusal = pb::ReceiptRefusal {
            reason: self.reason,
            officer: self.by,
        };
        let answer: pb::RefuseDocumentResponse = self.answer.answer(
            settings,
            StepKind::DocumentReceiptRefused,
            self.name,
            &refusal,
        )?;
        show_answered(settings.output, &answer.document.unwrap_or_default())?;
        if !settings.output.is_json() {
            note("the sender may reissue it");
        }
        Ok(())
    }
}
