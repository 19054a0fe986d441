//! `liaison contact`: record, confirm, list.

use clap::{Args, Subcommand};
use office::{Collection, Place, StepId};
use protocol::pb::office as pb;
use words::table::{self, Table};
use words::time::{Moment, parse_moment};
use words::{json, officer, time};

use crate::contact_terms::ContactTermsArgs;
use command::connect::block_on;
use command::failure::Failure;
use command::flags::{ConsultationKindWord, ContactStateWord, FormalityWord, OfficeWord, RankWord};
use command::listing;
use command::output::Output;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, OfficesArgs, Settings};
use command::system;

const RECORD: &str = "liaison.office.v1.ContactRecord";

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
        let offices = settings.offices(&self.office.offices)?;
        let place = settings.office(self.office.office).unwrap_or(Place::South);
        let terms = self.terms;
        let contact = pb::Contact {
            kind: self.kind.number(),
            level: terms.level.map_or(0, RankWord::number),
            participants: terms.participants,
            place: terms.place.unwrap_or_default(),
            begun_at: Some(system::time_of(self.begun_at)?),
            duration: terms.duration.map(time::duration_to_pb),
            topics: terms.topics,
            formality: terms.formality.map_or(0, FormalityWord::number),
        };
        let request_id = self.request.id();
        let answer = block_on(async {
            let connection = offices.dial(place).await?;
            let request = connection.request(pb::RecordContactRequest {
                request_id: request_id.clone(),
                contact: Some(contact),
            });
            let outcome = connection.contacts().record_contact(request).await;
            connection.answer_to("record the contact", &request_id, outcome)
        })?;
        show(settings.output, &answer.contact.unwrap_or_default())
    }
}

impl ConfirmArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let place = self
            .office
            .map_or(self.name.place.peer(), OfficeWord::place);
        let request_id = self.request.id();
        let request = pb::ConfirmContactRequest {
            request_id: request_id.clone(),
            name: self.name.name(Collection::Contacts),
            confirmation: officer::remark(self.by, self.text),
        };
        let answer = block_on(async {
            let connection = offices.dial(place).await?;
            let request = connection.request(request);
            let outcome = connection.contacts().confirm_contact(request).await;
            connection.answer_to("confirm the contact", &request_id, outcome)
        })?;
        show(settings.output, &answer.contact.unwrap_or_default())
    }
}

impl ListArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.office.offices)?;
        let place = settings.office(self.office.office).unwrap_or(Place::South);
        let (contacts, more) = block_on(async {
            let connection = offices.dial(place).await?;
            let pages = |page_size, page_token| {
                let request = connection.request(pb::ListContactsRequest {
                    state: self.state.map_or(0, ContactStateWord::number),
                    page_size,
                    page_token,
                });
                let connection = connection.clone();
                async move {
                    let outcome = connection.contacts().list_contacts(request).await;
                    let page = connection.answer("list contacts", outcome)?;
                    Ok((page.contacts, page.next_page_token))
                }
            };
            self.listing.gather(pages).await
        })?;
        settings.output.print(
            || table_of(&contacts),
            || {
                contacts
                    .iter()
                    .map(|contact| json::of(RECORD, contact))
                    .collect()
            },
        )?;
        self.listing.tell_more(more);
        Ok(())
    }
}

fn table_of(contacts: &[pb::ContactRecord]) -> String {
    let mut table = Table::new(&["name", "state", "kind", "begun (UTC+9)", "topics"]);
    for record in contacts {
        let contact = record.contact.clone().unwrap_or_default();
        table.row(vec![
            record.name.clone(),
            words::contact_state(record.state).to_owned(),
            words::contact_kind(contact.kind),
            time::words_of(contact.begun_at.as_ref()),
            contact.topics.join("; "),
        ]);
    }
    table.render()
}

fn show(output: Output, record: &pb::ContactRecord) -> Result<(), Failure> {
    let contact = record.contact.clone().unwrap_or_default();
    let participants: Vec<String> = contact.participants.iter().map(officer::words).collect();
    output.print(
        || {
            table::pairs(
                0,
                &[
                    ("name", record.name.clone()),
                    ("state", words::contact_state(record.state).to_owned()),
                    ("kind", words::contact_kind(contact.kind)),
                    ("level", words::rank(contact.level)),
                    (
                        "begun",
                        time::words_of(contact.begun_at.as_ref()) + " (UTC+9)",
                    ),
                    (
                        "duration",
                        time::duration_words_of(contact.duration.as_ref()),
                    ),
                    ("place", contact.place.clone()),
                    ("topics", contact.topics.join("; ")),
                    ("participants", participants.join("; ")),
                    ("formality", words::formality(contact.formality)),
                ],
            )
        },
        || json::of(RECORD, record),
    )
}
