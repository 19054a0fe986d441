//! A meeting, its steps as a tree: the winning walk straight down, what lost a crossing beside it.

use std::fmt::Write as _;

use office::Place;
use protocol::pb::office as pb;
use serde_json::Value;

use crate::style::{FAINT, HEADING, clean, styled};
use crate::table::{Table, cut, pairs};
use crate::{nouns, officer, time};

/// A meeting as JSON.
pub fn to_json(meeting: &pb::Meeting) -> Value {
    crate::json::of("liaison.office.v1.Meeting", meeting)
}

/// Meetings, a row each, at most `width` columns wide.
pub fn table(meetings: &[pb::Meeting], width: usize) -> String {
    let mut table = Table::new(&[
        "name",
        "state",
        "kind",
        &time::heading("begins"),
        "topics",
        ">steps",
    ])
    .named();
    for meeting in meetings {
        let terms = meeting.terms.clone().unwrap_or_default();
        table.row(vec![
            meeting.name.clone(),
            nouns::meeting_state(meeting.state).to_owned(),
            nouns::contact_kind(terms.kind),
            time::words_of(terms.begins_at.as_ref()),
            terms.topics.join("; "),
            meeting.steps.len().to_string(),
        ]);
    }
    table.render(width)
}

/// A meeting as the office at `place` knows it: its terms, its steps, and what that office may do next.
/// The steps stand at most `width` columns wide.
pub fn text(place: Place, meeting: &pb::Meeting, width: usize) -> String {
    let counted = if meeting.counted { ", counted" } else { "" };
    let state = nouns::meeting_state(meeting.state);
    let mut text = format!("{}  {state}{counted}\n", styled(HEADING, &meeting.name));
    if let Some(terms) = &meeting.terms {
        text.push_str(&pairs(2, &terms_pairs(terms)));
    }
    text.push('\n');
    let roots = meeting.steps.iter().filter(|step| step.parent.is_empty());
    for root in roots {
        walk(&mut text, meeting, root, width);
    }
    text.push('\n');
    text.push_str(&next(place, meeting));
    text
}

/// The terms, as lines of a name and what it is.
fn terms_pairs(terms: &pb::MeetingTerms) -> Vec<(&'static str, String)> {
    vec![
        ("kind", nouns::contact_kind(terms.kind)),
        ("level", nouns::rank(terms.level)),
        ("begins", time::office_words_of(terms.begins_at.as_ref())),
        ("duration", time::duration_words_of(terms.duration.as_ref())),
        ("place", terms.place.clone()),
        ("topics", terms.topics.join("; ")),
        ("participants", officer::list(&terms.participants)),
        ("formality", nouns::formality(terms.formality)),
        ("answer by", time::office_words_of(terms.answer_by.as_ref())),
    ]
}

/// The winning walk from `step` on; beside each step, what was built upon it and lost.
fn walk(text: &mut String, meeting: &pb::Meeting, step: &pb::MeetingStep, width: usize) {
    let mut step = step;
    loop {
        let _ = writeln!(text, "{}", cut(&line("●", step, ""), width));
        let losers = children(meeting, step).filter(|child| !is_winning(child));
        for loser in losers {
            lost(text, meeting, loser, ["├─", "│ "], width);
        }
        match children(meeting, step).find(|child| is_winning(child)) {
            Some(winner) => step = winner,
            None => return,
        }
    }
}

fn lost(
    text: &mut String,
    meeting: &pb::Meeting,
    step: &pb::MeetingStep,
    [branch, below]: [&str; 2],
    width: usize,
) {
    let row = line(&format!("{branch}○"), step, ", superseded");
    let _ = writeln!(text, "{}", styled(FAINT, &cut(&row, width)));
    for child in children(meeting, step) {
        lost(
            text,
            meeting,
            child,
            [&format!("{below}├─"), &format!("{below}│ ")],
            width,
        );
    }
}

fn children<'m>(
    meeting: &'m pb::Meeting,
    step: &pb::MeetingStep,
) -> impl Iterator<Item = &'m pb::MeetingStep> {
    let name = step.name.clone();
    meeting
        .steps
        .iter()
        .filter(move |child| child.parent == name)
}

fn is_winning(step: &pb::MeetingStep) -> bool {
    step.standing() == pb::StepStanding::Winning
}

fn line(mark: &str, step: &pb::MeetingStep, standing: &str) -> String {
    let verb = nouns::step(step.kind)
        .trim_start_matches("meeting ")
        .to_owned();
    let mut row = format!(
        "{mark} {:<24}  {:<9}  {}",
        step.name,
        verb + standing,
        time::words_of(step.authored_at.as_ref())
    );
    if let Some(remark) = &step.remark {
        let _ = write!(
            row,
            "  {}",
            officer::words_or_empty(remark.officer.as_ref())
        );
        if !remark.text.is_empty() {
            let _ = write!(row, " “{}”", remark.text);
        }
    }
    clean(&row).trim_end().to_owned()
}

/// What may be done next, as commands.
fn next(place: Place, meeting: &pb::Meeting) -> String {
    let verbs = meeting
        .allowed
        .iter()
        .filter_map(|kind| nouns::verb(protocol::step_kind_from_pb(*kind)?));
    let mut text = String::new();
    for verb in verbs {
        let _ = writeln!(
            text,
            "  liaison meeting {verb} {} --office {place}",
            clean(&meeting.name)
        );
    }
    if text.is_empty() {
        return format!("next: the {place} office may do nothing now\n");
    }
    format!("next: the {place} office may\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, kind: pb::StepKind, parent: &str, wins: bool) -> pb::MeetingStep {
        let standing = if wins {
            pb::StepStanding::Winning
        } else {
            pb::StepStanding::Superseded
        };
        pb::MeetingStep {
            name: format!("offices/{name}"),
            kind: kind.into(),
            parent: if parent.is_empty() {
                String::new()
            } else {
                format!("offices/{parent}")
            },
            standing: standing.into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_winning_walk_goes_straight_down() {
        let meeting = pb::Meeting {
            name: "offices/south/meetings/1".to_owned(),
            state: pb::MeetingState::Cancelled.into(),
            steps: vec![
                step("south/steps/1", pb::StepKind::MeetingProposed, "", true),
                step(
                    "north/steps/1",
                    pb::StepKind::MeetingAccepted,
                    "south/steps/1",
                    false,
                ),
                step(
                    "north/steps/2",
                    pb::StepKind::MeetingConvened,
                    "north/steps/1",
                    false,
                ),
                step(
                    "south/steps/2",
                    pb::StepKind::MeetingCancelled,
                    "south/steps/1",
                    true,
                ),
            ],
            ..Default::default()
        };
        let text =
            anstream::adapter::strip_str(&text(Place::South, &meeting, crate::table::WIDTH_MAX))
                .to_string();
        let starts: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("/steps/"))
            .map(|line| line.split("offices/").next().unwrap_or_default())
            .collect();
        assert_eq!(starts, ["● ", "├─○ ", "│ ├─○ ", "● "]);
        assert!(text.contains("the south office may do nothing now"));
    }

    #[test]
    fn what_may_be_done_is_told_as_a_command() {
        let meeting = pb::Meeting {
            name: "offices/north/meetings/4".to_owned(),
            allowed: vec![
                pb::StepKind::MeetingAccepted.into(),
                pb::StepKind::MeetingLapsed.into(),
            ],
            ..Default::default()
        };
        let text = next(Place::South, &meeting);
        assert!(text.contains("liaison meeting accept offices/north/meetings/4 --office south"));
        assert_eq!(text.lines().count(), 2);
    }
}
