//! TCP segments out of packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const LINK_NULL: u32 = 0;
const LINK_ETHERNET: u32 = 1;
const LINK_RAW_BSD: u32 = 12;
const LINK_RAW: u32 = 101;
const LINK_LOOP: u32 = 108;
const LINK_LINUX: u32 = 113;
const LINK_IPV4: u32 = 228;
const LINK_IPV6: u32 = 229;
const LINK_LINUX_2: u32 = 276;

const VLAN: [u16; 2] = [0x8100, 0x88a8];
const TCP: u8 = 6;

/// A segment of TCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledges: Option<u32>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) is_reset: bool,
    pub(super) payload: &'a [u8],
    /// Bytes of it that were not captured.
    pub(super) missing: u64,
}

/// The segment in a packet, if it has one.
pub(super) fn segment(link: u32, packet: &[u8]) -> Option<Segment<'_>> {
    let packet = match link {
        LINK_NULL | LINK_LOOP => packet.get(4..)?,
        LINK_ETHERNET => {
            let mut at = 12;
            while VLAN.contains(&u16::from_be_bytes(*packet.get(at..)?.first_chunk()?)) {
                at += 4;
            }
            packet.get(at + 2..)?
        }
        LINK_LINUX => packet.get(16..)?,
        LINK_LINUX_2 => packet.get(20..)?,
        LINK_RAW | LINK_RAW_BSD | LINK_IPV4 | LINK_IPV6 => packet,
        _ => return None,
    };
    match packet.first()? >> 4 {
        4 => ipv4(packet),
        6 => ipv6(packet),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(packet[0] & 15) * 4;
    let len = usize::from(u16::from_be_bytes(*packet.get(2..)?.first_chunk()?));
    let fragment = u16::from_be_bytes(*packet.get(6..)?.first_chunk()?) & 0x3fff;
    if packet.get(9) != Some(&TCP) || fragment != 0 {
        return None;
    }
    let address = |at: usize| {
        Some(IpAddr::V4(Ipv4Addr::from(
            *packet.get(at..)?.first_chunk::<4>()?,
        )))
    };
    // Captured where the card does the cutting, it has no length.
    let len = if len == 0 { packet.len() } else { len };
    tcp(
        address(12)?,
        address(16)?,
        packet.get(header..)?,
        len.checked_sub(header)?,
    )
}

fn ipv6(packet: &[u8]) -> Option<Segment<'_>> {
    let len = usize::from(u16::from_be_bytes(*packet.get(4..)?.first_chunk()?));
    let address = |at: usize| {
        Some(IpAddr::V6(Ipv6Addr::from(
            *packet.get(at..)?.first_chunk::<16>()?,
        )))
    };
    let (mut next, mut at) = (*packet.get(6)?, 40);
    // Headers that say how long they are: hop by hop, routing, destination.
    while matches!(next, 0 | 43 | 60) {
        let header = packet.get(at..)?.first_chunk::<2>()?;
        (next, at) = (header[0], at + 8 + usize::from(header[1]) * 8);
    }
    if next != TCP {
        return None;
    }
    let len = if len == 0 { packet.len() - 40 } else { len };
    tcp(
        address(8)?,
        address(24)?,
        packet.get(at..)?,
        len.checked_sub(at - 40)?,
    )
}

fn tcp(from: IpAddr, to: IpAddr, segment: &[u8], len: usize) -> Option<Segment<'_>> {
    let u16 = |at: usize| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
    let u32 = |at: usize| Some(u32::from_be_bytes(*segment.get(at..)?.first_chunk()?));
    let header = usize::from(segment.get(12)? >> 4) * 4;
    let flags = *segment.get(13)?;
    let payload = segment.get(header..)?;
    let whole = len.checked_sub(header)?;
    let payload = &payload[..whole.min(payload.len())];
    Some(Segment {
        from: SocketAddr::new(from, u16(0)?),
        to: SocketAddr::new(to, u16(2)?),
        sequence: u32(4)?,
        acknowledges: (flags & 0x10 != 0).then_some(u32(8)?),
        is_first: flags & 2 != 0,
        is_last: flags & 1 != 0,
        is_reset: flags & 4 != 0,
        missing: (whole - payload.len()) as u64,
        payload,
    })
}
