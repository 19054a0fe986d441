//! The bytes of an entry, as they lie on the disk, each explained.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ledger::{FRAME_HEADER_BYTES, decode_frame};
use office::StepKind;
use prost::Message as _;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use protocol::pb::ledger as pb;
use words::json;
use words::style::{HEADING, styled};

use crate::source::{self, Named};
use command::failure::Failure;
use command::output::Output;
use words::wire::{self, Piece};

const ENTRY: &str = "liaison.ledger.v1.Entry";

/// A frame, and where it lies.
struct Frame {
    file: PathBuf,
    offset: usize,
    bytes: Bytes,
}

/// Shows an entry's bytes.
pub(super) fn show(output: Output, ledger: &Named, entry: &pb::Entry) -> Result<(), Failure> {
    let kind = protocol::step_kind_from_pb(entry.kind);
    let (heading, pieces) = if let Named::Directory(path) = ledger {
        let frame = find(&source::ledger_in(path)?, entry.sequence)?;
        let heading = format!(
            "entry {} in {}, {} bytes at offset {}",
            entry.sequence,
            frame.file.display(),
            frame.bytes.len(),
            frame.offset
        );
        (heading, explain_frame(&frame, kind))
    } else {
        let bytes = entry.encode_to_vec();
        let size = bytes.len();
        let heading = format!("entry {}, {size} bytes, without its frame", entry.sequence);
        (heading, explain_body(&bytes, 0, kind))
    };
    if output.is_json() {
        return output.json_line(&pieces);
    }
    output.text(&format!(
        "{}\n{}",
        styled(HEADING, &heading),
        wire::render(&pieces)
    ))
}

fn explain_frame(frame: &Frame, kind: Option<StepKind>) -> Vec<Piece> {
    let (header, body) = frame.bytes.split_at(FRAME_HEADER_BYTES);
    let (length, checksum) = header.split_at(4);
    let crc = u32::from_le_bytes([checksum[0], checksum[1], checksum[2], checksum[3]]);
    let piece = |at: usize, bytes: &[u8], what: String| Piece {
        offset: frame.offset + at,
        depth: 0,
        bytes: bytes.to_vec(),
        what,
    };
    let mut pieces = vec![
        piece(
            0,
            length,
            format!(
                "frame: length of the body, little-endian: {} bytes",
                body.len()
            ),
        ),
        piece(
            4,
            checksum,
            format!("frame: CRC-32C over length and body, little-endian: {crc:08x}, holds"),
        ),
    ];
    pieces.extend(explain_body(body, frame.offset + FRAME_HEADER_BYTES, kind));
    pieces
}

/// An entry, with envelope and payload opened: the proto files call them bytes, since they are kept as they came.
fn explain_body(body: &[u8], base: usize, kind: Option<StepKind>) -> Vec<Piece> {
    let inside = |field: &FieldDescriptor| -> Option<MessageDescriptor> {
        match (field.parent_message().full_name(), field.name()) {
            (ENTRY, "envelope") => json::descriptor("liaison.line.v1.Envelope"),
            (ENTRY, "payload") => json::descriptor(json::payload_type(kind?)?),
            _ => None,
        }
    };
    wire::explain(body, base, ENTRY, &inside)
}

/// The frame of an entry: in the segment with the highest name that is not above it.
fn find(ledger: &Path, sequence: u64) -> Result<Frame, Failure> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Failed(format!("failed to read {}: {error}", path.display()))
    };
    let names = fs::read_dir(ledger).map_err(|error| failed(ledger, &error))?;
    let file = names
        .flatten()
        .map(|name| name.path())
        .filter(|path| first_of(path).is_some_and(|first| first <= sequence))
        .max_by_key(|path| first_of(path))
        .ok_or_else(|| failed(ledger, &format!("no segment holds entry {sequence}")))?;
    let mut rest = Bytes::from(fs::read(&file).map_err(|error| failed(&file, &error))?);
    let mut offset = 0;
    loop {
        match decode_frame(&rest) {
            Ok(Some((entry, length))) if entry.sequence == sequence => {
                let bytes = rest.slice(..length);
                return Ok(Frame {
                    file,
                    offset,
                    bytes,
                });
            }
            Ok(Some((_, length))) => {
                rest = rest.split_off(length);
                offset += length;
            }
            Ok(None) => return Err(failed(&file, &format!("it holds no entry {sequence}"))),
            Err(fault) => return Err(failed(&file, &fault)),
        }
    }
}

fn first_of(path: &Path) -> Option<u64> {
    path.file_name()?
        .to_str()?
        .strip_suffix(".segment")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use ledger::{DiskStorage, Ledger, LedgerOptions};
    use office::Place;

    use super::*;

    #[test]
    fn the_pieces_of_a_frame_are_the_bytes_on_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let storage = DiskStorage::create(directory.path()).expect("it can be created");
        Ledger::open(
            Arc::new(storage),
            Place::South,
            LedgerOptions::default(),
            Timestamp::UNIX_EPOCH,
            |_| {},
        )
        .expect("it opens");
        let frame = find(directory.path(), 1).expect("the opening is there");
        let pieces = explain_frame(&frame, None);
        let joined: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.bytes.clone())
            .collect();
        assert_eq!(joined, frame.bytes);
        assert!(
            pieces
                .iter()
                .any(|piece| piece.what.starts_with("opening: field 8"))
        );
        assert!(
            pieces
                .iter()
                .any(|piece| piece.what.contains("PLACE_SOUTH"))
        );
    }
}
