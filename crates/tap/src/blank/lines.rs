//! What is no HTTP/2: of HTTP/1 the headers that must not be kept, and of anything else nothing.

use super::{SECRET_HEADERS, Secrets};

/// A longer line is given out as far as it has come.
const LINE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Lines {
    is_http1: bool,
    line: Vec<u8>,
    /// The rest of a line that was too long to wait for is blanked.
    is_blank: bool,
}

impl Lines {
    pub(super) fn of(is_http1: bool) -> Self {
        Self {
            is_http1,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8], secrets: &dyn Secrets, out: &mut Vec<u8>) {
        if !self.is_http1 {
            out.extend_from_slice(bytes);
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = piece.ends_with(b"\n");
            self.line.extend_from_slice(piece);
            if is_whole || self.line.len() > LINE_BYTES_MAX {
                self.blank(secrets);
                out.append(&mut self.line);
                self.is_blank &= !is_whole;
            }
        }
    }

    fn blank(&mut self, secrets: &dyn Secrets) {
        let begins = if self.is_blank {
            Some(0)
        } else {
            self.line
                .iter()
                .position(|byte| *byte == b':')
                .filter(|colon| {
                    let name = String::from_utf8_lossy(&self.line[..*colon]).to_ascii_lowercase();
                    SECRET_HEADERS.contains(&&*name) || secrets.header(&name)
                })
        };
        if let Some(begins) = begins {
            self.is_blank = true;
            let value = self.line[begins..].iter_mut();
            value
                .filter(|byte| !matches!(byte, b':' | b' ' | b'\r' | b'\n'))
                .for_each(|byte| *byte = b'*');
        }
    }

    /// What has waited for the end of its line, which may be any.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_http_1_are_blanked() {
        let text =
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer abc\r\nCookie:x=1\r\n\r\nbody: x";
        for size in 1..text.len() {
            let (mut lines, mut out) = (Lines::of(true), Vec::new());
            for piece in text.chunks(size) {
                lines.take(piece, &(), &mut out);
            }
            lines.end(&mut out);
            let expected = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: ****** ***\r\nCookie:***\r\n\r\nbody: x";
            assert_eq!(String::from_utf8_lossy(&out), expected, "{size}");
        }
    }
}
