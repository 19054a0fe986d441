//! `liaison telephone`: declare the telephone line cut or restored.

use clap::{Args, Subcommand};
use office::StepKind;
use protocol::pb::office as pb;
use words::{officer, telephone};

use client::About;
use command::act::Act;
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
        "The telephone line is cut while either office says so; each restores what it has cut. Documents go on: what cuts the \
         connection underneath is `liaison proxy`, or `liaison up --control`.\n\nExample (with `liaison up` \
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
        let (offices, place) = settings.acting(&self.office)?;
        let declaration = pb::LineDeclaration {
            statement: statement.into(),
            remark: officer::remark(self.by, self.text),
        };
        let act = Act::new(
            StepKind::LineDeclared,
            About::default(),
            &declaration,
            self.request,
        );
        let answer = offices.act(place, &act)?;
        settings.output.print(
            || telephone::declaration(statement, &answer),
            || telephone::declaration_to_json(&answer),
        )
    }
}
