//! Text with placeholders.

use bytes::BytesMut;

use crate::error::{TemplateError, TemplateMistake};
use crate::fill::{Filling, fill};
use crate::placeholder::{Part, Placeholder, parts};
use crate::scope::Scope;
use crate::values::Values;

/// Text with placeholders, such as the value of a metadata key.
#[derive(Debug, Clone)]
pub struct Text {
    pub(super) parts: Vec<Part>,
}

impl Text {
    /// Compiles `text`.
    pub fn compile(text: &str, scope: &Scope) -> Result<Self, TemplateError> {
        let parts = parts(text, scope).map_err(|wrong| TemplateError::Mistakes {
            mistakes: vec![TemplateMistake {
                path: String::new(),
                message: wrong.message,
                remedy: wrong.remedy,
            }],
        })?;
        Ok(Self { parts })
    }

    /// Appends the text, filled in, to `out`.
    pub fn render(&self, values: &Values<'_>, out: &mut BytesMut) -> Result<(), TemplateError> {
        let filling = Filling {
            values,
            path: "",
            is_text: true,
        };
        self.fill(&filling, out)
    }

    pub(super) fn fill(
        &self,
        filling: &Filling<'_>,
        out: &mut BytesMut,
    ) -> Result<(), TemplateError> {
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                Part::Placeholder(placeholder) => fill(placeholder, filling, out)?,
            }
        }
        Ok(())
    }

    /// The text, if it has no placeholder.
    pub fn literal(&self) -> Option<String> {
        let literals = self.parts.iter().map(|part| match part {
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Placeholder(_) => None,
        });
        literals.collect()
    }

    /// Its placeholder, if it is exactly one.
    pub(super) fn single(&self) -> Option<&Placeholder> {
        match &self.parts[..] {
            [Part::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// Whether it says `{{request_id}}`.
    pub fn uses_request_id(&self) -> bool {
        let says = |part: &Part| matches!(part, Part::Placeholder(Placeholder::RequestId));
        self.parts.iter().any(says)
    }

    /// How many bytes it has at least and at most, as far as can be told.
    pub(super) fn len_bounds(&self) -> (u64, u64) {
        let bounds = self.parts.iter().map(|part| match part {
            Part::Literal(literal) => (literal.len() as u64, literal.len() as u64),
            Part::Placeholder(placeholder) => placeholder.len_bounds(),
        });
        bounds.fold((0, 0), |sum, (min, max)| (sum.0 + min, sum.1 + max))
    }
}

impl Placeholder {
    fn len_bounds(&self) -> (u64, u64) {
        let of = |lens: &mut dyn Iterator<Item = usize>| {
            lens.fold((u64::MAX, 0), |(min, max), len| {
                (min.min(len as u64), max.max(len as u64))
            })
        };
        match self {
            Self::RequestId | Self::Uuid { .. } => (36, 36),
            Self::RandomText { min, max, .. } | Self::Bytes { min, max, .. } => (*min, *max),
            Self::Pick { options, .. } => of(&mut options.iter().map(String::len)),
            Self::Csv { csv, column } => of(&mut csv.column(*column).map(str::len)),
            Self::Now { .. } | Self::Instant => (20, 35),
            Self::At => (5, 5),
            Self::Kept { .. } => (0, 40),
            Self::Sequence | Self::Index | Self::Message | Self::Random { .. } => (1, 20),
        }
    }
}
