//! The arguments of calls that are made again.

use std::str::FromStr;

use clap::Args;
use load::transport::Target;
use remake::Rekey;
use transcript::FieldName;

use super::super::arguments::RunArgs;
use command::failure::Failure;

/// What is done with what was recorded, with --schedule tap:FILE.
#[derive(Debug, Args)]
pub(crate) struct RemakeArgs {
    /// With tap:, send what went to one server of the recording to a target, such as 127.0.0.1:50051=127.0.0.1:6001; may be
    /// repeated; the rest goes to --target, or nowhere
    #[arg(long, value_name = "RECORDED=TARGET", help_heading = "Recording")]
    pub(super) redirect: Vec<Redirect>,

    /// With tap:, only calls whose names begin so, such as pkg.Service or pkg.Service/Method; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Recording")]
    pub(super) only: Vec<String>,

    /// With tap:, draw the values of a field anew, such as request_id=uuid, 3.1=sequence or metadata.x-request-id=uuid: the
    /// same one for the same one; may be repeated
    #[arg(long, value_name = "PATH=uuid|sequence", help_heading = "Recording")]
    pub(super) rekey: Vec<Rekey>,

    /// With tap:, replace what an answer has made (names, tokens, ids) where later requests repeat it: whatever is found, or
    /// this field of answers; may be repeated
    #[arg(long, value_name = "auto|PATH", help_heading = "Recording")]
    pub(super) correlate: Vec<String>,

    /// With tap:, hold statuses and answers against the recorded ones: exit code 99 if one differs
    #[arg(long, help_heading = "Recording")]
    pub(super) compare: bool,

    /// With --compare, a field that may differ, such as receipt.recorded_at; may be repeated
    #[arg(
        long,
        value_name = "PATH",
        requires = "compare",
        help_heading = "Recording"
    )]
    pub(super) ignore: Vec<FieldName>,
}

/// Where what went to a server goes now.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    pub(super) recorded: String,
    pub(super) target: Target,
}

impl FromStr for Redirect {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let (recorded, target) = written
            .split_once('=')
            .ok_or_else(|| format!("{written:?} is no redirection; write RECORDED=TARGET"))?;
        Ok(Self {
            recorded: recorded.to_owned(),
            target: target.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

impl RemakeArgs {
    /// Whether anything of it is asked for.
    fn is_given(&self) -> bool {
        let lists = [self.redirect.len(), self.only.len(), self.rekey.len()];
        let more = [self.correlate.len(), self.ignore.len()];
        self.compare || lists.iter().chain(&more).any(|len| *len > 0)
    }

    /// # Errors
    /// It is asked for, and nothing is made again.
    pub(crate) fn without_recording(&self) -> Result<(), Failure> {
        if self.is_given() {
            let text = "--redirect, --only, --rekey, --correlate, --compare and --ignore are of --schedule tap:FILE";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }
}

impl RunArgs {
    /// # Errors
    /// Something is asked for that is of a plan, and a recording has none.
    pub(super) fn check_recording(&self) -> Result<(), Failure> {
        let of_a_plan = [
            ("a plan", self.plan.is_some()),
            ("--call", self.call.is_some()),
            ("--data", self.data.is_some()),
            ("--rate", self.rate.is_some()),
            ("--duration", self.duration.is_some()),
            ("--total", self.total.is_some()),
            ("--shard", self.shard.is_some()),
            ("--start-at", self.start_at.is_some()),
            ("--find-max", self.find_max.is_some()),
            ("--repeat", self.repeat > 1),
            ("--baseline", self.baseline.is_some()),
            ("--fail-if", !self.fail_if.is_empty()),
            ("--save", self.files.save.is_some()),
            ("--html", self.files.html.is_some()),
            ("--markdown", self.files.markdown.is_some()),
            ("--csv-out", self.files.csv_out.is_some()),
            ("--prometheus", self.prometheus.is_some()),
        ];
        match of_a_plan.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Failure::Usage(format!(
                "{name} does not go with --schedule tap:FILE: what was recorded says what is called and when"
            ))),
            None => Ok(()),
        }
    }
}
