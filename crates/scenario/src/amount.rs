//! How many: a total that holds whatever the seed, or a rate, whose total the seed draws.

use crate::calendar::Calendar;
use crate::draw::Draw;
use reading::{Table, Value};

/// Exchanges of one kind in one scenario.
pub(crate) const TOTAL_MAX: u64 = 1_000_000;
const RATES: [&str; 2] = ["per_day", "per_week"];

/// How many exchanges a block brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Total(u64),
    /// A mean number a working day.
    PerDay(u64),
    /// A mean number in seven days of the period.
    PerWeek(u64),
}

impl Amount {
    /// Reads `total`, or one of the rates in its place. The value is where a mistake about the amount is told.
    pub(crate) fn read<'a>(table: &Table<'a>) -> Option<(Self, Value<'a>)> {
        let rates: Vec<(&str, Value<'a>)> = RATES
            .into_iter()
            .filter_map(|key| Some((key, table.optional(key)?)))
            .collect();
        let (key, value) = match (table.optional("total"), rates.as_slice()) {
            (None, []) => ("total", table.required("total")?),
            (Some(total), []) => ("total", total),
            (None, [(key, rate)]) => (*key, rate.clone()),
            (_, [.., (_, last)]) => {
                let message = format!("`{}` is given beside another amount", last.path());
                last.mistake(message, "leave one of `total`, `per_day`, `per_week`");
                return None;
            }
        };
        let number = value.integer(0..=TOTAL_MAX)?;
        let amount = match key {
            "per_day" => Self::PerDay(number),
            "per_week" => Self::PerWeek(number),
            _ => Self::Total(number),
        };
        Some((amount, value))
    }

    /// The total that every seed comes to; `None` for a rate.
    pub(crate) const fn total(self) -> Option<u64> {
        match self {
            Self::Total(total) => Some(total),
            Self::PerDay(_) | Self::PerWeek(_) => None,
        }
    }

    /// The mean over all seeds, rounded up.
    pub(crate) fn mean(self, calendar: &Calendar) -> u64 {
        let (numerator, denominator) = self.fraction(calendar);
        numerator.div_ceil(denominator)
    }

    /// How many the seed comes to: as many as a Poisson process of the rate has, and at most `room`.
    pub(crate) fn count(self, calendar: &Calendar, room: u64, draw: &mut Draw) -> u64 {
        if let Self::Total(total) = self {
            return total;
        }
        let (numerator, denominator) = self.fraction(calendar);
        draw.arrivals(numerator, denominator).min(room)
    }

    fn fraction(self, calendar: &Calendar) -> (u64, u64) {
        match self {
            Self::Total(total) => (total, 1),
            Self::PerDay(rate) => (rate * calendar.working_days().len() as u64, 1),
            Self::PerWeek(rate) => (rate * calendar.days(), 7),
        }
    }
}
