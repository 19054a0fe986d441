//! The bytes of a file as text: unpacked, and in UTF-8 whatever they were in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::bufread::MultiGzDecoder;

/// A packed file unpacks to as much at most: what says more in a few bytes is no file of records.
const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// An XML declaration is shorter.
const DECLARATION_BYTES_MAX: usize = 256;

/// A file that is read as text.
pub(super) struct Input {
    /// What it holds, in UTF-8.
    pub(super) text: Box<dyn BufRead>,
    /// What it was in, if that was not UTF-8.
    pub(super) encoding: Option<&'static Encoding>,
}

/// Opens a file. Its encoding is `encoding`, or what a byte order mark or an XML declaration says, or UTF-8.
pub(super) fn open(path: &Path, encoding: Option<&'static Encoding>) -> io::Result<Input> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let bytes = BufReader::with_capacity(BUFFER_BYTES, file);
    text(unpacked(bytes, UNPACKED_BYTES_MAX)?, encoding)
}

fn unpacked(mut bytes: impl BufRead + 'static, bytes_max: u64) -> io::Result<Box<dyn BufRead>> {
    if !bytes.fill_buf()?.starts_with(b"\x1f\x8b") {
        return Ok(Box::new(bytes));
    }
    let bounded = Bounded {
        inner: MultiGzDecoder::new(bytes),
        left: bytes_max,
        bytes_max,
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, bounded)))
}

/// What may be unpacked, and no more.
struct Bounded<R> {
    inner: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(len as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it unpacks to more than {} bytes; unpack it with gunzip, and import a part of it",
                self.bytes_max
            ))
        })?;
        Ok(len)
    }
}

fn text(
    mut bytes: Box<dyn BufRead>,
    encoding: Option<&'static Encoding>,
) -> io::Result<Input> {
    let encoding = encoding.map_or_else(|| bytes.fill_buf().map(encoding_of), Ok)?;
    if encoding == UTF_8 {
        return Ok(Input {
            text: bytes,
            encoding: None,
        });
    }
    let decoded = Decoded {
        bytes,
        decoder: encoding.new_decoder_with_bom_removal(),
        encoding,
        ended: false,
    };
    Ok(Input {
        text: Box::new(BufReader::with_capacity(BUFFER_BYTES, decoded)),
        encoding: Some(encoding),
    })
}

/// The encoding that the beginning of a file says, or shows.
fn encoding_of(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    // Text in UTF-16 without a mark: every other byte of its first letters is nothing.
    match head {
        [0, 1.., 0, 1.., ..] => return UTF_16BE,
        [1.., 0, 1.., 0, ..] => return UTF_16LE,
        _ => {}
    }
    declared(head).unwrap_or(UTF_8)
}

/// The encoding that an XML declaration names.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(DECLARATION_BYTES_MAX)];
    let declaration = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = String::from_utf8_lossy(declaration);
    let declaration = declaration.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next()?;
    let label = value[1..].split(quote).next()?;
    // It is read as bytes: what says UTF-16 in single bytes is not in it.
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

/// Bytes of another encoding, as UTF-8.
struct Decoded {
    bytes: Box<dyn BufRead>,
    decoder: Decoder,
    encoding: &'static Encoding,
    ended: bool,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A letter of UTF-8 has to fit.
        let mut small = [0; 16];
        while !self.ended {
            let source = self.bytes.fill_buf()?;
            let last = source.is_empty();
            let target = if buffer.len() < small.len() { &mut small[..] } else { &mut *buffer };
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(source, target, last);
            _ = result;
            self.bytes.consume(read);
            _ = written;
            _ = self.encoding;
            break;
        }
        Ok(0)
    }
}
