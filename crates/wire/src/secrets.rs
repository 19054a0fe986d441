//! What `--redact` names.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};
use tap::{FieldPath, Fill, Secrets, Side};
use transcript::Known;

const METADATA: &str = "metadata.";

/// What must be blanked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactions {
    headers: BTreeSet<String>,
    paths: Vec<Vec<String>>,
    known: Known,
}

impl Redactions {
    /// As it was given.
    pub(crate) fn of(given: &[String]) -> Result<Self, String> {
        let mut redactions = Self::default();
        for path in given {
            if let Some(name) = path.strip_prefix(METADATA) {
                redactions.headers.insert(name.to_ascii_lowercase());
                continue;
            }
            let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
            let is_step = |step: &String| {
                !step.is_empty()
                    && step
                        .chars()
                        .all(|it| it.is_ascii_alphanumeric() || it == '_')
            };
            if !steps.iter().all(is_step) {
                return Err(format!(
                    "--redact {path:?} is no path; write a field's, such as document.body or 3.1, or metadata.x-api-key"
                ));
            }
            redactions.paths.push(steps);
        }
        Ok(redactions)
    }

    /// Whether a schema must be known before anything is kept.
    pub(crate) fn needs_names(&self) -> bool {
        let mut steps = self.paths.iter().flatten();
        steps.any(|step| step.parse::<u32>().is_err())
    }

    /// The messages are known by this.
    pub(crate) fn know(&mut self, known: &Known) {
        self.known = known.clone();
    }
}

impl Secrets for Redactions {
    fn header(&self, name: &str) -> bool {
        self.headers.contains(name)
    }

    fn fields(&self, path: &str, from: Side) -> Vec<FieldPath> {
        if self.paths.is_empty() {
            return Vec::new();
        }
        let message = self.known.message(path, from);
        let found = self
            .paths
            .iter()
            .map(|steps| resolve(steps, message.clone()));
        found.flatten().collect()
    }
}

/// The numbers of a path's fields, if the message has them.
fn resolve(steps: &[String], mut message: Option<MessageDescriptor>) -> Option<FieldPath> {
    let mut numbers = Vec::new();
    let mut fill = Fill::Stars;
    for step in steps {
        let number = step.parse::<u32>().ok();
        let field = message.as_ref().and_then(|message| match number {
            Some(number) => message.get_field(number),
            None => message
                .get_field_by_name(step)
                .or_else(|| message.get_field_by_json_name(step)),
        });
        numbers.push(match (&field, number) {
            (Some(field), _) => field.number(),
            (None, Some(number)) => number,
            (None, None) => return None,
        });
        let kind = field.as_ref().map(prost_reflect::FieldDescriptor::kind);
        fill = match &kind {
            Some(Kind::Message(_)) => Fill::Message,
            Some(Kind::String | Kind::Bytes) | None => Fill::Stars,
            Some(_) => Fill::Zeros,
        };
        message = match kind {
            Some(Kind::Message(within)) => Some(within),
            _ => None,
        };
    }
    Some(FieldPath { numbers, fill })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_where_a_message_has_them() {
        let given = [
            "document.body",
            "document.signatory",
            "metadata.X-Api-Key",
            "2.1",
        ];
        let mut redactions = Redactions::of(&given.map(str::to_owned)).expect("paths");
        let mut known = Known::default();
        known.add(load::schema::of_offices());
        redactions.know(&known);
        assert!(redactions.header("x-api-key") && redactions.needs_names());
        let send = "/liaison.office.v1.DocumentService/SendDocument";
        let found = redactions.fields(send, Side::Client);
        let fills: Vec<Fill> = found.iter().map(|it| it.fill).collect();
        assert_eq!(
            fills,
            [Fill::Stars, Fill::Message, Fill::Zeros],
            "{found:?}"
        );
        assert!(Redactions::of(&["a..b".to_owned()]).is_err());
    }
}
