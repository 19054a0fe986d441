//! `liaison call`: the opening and closing calls on the telephone line.

use clap::{Args, Subcommand};
use jiff::civil::Date;
use office::StepKind;
use protocol::pb::office as pb;
use words::{officer, telephone, time};

use client::About;
use command::act::Act;
use command::failure::Failure;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, Settings};
use command::system;

/// Record opening and closing calls
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    #[command(subcommand)]
    command: CallCommand,
}

#[derive(Debug, Subcommand)]
enum CallCommand {
    /// Record the opening call of a day
    #[command(after_help = examples("open"))]
    Open(RecordArgs),
    /// Record the closing call of a day
    #[command(after_help = examples("close"))]
    Close(RecordArgs),
}

fn examples(verb: &str) -> String {
    format!(
        "Examples (with `liaison up` running):\n  liaison call {verb}\n  liaison call {verb} --office north --day 2018-09-14 \
         --unanswered --by 'Jon Jong-su, chief'\n\nJSON: liaison.office.v1.RecordCallResponse: {{\"name\", \
         \"recorded_at\"}}."
    )
}

#[derive(Debug, Args)]
struct RecordArgs {
    /// The day, such as 2018-09-14 [default: today]
    #[arg(long, value_parser = time::parse_day)]
    day: Option<Date>,

    /// Nobody answered: a fact worth recording
    #[arg(long)]
    unanswered: bool,

    /// Who called: "Name, rank" or "Name"
    #[arg(long, value_name = "OFFICER", value_parser = officer::parse)]
    by: Option<pb::Officer>,

    /// What was said
    #[arg(long)]
    text: Option<String>,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

impl CallArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            CallCommand::Open(args) => args.run(settings, pb::CallKind::Opening),
            CallCommand::Close(args) => args.run(settings, pb::CallKind::Closing),
        }
    }
}

impl RecordArgs {
    fn run(self, settings: &Settings, kind: pb::CallKind) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let day = self
            .day
            .unwrap_or_else(|| time::clocks().to_datetime(system::now()).date());
        let outcome = if self.unanswered {
            pb::CallOutcome::Unanswered
        } else {
            pb::CallOutcome::Answered
        };
        let call = pb::Call {
            kind: kind.into(),
            day: day.to_string(),
            outcome: outcome.into(),
            remark: officer::remark(self.by, self.text),
        };
        let act = Act::new(
            StepKind::CallRecorded,
            About::default(),
            &call,
            self.request,
        );
        let answer = offices.act(place, &act)?;
        settings.output.print(
            || telephone::call(&call.day, &answer),
            || telephone::call_to_json(&answer),
        )
    }
}
