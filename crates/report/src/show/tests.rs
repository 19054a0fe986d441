//! What a saved run says is anybody's text: wherever it stands, it steers nothing.

use serde_json::Value;

use super::{csv, fixture, ghz, html, markdown, prometheus, text};
use crate::report::Report;

const HOSTILE: &str = "\"onload='alert(1)' x=`</title><script>alert(1)</script><!-- &amp; \u{202e}\u{200f}\u{1b}[2J\r\n\\";

/// The report with this text in place of each of its own.
fn with_text(report: &Report, text: &str) -> Report {
    fn walk(value: &mut Value, text: &str) {
        match value {
            Value::String(own) => text.clone_into(own),
            Value::Array(all) => all.iter_mut().for_each(|one| walk(one, text)),
            Value::Object(all) => {
                // This one is no text, but a time.
                let all = all.iter_mut().filter(|(key, _)| *key != "started_at");
                all.for_each(|(_, one)| walk(one, text));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(report).expect("a report is JSON");
    walk(&mut value, text);
    serde_json::from_value(value).expect("it has the same fields")
}

fn all_hostile() -> impl Iterator<Item = Report> {
    let reports = [fixture::tiny(), fixture::full(), fixture::amiss()];
    reports
        .into_iter()
        .map(|report| with_text(&report, HOSTILE))
}

/// The tags of a page, with their attributes' names and nothing of what they are.
fn tags(page: &str) -> Vec<String> {
    let tags = page.split('<').skip(1).map(|rest| {
        let tag = rest.split('>').next().unwrap_or_default();
        tag.split('"').step_by(2).collect::<Vec<_>>().join("\"")
    });
    tags.collect()
}

#[test]
fn no_text_from_elsewhere_becomes_a_tag_or_an_attribute() {
    for report in [fixture::tiny(), fixture::full(), fixture::amiss()] {
        let plain = html(&with_text(&report, "text"));
        let hostile = html(&with_text(&report, HOSTILE));
        assert_eq!(tags(&hostile), tags(&plain));
        assert!(hostile.contains("&quot;onload='alert(1)'"));
        // What is escaped is what stands between double quotes: nothing else may delimit an attribute.
        assert!(!tags(&plain).concat().contains('\''));
    }
}

#[test]
fn no_text_from_elsewhere_moves_the_cursor() {
    let is_ours = |letter: char| matches!(letter, '\n' | '\t');
    for report in all_hostile() {
        let others = ghz(&report) + &prometheus(&report) + &csv(&report) + &html(&report);
        let hidden = |letter| reading::visible::is_hidden(letter) && !is_ours(letter);
        assert!(!others.contains(hidden));
        for page in [
            text(&report, usize::MAX),
            text(&report, 100),
            markdown(&report),
        ] {
            assert!(!page.contains("\u{1b}[2J"));
            assert!(!page.contains(['\u{202e}', '\r']));
        }
    }
}
