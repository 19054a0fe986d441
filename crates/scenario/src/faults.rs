//! Faults on a timetable: the transport cut, an office down.

use jiff::Timestamp;

use crate::calendar::Calendar;
use crate::staff::PLACES;
use crate::table::Table;
use crate::timeline::{Fault, FaultSpan};

pub(crate) const FAULTS_KEYS: &[&str] = &["fault", "office", "from", "until"];

/// What the file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    LineCut,
    OfficeDown,
}

const WORDS: &[(&str, Word)] = &[
    ("line cut", Word::LineCut),
    ("office down", Word::OfficeDown),
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
    let fault = match word? {
        Word::LineCut => {
            if let Some(office) = table.optional("office") {
                let message = format!("`{}` is given, and a cut line has two ends", office.path());
                office.mistake(message, "leave it out");
                return None;
            }
            Fault::LineCut
        }
        Word::OfficeDown => {
            let place = table.required("office")?.word(PLACES)?;
            Fault::OfficeDown(place)
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
    Some(FaultSpan { from, until, fault })
}
