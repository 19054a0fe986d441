//! Request ids: the same id with the same content is recorded once.

use clap::Args;

use crate::system;

/// Names a mutation, so that it can be repeated.
#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
    /// A UUID for this act; repeated with the same content it gives the first answer again [default: a new one]
    #[arg(long, value_name = "UUID", value_parser = parse)]
    request_id: Option<String>,
}

impl RequestArgs {
    /// The id given, or a fresh one.
    pub fn id(self) -> String {
        self.request_id.unwrap_or_else(system::fresh_request_id)
    }
}

fn parse(text: &str) -> Result<String, String> {
    match protocol::parse_request_id(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(violation) => Err(violation.description),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_id_is_taken_by_an_office() {
        let fresh = RequestArgs { request_id: None }.id();
        assert_eq!(parse(&fresh), Ok(fresh.clone()));
        assert_ne!(RequestArgs { request_id: None }.id(), fresh);
        assert!(parse("17").is_err());
    }
}
