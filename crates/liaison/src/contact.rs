//! `liaison contact`: record, confirm, list.

use clap::{Args, Subcommand};
use client::About;
use command::act::Act;
use office::{Collection, StepId, StepKind};
use protocol::pb::office as pb;
use words::time::{Moment, parse_moment};
use words::{contact, officer, time};

use crate::contact_terms::ContactTermsArgs;
use command::connect::block_on;
use command::failure::Failure;
use command::flags::{ConsultationKindWord, ContactStateWord, FormalityWord, OfficeWord, RankWord};
use command::listing;
use command::output::Output;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, OfficesArgs, Settings};
use command::system;

/// Record and confirm consultations
#[derive(Debug, Args)]
pub(crate) struct ContactArgs {
    #[command(subcommand)]
    command: ContactCommand,
}

#[derive(Debug, Subcommand)]
enum ContactCommand {
    Record(RecordArgs),
    Confirm(ConfirmArgs),
    List(ListArgs),
}

const RECORD_EXAMPLES: &str = "\
It counts once the other office confirms it. Kind and --begun-at together are its key: a second record of them is \
refused.

Examples (with `liaison up` running):
  liaison contact record --office south --kind regular --begun-at 2018-09-17T10:00 --duration 20m
  liaison contact record --office north --kind on-demand --begun-at 2018-09-17T15:30 --topic Forestry \\
      --participant 'Jon Jong-su, chief' --formality informal

JSON: liaison.office.v1.ContactRecord: {\"name\", \"state\", \"contact\", \"recorded_at\"}.";

/// Record a consultation that has taken place
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
struct RecordArgs {
    /// The kind
    #[arg(long, value_enum)]
    kind: ConsultationKindWord,

    /// When it began
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    begun_at: Moment,

    #[command(flatten)]
    terms: ContactTermsArgs,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

const CONFIRM_EXAMPLES: &str = "\
The office that did not record it confirms it, so --office need not be given.

Example (with `liaison up` running, and a contact recorded by South):
  liaison contact confirm offices/south/contacts/1 --by 'Jon Jong-su, chief'

JSON: liaison.office.v1.ContactRecord: {\"name\", \"state\", \"contact\", \"recorded_at\"}.";

/// Confirm a consultation that the other office recorded
#[derive(Debug, Args)]
#[command(after_help = CONFIRM_EXAMPLES)]
struct ConfirmArgs {
    /// The name, such as offices/south/contacts/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    /// Who confirms: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    by: Option<pb::Officer>,

    /// A remark
    #[arg(long)]
    text: Option<String>,

    #[command(flatten)]
    request: RequestArgs,

    /// The office that confirms [default: the one that did not record it]
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

const LIST_EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison contact list
  liaison contact list --state recorded --office north

JSON: an array of liaison.office.v1.ContactRecord.";

/// List consultations as an office knows them
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct ListArgs {
    /// Only contacts in this state
    #[arg(long, value_enum)]
    state: Option<ContactStateWord>,

    #[command(flatten)]
    listing: listing::ListingArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

fn parse_name(text: &str) -> Result<StepId, String> {
    Collection::Contacts
        .parse(text)
        .map_err(|error| error.to_string())
}

impl ContactArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            ContactCommand::Record(args) => args.run(settings),
            ContactCommand::Confirm(args) => args.run(settings),
            ContactCommand::List(args) => args.run(settings),
        }
    }
}

impl RecordArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let terms = self.terms;
        let contact = pb::Contact {
            kind: self.kind.number(),
            level: terms.level.map_or(0, RankWord::number),
            participants: terms.participants,
            place: terms.place.unwrap_or_default(),
            begun_at: Some(system::time_of(self.begun_at, 0)?),
            duration: terms.duration.map(time::duration_to_pb),
            topics: terms.topics,
            formality: terms.formality.map_or(0, FormalityWord::number),
        };
        let act = Act::new(
            StepKind::ContactRecorded,
            About::default(),
            &contact,
            self.request,
        );
        let answer: pb::RecordContactResponse = offices.act(place, &act)?;
        show(settings.output, &answer.contact.unwrap_or_default())
    }
}

impl ConfirmArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let place = self
            .office
            .map_or(self.name.place.peer(), OfficeWord::place);
        let confirmation = officer::remark(self.by, self.text).unwrap_or_default();
        let about = About {
            subject: Some(self.name),
            ..About::default()
        };
        let act = Act::new(
            StepKind::ContactConfirmed,
            about,
            &confirmation,
            self.request,
        );
        let answer: pb::ConfirmContactResponse = offices.act(place, &act)?;
        show(settings.output, &answer.contact.unwrap_or_default())
    }
}

impl ListArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let (contacts, more) = block_on(async {
            let connection = offices.dial(place).await?;
            connection.heed(settings.output).await;
            let page = |page_size, page_token| {
                connection.list_contacts(pb::ListContactsRequest {
                    state: self.state.map_or(0, ContactStateWord::number),
                    page_size,
                    page_token,
                })
            };
            self.listing.gather(page).await
        })?;
        settings.output.print(
            || contact::table(&contacts, settings.output.width()),
            || contacts.iter().map(contact::to_json).collect(),
        )?;
        self.listing.tell_more(more);
        Ok(())
    }
}

fn show(output: Output, record: &pb::ContactRecord) -> Result<(), Failure> {
    output.print(|| contact::text(record), || contact::to_json(record))
}
