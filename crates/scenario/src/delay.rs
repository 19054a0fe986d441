//! How long something takes to follow: in minutes of office time, or in seconds by the clock.

use std::ops::RangeInclusive;

use crate::calendar::Calendar;
use crate::draw::Draw;
use crate::quantiles::Quantiles;
use reading::Table;

const MINUTES: RangeInclusive<u64> = 1..=100_000;
/// Of the longest period.
const SECONDS: RangeInclusive<u64> = 1..=crate::calendar::DAYS_MAX as u64 * 86_400;
const MINUTE_S: u64 = 60;

/// How long something takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delay {
    /// Seconds of office time, each as likely as any other.
    Office(RangeInclusive<u64>),
    /// Seconds by the clock, whatever the hour.
    Clock(Quantiles),
}

impl Delay {
    /// Reads `{stem}_minutes_min` and `{stem}_minutes_max`, or `{stem}_seconds`.
    pub(crate) fn read(table: &Table<'_>, stem: &str) -> Option<Self> {
        let minutes = format!("{stem}_minutes");
        let seconds = table.optional(&format!("{stem}_seconds"));
        let Some(seconds) = seconds else {
            let minutes = table.range(&minutes, &MINUTES)?;
            return Some(Self::Office(
                minutes.start() * MINUTE_S..=minutes.end() * MINUTE_S,
            ));
        };
        for end in ["min", "max"] {
            if let Some(value) = table.optional(&format!("{minutes}_{end}")) {
                let message = format!("`{}` is given beside `{}`", value.path(), seconds.path());
                value.mistake(message, "leave out the one or the other");
                return None;
            }
        }
        Quantiles::read(&seconds, &SECONDS).map(Self::Clock)
    }

    /// Whether it is given at all.
    pub(crate) fn is_given(table: &Table<'_>, stem: &str) -> bool {
        ["minutes_min", "minutes_max", "seconds"]
            .iter()
            .any(|end| table.optional(&format!("{stem}_{end}")).is_some())
    }

    /// The second of the period at which something has followed what was at `second`; `None` beyond the period.
    pub(crate) fn after(&self, second: u64, calendar: &Calendar, draw: &mut Draw) -> Option<u64> {
        match self {
            Self::Clock(quantiles) => {
                let after = second + quantiles.draw(draw);
                (after <= calendar.last_s()).then_some(after)
            }
            Self::Office(range) => {
                let after = calendar.office_s_from(second) + draw.within(range.clone());
                (after < calendar.office_s()).then(|| calendar.second_of(after))
            }
        }
    }
}
