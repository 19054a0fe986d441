//! A meeting's steps as a tree: the winning walk straight down, what lost a crossing beside it.

use std::fmt::Write as _;

use office::{Place, StepKind};
use protocol::pb::office as pb;
use words::style::{FAINT, HEADING, clean, styled};
use words::table::{WIDTH_MAX, cut, pairs};
use words::{officer, time};

use crate::contact_terms::meeting_pairs;

/// The meeting, as `place` knows it.
pub(super) fn text(place: Place, meeting: &pb::Meeting) -> String {
    let counted = if meeting.counted { ", counted" } else { "" };
    let state = words::meeting_state(meeting.state);
    let mut text = format!("{}  {state}{counted}\n", styled(HEADING, &meeting.name));
    if let Some(terms) = &meeting.terms {
        text.push_str(&pairs(2, &meeting_pairs(terms)));
    }
    text.push('\n');
    let roots = meeting.steps.iter().filter(|step| step.parent.is_empty());
    for root in roots {
        walk(&mut text, meeting, root);
    }
    text.push('\n');
    text.push_str(&next(place, meeting));
    text
}

/// The winning walk from `step` on; beside each step, what was built upon it and lost.
fn walk(text: &mut String, meeting: &pb::Meeting, step: &pb::MeetingStep) {
    let mut step = step;
    loop {
        let _ = writeln!(text, "{}", line("●", step, ""));
        let losers = children(meeting, step).filter(|child| !is_winning(child));
        for loser in losers {
            lost(text, meeting, loser, "├─", "│ ");
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
    branch: &str,
    below: &str,
) {
    let row = line(&format!("{branch}○"), step, ", superseded");
    let _ = writeln!(text, "{}", styled(FAINT, &row));
    for child in children(meeting, step) {
        lost(
            text,
            meeting,
            child,
            &format!("{below}├─"),
            &format!("{below}│ "),
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
    let verb = words::step(step.kind)
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
    cut(clean(&row).trim_end(), WIDTH_MAX)
}

/// What may be done next, as commands.
fn next(place: Place, meeting: &pb::Meeting) -> String {
    let verbs = meeting.allowed.iter().filter_map(|kind| verb(*kind));
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

/// The command that makes a step; none for what a clock does.
fn verb(kind: i32) -> Option<&'static str> {
    Some(match protocol::step_kind_from_pb(kind)? {
        StepKind::MeetingCountered => "counter",
        StepKind::MeetingAccepted => "accept",
        StepKind::MeetingDeclined => "decline",
        StepKind::MeetingCancelled => "cancel",
        StepKind::MeetingConvened => "convene",
        StepKind::MeetingClosed => "close",
        _ => return None,
    })
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
        let text = anstream::adapter::strip_str(&text(Place::South, &meeting)).to_string();
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
