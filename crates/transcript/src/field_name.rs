//! Fields as people name them: `receipt.name`, `3.1`, `metadata.x-api-key`.

use std::fmt;
use std::str::FromStr;

use prost_reflect::{Kind, MessageDescriptor};

const METADATA: &str = "metadata.";

/// A field of a message, or of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldName {
    /// Of metadata, in small letters.
    Metadata(String),
    /// Of a message: the names or numbers that lead to it.
    Field(Vec<String>),
}

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no path; write a field's, such as document.body or 3.1, or metadata.x-api-key")]
pub struct FaultyFieldName(String);

impl FromStr for FieldName {
    type Err = FaultyFieldName;

    fn from_str(written: &str) -> Result<Self, FaultyFieldName> {
        if let Some(name) = written.strip_prefix(METADATA) {
            return Ok(Self::Metadata(name.to_ascii_lowercase()));
        }
        let steps: Vec<String> = written.split('.').map(str::to_owned).collect();
        let is_of_it = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let is_step = |step: &String| !step.is_empty() && step.chars().all(is_of_it);
        if steps.iter().all(is_step) {
            Ok(Self::Field(steps))
        } else {
            Err(FaultyFieldName(written.to_owned()))
        }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata(name) => write!(f, "{METADATA}{name}"),
            Self::Field(steps) => f.write_str(&steps.join(".")),
        }
    }
}

impl FieldName {
    /// Whether it can be found only where the names of fields are known.
    pub fn needs_names(&self) -> bool {
        match self {
            Self::Metadata(_) => false,
            Self::Field(steps) => steps.iter().any(|step| step.parse::<u32>().is_err()),
        }
    }

    /// The numbers of the fields that lead to it, and what it is if that is known; `None` where the message has no such field.
    pub fn found(&self, message: Option<&MessageDescriptor>) -> Option<(Vec<u32>, Option<Kind>)> {
        let Self::Field(steps) = self else {
            return None;
        };
        let mut message = message.cloned();
        let (mut numbers, mut kind) = (Vec::new(), None);
        for step in steps {
            let number = step.parse::<u32>().ok();
            let field = message.as_ref().and_then(|message| match number {
                Some(number) => message.get_field(number),
                None => message
                    .get_field_by_name(step)
                    .or_else(|| message.get_field_by_json_name(step)),
            });
            numbers.push(
                field
                    .as_ref()
                    .map(prost_reflect::FieldDescriptor::number)
                    .or(number)?,
            );
            kind = field.map(|field| field.kind());
            message = match &kind {
                Some(Kind::Message(within)) => Some(within.clone()),
                _ => None,
            };
        }
        Some((numbers, kind))
    }

    /// The numbers of the fields that lead to it; `None` where the message has no such field.
    pub fn numbers(&self, message: Option<&MessageDescriptor>) -> Option<Vec<u32>> {
        self.found(message).map(|(numbers, _)| numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_people_do() {
        for written in ["document.body", "3.1", "metadata.x-api-key"] {
            let name: FieldName = written.parse().expect(written);
            assert_eq!(name.to_string(), written);
        }
        let numbers = "3.1".parse::<FieldName>().expect("a path").numbers(None);
        assert_eq!(numbers, Some(vec![3, 1]));
        assert_eq!(
            "a.b".parse::<FieldName>().expect("a path").numbers(None),
            None
        );
        for wrong in ["", "a..b", "a b", "a.-"] {
            assert!(wrong.parse::<FieldName>().is_err(), "{wrong}");
        }
    }
}
