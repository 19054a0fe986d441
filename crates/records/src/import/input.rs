//! The bytes of a file as text: unpacked, and in UTF-8 whatever they were in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
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

/// What is no text in its encoding is this byte, which is none in UTF-8 either: the row it stands in is told.
const NO_TEXT: u8 = 0xff;

/// Names of encodings that are none of WHATWG's.
const ALIASES: [(&str, &str); 11] = [
    ("cp949", "windows-949"),
    ("ms949", "windows-949"),
    ("uhc", "windows-949"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp950", "big5"),
    ("latin-1", "latin1"),
    ("utf16", "utf-16"),
    ("utf-16-le", "utf-16le"),
    ("utf-16-be", "utf-16be"),
    ("utf_8", "utf-8"),
];

/// Reads the name of an encoding.
pub(super) fn parse_encoding(text: &str) -> Result<&'static Encoding, String> {
    let label = text.trim().to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == label);
    let label = alias.map_or(&*label, |(_, label)| label);
    Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        format!(
            "{text:?} is no encoding; write one such as utf-8, cp949, latin1, utf-16le or shift_jis"
        )
    })
}

/// Opens a file. Its encoding is what its byte order mark says, else `encoding`, else what it declares, else UTF-8.
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

fn text(mut bytes: Box<dyn BufRead>, encoding: Option<&'static Encoding>) -> io::Result<Input> {
    let encoding = encoding_of(bytes.fill_buf()?, encoding);
    if encoding == UTF_8 {
        return Ok(Input {
            text: bytes,
            encoding: None,
        });
    }
    let decoded = Decoded {
        bytes,
        decoder: encoding.new_decoder_with_bom_removal(),
        text: Vec::new(),
        read: 0,
        ended: false,
    };
    Ok(Input {
        text: Box::new(decoded),
        encoding: Some(encoding),
    })
}

fn encoding_of(head: &[u8], named: Option<&'static Encoding>) -> &'static Encoding {
    let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let known = marked.or(named).or_else(|| match head {
        // Text in UTF-16 without a mark: every other byte of its first letters is nothing.
        [0, 1..=255, 0, 1..=255, ..] => Some(UTF_16BE),
        [1..=255, 0, 1..=255, 0, ..] => Some(UTF_16LE),
        head => declared(head),
    });
    known.unwrap_or(UTF_8)
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
    text: Vec<u8>,
    /// How much of the text has been read.
    read: usize,
    ended: bool,
}

impl Decoded {
    fn decode(&mut self) -> io::Result<()> {
        self.text.resize(BUFFER_BYTES, 0);
        let source = self.bytes.fill_buf()?;
        let last = source.is_empty();
        // A byte stays free for what is no text.
        let target = &mut self.text[..BUFFER_BYTES - 1];
        let (result, read, mut written) = self
            .decoder
            .decode_to_utf8_without_replacement(source, target, last);
        self.bytes.consume(read);
        match result {
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.text[written] = NO_TEXT;
                written += 1;
            }
        }
        self.text.truncate(written);
        self.read = 0;
        Ok(())
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.text.len() && !self.ended {
            self.decode()?;
        }
        Ok(&self.text[self.read..])
    }

    fn consume(&mut self, len: usize) {
        self.read += len;
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let text = self.fill_buf()?;
        let len = text.len().min(buffer.len());
        buffer[..len].copy_from_slice(&text[..len]);
        self.consume(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read(bytes: &[u8], encoding: Option<&str>) -> String {
        let encoding = encoding.map(|label| parse_encoding(label).expect("it is known"));
        let bytes: Box<dyn BufRead> = Box::new(io::Cursor::new(bytes.to_vec()));
        let mut found = Vec::new();
        let input = text(bytes, encoding).expect("memory reads");
        { input.text }
            .read_to_end(&mut found)
            .expect("memory reads");
        String::from_utf8_lossy(&found).into_owned()
    }

    #[test]
    fn text_comes_out_as_utf_8_whatever_it_was_in() {
        let utf16 = |little: bool| -> Vec<u8> {
            let bytes = |unit: u16| {
                if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            };
            "a,개성\n".encode_utf16().flat_map(bytes).collect()
        };
        let marked = [&[0xff, 0xfe], &utf16(true)[..]].concat();
        for (bytes, encoding, wanted) in [
            (&b"\xb0\xb3\xbc\xba"[..], Some("CP949"), "개성"),
            (b"caf\xe9", Some("latin-1"), "café"),
            (&marked, None, "a,개성\n"),
            (&marked, Some("cp949"), "a,개성\n"),
            (&utf16(true), Some("utf-16le"), "a,개성\n"),
            (&utf16(false), Some("utf-16be"), "a,개성\n"),
            (
                b"<?xml version='1.0' encoding='EUC-KR'?>\xb0\xb3",
                None,
                "<?xml version='1.0' encoding='EUC-KR'?>개",
            ),
            ("개성".as_bytes(), None, "개성"),
            (b"a\xb0\nb", Some("cp949"), "a\u{fffd}\nb"),
        ] {
            assert_eq!(read(bytes, encoding), wanted, "{encoding:?}");
        }
        let plain: Vec<u8> = "a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&plain, None), "a,b\n");
        assert!(parse_encoding("klingon").is_err());
    }

    #[test]
    fn what_is_packed_is_unpacked_within_a_bound() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&[b'x'; 1_000]).expect("memory takes it");
        let packed = packer.finish().expect("memory takes it");
        let read = |bytes_max| {
            let mut found = Vec::new();
            let unpacked = unpacked(io::Cursor::new(packed.clone()), bytes_max);
            let read = unpacked.and_then(|mut bytes| bytes.read_to_end(&mut found));
            read.map_err(|error| error.to_string())
        };
        assert_eq!(read(1_000), Ok(1_000));
        let error = read(999).expect_err("it is more");
        assert!(
            error.starts_with("it unpacks to more than 999 bytes"),
            "{error}"
        );
    }
}
