//! Parses times such as `30s`: [`parse`].

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The largest unit that a time may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upto {
    Minutes,
    Hours,
    Days,
}

/// Parses a whole number with its unit: `500ms`, `30s`, `10m`, `1h` or `7d`.
pub fn parse(text: &str, upto: Upto) -> Option<Duration> {
    let parse = |(unit, milliseconds)| {
        let number = text.strip_suffix(unit).filter(|n| n.len() <= 9 && n.bytes().all(|c| c.is_ascii_digit()))?;
        number.parse::<u64>().ok().map(|number| Duration::from_millis(number * milliseconds))
    };
    let units = match upto {
        Upto::Minutes => 3,
        Upto::Hours => 4,
        Upto::Days => 5,
    };
    UNITS[..units].iter().copied().find_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let time = |text| parse(text, Upto::Hours);
        assert_eq!(time("1h"), Some(Duration::from_hours(1)));
        assert_eq!([time("90s"), time("500ms")], [Some(Duration::from_secs(90)), Some(Duration::from_millis(500))]);
        assert_eq!([time("1"), time("h"), time("-1s"), time("1d"), time("9999999999s")], [None; 5]);
    }

    #[test]
    fn a_unit_that_is_not_allowed_is_refused() {
        assert_eq!([parse("5m", Upto::Minutes), parse("0h", Upto::Minutes)], [Some(Duration::from_mins(5)), None]);
    }
}
