//! Our own exports, a step a row, into the pair of ledgers that they were written from.

use std::io::BufRead;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use ledger::BODY_BYTES_MAX;
use office::authority::Name;
use office::{Collection, RequestId, Step, StepId, StepKind};
use protocol::Written;
use reading::Mistake;
use serde::{Deserialize, Serialize};
use words::json::payload_from_json;

use crate::import_error::ImportError;
use crate::imported::{Account, Imported, Why};
use crate::pair::{PairError, PairWriter};
use crate::sorter::Sorter;
use crate::source::{self, Asked, Layout, Raw, SourceError};

/// A row may be as long: the largest document, as base64 in JSON, which may stand in quotes itself.
const ROW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a ledger's entry holds beside the payload is shorter.
const ENVELOPE_BYTES_MAX: usize = 2 * 1024;

const NO_EXPORT: &str =
    "if it is no export of ours, say who is who with --time, --from, --to and --south-when";

// Where the fields stand among those asked for.
const SEQUENCE: usize = 0;
const RECORDED_AT: usize = 1;
const STEP: usize = 2;
const PARENT: usize = 3;
const WHAT: usize = 4;
const AUTHORED_AT: usize = 5;
const REQUEST_ID: usize = 6;
const PAYLOAD: usize = 7;
const PAYLOAD_BYTES: usize = 8;
const MADE_BY: usize = 9;
/// Older exports do not say who made a step.
const OPTIONAL: usize = 1;

/// What each form calls them.
fn columns(layout: Layout) -> [&'static str; 10] {
    let (sequence, step, what, authored_at) = match layout {
        Layout::Delimited { .. } | Layout::JsonLines | Layout::JsonArray => {
            ("sequence", "step", "what", "authored_at")
        }
        Layout::Ocel | Layout::OcelXml => ("entry", "id", "type", "time"),
        Layout::Xes => ("entry", "step", "concept:name", "time:timestamp"),
    };
    [
        sequence,
        "recorded_at",
        step,
        "parent",
        what,
        authored_at,
        "request_id",
        "payload",
        "payload_bytes",
        "made_by",
    ]
}

/// Reads steps from `input`, as [`Export`](crate::Export) writes them in JSON lines, CSV, OCEL and XES, and writes
/// `out/south` and `out/north`.
///
/// Rows come in any order; they are written in the order of the ledger, in bounded memory. A step is taken as it was,
/// inert ones too, if it is the next one of its author: behind a row that is missing none of its author's can be. With
/// `strict` the first row that would be skipped ends it.
pub fn import_steps(
    file: &str,
    input: impl BufRead,
    layout: Layout,
    strict: bool,
    out: &Path,
) -> Result<Imported, ImportError> {
    let columns = columns(layout);
    let layout = match layout {
        Layout::Delimited { delimiter, .. } => Layout::Delimited {
            delimiter,
            header: true,
        },
        other => other,
    };
    let asked = Asked {
        columns: columns.map(str::to_owned).to_vec(),
        optional: OPTIONAL,
        text: false,
        row_bytes_max: ROW_BYTES_MAX,
    };
    let mut account = Account::open(file, strict);
    let mut sorter = Sorter::new();
    let read = source::each(input, layout, &asked, &mut |raw| {
        account.found.rows += 1;
        match raw.and_then(|raw| Row::read(&columns, &raw)) {
            Ok((sequence, row)) => sorter
                .push((i128::from(sequence), account.found.rows), &row)
                .map_err(ImportError::Sort),
            Err(mistake) => account.skip(Why::Unreadable, mistake),
        }
    });
    read.map_err(|error| {
        account.not_read(match error {
            // A column that is not there.
            SourceError::Mistake(mistake) if !mistake.key.is_empty() => {
                let remedy = NO_EXPORT.to_owned();
                SourceError::Mistake(Mistake { remedy, ..mistake })
            }
            other => other,
        })
    })?;
    write(account, sorter, out)
}

fn write(mut account: Account<'_>, sorter: Sorter, out: &Path) -> Result<Imported, ImportError> {
    let mut pair = None;
    for row in sorter.sorted::<Row>().map_err(ImportError::Sort)? {
        let row = row.map_err(ImportError::Sort)?;
        let recorded_at = row.recorded_at;
        let pair = match &mut pair {
            Some(pair) => pair,
            none => none.insert(PairWriter::create(out, recorded_at)?),
        };
        let payload = Bytes::from(row.payload);
        let step = Step {
            id: row.step,
            parent: row.parent,
            kind: row.kind,
            authored_at: row.authored_at,
            content: protocol::content_of(row.kind, &payload),
        };
        let written = Written {
            step,
            request_id: row.request_id.map(RequestId),
            author: row.made_by,
        };
        match pair.record(recorded_at, &written, payload) {
            Ok(_) => {
                account.found.steps += 1;
                account.written(recorded_at);
            }
            Err(error @ PairError::Order { .. }) => {
                let mistake = Mistake {
                    line: row.line as usize,
                    column: row.column,
                    key: String::new(),
                    message: error.to_string(),
                    remedy: "give a whole export, from the first step on, each step once"
                        .to_owned(),
                };
                account.skip(Why::Refused, mistake)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut imported = account.close(pair, NO_EXPORT)?;
    imported.documents = imported.tally.documents();
    imported.contacts = imported.tally.contacts();
    imported.calls = imported.tally.calls();
    Ok(imported)
}

/// A row as it is sorted.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    line: u64,
    column: usize,
    recorded_at: Timestamp,
    step: StepId,
    parent: Option<StepId>,
    kind: StepKind,
    authored_at: Timestamp,
    request_id: Option<[u8; 16]>,
    made_by: String,
    #[serde(with = "serde_bytes")]
    payload: Vec<u8>,
}

impl Row {
    /// Reads a row, and where it stood in its ledger.
    fn read(columns: &[&str], raw: &Raw) -> Result<(u64, Self), Mistake> {
        let fields = Fields { columns, raw };
        let kind = fields.required(WHAT, "a step's words, as in \"document sent\"", |words| {
            StepKind::ALL.into_iter().find(|kind| kind.words() == words)
        })?;
        let name = "a step's name, as in offices/south/steps/1";
        let step = |name: &str| Collection::Steps.parse(name).ok();
        let time = "an RFC 3339 time, as in 2018-09-14T01:00:00Z";
        let row = Self {
            line: raw.line,
            column: raw.columns[STEP],
            recorded_at: fields.required(RECORDED_AT, time, |text| text.parse().ok())?,
            step: fields.required(STEP, name, step)?,
            parent: fields.optional(PARENT, name, step)?,
            kind,
            authored_at: fields.required(AUTHORED_AT, time, |text| text.parse().ok())?,
            request_id: fields.optional(REQUEST_ID, "a UUID", |text| {
                let id = uuid::Uuid::parse_str(text).ok()?;
                Some(id.into_bytes())
            })?,
            made_by: fields.made_by()?,
            payload: fields.payload(kind)?,
        };
        let number = "the entry's number in its ledger";
        let sequence = fields.required(SEQUENCE, number, |text| text.parse().ok())?;
        Ok((sequence, row))
    }
}

struct Fields<'r> {
    columns: &'r [&'r str],
    raw: &'r Raw,
}

impl Fields<'_> {
    fn text(&self, index: usize) -> Option<&str> {
        let text = self.raw.fields[index].as_deref();
        text.filter(|text| !text.is_empty())
    }

    fn optional<T>(
        &self,
        index: usize,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Mistake> {
        let Some(text) = self.text(index) else {
            return Ok(None);
        };
        let shown: String = text.chars().take(64).collect();
        let wrong = || {
            self.mistake(
                index,
                &format!("{shown:?} is not {what}"),
                "give it as it was exported",
            )
        };
        read(text).map(Some).ok_or_else(wrong)
    }

    fn required<T>(
        &self,
        index: usize,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Mistake> {
        let found = self.optional(index, what, read)?;
        found.ok_or_else(|| {
            let message = format!("it is empty or missing; it is {what}");
            self.mistake(index, &message, NO_EXPORT)
        })
    }

    fn made_by(&self) -> Result<String, Mistake> {
        let name: Option<Name> = self.optional(
            MADE_BY,
            "the name of a certificate, as in spiffe://example/office/south/officer/kim",
            |text| text.parse().ok(),
        )?;
        Ok(name.map(|name| name.to_string()).unwrap_or_default())
    }

    fn payload(&self, kind: StepKind) -> Result<Vec<u8>, Mistake> {
        let wrong = |index: usize, why: String| {
            let message = format!("the payload of \"{kind}\" cannot be read: {why}");
            self.mistake(index, &message, "give it as it was exported")
        };
        let (index, read) = match (self.text(PAYLOAD_BYTES), self.text(PAYLOAD)) {
            (Some(text), _) => {
                let bytes = BASE64_STANDARD.decode(text);
                (PAYLOAD_BYTES, bytes.map_err(|error| error.to_string()))
            }
            (None, Some(text)) => {
                let json = serde_json::from_str(text).map_err(|error| error.to_string());
                let bytes = json.and_then(|json| payload_from_json(kind, &json));
                (PAYLOAD, bytes.map(Vec::from))
            }
            (None, None) => (PAYLOAD, Ok(Vec::new())),
        };
        let payload = read.map_err(|why| wrong(index, why))?;
        let bytes_max = BODY_BYTES_MAX - ENVELOPE_BYTES_MAX;
        if payload.len() > bytes_max {
            let why = format!("{} bytes are more than {bytes_max}", payload.len());
            return Err(wrong(index, why));
        }
        Ok(payload)
    }

    fn mistake(&self, index: usize, message: &str, remedy: &str) -> Mistake {
        let column = self.columns[index];
        Mistake {
            line: self.raw.line as usize,
            column: self.raw.columns[index],
            key: column.to_owned(),
            message: format!("column {column}: {message}"),
            remedy: remedy.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
