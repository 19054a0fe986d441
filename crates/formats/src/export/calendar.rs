//! The meetings as an iCalendar, RFC 5545: an event a meeting, on the terms that its winning walk came to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::Timestamp;
use office::line::LineHash;
use office::meeting::{Meeting, MeetingState};
use office::{Collection, Exchanges, StepId, StepKind};
use prost::Message as _;
use protocol::pb::office as pb;
use reading::visible;

use super::Form;
use crate::told::Told;

/// A content line has as many octets at most, without its line break.
const LINE_BYTES_MAX: usize = 75;

/// So much of a line hash makes a meeting's UID one of its own.
const UID_HASH_BYTES: usize = 16;

pub(super) struct Calendar<W> {
    out: W,
    terms: BTreeMap<StepId, pb::MeetingTerms>,
    /// The line hash of each meeting's first step: the same meeting of another pair has another.
    hashes: BTreeMap<StepId, LineHash>,
    wanted: BTreeSet<StepId>,
}

impl<W: Write> Calendar<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            terms: BTreeMap::new(),
            hashes: BTreeMap::new(),
            wanted: BTreeSet::new(),
        }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(folded(line).as_bytes())
    }

    /// False if nothing says when it is to be.
    fn event(&mut self, id: StepId, meeting: &Meeting) -> io::Result<bool> {
        let walk = meeting.walk();
        let offer = walk.iter().rev().find_map(|node| self.terms.get(&node.id));
        let terms = offer.cloned().unwrap_or_default();
        let convened = walk
            .iter()
            .find(|node| node.kind == StepKind::MeetingConvened);
        let begins = terms
            .begins_at
            .as_ref()
            .and_then(protocol::timestamp_from_pb);
        let Some(begins) = begins.or(convened.map(|node| node.authored_at)) else {
            return Ok(false);
        };
        let name = id.name(Collection::Meetings);
        let status = match meeting.state() {
            MeetingState::Proposed | MeetingState::Countered => "TENTATIVE",
            MeetingState::Accepted | MeetingState::Convened | MeetingState::Closed => "CONFIRMED",
            MeetingState::Declined | MeetingState::Cancelled | MeetingState::Lapsed => "CANCELLED",
        };
        let kind = protocol::contact_kind_from_pb(terms.kind).map_or("", |kind| kind.word());
        let duration = terms.duration.as_ref().and_then(protocol::duration_from_pb);
        let last = meeting.tip();
        self.line("BEGIN:VEVENT")?;
        let hash = self.hashes.get(&id).unwrap_or(&LineHash::ZERO);
        let hash = words::hex::joined(&hash.0[..UID_HASH_BYTES]);
        self.line(&format!("UID:{name}@{hash}"))?;
        self.line(&format!("DTSTAMP:{}", utc(last.authored_at)))?;
        self.line(&format!("DTSTART:{}", utc(begins)))?;
        if let Some(duration) = duration.filter(|duration| duration.as_secs() > 0) {
            self.line(&format!("DURATION:PT{}S", duration.as_secs()))?;
        }
        self.line(&format!("SUMMARY:{}", escaped(&format!("Meeting: {kind}"))))?;
        if !terms.place.is_empty() {
            self.line(&format!("LOCATION:{}", escaped(&terms.place)))?;
        }
        let officers = terms
            .participants
            .iter()
            .map(|officer| officer.name.clone());
        let told: Vec<String> = terms.topics.iter().cloned().chain(officers).collect();
        if !told.is_empty() {
            self.line(&format!("DESCRIPTION:{}", escaped(&told.join("\n"))))?;
        }
        self.line(&format!("STATUS:{status}"))?;
        self.line(&format!("SEQUENCE:{}", walk.len() - 1))?;
        self.line(&format!("X-LIAISON-STATE:{}", last.kind.words()))?;
        self.line("END:VEVENT")?;
        Ok(true)
    }
}

impl<W: Write> Form for Calendar<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        let (collection, meeting) = told.exchange;
        if collection != Collection::Meetings {
            return Ok(());
        }
        let offers = [StepKind::MeetingProposed, StepKind::MeetingCountered];
        if offers.contains(&told.step.kind)
            && let Ok(terms) = pb::MeetingTerms::decode(told.payload.clone())
        {
            self.terms.insert(told.step.id, terms);
        }
        self.hashes.entry(meeting).or_insert(told.line_hash);
        if wanted {
            self.wanted.insert(meeting);
        }
        Ok(())
    }

    fn finish(&mut self, exchanges: &Exchanges) -> io::Result<u64> {
        for line in [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//liaison//ledger export//EN",
        ] {
            self.line(line)?;
        }
        let mut events = 0;
        for (id, meeting) in exchanges.meetings.after(None) {
            if self.wanted.contains(&id) && self.event(id, meeting)? {
                events += 1;
            }
        }
        self.line("END:VCALENDAR")?;
        self.out.flush()?;
        Ok(events)
    }
}

fn utc(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value. Whatever a calendar would act on or not show is made visible; its lines stay.
fn escaped(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut escaped = String::with_capacity(text.len());
    for letter in visible::lines(&text).chars() {
        match letter {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\n' => escaped.push_str("\\n"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A content line with its line break, broken where it is too long, never inside a character.
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 8);
    let mut bytes = 0;
    for letter in line.chars() {
        if bytes + letter.len_utf8() > LINE_BYTES_MAX {
            folded.push_str("\r\n ");
            bytes = 1;
        }
        folded.push(letter);
        bytes += letter.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let line = format!("SUMMARY:{}", "개성".repeat(40));
        let text = folded(&line);
        assert!(text.split("\r\n").all(|part| part.len() <= LINE_BYTES_MAX));
        assert_eq!(text.replace("\r\n ", ""), line + "\r\n");
    }

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(
            escaped("a,b;c\\d\r\ne\r\u{202e}"),
            "a\\,b\\;c\\\\d\\ne‹U+000D›‹U+202E›"
        );
    }
}
