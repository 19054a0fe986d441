//! A plan of one call, for `--call` and `--data`.

use std::sync::Arc;
use std::time::Duration;

use super::step::{RETRY_FOR, header_of};
use super::{At, PLACES_PER_STEP, Plan, Sender, Step, Workflow};
use template::Method;
use template::{Csv, Scope, Template, TemplateError, TemplateMistake, Text};

/// What may be said of a single call.
#[derive(Debug, Clone, Default)]
pub struct Single {
    /// What is sent beside the message: keys, and text with placeholders.
    pub metadata: Vec<(String, String)>,
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// How many messages are sent on a stream; 0 is 1.
    pub messages: u32,
    /// The time from one of these messages to the next.
    pub every: Duration,
    /// Whether the k-th answer belongs to the k-th message; if not given, as if a plan did not say: of calls that stream
    /// both ways.
    pub one_to_one: Option<bool>,
    /// The rows that `{{csv COLUMN}}` takes.
    pub csv: Option<Arc<Csv>>,
}

impl Plan {
    /// A plan of one workflow of one step, which calls `call` with `data`.
    pub fn single(
        call: Method,
        data: &serde_json::Value,
        options: Single,
    ) -> Result<Self, TemplateError> {
        let scope = Scope::new(options.csv);
        scope.begin_at(PLACES_PER_STEP + 1);
        let message = Template::compile(&call.input, data, &scope)?;
        let metadata = options.metadata.iter().map(|(name, text)| {
            let header = header_of(name).ok_or_else(|| TemplateError::Mistakes {
                mistakes: vec![TemplateMistake {
                    path: name.clone(),
                    message: format!("`{name}` is no key for metadata"),
                    remedy: "write lower-case letters, digits, `-`, `_` and `.`, and no name that gRPC uses itself".to_owned(),
                }],
            })?;
            Ok((header, Text::compile(text, &scope)?))
        });
        let metadata: Result<Vec<_>, TemplateError> = metadata.collect();
        let is_bidi = call.kind.sends_stream() && call.kind.receives_stream();
        let (_, method_name) = call.name.rsplit_once('/').unwrap_or(("", &call.name));
        let step = Step {
            name: method_name.to_owned(),
            at: At::Target,
            message,
            keeps: Vec::new(),
            metadata: metadata?,
            deadline: options.deadline,
            retry: Vec::new(),
            retry_for: RETRY_FOR,
            pause: Duration::ZERO..Duration::ZERO,
            messages: options.messages.max(1),
            every: options.every,
            one_to_one: options.one_to_one.unwrap_or(is_bidi),
            place: PLACES_PER_STEP,
            method: call.clone(),
        };
        let workflow = Workflow {
            name: step.name.clone(),
            kind: None,
            weight: 1,
            from: Sender::Either,
            steps: vec![step],
            slots: 0,
        };
        Ok(Self {
            title: format!("{} alone", call.name),
            name: call.name,
            workflows: vec![workflow],
            is_for_offices: false,
        })
    }
}
