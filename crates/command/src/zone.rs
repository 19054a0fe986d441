//! Whose days and hours are meant, as flags say it.

use clap::Args;
use jiff::tz::{Offset, TimeZone};

/// Whose days and hours are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ZoneArgs {
    /// Whose days and hours, as a distance from UTC [default: a ledger's own, else +09:00]
    #[arg(
        long,
        value_name = "+HH:MM",
        value_parser = parse_offset,
        help_heading = "Settings",
        allow_hyphen_values = true,
        conflicts_with = "time_zone"
    )]
    utc_offset: Option<Offset>,

    /// The same by name, with its daylight saving, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", help_heading = "Settings", value_parser = parse_zone)]
    time_zone: Option<TimeZone>,
}

impl ZoneArgs {
    /// The zone that was named.
    pub fn named(&self) -> Option<TimeZone> {
        let offset = self.utc_offset.map(TimeZone::fixed);
        self.time_zone.clone().or(offset)
    }
}

/// Reads a zone by its name or as a distance from UTC, as a ledger's directory keeps it.
pub fn parse_either(text: &str) -> Option<TimeZone> {
    let offset = reading::offset_of(text).map(TimeZone::fixed);
    offset.or_else(|| TimeZone::get(text).ok())
}

/// Reads a distance from UTC.
pub fn parse_offset(text: &str) -> Result<Offset, String> {
    reading::offset_of(text).ok_or_else(|| {
        format!("{text:?} is no distance from UTC; write one such as +09:00 or -07:00")
    })
}

/// Reads the name of a zone.
pub fn parse_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        format!(
            "this system knows no time zone {text:?}; write one such as Europe/Berlin, or use --utc-offset"
        )
    })
}
