//! The table of HPACK: entries that every connection has, and those that this one has made.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Field;

/// What an entry counts beside its name and its value.
const ENTRY_BYTES: usize = 32;
/// Until a block says otherwise.
const BYTES_FIRST: usize = 4_096;
/// The most that is held, whatever the ends have agreed on. Beyond it, entries are not known.
const BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) enum Entry {
    Known(Field),
    Missed,
    None,
}

#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Field>,
    bytes: usize,
    /// As the ends have agreed.
    bytes_max: usize,
    /// Whether there may be entries that nobody here has seen, behind those that are known.
    has_missed: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            bytes_max: BYTES_FIRST,
            has_missed: false,
        }
    }
}

impl Table {
    pub(super) fn missed(&mut self) {
        self.entries.clear();
        self.bytes = 0;
        self.bytes_max = BYTES_MAX;
        self.has_missed = true;
    }

    pub(super) fn get(&self, index: u64) -> Entry {
        let Some(index) = usize::try_from(index).ok().and_then(|it| it.checked_sub(1)) else {
            return Entry::None;
        };
        if let Some((name, value)) = STATIC.get(index) {
            return Entry::Known(Field {
                name: Bytes::from_static(name.as_bytes()),
                value: Bytes::from_static(value.as_bytes()),
                is_known: true,
            });
        }
        match self.entries.get(index - STATIC.len()) {
            Some(field) => Entry::Known(field.clone()),
            None if self.has_missed => Entry::Missed,
            None => Entry::None,
        }
    }

    pub(super) fn push(&mut self, field: Field) {
        self.bytes += field.name.len() + field.value.len() + ENTRY_BYTES;
        self.entries.push_front(field);
        self.evict();
    }

    pub(super) fn bound(&mut self, bytes: u64) {
        self.bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.evict();
    }

    fn evict(&mut self) {
        let most = self.bytes_max.min(BYTES_MAX);
        while self.bytes > most {
            let Some(oldest) = self.entries.pop_back() else {
                break;
            };
            self.bytes -= oldest.name.len() + oldest.value.len() + ENTRY_BYTES;
            self.has_missed |= self.bytes_max > BYTES_MAX;
        }
    }
}

/// RFC 7541, appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];
