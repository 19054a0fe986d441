//! What `--redact` names.

use std::collections::BTreeSet;

use prost_reflect::Kind;
use tap::{FieldPath, Fill, Secrets, Side};
use transcript::{FieldName, Known};

/// What must be blanked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactions {
    headers: BTreeSet<String>,
    fields: Vec<FieldName>,
    known: Known,
}

impl Redactions {
    /// As it was given.
    pub(crate) fn of(given: &[String]) -> Result<Self, String> {
        let mut redactions = Self::default();
        for path in given {
            let name = path.parse().map_err(|error| format!("--redact {error}"))?;
            match name {
                FieldName::Metadata(name) => {
                    redactions.headers.insert(name);
                }
                field @ FieldName::Field(_) => redactions.fields.push(field),
            }
        }
        Ok(redactions)
    }

    /// Whether a schema must be known before anything is kept.
    pub(crate) fn needs_names(&self) -> bool {
        self.fields.iter().any(FieldName::needs_names)
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
        if self.fields.is_empty() {
            return Vec::new();
        }
        let message = self.known.message(path, from);
        let found = self
            .fields
            .iter()
            .filter_map(|it| it.found(message.as_ref()));
        let path = |(numbers, kind): (_, Option<Kind>)| FieldPath {
            numbers,
            fill: fill(kind.as_ref()),
        };
        found.map(path).collect()
    }
}

/// What a field of this kind is overwritten with.
fn fill(kind: Option<&Kind>) -> Fill {
    match kind {
        Some(Kind::Message(_)) => Fill::Message,
        Some(Kind::String | Kind::Bytes) | None => Fill::Stars,
        Some(_) => Fill::Zeros,
    }
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
