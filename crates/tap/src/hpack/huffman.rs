//! The Huffman code of HPACK (RFC 7541, appendix B). It is canonical, so that the lengths say all of it.

const SYMBOLS: usize = 257;
/// Ends no string: a whole one within a string is a fault.
const END_OF_STRING: usize = 256;
const SHORTEST: usize = 5;
const LONGEST: usize = 30;

/// Bits of each symbol's code.
#[rustfmt::skip]
const BITS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// The codes of one length: from `first` on, in the order in which `SORTED` has their symbols from `at` on.
#[derive(Clone, Copy)]
struct Row {
    first: u32,
    count: u32,
    at: usize,
}

/// Symbols by the length of their code, and by number where that is the same.
const SORTED: [u16; SYMBOLS] = sorted();
const ROWS: [Row; LONGEST + 1] = rows();

const fn sorted() -> [u16; SYMBOLS] {
    let mut sorted = [0; SYMBOLS];
    let (mut at, mut bits) = (0, SHORTEST);
    while bits <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if BITS[symbol] as usize == bits {
                sorted[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    sorted
}

const fn rows() -> [Row; LONGEST + 1] {
    let none = Row {
        first: 0,
        count: 0,
        at: 0,
    };
    let mut rows = [none; LONGEST + 1];
    let (mut code, mut at, mut bits) = (0, 0, SHORTEST);
    while bits <= LONGEST {
        let mut count = 0;
        while at + (count as usize) < SYMBOLS
            && BITS[SORTED[at + count as usize] as usize] as usize == bits
        {
            count += 1;
        }
        rows[bits] = Row {
            first: code,
            count,
            at,
        };
        code = (code + count) << 1;
        at += count as usize;
        bits += 1;
    }
    rows
}

/// Bits that have come, and how many of them are left.
struct Bits {
    held: u64,
    count: usize,
}

impl Bits {
    /// The next symbol, if it is whole.
    fn symbol(&mut self) -> Option<usize> {
        let mut bits = SHORTEST;
        while bits <= LONGEST.min(self.count) {
            let code = (self.held >> (self.count - bits)) as u32 & ((1 << bits) - 1);
            let row = ROWS[bits];
            if code.wrapping_sub(row.first) < row.count {
                self.count -= bits;
                return Some(usize::from(SORTED[row.at + (code - row.first) as usize]));
            }
            bits += 1;
        }
        None
    }
}

/// What `coded` says; `None` if it is no code.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len() * 8 / SHORTEST);
    let mut bits = Bits { held: 0, count: 0 };
    for byte in coded {
        bits.held = bits.held << 8 | u64::from(*byte);
        bits.count += 8;
        while let Some(symbol) = bits.symbol() {
            if symbol == END_OF_STRING {
                return None;
            }
            out.push(symbol as u8);
        }
        if bits.count > LONGEST {
            return None;
        }
    }
    // What fills the last byte is the beginning of the end of string: ones, and fewer than a byte of them.
    let padding = (1 << bits.count) - 1;
    (bits.count < 8 && bits.held & padding == padding).then_some(out)
}

/// Overwrites a code with another of as many bytes that says as many symbols, all of them harmless: stars, as far as can be.
///
/// Who reads it later keeps a table in which each value counts with its length: were that another, what is in the table
/// would be another, too.
pub(super) fn blank(coded: &mut [u8], symbols: usize) {
    // Each is at most seven bits longer than the one before: what is left when no symbol can be the next is padding.
    const FILLERS: [u8; 7] = [b'0', b'*', b'<', 0xc3, b'\t', 2, b'\n'];
    let bits = |rank: usize| usize::from(BITS[usize::from(FILLERS[rank])]);
    let mut spare = (coded.len() * 8).saturating_sub(symbols * bits(0));
    // So many symbols are of a filler, and those after them of the one before it.
    let (mut rank, mut raised) = (0, symbols);
    while raised == symbols && rank + 1 < FILLERS.len() {
        let more = bits(rank + 1) - bits(rank);
        raised = symbols.min(spare / more);
        spare -= raised * more;
        rank += 1;
    }
    let fillers =
        (0..symbols).map(|symbol| FILLERS[rank - usize::from(symbol >= raised && rank > 0)]);
    write(fillers, coded);
}

/// Writes the codes of `symbols`, and ones where they end.
fn write(symbols: impl Iterator<Item = u8>, mut out: &mut [u8]) {
    let mut put = |byte: u8| {
        if let Some((first, rest)) = std::mem::take(&mut out).split_first_mut() {
            *first = byte;
            out = rest;
        }
    };
    let mut bits = Bits { held: 0, count: 0 };
    for symbol in symbols {
        let len = usize::from(BITS[usize::from(symbol)]);
        bits.held = bits.held << len | u64::from(code(symbol));
        bits.count += len;
        while bits.count >= 8 {
            bits.count -= 8;
            put((bits.held >> bits.count) as u8);
        }
    }
    if bits.count > 0 {
        let spare = 8 - bits.count;
        put((bits.held << spare) as u8 | ((1_u16 << spare) - 1) as u8);
    }
}

fn code(symbol: u8) -> u32 {
    let row = ROWS[usize::from(BITS[usize::from(symbol)])];
    let of_its_length = &SORTED[row.at..row.at + row.count as usize];
    let place = of_its_length.iter().position(|it| *it == u16::from(symbol));
    row.first + place.expect("every symbol has a code") as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let bits: usize = text
            .iter()
            .map(|it| usize::from(BITS[usize::from(*it)]))
            .sum();
        let mut out = vec![0; bits.div_ceil(8)];
        write(text.iter().copied(), &mut out);
        out
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let read = |hex: &[u8]| decode(hex).expect("a code");
        let authority = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(read(&authority), b"www.example.com");
        assert_eq!(read(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]), b"no-cache");
        assert_eq!(read(&[0x64, 0x02]), b"302");
    }

    #[test]
    fn what_is_no_code_is_none() {
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None, "an end of string");
        assert_eq!(decode(&[0xff]), None, "eight bits that fill nothing");
        assert_eq!(decode(&[0b0000_0000]), None, "filled with noughts");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(text in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(text) = decode(&bytes) {
                prop_assert_eq!(encode(&text), bytes);
            }
        }

        #[test]
        fn what_is_blanked_says_as_much_in_as_many_bytes(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 1..40),
                prop::collection::vec(0x20_u8..0x7f, 1..80),
                prop::collection::vec(prop::sample::select(b"012aceiost".to_vec()), 1..80),
                prop::collection::vec(prop::sample::select(b"\n\r\x16".to_vec()), 1..20),
            ],
        ) {
            let mut coded = encode(&text);
            blank(&mut coded, text.len());
            let blanked = decode(&coded);
            prop_assert_eq!(blanked.as_ref().map(Vec::len), Some(text.len()));
            let is_printed = text.iter().all(|it| BITS[usize::from(*it)] < 9);
            let stars = blanked.expect("it is a code");
            prop_assert!(!is_printed || stars.iter().all(|it| b"0*".contains(it)), "{stars:?}");
        }
    }
}
