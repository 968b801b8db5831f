//! Small forms of what a status is made of: a time in 4 bytes, a count in 4, and a uid in 17.

use std::fmt;
use std::num::NonZeroU32;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kube::types::Time;

/// A time as Kubernetes has it, to the second, or none. Good until the year 2106.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(Option<NonZeroU32>);

impl Seconds {
    pub fn of(time: Option<&Time>) -> Self {
        let parse = |time: &Time| OffsetDateTime::parse(&time.0, &Rfc3339).ok()?.unix_timestamp().try_into().ok();
        Self(time.and_then(parse).and_then(NonZeroU32::new))
    }

    pub fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Since 1970; 0 for none.
    pub fn number(self) -> u32 {
        self.0.map_or(0, NonZeroU32::get)
    }

    /// As RFC 3339 has it, with a numeric offset, in quotes. Counted out here, as a status has five of them: `time` goes
    /// through the calendar anew for each field.
    pub fn quoted(self) -> Option<[u8; 27]> {
        const DAY: u32 = 24 * 60 * 60;
        let seconds = self.0?.get();
        // In days since 1 March 1600, where the calendar's 400 years begin over. Years begin with March here, so that the
        // day that some of them lack is their last.
        let (days, second) = (seconds / DAY + 135_080, seconds % DAY);
        let (century, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let is_next_year = month >= 10;
        let month = if is_next_year { month - 9 } else { month + 3 };
        let year = 1600 + 400 * century + year + u32::from(is_next_year);
        let fields = [
            (1, year / 100),
            (3, year % 100),
            (6, month),
            (9, day),
            (12, second / 3600),
            (15, second / 60 % 60),
            (18, second % 60),
        ];
        let mut text = *b"\"0000-00-00T00:00:00+00:00\"";
        for (at, number) in fields {
            text[at..at + 2].copy_from_slice(&TWO_DIGITS[number as usize]);
        }
        Some(text)
    }

    pub fn from_number(seconds: u32) -> Self {
        Self(NonZeroU32::new(seconds))
    }
}

/// `00` to `99`.
const TWO_DIGITS: [[u8; 2]; 100] = {
    let (mut all, mut number) = ([[0; 2]; 100], 0_u8);
    while number < 100 {
        all[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    all
};

/// A number of pods, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(i32);

impl From<Option<i32>> for Count {
    fn from(count: Option<i32>) -> Self {
        // No count is negative.
        Self(count.unwrap_or(-1))
    }
}

impl Count {
    pub fn get(self) -> Option<u32> {
        self.0.try_into().ok()
    }
}

/// An object's uid: a UUID as its bytes, anything else as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

impl Uid {
    pub fn of(text: &str) -> Self {
        // An upper-case letter would come out in lower case.
        let uuid = Self::parse(text).filter(|uuid| Self::text(uuid) == *text.as_bytes());
        uuid.map_or_else(|| Self::Other(text.into()), Self::Uuid)
    }

    fn parse(text: &str) -> Option<[u8; 16]> {
        let mut digits = text.bytes().filter(|byte| *byte != b'-').map(|byte| char::from(byte).to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        digits.next().is_none().then_some(bytes)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => f.write_str(std::str::from_utf8(&Self::text(bytes)).unwrap_or_default()),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Uid {
    pub fn text(bytes: &[u8; 16]) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut text = [b'-'; 36];
        for (byte, at) in bytes.iter().zip(PLACES) {
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::json::Json;

    fn shown(write: impl FnOnce(&mut Json) -> &mut Json) -> String {
        let mut json = Json::with_capacity(0);
        write(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    #[test]
    fn times_come_out_as_they_went_in_with_an_offset() {
        for (given, expected) in [
            ("2026-01-20T10:30:00Z", "\"2026-01-20T10:30:00+00:00\""),
            ("2026-01-20T11:30:00+01:00", "\"2026-01-20T10:30:00+00:00\""),
            ("2000-02-29T23:59:59Z", "\"2000-02-29T23:59:59+00:00\""),
            ("2105-12-31T00:00:01Z", "\"2105-12-31T00:00:01+00:00\""),
            ("yesterday", "null"),
        ] {
            let time = Seconds::of(Some(&Time(given.to_owned())));
            assert_eq!(shown(|json| json.time(time)), expected);
        }
        assert_eq!(shown(|json| json.time(Seconds::of(None))), "null");
    }

    #[test]
    fn every_day_is_the_one_of_the_calendar() {
        for day in 0..u32::MAX / 86_400 {
            let seconds = day * 86_400 + day % 86_399 + 1;
            let time = OffsetDateTime::from_unix_timestamp(seconds.into()).unwrap().format(&Rfc3339).unwrap();
            let expected = format!("\"{}\"", time.replace('Z', "+00:00"));
            assert_eq!(shown(|json| json.time(Seconds::from_number(seconds))), expected);
        }
    }

    #[test]
    fn a_uid_comes_out_as_it_went_in() {
        let uuid = "8947fa7d-9237-4749-84e2-4073bc818043";
        assert!(matches!(Uid::of(uuid), Uid::Uuid(_)));
        for text in [uuid, "8947FA7D-9237-4749-84e2-4073bc818043", "8947fa7d9237474984e24073bc818043", "u1", "", "é-"]
        {
            assert_eq!(shown(|json| json.uid(&Uid::of(text))), text);
        }
    }

    #[test]
    fn counts_are_numbers_or_null() {
        for (count, expected) in
            [(Some(0), "0"), (Some(9), "9"), (Some(10), "10"), (Some(i32::MAX), "2147483647"), (None, "null")]
        {
            assert_eq!(shown(|json| json.count(count.into())), expected);
        }
    }
}
