//! The body of a document: from a flag, a file or stdin, with its media type.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use office::Limits;
use words::figures::bytes as bytes_words;

use crate::failure::Failure;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const MEDIA_TYPES: [(&str, &str); 15] = [
    ("txt", PLAIN_TEXT),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("pdf", "application/pdf"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("hwp", "application/x-hwp"),
    ("zip", "application/zip"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("tif", "image/tiff"),
];

/// Reads a file; `-` is stdin. What is longer than a document may be is refused before it is all read.
pub fn read(path: &Path) -> Result<Bytes, Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    };
    let failed = |error: io::Error| Failure::Failed(format!("failed to read {name}: {error}"));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if is_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let bytes_max = Limits::default().document_bytes_max;
    source
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::Failed(format!(
            "failed to send {name}: it is larger than {}, the most that a document may have; send it in parts, each with \
             --in-reply-to the first",
            bytes_words(bytes_max)
        )));
    }
    Ok(bytes.into())
}

/// The media type that a file's name or content speaks for.
pub fn media_type(path: Option<&PathBuf>, body: &[u8]) -> &'static str {
    let extension = path
        .and_then(|path| path.extension())
        .and_then(|extension| extension.to_str())
        .map(str::to_lowercase);
    let by_name = MEDIA_TYPES
        .iter()
        .find(|(known, _)| Some(*known) == extension.as_deref());
    match by_name {
        Some((_, media_type)) => media_type,
        None if std::str::from_utf8(body).is_ok() => PLAIN_TEXT,
        None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_guessed_by_name_then_by_content() {
        let guess = |name: &str, body: &[u8]| media_type(Some(&PathBuf::from(name)), body);
        assert_eq!(guess("annex.PDF", b"%PDF"), "application/pdf");
        assert_eq!(guess("-", "전통문".as_bytes()), PLAIN_TEXT);
        assert_eq!(guess("data", &[0xff, 0xfe]), "application/octet-stream");
        assert_eq!(media_type(None, b"Hello"), PLAIN_TEXT);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("long");
        let file = File::create(&path).expect("it is new");
        let bytes_max = Limits::default().document_bytes_max;
        file.set_len(bytes_max).expect("it is sparse");
        assert_eq!(
            read(&path).map(|bytes| bytes.len() as u64).ok(),
            Some(bytes_max)
        );
        file.set_len(bytes_max + 1).expect("it is sparse");
        assert!(read(&path).is_err());
    }
}
