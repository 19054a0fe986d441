//! A plan of one call, for `--call` and `--data`.

use std::sync::Arc;
use std::time::Duration;

use super::step::RETRY_FOR;
use super::{At, PLACES_PER_STEP, Plan, Sender, Step, Workflow};
use template::{CallKind, Csv, Method, Scope, Template, TemplateError};

/// What may be said of a single call.
#[derive(Debug, Clone, Default)]
pub struct Single {
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// How many messages are sent on a stream, or received on one that only receives; if not given, as many as there are.
    pub messages: Option<u32>,
    /// After so long a stream is ended, and has come to a good end.
    pub stream_for: Option<Duration>,
    /// The time from one of these messages to the next.
    pub every: Duration,
    /// Whether the k-th answer belongs to the k-th message; if not given, as if a plan did not say: of calls that stream
    /// both ways.
    pub one_to_one: Option<bool>,
    /// The rows that `{{csv COLUMN}}` takes.
    pub csv: Option<Arc<Csv>>,
}

impl Plan {
    /// A plan of one workflow of one step, which calls `call` with `data`; of a stream that sends, an array is its messages.
    pub fn single(
        call: Method,
        data: &serde_json::Value,
        options: Single,
    ) -> Result<Self, TemplateError> {
        let scope = Scope::new(options.csv.clone());
        scope.begin_at(PLACES_PER_STEP + 1);
        let templates = match data {
            serde_json::Value::Array(each) if call.kind.sends_stream() && !each.is_empty() => each
                .iter()
                .enumerate()
                .map(|(number, one)| {
                    let compiled = Template::compile(&call.input, one, &scope);
                    compiled.map_err(|error| error.within(&format!("[{number}]")))
                })
                .collect::<Result<Vec<_>, _>>()?,
            one => vec![Template::compile(&call.input, one, &scope)?],
        };
        let sent = if call.kind.sends_stream() {
            options.messages
        } else {
            None
        };
        let is_bidi = call.kind.sends_stream() && call.kind.receives_stream();
        let (_, method_name) = call.name.rsplit_once('/').unwrap_or(("", &call.name));
        let step = Step {
            name: method_name.to_owned(),
            at: At::Target,
            messages: sent.unwrap_or(templates.len() as u32).max(1),
            receive_max: options
                .messages
                .filter(|_| call.kind == CallKind::ServerStream),
            stream_for: options.stream_for,
            data: templates,
            keeps: Vec::new(),
            metadata: Vec::new(),
            deadline: options.deadline,
            retry: Vec::new(),
            retry_for: RETRY_FOR,
            pause: Duration::ZERO..Duration::ZERO,
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
            csv: options.csv,
        })
    }
}
