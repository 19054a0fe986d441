//! `liaison telephone`: declare the telephone line cut or restored.

use clap::{Args, Subcommand};
use office::Place;
use protocol::pb::office as pb;
use words::{json, officer, table, time};

use command::connect::block_on;
use command::failure::Failure;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, Settings};

/// Declare the telephone line cut or restored
///
/// This is traffic: a statement of one office, which stands in both ledgers. The connection underneath goes on;
/// `liaison status` shows both.
#[derive(Debug, Args)]
pub(crate) struct TelephoneArgs {
    #[command(subcommand)]
    command: TelephoneCommand,
}

#[derive(Debug, Subcommand)]
enum TelephoneCommand {
    /// Declare the telephone line cut
    #[command(after_help = examples("cut"))]
    Cut(DeclareArgs),
    /// Declare the telephone line restored
    #[command(after_help = examples("restore"))]
    Restore(DeclareArgs),
}

fn examples(verb: &str) -> String {
    format!(
        "The line is cut while either office says so; each restores what it has cut.\n\nExample (with `liaison up` \
         running):\n  liaison telephone {verb} --office north --by 'Jon Jong-su, chief'\n\nJSON: \
         liaison.office.v1.DeclareLineResponse: {{\"name\", \"recorded_at\", \"place\"}}."
    )
}

#[derive(Debug, Args)]
struct DeclareArgs {
    /// Who declares: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    by: Option<pb::Officer>,

    /// A remark
    #[arg(long)]
    text: Option<String>,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

impl TelephoneArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            TelephoneCommand::Cut(args) => args.run(settings, pb::LineStatement::Cut),
            TelephoneCommand::Restore(args) => args.run(settings, pb::LineStatement::Restored),
        }
    }
}

impl DeclareArgs {
    fn run(self, settings: &Settings, statement: pb::LineStatement) -> Result<(), Failure> {
        let offices = settings.offices(&self.office.offices)?;
        let place = settings.office(self.office.office).unwrap_or(Place::South);
        let declaration = pb::LineDeclaration {
            statement: statement.into(),
            remark: officer::remark(self.by, self.text),
        };
        let request_id = self.request.id();
        let answer = block_on(async {
            let connection = offices.dial(place).await?;
            let request = connection.request(pb::DeclareLineRequest {
                request_id: request_id.clone(),
                declaration: Some(declaration),
            });
            let outcome = connection.contacts().declare_line(request).await;
            connection.answer_to("declare the line", &request_id, outcome)
        })?;
        settings.output.print(
            || {
                table::pairs(
                    0,
                    &[
                        ("name", answer.name.clone()),
                        ("declared", words::statement(statement.into())),
                        ("by", format!("the {} office", words::place(answer.place))),
                        (
                            "recorded",
                            time::words_of(answer.recorded_at.as_ref()) + " (UTC+9)",
                        ),
                    ],
                )
            },
            || json::of("liaison.office.v1.DeclareLineResponse", &answer),
        )
    }
}
