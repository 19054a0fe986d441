//! Who is not there: officers who commute, and a staff that was withdrawn.
//!
//! Both are applied to a timeline that has been drawn, and draw nothing themselves. Nothing is lost: somebody stands
//! in for who is not there, and what a withdrawn staff had to do is done after its return.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use office::PerPlace;

use crate::calendar::Calendar;
use crate::documents::APART_S;
use crate::staff::Staff;
use crate::timeline::{Act, Event, Fault, FaultSpan, Key};

/// Has those act who are there on the day.
pub(crate) fn stand_in(events: &mut [Event], staff: &PerPlace<Staff>, calendar: &Calendar) {
    for event in events {
        let weekday = calendar.weekday(calendar.second_at(event.at) / 86_400);
        let Some(by) = event.act.officer_mut() else {
            continue;
        };
        if let Some(there) = staff[event.office].stand_in(by, weekday) {
            *by = there.clone();
        }
    }
}

/// Moves what an office would do without its staff to after the return, and what waits for it behind it.
pub(crate) fn withdraw(events: &mut [Event], faults: &[FaultSpan]) {
    let spans: Vec<(office::Place, &FaultSpan)> = faults
        .iter()
        .filter_map(|span| match span.fault {
            Fault::StaffWithdrawn(place) => Some((place, span)),
            _ => None,
        })
        .collect();
    if spans.is_empty() {
        return;
    }
    let apart = Duration::from_secs(APART_S);
    // When the last act on an exchange is done, if it is later than was planned.
    let mut late: BTreeMap<Key, Timestamp> = BTreeMap::new();
    for event in events.iter_mut() {
        let planned = event.at;
        let waits_for = match &event.act {
            Act::SendDocument { in_reply_to, .. } => *in_reply_to,
            act => act.key(),
        };
        if let Some(done) = waits_for.and_then(|key| late.get(&key)) {
            event.at = event.at.max(*done + apart);
        }
        let mut again = true;
        while std::mem::take(&mut again) {
            for (place, span) in &spans {
                if event.office == *place && (span.from..span.until).contains(&event.at) {
                    event.at = span.until;
                    again = true;
                }
            }
        }
        if event.at > planned
            && let Some(key) = event.act.key()
        {
            late.insert(key, event.at);
        }
    }
    events.sort_by_key(|event| event.at);
}
