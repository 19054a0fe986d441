//! What a file is, by how its name ends and how it begins.

use super::Layout;

/// So much of a file is looked at.
const HEAD_BYTES_MAX: usize = 64 * 1024;

impl Layout {
    /// Recognises a file by `extension`, as in `csv`, and by its first bytes where that leaves open what it is. What
    /// nothing tells apart is comma separated, without a header.
    pub fn recognise(extension: &str, head: &[u8]) -> Self {
        let delimited = |delimiter| Self::Delimited {
            delimiter,
            header: false,
        };
        match &*extension.to_lowercase() {
            "jsonl" | "ndjson" => Self::JsonLines,
            "xes" => Self::Xes,
            "xmlocel" => Self::OcelXml,
            "jsonocel" => Self::Ocel,
            "ocel" => Self::by_content(head).unwrap_or(Self::Ocel),
            "csv" => delimited(b','),
            "tsv" => delimited(b'\t'),
            _ => Self::by_content(head).unwrap_or(delimited(b',')),
        }
    }

    /// The same, of a file that is said to be an OCEL 2.0: in JSON or in XML.
    pub fn ocel(head: &[u8]) -> Self {
        if text_of(head).starts_with('<') {
            return Self::OcelXml;
        }
        Self::Ocel
    }

    fn by_content(head: &[u8]) -> Option<Self> {
        let head = text_of(head);
        if head.starts_with("<?xml") || head.starts_with("<log") {
            let is_ocel = ["<object-types", "<event-types", "<objects", "<events"]
                .iter()
                .any(|element| head.contains(element));
            return Some(if is_ocel { Self::OcelXml } else { Self::Xes });
        }
        if head.starts_with('[') {
            return Some(Self::JsonArray);
        }
        if !head.starts_with('{') {
            return None;
        }
        let lines = head.lines().next().unwrap_or_default();
        let is_object = serde_json::from_str::<serde::de::IgnoredAny>(lines).is_ok();
        let is_log = ["\"events\"", "\"eventTypes\"", "\"objectTypes\""]
            .iter()
            .any(|key| head.contains(key));
        match (is_object, is_log) {
            (true, false) => Some(Self::JsonLines),
            (_, true) => Some(Self::Ocel),
            // A first line that is longer than what was looked at.
            (false, false) => Some(Self::JsonLines),
        }
    }
}

fn text_of(head: &[u8]) -> String {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES_MAX)]);
    head.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_extension_and_then_by_its_content() {
        let comma = Layout::Delimited {
            delimiter: b',',
            header: false,
        };
        for (extension, head, layout) in [
            ("xes", "", Layout::Xes),
            ("JSONL", "", Layout::JsonLines),
            ("csv", "{\"events\":[]}", comma),
            (
                "json",
                "{\"objectTypes\":[],\n\"eventTypes\":[]",
                Layout::Ocel,
            ),
            ("json", "{\"a\": 1}\n{\"a\": 2}\n", Layout::JsonLines),
            ("", "\u{feff}<?xml version=\"1.0\"?>", Layout::Xes),
            ("xml", " <log xes.version=\"1.0\">", Layout::Xes),
            ("txt", "1 2 3", comma),
            ("json", "[\n  {\"a\": 1}]", Layout::JsonArray),
            ("ocel", "<?xml?><log><object-types/>", Layout::OcelXml),
            ("xml", "<log>\n<events>", Layout::OcelXml),
        ] {
            assert_eq!(
                Layout::recognise(extension, head.as_bytes()),
                layout,
                "{head}"
            );
        }
    }
}
