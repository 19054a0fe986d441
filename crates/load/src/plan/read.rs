//! How a plan's file is read.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use reading::{FileError, Mistakes, Table, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::name::name_of;
use super::step::{STEP_KEYS, StepReader};
use super::{At, Plan, Sender, Workflow};
use template::Schema;
use template::{Csv, Scope};

const ROOT_KEYS: &[&str] = &["plan", "workflow"];
const PLAN_KEYS: &[&str] = &["name", "title", "csv"];
const WORKFLOW_KEYS: &[&str] = &["name", "kind", "weight", "from", "step"];
const TITLE_BYTES_MAX: usize = 256;
const WEIGHT_MAX: u64 = 1_000_000;
const KINDS: [(&str, &str); 4] = [
    ("document", "document"),
    ("meeting", "meeting"),
    ("contact", "contact"),
    ("call", "call"),
];
const SENDERS: [(&str, Sender); 3] = [
    ("south", Sender::South),
    ("north", Sender::North),
    ("either", Sender::Either),
];

/// Everything that reading needs beside the text.
struct Reader<'a> {
    mistakes: &'a Mistakes<'a>,
    schema: &'a Schema,
    files: &'a dyn Fn(&str) -> io::Result<String>,
}

impl Plan {
    /// Reads the text of a plan. `name` is how mistakes name the file; `files` reads a CSV file named in it.
    pub fn parse(
        name: &str,
        text: &str,
        schema: &Schema,
        files: &dyn Fn(&str) -> io::Result<String>,
    ) -> Result<Self, FileError> {
        reading::file(name, text, ROOT_KEYS, |table, mistakes| {
            let reader = Reader {
                mistakes,
                schema,
                files,
            };
            reader.plan(table)
        })
    }

    /// The methods that the plan in `text` calls, each once, as it names them: to ask a target for them before the plan
    /// is read. Mistakes are passed over; [`Plan::parse`] tells them.
    pub fn calls(text: &str) -> Vec<String> {
        let (root, _) = DeTable::parse_recoverable(text);
        let mut calls = BTreeSet::new();
        let workflows = root
            .get_ref()
            .get("workflow")
            .and_then(|value| value.get_ref().as_array());
        for workflow in workflows.into_iter().flatten() {
            let steps = workflow
                .get_ref()
                .get("step")
                .and_then(|value| value.get_ref().as_array());
            for step in steps.into_iter().flatten() {
                let call = step.get_ref().get("call").map(Spanned::get_ref);
                if let Some(DeValue::String(call)) = call {
                    calls.insert(call.to_string());
                }
            }
        }
        calls.into_iter().collect()
    }
}

impl<'a> Reader<'a> {
    fn plan(&self, root: &Table<'a>) -> Option<Plan> {
        let heading = root.required("plan").and_then(|value| {
            value.table(PLAN_KEYS, |table| {
                let name = table.required("name").and_then(|value| name_of(&value));
                let title = table
                    .required("title")
                    .and_then(|value| value.text(TITLE_BYTES_MAX));
                let csv = table.or("csv", None, |value| self.csv(&value).map(Some));
                Some((name?, title?, csv?))
            })
        });
        // The rest is read without the rows, so that all mistakes come at once.
        let csv = heading.as_ref().and_then(|(_, _, csv)| csv.clone());
        let workflows = root.required("workflow").and_then(|value| {
            value.filled_list(|value| {
                value.table(WORKFLOW_KEYS, |table| self.workflow(table, csv.clone()))
            })
        });
        let (name, title, csv) = heading?;
        let workflows = workflows?;
        Self::check_names(root, &workflows);
        let is_for_offices = Self::check_targets(root, &workflows)?;
        Some(Plan {
            name,
            title,
            workflows,
            is_for_offices,
            csv,
        })
    }

    fn csv(&self, value: &Value<'_>) -> Option<Arc<Csv>> {
        let file = value.text(4_096)?;
        let text = match (self.files)(&file) {
            Ok(text) => text,
            Err(error) => {
                value.mistake(
                    format!("{file} cannot be read: {error}"),
                    "name a file relative to the plan",
                );
                return None;
            }
        };
        match Csv::parse(&text) {
            Ok(csv) => Some(Arc::new(csv)),
            Err(mistake) => {
                value.mistake(format!("{file}: {}", mistake.message), mistake.remedy);
                None
            }
        }
    }

    fn workflow(&self, table: &Table<'_>, csv: Option<Arc<Csv>>) -> Option<Workflow> {
        let name = table.required("name").and_then(|value| name_of(&value));
        let kind = table.or("kind", None, |value| value.word(&KINDS).map(Some));
        let weight = table.or("weight", 1, |value| value.integer(1..=WEIGHT_MAX));
        let from = table.or("from", Sender::Either, |value| value.word(&SENDERS));
        let mut scope = Scope::new(csv);
        let mut names = BTreeSet::new();
        let steps = table.required("step").and_then(|value| {
            let position = std::cell::Cell::new(0_u64);
            let scope = std::cell::RefCell::new(&mut scope);
            let names = std::cell::RefCell::new(&mut names);
            value.filled_list(|value| {
                position.set(position.get() + 1);
                value.table(STEP_KEYS, |table| {
                    let mut scope = scope.borrow_mut();
                    let reader = StepReader {
                        mistakes: self.mistakes,
                        schema: self.schema,
                        position: position.get(),
                    };
                    let step = reader.step(table, &mut scope)?;
                    if !names.borrow_mut().insert(step.name.clone()) {
                        let named = table.required("name")?;
                        let message = format!("`{}` is {:?} again", named.path(), step.name);
                        named.mistake(message, "give each step of a workflow its own name");
                    }
                    Some(step)
                })
            })
        });
        Some(Workflow {
            name: name?,
            kind: kind?.map(str::to_owned),
            weight: weight?,
            from: from?,
            steps: steps?,
            slots: scope.slots(),
        })
    }

    fn check_names(root: &Table<'a>, workflows: &[Workflow]) {
        let mut seen = BTreeSet::new();
        for workflow in workflows {
            if !seen.insert(&workflow.name)
                && let Some(value) = root.required("workflow")
            {
                value.mistake(
                    format!("two workflows are named {:?}", workflow.name),
                    "give each workflow its own name",
                );
            }
        }
    }

    /// Whether the plan is for offices. All steps are, or none is.
    fn check_targets(root: &Table<'a>, workflows: &[Workflow]) -> Option<bool> {
        let steps = || workflows.iter().flat_map(|workflow| &workflow.steps);
        let is_for_offices = steps().any(|step| step.at != At::Target);
        let without = steps().find(|step| step.at == At::Target);
        if let (true, Some(step)) = (is_for_offices, without) {
            let value = root.required("workflow")?;
            value.mistake(
                format!(
                    "the step {:?} does not say where it is called, and others do",
                    step.name
                ),
                "write `at` in each step of the plan, or in none",
            );
            return None;
        }
        Some(is_for_offices)
    }
}
