//! What is wrong with a template, and what can go wrong when it is filled in.

use std::fmt;

use reading::visible;

/// One mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMistake {
    /// Where in the message, such as `document.subject` or `items[2]`; empty for the message itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for TemplateMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, remedy) = (visible::line(&self.message), visible::line(&self.remedy));
        write!(f, "{message}; {remedy}")
    }
}

/// A template that cannot be used, or that cannot be filled in with the values there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is wrong as it is written. All mistakes come at once; there is at least one.
    #[error("{}", lines(mistakes))]
    Mistakes {
        /// What is wrong.
        mistakes: Vec<TemplateMistake>,
    },
    /// It needs a value that no step has kept.
    #[error("`{path}` needs `{name}`, which is not kept yet; keep it in a step before this one")]
    NotKept {
        /// The field.
        path: String,
        /// The value's name.
        name: String,
    },
    /// What was filled in does not fit the field.
    #[error(
        "`{path}` came to {text:?}, which is no {wanted}; keep or draw a value that fits the field"
    )]
    Unfit {
        /// The field.
        path: String,
        /// What was filled in.
        text: String,
        /// What the field takes, such as `int32`.
        wanted: String,
    },
}

impl TemplateError {
    /// The same, of a message that stands at `path` itself.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        match self {
            Self::Mistakes { mistakes } => Self::Mistakes {
                mistakes: mistakes
                    .into_iter()
                    .map(|mistake| TemplateMistake {
                        path: if mistake.path.is_empty() {
                            path.to_owned()
                        } else {
                            field_path(path, &mistake.path)
                        },
                        message: format!("{path}: {}", mistake.message),
                        ..mistake
                    })
                    .collect(),
            },
            other => other,
        }
    }
}

/// A path and a name behind it: `document` and `subject` are `document.subject`.
pub fn field_path(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn lines(mistakes: &[TemplateMistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
