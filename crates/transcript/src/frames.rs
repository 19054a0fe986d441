//! Frames of HTTP/2 by their names.

use tap::Frame;

const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];
const SETTINGS: [&str; 8] = [
    "HEADER_TABLE_SIZE",
    "ENABLE_PUSH",
    "MAX_CONCURRENT_STREAMS",
    "INITIAL_WINDOW_SIZE",
    "MAX_FRAME_SIZE",
    "MAX_HEADER_LIST_SIZE",
    "7",
    "ENABLE_CONNECT_PROTOCOL",
];
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

pub(crate) fn kind(frame: Frame) -> String {
    let known = KINDS.get(usize::from(frame.kind));
    known.map_or_else(
        || format!("frame of type {}", frame.kind),
        |it| (*it).to_owned(),
    )
}

pub(crate) fn flags(frame: Frame) -> String {
    let known: &[(u8, &str)] = match frame.kind {
        0 => &[(1, "END_STREAM"), (8, "PADDED")],
        1 => &[
            (1, "END_STREAM"),
            (4, "END_HEADERS"),
            (8, "PADDED"),
            (0x20, "PRIORITY"),
        ],
        4 | 6 => &[(1, "ACK")],
        5 => &[(4, "END_HEADERS"), (8, "PADDED")],
        9 => &[(4, "END_HEADERS")],
        _ => &[],
    };
    let set = known.iter().filter(|(flag, _)| frame.flags & flag != 0);
    let mut names: Vec<String> = set.map(|(_, name)| (*name).to_owned()).collect();
    let unknown = known
        .iter()
        .fold(frame.flags, |left, (flag, _)| left & !flag);
    if unknown != 0 {
        names.push(format!("{unknown:#04x}"));
    }
    names.join(" ")
}

pub(crate) fn setting((id, value): (u16, u32)) -> String {
    let known = usize::from(id)
        .checked_sub(1)
        .and_then(|id| SETTINGS.get(id));
    let name = known.map_or_else(|| id.to_string(), |it| (*it).to_owned());
    format!("{name} {value}")
}

pub(crate) fn error(code: u32) -> String {
    let known = usize::try_from(code).ok().and_then(|code| ERRORS.get(code));
    known.map_or_else(|| format!("error {code}"), |it| (*it).to_owned())
}
