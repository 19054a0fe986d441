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

/// A number to three significant digits, its thousands apart: `0.0123`, `12.3`, `1,234`.
pub fn three_digits(number: f64) -> String {
    let size = number.abs();
    if size < 1e-9 || !number.is_finite() {
        return "0".to_owned();
    }
    let sign = if number < 0.0 { "−" } else { "" };
    // 99.96 has three digits as 100, not as 100.0.
    let digits = |size: f64| 2 - size.log10().floor() as i32;
    let step = 10_f64.powi(digits(size));
    let places = digits((size * step).round() / step).max(0) as usize;
    if places == 0 {
        return format!("{sign}{}", thousands(size.round() as u64));
    }
    format!("{sign}{size:.places$}")
}

/// A latency in microseconds, in the unit that suits it and to three digits: `870 µs`, `1.24 ms`, `2.01 s`, `12.5 min`, `1.20 h`.
pub fn latency(us: f64) -> String {
    const UNITS: [(f64, &str); 5] = [
        (3.6e9, "h"),
        (3e8, "min"),
        (1e6, "s"),
        (1e3, "ms"),
        (1.0, "µs"),
    ];
    if us < 999.5 && us.fract() == 0.0 {
        // Nothing is measured finer than this: 3.00 µs would claim more than is known.
        return format!("{us:.0} µs");
    }
    // What rounds up to the next unit is told in the next unit.
    let (size, unit) = UNITS
        .iter()
        .find(|(size, _)| us >= size * 0.9995)
        .copied()
        .unwrap_or((1.0, "µs"));
    let size = if unit == "min" { 6e7 } else { size };
    format!("{} {unit}", three_digits(us / size))
}

/// The same without zeros at its end, as a round figure is told: `1.5 s`, `5 min`.
pub fn short_latency(us: f64) -> String {
    let text = latency(us);
    let Some((number, unit)) = text.split_once(' ') else {
        return text;
    };
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number} {unit}")
}

/// A part of a whole in percent. Never `100 %` for less than all, and never `0 %` for more than nothing.
pub fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 || part <= 0.0 {
        return "0 %".to_owned();
    }
    let share = part / whole * 100.0;
    if share < 0.001 {
        return "< 0.001 %".to_owned();
    }
    if (99.9..100.0).contains(&share) {
        // The nines are what one looks for here.
        let left = 100.0 - share;
        let places = (-left.log10()).ceil().clamp(1.0, 4.0) as usize;
        let floor = (share * 10_f64.powi(places as i32)).floor() / 10_f64.powi(places as i32);
        return format!("{floor:.places$} %");
    }
    let text = three_digits(share);
    if text.contains('.') {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return format!("{text} %");
    }
    format!("{text} %")
}

/// One of a thing, or several: `1 call`, `2,000 calls`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
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
        let told = |us: f64| latency(us);
        assert_eq!(told(0.0), "0 µs");
        assert_eq!(told(870.0), "870 µs");
        assert_eq!(told(3.274), "3.27 µs");
        assert_eq!(told(999.7), "1.00 ms");
        assert_eq!(told(1_236.0), "1.24 ms");
        assert_eq!(told(99_960.0), "100 ms");
        assert_eq!(told(999_900.0), "1.00 s");
        assert_eq!(told(2_010_000.0), "2.01 s");
        assert_eq!(told(30_000_000.0), "30.0 s");
        assert_eq!(told(750_000_000.0), "12.5 min");
        assert_eq!(told(3_600_000_000.0), "1.00 h");
        assert_eq!(short_latency(1_500_000.0), "1.5 s");
        assert_eq!(short_latency(5_210.0), "5.21 ms");
        assert_eq!(three_digits(99.96), "100");
        assert_eq!(three_digits(0.012_34), "0.0123");
        assert_eq!(number(-0.001, 2), "0");
        assert_eq!(number(-1_234.5, 2), "-1,234.5");
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(0.0, 10.0), "0 %");
        assert_eq!(percent(10.0, 10.0), "100 %");
        assert_eq!(percent(9_999_999.0, 10_000_000.0), "99.9999 %");
        assert_eq!(percent(59_988.0, 60_000.0), "99.98 %");
        assert_eq!(percent(1.0, 10_000_000.0), "< 0.001 %");
        assert_eq!(percent(1.0, 8.0), "12.5 %");
        assert_eq!(percent(1.0, 2.0), "50 %");
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
