//! `liaison meeting`: propose, counter, accept, decline, cancel, convene, close, list, show.

use std::time::Duration;

use clap::{Args, Subcommand};
use client::About;
use command::act::Act;
use office::{Collection, Place, StepId, StepKind};
use protocol::pb::office as pb;
use words::time::{Moment, parse_moment};
use words::{meeting, officer, time};

use crate::contact_terms::ContactTermsArgs;
use command::connect::{Connection, block_on};
use command::failure::Failure;
use command::flags::{FormalityWord, MeetingKindWord, MeetingStateWord, RankWord};
use command::listing;
use command::output::Output;
use command::request::RequestArgs;
use command::settings::{OfficeArgs, Settings};

/// What every method that moves a meeting answers with; they differ in their names.
type Answer = pb::AcceptMeetingResponse;

/// Negotiate meetings
#[derive(Debug, Args)]
pub(crate) struct MeetingArgs {
    #[command(subcommand)]
    command: MeetingCommand,
}

#[derive(Debug, Subcommand)]
enum MeetingCommand {
    Propose(ProposeArgs),
    Counter(CounterArgs),
    /// Accept the peer's offer
    #[command(after_help = examples("accept", "--by 'Chun Hae-sung, chief'"))]
    Accept(MoveArgs),
    /// Decline the peer's offer
    #[command(after_help = examples("decline", "--text 'Not this week'"))]
    Decline(MoveArgs),
    /// Call off an offer, or a meeting that was accepted
    #[command(after_help = examples("cancel", "--text 'The ranks do not match'"))]
    Cancel(MoveArgs),
    /// Record that an accepted meeting has begun
    #[command(after_help = examples("convene", ""))]
    Convene(MoveArgs),
    Close(CloseArgs),
    List(ListArgs),
    Show(ShowArgs),
}

const SHAPE: &str = "JSON: liaison.office.v1.Meeting: {\"name\", \"state\", \"terms\", \"steps\", \"tip\", \"allowed\", \"counted\"}.";

/// The examples of a step that answers a proposal of North.
fn examples(verb: &str, flags: &str) -> String {
    format!(
        "A step builds upon the tip as the office sees it, unless --parent names another: then it is refused with \
         SUPERSEDED if that one has been built upon.\n\nExample (with `liaison up` running, and a meeting proposed by \
         North):\n  liaison meeting {verb} offices/north/meetings/1 --office south {flags}\n\n{SHAPE}"
    )
}

const PROPOSE_EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison meeting propose --office north --kind working-level --topic Roads --begins-at 2h
  liaison meeting propose --office south --kind chiefs --level deputy-chief --place Kaesong \\
      --begins-at 2026-11-02T10:00 --duration 90m --participant 'Chun Hae-sung, chief' --answer-by 1d

JSON: liaison.office.v1.Meeting: {\"name\", \"state\", \"terms\", \"steps\", \"tip\", \"allowed\", \"counted\"}.";

/// Propose a meeting to the other office
#[derive(Debug, Args)]
#[command(after_help = PROPOSE_EXAMPLES)]
struct ProposeArgs {
    /// The kind
    #[arg(long, value_enum)]
    kind: MeetingKindWord,

    #[command(flatten)]
    terms: TermsArgs,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

/// The terms of an offer, beside its kind.
#[derive(Debug, Clone, Args)]
struct TermsArgs {
    #[command(flatten)]
    contact: ContactTermsArgs,

    /// When it is to begin: a time, or a while such as 2h
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    begins_at: Option<Moment>,

    /// When the offer lapses unless it is answered: a time, or a while such as 1d
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    answer_by: Option<Moment>,
}

const COUNTER_EXAMPLES: &str = "\
Terms that are not given stay as the last offer has them; only --answer-by must be given anew.

Example (with `liaison up` running, and a meeting proposed by North):
  liaison meeting counter offices/north/meetings/1 --office south --begins-at 1d --topic Roads --topic Rail

JSON: liaison.office.v1.Meeting: {\"name\", \"state\", \"terms\", \"steps\", \"tip\", \"allowed\", \"counted\"}.";

/// Answer the peer's offer with other terms
#[derive(Debug, Args)]
#[command(after_help = COUNTER_EXAMPLES)]
struct CounterArgs {
    #[command(flatten)]
    on: OnArgs,

    /// The kind [default: as offered]
    #[arg(long, value_enum)]
    kind: Option<MeetingKindWord>,

    #[command(flatten)]
    terms: TermsArgs,

    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

/// The meeting, and the step built upon.
#[derive(Debug, Clone, Args)]
struct OnArgs {
    /// The meeting's name, such as offices/north/meetings/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    /// The step built upon, such as offices/north/steps/1 [default: the tip as the office sees it]
    #[arg(long, value_name = "STEP", value_parser = parse_step)]
    parent: Option<StepId>,
}

impl OnArgs {
    fn about(&self) -> About {
        About {
            subject: Some(self.name),
            parent: self.parent,
        }
    }
}

#[derive(Debug, Args)]
struct MoveArgs {
    #[command(flatten)]
    on: OnArgs,

    /// Who acts: "Name, rank" or "Name"
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

const CLOSE_EXAMPLES: &str = "\
From here the meeting counts. Just after the convening it may be refused with NOT_SETTLED (exit code 78): the \
command then waits as it is told to and tries again, until --timeout.

Example (with `liaison up` running, and a meeting of North convened):
  liaison meeting close offices/north/meetings/1 --office south --duration 90m

JSON: liaison.office.v1.Meeting: {\"name\", \"state\", \"terms\", \"steps\", \"tip\", \"allowed\", \"counted\"}.";

/// End a convened meeting; it counts from here
#[derive(Debug, Args)]
#[command(after_help = CLOSE_EXAMPLES)]
struct CloseArgs {
    #[command(flatten)]
    moved: MoveArgs,

    /// How long it lasted, such as 90m
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration)]
    duration: Option<Duration>,
}

const LIST_EXAMPLES: &str = "\
Examples (with `liaison up` running):
  liaison meeting list
  liaison meeting list --office north --state accepted

JSON: an array of liaison.office.v1.Meeting.";

/// List meetings as an office knows them
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct ListArgs {
    /// Only meetings in this state
    #[arg(long, value_enum)]
    state: Option<MeetingStateWord>,

    #[command(flatten)]
    listing: listing::ListingArgs,

    #[command(flatten)]
    office: OfficeArgs,
}

const SHOW_EXAMPLES: &str = "\
The steps are a tree: where both offices acted on the same step, both take the same walk. ● marks the winning \
walk, ○ what lost a crossing.

Example (with `liaison up` running, and a meeting proposed by North):
  liaison meeting show offices/north/meetings/1

JSON: liaison.office.v1.Meeting: {\"name\", \"state\", \"terms\", \"steps\", \"tip\", \"allowed\", \"counted\"}.";

/// Show a meeting: its terms, the tree of its steps, and what may be done next
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArgs {
    /// The meeting's name, such as offices/north/meetings/1
    #[arg(value_parser = parse_name)]
    name: StepId,

    #[command(flatten)]
    office: OfficeArgs,
}

fn parse_name(text: &str) -> Result<StepId, String> {
    Collection::Meetings
        .parse(text)
        .map_err(|error| error.to_string())
}

fn parse_step(text: &str) -> Result<StepId, String> {
    // A proposal is known by the name of its meeting.
    let named = Collection::Steps
        .parse(text)
        .or_else(|error| Collection::Meetings.parse(text).map_err(|_| error));
    named.map_err(|error| error.to_string())
}

impl MeetingArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            MeetingCommand::Propose(args) => args.run(settings),
            MeetingCommand::Counter(args) => args.run(settings),
            MeetingCommand::Accept(args) => args.run(settings, StepKind::MeetingAccepted),
            MeetingCommand::Decline(args) => args.run(settings, StepKind::MeetingDeclined),
            MeetingCommand::Cancel(args) => args.run(settings, StepKind::MeetingCancelled),
            MeetingCommand::Convene(args) => args.run(settings, StepKind::MeetingConvened),
            MeetingCommand::Close(args) => args.run(settings),
            MeetingCommand::List(args) => args.run(settings),
            MeetingCommand::Show(args) => args.run(settings),
        }
    }
}

impl TermsArgs {
    /// The terms: what is given, over what was offered. Times are the office's to tell, which knows a play's hours.
    async fn over(
        self,
        connection: &Connection,
        offered: pb::MeetingTerms,
        kind: Option<MeetingKindWord>,
    ) -> Result<pb::MeetingTerms, Failure> {
        let begins_at = connection.time_if(self.begins_at).await?;
        let answer_by = connection.time_if(self.answer_by).await?;
        Ok(self.with_times(offered, kind, begins_at, answer_by))
    }

    fn with_times(
        self,
        offered: pb::MeetingTerms,
        kind: Option<MeetingKindWord>,
        begins_at: Option<prost_types::Timestamp>,
        answer_by: Option<prost_types::Timestamp>,
    ) -> pb::MeetingTerms {
        let contact = self.contact;
        let or_offered =
            |given: Vec<String>, offered| if given.is_empty() { offered } else { given };
        pb::MeetingTerms {
            kind: kind.map_or(offered.kind, MeetingKindWord::number),
            level: contact.level.map_or(offered.level, RankWord::number),
            participants: if contact.participants.is_empty() {
                offered.participants
            } else {
                contact.participants
            },
            place: contact.place.unwrap_or(offered.place),
            begins_at: begins_at.or(offered.begins_at),
            duration: contact
                .duration
                .map(time::duration_to_pb)
                .or(offered.duration),
            topics: or_offered(contact.topics, offered.topics),
            formality: contact
                .formality
                .map_or(offered.formality, FormalityWord::number),
            // The time to answer an offer is not the time to answer the next.
            answer_by,
        }
    }
}

impl ProposeArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let answer: Answer = block_on(async {
            let connection = offices.dial(place).await?;
            let offered = pb::MeetingTerms::default();
            let terms = self
                .terms
                .over(&connection, offered, Some(self.kind))
                .await?;
            let (kind, about) = (StepKind::MeetingProposed, About::default());
            let act = Act::new(kind, about, &terms, self.request);
            act.at(&connection).await
        })?;
        show(settings.output, place, &answer.meeting.unwrap_or_default())
    }
}

impl CounterArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let answer: Answer = block_on(async {
            let connection = offices.dial(place).await?;
            let offered = get(&connection, self.on.name).await?.terms;
            let offered = offered.unwrap_or_default();
            let terms = self.terms.over(&connection, offered, self.kind).await?;
            let about = self.on.about();
            let act = Act::new(StepKind::MeetingCountered, about, &terms, self.request);
            act.at(&connection).await
        })?;
        show(settings.output, place, &answer.meeting.unwrap_or_default())
    }
}

impl MoveArgs {
    /// Makes a step that needs no more than a remark.
    fn run(self, settings: &Settings, kind: StepKind) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let remark = officer::remark(self.by, self.text).unwrap_or_default();
        let act = Act::new(kind, self.on.about(), &remark, self.request);
        let answer: Answer = offices.act(place, &act)?;
        show(settings.output, place, &answer.meeting.unwrap_or_default())
    }
}

impl CloseArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let moved = self.moved;
        let (offices, place) = settings.acting(&moved.office)?;
        let closing = pb::MeetingClosing {
            remark: officer::remark(moved.by, moved.text),
            duration: self.duration.map(time::duration_to_pb),
        };
        let about = moved.on.about();
        let act = Act::new(StepKind::MeetingClosed, about, &closing, moved.request);
        let answer: Answer = offices.act(place, &act)?;
        show(settings.output, place, &answer.meeting.unwrap_or_default())
    }
}

impl ListArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let (meetings, more) = block_on(async {
            let connection = offices.dial(place).await?;
            connection.heed(settings.output).await;
            let page = |page_size, page_token| {
                connection.list_meetings(pb::ListMeetingsRequest {
                    state: self.state.map_or(0, MeetingStateWord::number),
                    page_size,
                    page_token,
                })
            };
            self.listing.gather(page).await
        })?;
        settings.output.print(
            || meeting::table(&meetings, settings.output.width()),
            || meetings.iter().map(meeting::to_json).collect(),
        )?;
        self.listing.tell_more(more);
        Ok(())
    }
}

impl ShowArgs {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (offices, place) = settings.acting(&self.office)?;
        let meeting = block_on(async {
            let connection = offices.dial(place).await?;
            connection.heed(settings.output).await;
            get(&connection, self.name).await
        })?;
        show(settings.output, place, &meeting)
    }
}

async fn get(connection: &Connection, name: StepId) -> Result<pb::Meeting, Failure> {
    let name = name.name(Collection::Meetings);
    let request = connection.request(pb::GetMeetingRequest { name });
    let outcome = connection.meetings().get_meeting(request).await;
    let answer = connection.answer("read the meeting", outcome)?;
    Ok(answer.meeting.unwrap_or_default())
}

fn show(output: Output, place: Place, meeting: &pb::Meeting) -> Result<(), Failure> {
    output.print(
        || meeting::text(place, meeting, output.width()),
        || meeting::to_json(meeting),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_terms() -> TermsArgs {
        TermsArgs {
            contact: ContactTermsArgs {
                level: None,
                participants: Vec::new(),
                place: None,
                duration: None,
                topics: Vec::new(),
                formality: None,
            },
            begins_at: None,
            answer_by: None,
        }
    }

    #[test]
    fn a_counter_keeps_what_it_does_not_change() {
        let offered = pb::MeetingTerms {
            kind: pb::ContactKind::Chiefs.into(),
            place: "Kaesong".to_owned(),
            topics: vec!["Roads".to_owned()],
            answer_by: Some(prost_types::Timestamp::default()),
            ..Default::default()
        };
        let mut given = no_terms();
        given.contact.topics = vec!["Rail".to_owned()];
        let terms = given.with_times(offered, None, None, None);
        assert_eq!(terms.kind(), pb::ContactKind::Chiefs);
        assert_eq!(terms.place, "Kaesong");
        assert_eq!(terms.topics, ["Rail"]);
        assert_eq!(terms.answer_by, None);
    }

    #[test]
    fn a_proposal_may_be_named_as_the_meeting_it_began() {
        assert_eq!(
            parse_step("offices/north/meetings/4"),
            parse_step("offices/north/steps/4")
        );
        assert!(parse_step("offices/north/documents/4").is_err());
    }
}
