//! `liaison send`: a document, of any size that it may have.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use client::About;
use office::{Place, StepKind};
use protocol::pb::office as pb;
use words::time::{Moment, parse_moment};
use words::{document, officer};

use command::act::Act;
use command::body;
use command::connect::block_on;
use command::failure::Failure;
use command::flags::{FormWord, PrecedenceWord, WaitWord};
use command::output::Output;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, Settings};

/// What both methods that take a document answer with; they differ in their names.
type Answer = pb::SendDocumentResponse;

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
        let mut document = self.document()?;
        let answer: Answer = block_on(async {
            let connection = offices.dial(place).await?;
            document.deadline = connection.time_if(self.deadline).await?;
            let kind = StepKind::DocumentSent;
            let act = Act::new(kind, About::default(), &document, self.request);
            let act = act.waiting(self.wait.meant(), place.peer());
            act.at(&connection).await
        })?;
        let receipt = answer.receipt.ok_or_else(|| {
            Failure::Failed("failed to send the document: an empty answer".to_owned())
        })?;
        show(settings.output, place, &receipt)
    }

    /// The document; its deadline is the office's to tell.
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
            deadline: None,
        })
    }
}

fn show(output: Output, place: Place, receipt: &pb::Receipt) -> Result<(), Failure> {
    output.print(
        || document::receipt(place, receipt),
        || document::receipt_to_json(receipt),
    )
}
