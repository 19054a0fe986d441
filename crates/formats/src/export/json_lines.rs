//! JSON lines: an object a step.

use std::io::{self, Write};

use office::Exchanges;
use serde_json::{Value, json};
use words::json::payload_type;

use super::Form;

use crate::payload::PayloadTold;
use crate::told::Told;

pub(super) struct JsonLines<W> {
    out: W,
    lines: u64,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lines: 0 }
    }
}

impl<W: Write> Form for JsonLines<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if wanted {
            serde_json::to_writer(&mut self.out, &object(told))?;
            self.out.write_all(b"\n")?;
            self.lines += 1;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.lines)
    }
}

/// The names are those of `liaison ledger show --output json`, where both tell the same.
fn object(told: &Told) -> Value {
    let step = &told.step;
    let counted = told.applied.counted.map(|count| {
        json!({
            "what": told.counted(),
            "day": count.day.to_string(),
            "office": count.office.word(),
        })
    });
    let payload = PayloadTold::new(step.kind, &told.payload, true);
    let mut object = json!({
        "sequence": told.sequence,
        "recorded_at": told.recorded_at.to_string(),
        "direction": told.direction(),
        "what": step.kind.words(),
        "name": told.name(),
        "step": step.id.to_string(),
        "parent": step.parent.map(|parent| parent.to_string()),
        "authored_at": step.authored_at.to_string(),
        "request_id": Some(told.request_id_text()).filter(|id| !id.is_empty()),
        "inert": told.applied.inert,
        "counted": counted,
        "payload_type": payload_type(step.kind),
        "payload": payload.json,
        "payload_bytes": payload.bytes,
    });
    if !told.made_by.is_empty() {
        object["made_by"] = json!(told.made_by);
    }
    object
}
