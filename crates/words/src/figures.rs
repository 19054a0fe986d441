//! Figures in words: counts, rates, sizes and latencies, as people read them.

/// A number with its thousands apart.
pub fn thousands(number: u64) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its thousands apart, and at most `decimals` decimals.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_negative = value < 0.0 && (whole != "0" || !fraction.is_empty());
    let mut words = if is_negative { "-" } else { "" }.to_owned() + &grouped(whole);
    if !fraction.is_empty() {
        words.push('.');
        words.push_str(fraction);
    }
    words
}

/// A rate such as `2,000/s`; what is less than one a second is told by the minute, hour or day.
pub fn rate(per_second: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1.0, "s"), (60.0, "min"), (3_600.0, "h"), (86_400.0, "day")];
    let (seconds, unit) = UNITS
        .iter()
        .find(|(seconds, _)| per_second == 0.0 || per_second * seconds >= 0.999)
        .unwrap_or(&UNITS[3]);
    let value = per_second * seconds;
    let decimals = if value >= 1_000.0 { 1 } else { 3 };
    format!("{}/{unit}", number(value, decimals))
}

/// A latency in the unit that suits it, such as `5.21 ms`, to three digits or better.
pub fn latency(us: f64) -> String {
    let (value, unit) = match us {
        us if us >= 1e6 => (us / 1e6, "s"),
        us if us >= 1e3 => (us / 1e3, "ms"),
        us => (us, "µs"),
    };
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{} {unit}", number(value, decimals))
}

/// A size in the unit that suits it.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS.iter().find(|(size, _)| bytes >= *size).map_or_else(
        || format!("{bytes} B"),
        |(size, unit)| format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_well() {
        let read = [
            (2_000.0, "2,000/s"),
            (1_234_567.0, "1,234,567/s"),
            (2.5, "2.5/s"),
            (0.5, "30/min"),
            (1.0 / 86_400.0, "1/day"),
            (1.0 / 3_600.0, "1/h"),
            (0.0, "0/s"),
        ];
        for (per_second, words) in read {
            assert_eq!(rate(per_second), words);
        }
    }

    #[test]
    fn latencies_and_numbers_read_well() {
        assert_eq!(latency(312.0), "312 µs");
        assert_eq!(latency(5_210.0), "5.21 ms");
        assert_eq!(latency(1_500_000.0), "1.5 s");
        assert_eq!(number(-0.001, 2), "0");
        assert_eq!(number(-1_234.5, 2), "-1,234.5");
    }

    #[test]
    fn counts_and_sizes_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(458), "458");
        assert_eq!(thousands(1_048_576), "1,048,576");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
    }
}
