//! Tables and values of a TOML file, read with their places in the text.

use std::ops::{Range, RangeInclusive};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::mistake::{Mistakes, near_miss};

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    mistakes: &'a Mistakes<'a>,
    entries: &'a DeTable<'a>,
    offset: usize,
    path: &'a str,
}

/// A value of the file.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    mistakes: &'a Mistakes<'a>,
    value: &'a DeValue<'a>,
    offset: usize,
    path: String,
}

impl<'a> Table<'a> {
    /// A table with the path `path`. Keys other than `known` are mistakes.
    pub fn new(
        mistakes: &'a Mistakes<'a>,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
        path: &'a str,
        known: &[&str],
    ) -> Self {
        let table = Self {
            mistakes,
            entries,
            offset: span.start,
            path,
        };
        for key in entries.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let path = table.path_of(name);
                let remedy = near_miss(name, known).map_or_else(
                    || format!("the keys here are {}", listed(known)),
                    |meant| format!("did you mean `{meant}`?"),
                );
                mistakes.add(
                    key.span().start,
                    &path,
                    format!("`{path}` is no key"),
                    remedy,
                );
            }
        }
        table
    }

    /// Where it begins in the text, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The value of `key`, if it is there.
    pub fn optional(&self, key: &str) -> Option<Value<'a>> {
        let value = self.entries.get(key)?;
        Some(Value::new(self.mistakes, value, self.path_of(key)))
    }

    /// The value of `key`, which must be there.
    pub fn required(&self, key: &str) -> Option<Value<'a>> {
        let value = self.optional(key);
        if value.is_none() {
            let below = if self.path.is_empty() {
                "the file".to_owned()
            } else {
                format!("`{}`", self.path)
            };
            let remedy = format!("add `{key}` to {below}");
            self.mistakes
                .add_missing(self.offset, &self.path_of(key), remedy);
        }
        value
    }

    /// The value of `key` as `read` reads it, or `default` if it is not there.
    pub fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(key).map_or(Some(default), read)
    }

    /// A required whole number within `bounds`.
    pub fn integer(&self, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        self.required(key)?.integer(bounds)
    }

    /// A chance in 1000; 0 if it is not there.
    pub fn per_mille(&self, key: &str) -> Option<u64> {
        self.or(key, 0, |value| value.integer(0..=1000))
    }

    /// The whole numbers `{stem}_min` and `{stem}_max`, in that order.
    pub fn range(&self, stem: &str, bounds: &RangeInclusive<u64>) -> Option<RangeInclusive<u64>> {
        let (min_key, max_key) = (format!("{stem}_min"), format!("{stem}_max"));
        let min = self.integer(&min_key, bounds.clone());
        let max_value = self.required(&max_key)?;
        let max = max_value.integer(bounds.clone())?;
        let min = min?;
        if min > max {
            let message = format!("`{}` is {max}, below {min_key}, {min}", max_value.path);
            max_value.mistake(message, format!("write a whole number from {min} up"));
            return None;
        }
        Some(min..=max)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

impl<'a> Value<'a> {
    /// A value with the path `path`.
    pub fn new(mistakes: &'a Mistakes<'a>, value: &'a Spanned<DeValue<'a>>, path: String) -> Self {
        Self {
            mistakes,
            offset: value.span().start,
            value: value.get_ref(),
            path,
        }
    }

    /// The value as it was read.
    pub fn raw(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// Where it begins in the text, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The keys of a table whose keys are the writer's own, with their values, in the order of the file.
    pub fn entries(&self) -> Option<Vec<(String, Value<'a>)>> {
        let Some(entries) = self.value.as_table() else {
            return self.wrong_type("write a table");
        };
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            let key = key.get_ref().to_string();
            let path = format!("{}.{key}", self.path);
            (key, Value::new(self.mistakes, value, path))
        });
        Some(entries.collect())
    }

    /// The value as text, if it is a string.
    pub fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The key, from the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Says that this value is wrong.
    pub fn mistake(&self, message: String, remedy: impl Into<String>) {
        self.mistakes
            .add(self.offset, &self.path, message, remedy.into());
    }

    /// Says that this value is of another type than it should be, and gives nothing.
    pub fn wrong_type<T>(&self, remedy: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistake(format!("`{}` is {found}", self.path), remedy);
        None
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// A whole number within `bounds`.
    pub fn integer(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let remedy = format!(
            "write a whole number from {} to {}",
            bounds.start(),
            bounds.end()
        );
        let Some(integer) = self.value.as_integer() else {
            return self.wrong_type(&remedy);
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = number.and_then(|number| u64::try_from(number).ok());
        let within = within.filter(|number| bounds.contains(number));
        if within.is_none() {
            self.mistake(format!("`{}` is {integer}", self.path), remedy);
        }
        within
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        self.value
            .as_bool()
            .or_else(|| self.wrong_type("write true or false"))
    }

    /// A text of 1 to `bytes_max` bytes.
    pub fn text(&self, bytes_max: usize) -> Option<String> {
        let remedy = format!("write a text of 1 to {bytes_max} bytes in quotes");
        let Some(text) = self.value.as_str() else {
            return self.wrong_type(&remedy);
        };
        if text.trim().is_empty() || text.len() > bytes_max {
            self.mistake(
                format!("`{}` has {} bytes", self.path, text.trim().len()),
                remedy,
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// One of the words of `known`.
    pub fn word<T: Copy>(&self, known: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let remedy = format!("write one of {}", listed(&words));
        let Some(word) = self.value.as_str() else {
            return self.wrong_type(&remedy);
        };
        let meant = known.iter().find(|(candidate, _)| *candidate == word);
        if meant.is_none() {
            let remedy = near_miss(word, &words)
                .map_or(remedy, |meant| format!("did you mean \"{meant}\"?"));
            self.mistake(format!("`{}` is {word:?}", self.path), remedy);
        }
        meant.map(|(_, meant)| *meant)
    }

    /// A calendar day.
    pub fn date(&self) -> Option<Date> {
        const REMEDY: &str = "write a date, such as 2018-09-14, without quotes";
        let Some(datetime) = self.value.as_datetime() else {
            return self.wrong_type(REMEDY);
        };
        match (datetime.date, datetime.time) {
            (Some(date), None) => Date::new(
                date.year.cast_signed(),
                date.month.cast_signed(),
                date.day.cast_signed(),
            )
            .ok()
            .or_else(|| self.wrong_type(REMEDY)),
            // An impossible date is read as an empty one, and has been said.
            (None, None) => None,
            _ => self.wrong_type(REMEDY),
        }
    }

    /// A day and a time of that day, by the file's own clock.
    pub fn datetime(&self) -> Option<DateTime> {
        const REMEDY: &str = "write a day and a time, such as 2018-09-14T10:30:00, without quotes";
        let Some(datetime) = self.value.as_datetime() else {
            return self.wrong_type(REMEDY);
        };
        let (Some(date), Some(time), None) = (datetime.date, datetime.time, datetime.offset) else {
            // An impossible date is read as an empty one, and has been said.
            let said = datetime.date.is_none() && datetime.time.is_none();
            return if said { None } else { self.wrong_type(REMEDY) };
        };
        let (year, month, day) = (
            date.year.cast_signed(),
            date.month.cast_signed(),
            date.day.cast_signed(),
        );
        let (hour, minute, second) = (
            time.hour.cast_signed(),
            time.minute.cast_signed(),
            time.second.cast_signed(),
        );
        let read = DateTime::new(year, month, day, hour, minute, second, 0).ok();
        let read = read.filter(|read| (1900..2200).contains(&read.year()));
        read.or_else(|| self.wrong_type(REMEDY))
    }

    /// A time of day in whole minutes.
    pub fn time(&self) -> Option<Time> {
        const REMEDY: &str = "write a time of day, such as 09:00:00, without quotes";
        let Some(datetime) = self.value.as_datetime() else {
            return self.wrong_type(REMEDY);
        };
        match (datetime.date, datetime.time) {
            (None, Some(time)) if time.second == 0 && time.nanosecond == 0 => {
                Time::new(time.hour.cast_signed(), time.minute.cast_signed(), 0, 0)
                    .ok()
                    .or_else(|| self.wrong_type(REMEDY))
            }
            (None, Some(_)) => {
                self.mistake(
                    format!("`{}` has seconds", self.path),
                    "write a time of day in whole minutes, such as 09:00:00",
                );
                None
            }
            (None, None) => None,
            _ => self.wrong_type(REMEDY),
        }
    }

    /// A distance from UTC.
    pub fn utc_offset(&self) -> Option<Offset> {
        const REMEDY: &str = "write a distance from UTC, such as \"+09:00\"";
        let Some(text) = self.value.as_str() else {
            return self.wrong_type(REMEDY);
        };
        let offset = offset_of(text);
        if offset.is_none() {
            self.mistake(format!("`{}` is {text:?}", self.path), REMEDY);
        }
        offset
    }

    /// A list, each of whose items `read` reads. `None` if any of them is wrong.
    pub fn list<T>(&self, read: impl Fn(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Some(array) = self.value.as_array() else {
            return self.wrong_type("write a list");
        };
        let items = array.iter().enumerate().map(|(index, item)| {
            read(Value::new(
                self.mistakes,
                item,
                format!("{}[{index}]", self.path),
            ))
        });
        // All items are read before one that is wrong stops it, so that all mistakes come at once.
        let items: Vec<Option<T>> = items.collect();
        items.into_iter().collect()
    }

    /// A list of one or more.
    pub fn filled_list<T>(&self, read: impl Fn(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let list = self.list(read)?;
        if list.is_empty() {
            self.mistake(
                format!("`{}` is empty", self.path),
                "write at least one item",
            );
            return None;
        }
        Some(list)
    }

    /// A table, handed to `read` if it is one. Keys other than `known` are mistakes.
    pub fn table<T>(
        &self,
        known: &[&str],
        read: impl FnOnce(&Table<'_>) -> Option<T>,
    ) -> Option<T> {
        let Some(entries) = self.value.as_table() else {
            return self.wrong_type("write a table");
        };
        let span = self.offset..self.offset;
        read(&Table::new(self.mistakes, entries, span, &self.path, known))
    }
}

/// The distance from UTC that `+09:00` says; `None` of any other text.
pub fn offset_of(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours > 18 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A distance from UTC as [`offset_of`] reads it.
pub fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
