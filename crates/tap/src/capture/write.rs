//! A recording: pcapng, as any analyser of packets reads it.
//!
//! What is recorded are the bytes of connections, and packets have to be made up around them. Their times and addresses are those
//! that were seen.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::event::Side;
use crate::passed::{Passed, Passing};

const LINK_RAW: u16 = 101;
/// So that a packet, with its headers, has a length that IP can say.
const SEGMENT_BYTES: usize = 32 * 1024;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    began_ns: u128,
    flows: BTreeMap<u64, Flow>,
    is_begun: bool,
}

#[derive(Debug)]
struct Flow {
    ends: [SocketAddr; 2],
    next: [u32; 2],
    over: [bool; 2],
}

impl Recorder {
    /// Of what passes from `began_ns` on, in nanoseconds since 1970.
    pub fn new(began_ns: u128) -> Self {
        Self {
            began_ns,
            flows: BTreeMap::new(),
            is_begun: false,
        }
    }

    /// Writes what has passed.
    pub fn take(&mut self, passed: Passed<'_>, out: &mut Vec<u8>) {
        self.begin(out);
        let Passed {
            connection,
            at,
            what,
        } = passed;
        if let Passing::Opened(client, server) = what {
            let mut flow = Flow {
                ends: [client, server],
                next: [0; 2],
                over: [false; 2],
            };
            self.packet(at, &mut flow, Side::Client, SYN, &[], out);
            self.packet(at, &mut flow, Side::Server, SYN | ACK, &[], out);
            self.packet(at, &mut flow, Side::Client, ACK, &[], out);
            self.flows.insert(connection, flow);
            return;
        }
        let Some(mut flow) = self.flows.remove(&connection) else {
            return;
        };
        match what {
            Passing::Opened(..) => {}
            Passing::Bytes(from, bytes) => {
                for piece in bytes.chunks(SEGMENT_BYTES) {
                    self.packet(at, &mut flow, from, PSH | ACK, piece, out);
                }
            }
            Passing::Missing(from, bytes) => {
                let next = &mut flow.next[from as usize];
                *next = next.wrapping_add(bytes as u32);
                // Whoever reads this knows by it that nothing more of them comes.
                self.packet(at, &mut flow, from.other(), ACK, &[], out);
            }
            Passing::Ended(from) => {
                self.packet(at, &mut flow, from, FIN | ACK, &[], out);
                flow.over[from as usize] = true;
            }
            Passing::Broken(from) => {
                let from = from.unwrap_or(Side::Client);
                if flow.over != [true; 2] {
                    self.packet(at, &mut flow, from, RST | ACK, &[], out);
                }
                return;
            }
        }
        if flow.over != [true; 2] {
            self.flows.insert(connection, flow);
        }
    }

    /// Writes what a file begins with, if that is not written yet.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if self.is_begun {
            return;
        }
        self.is_begun = true;
        let program = concat!("liaison tap ", env!("CARGO_PKG_VERSION"));
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend([0xff; 8]);
        option(4, program.as_bytes(), &mut section);
        option(0, &[], &mut section);
        block(0x0a0d_0d0a, &section, out);
        let mut interface = LINK_RAW.to_le_bytes().to_vec();
        interface.extend([0; 6]);
        option(2, b"liaison", &mut interface);
        option(9, &[9], &mut interface);
        option(0, &[], &mut interface);
        block(1, &interface, out);
    }

    fn packet(
        &self,
        at: Duration,
        flow: &mut Flow,
        from: Side,
        flags: u8,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        let (source, target) = (flow.ends[from as usize], flow.ends[from.other() as usize]);
        let mut tcp = Vec::with_capacity(20 + payload.len());
        tcp.extend(source.port().to_be_bytes());
        tcp.extend(target.port().to_be_bytes());
        tcp.extend(flow.next[from as usize].to_be_bytes());
        let acknowledged = if flags & ACK == 0 {
            0
        } else {
            flow.next[from.other() as usize]
        };
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(payload);
        let advances = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        flow.next[from as usize] = flow.next[from as usize].wrapping_add(advances);

        let ns = self.began_ns + at.as_nanos();
        let packet = wrapped(source.ip(), target.ip(), tcp);
        let mut enhanced = vec![0; 4];
        enhanced.extend(((ns >> 32) as u32).to_le_bytes());
        enhanced.extend((ns as u32).to_le_bytes());
        enhanced.extend((packet.len() as u32).to_le_bytes());
        enhanced.extend((packet.len() as u32).to_le_bytes());
        enhanced.extend_from_slice(&packet);
        enhanced.resize(enhanced.len().next_multiple_of(4), 0);
        block(6, &enhanced, out);
    }
}

/// A segment in a packet of IP.
fn wrapped(source: IpAddr, target: IpAddr, mut tcp: Vec<u8>) -> Vec<u8> {
    let len = tcp.len() as u16;
    let (mut header, ends) = match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            let mut header = vec![0x45, 0];
            header.extend((len + 20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            let ends = [source.octets(), target.octets()].concat();
            (header, ends)
        }
        (source, target) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(len.to_be_bytes());
            header.extend([6, 64]);
            (header, [octets(source), octets(target)].concat())
        }
    };
    header.extend_from_slice(&ends);
    if ends.len() == 8 {
        let sum = folded(sum(&header));
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let checksum = folded(sum(&ends) + 6 + u32::from(len) + sum(&tcp));
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    header.extend(tcp);
    header
}

fn sum(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks(2);
    pairs
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default()))
        .sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let len = (body.len() as u32 + 12).to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(len);
    out.extend_from_slice(body);
    out.extend(len);
}
