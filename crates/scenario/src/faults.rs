//! Faults on a timetable: of the transport, of an office, of the telephone line, of the staff.

use std::time::Duration;

use jiff::Timestamp;

use crate::calendar::Calendar;
use crate::staff::PLACES;
use crate::timeline::{Fault, FaultSpan};
use reading::Table;

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) const FAULTS_KEYS: &[&str] = &["fault", "office", "milliseconds", "from", "until"];

/// What the file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    LineCut,
    OfficeDown,
    LineDelay,
    CallsUnanswered,
    StaffWithdrawn,
}

const WORDS: &[(&str, Word)] = &[
    ("line cut", Word::LineCut),
    ("office down", Word::OfficeDown),
    ("line delay", Word::LineDelay),
    ("calls unanswered", Word::CallsUnanswered),
    ("staff withdrawn", Word::StaffWithdrawn),
];

/// Reads one fault, which begins and ends within the period.
pub(crate) fn read(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<FaultSpan> {
    let fault_value = table.required("fault");
    let word = fault_value.as_ref().and_then(|value| value.word(WORDS));
    let moment = |key: &str| -> Option<Timestamp> {
        let value = table.required(key)?;
        let moment = value.datetime()?;
        let calendar = calendar?;
        let at = calendar.moment(moment);
        if (calendar.start()..=calendar.end()).contains(&at) {
            return Some(at);
        }
        value.mistake(
            format!("`{}` is {moment}, outside the period", value.path()),
            "write a moment of the days of `period`, or change those",
        );
        None
    };
    let (from, until) = (moment("from"), moment("until"));
    let word = word?;
    let strays: &[&str] = match word {
        Word::LineCut | Word::CallsUnanswered => &["office", "milliseconds"],
        Word::LineDelay => &["office"],
        Word::OfficeDown | Word::StaffWithdrawn => &["milliseconds"],
    };
    if let Some(stray) = strays.iter().find_map(|key| table.optional(key)) {
        let message = format!(
            "`{}` is given, and says nothing about this fault",
            stray.path()
        );
        stray.mistake(message, "leave it out");
        return None;
    }
    let place = || table.required("office")?.word(PLACES);
    let fault = match word {
        Word::LineCut => Fault::LineCut,
        Word::CallsUnanswered => Fault::CallsUnanswered,
        Word::OfficeDown => Fault::OfficeDown(place()?),
        Word::StaffWithdrawn => Fault::StaffWithdrawn(place()?),
        Word::LineDelay => {
            let milliseconds = table.integer("milliseconds", 1..=60_000)?;
            Fault::LineDelay(Duration::from_millis(milliseconds))
        }
    };
    let (from, until) = (from?, until?);
    if until <= from {
        table.required("until")?.mistake(
            "the fault ends before it begins".to_owned(),
            "write a later time",
        );
        return None;
    }
    if matches!(fault, Fault::StaffWithdrawn(_))
        && let Some(calendar) = calendar
        && until + DAY > calendar.end()
    {
        table.required("until")?.mistake(
            "the staff returns on the last day or not at all: what it has to do would not be done"
                .to_owned(),
            "let it return a day before the period ends, or lengthen `period`",
        );
        return None;
    }
    Some(FaultSpan { from, until, fault })
}
