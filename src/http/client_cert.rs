//! Reads the name and the validity of a certificate (X.509, RFC 5280). rustls verifies a client certificate before this
//! module reads it.

use time::{Date, Month, OffsetDateTime, Time};

/// The longest name, in bytes. A common name has at most 64 characters and a DNS name 253. A longer URI is rejected.
const MAX_NAME_LEN: usize = 256;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;

const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// The encoded parts of a certificate that this module reads.
#[derive(Debug)]
pub struct Certificate<'a> {
    validity: &'a [u8],
    subject: &'a [u8],
    alt_names: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut signed = Der(der).take(SEQUENCE)?;
        let mut parts = signed.take(SEQUENCE)?;
        parts.skip(VERSION);
        let _serial = parts.take(INTEGER)?;
        let _algorithm = parts.take(SEQUENCE)?;
        let _issuer = parts.take(SEQUENCE)?;
        let validity = parts.take(SEQUENCE)?.0;
        let subject = parts.take(SEQUENCE)?.0;
        let _key = parts.take(SEQUENCE)?;
        Some(Self { validity, subject, alt_names: alt_names(parts)? })
    }

    /// The first DNS name, e-mail address or URI, or else the common name of the subject. All but a DNS name have a prefix:
    /// `email:`, `uri:`, `cn:`. `None` if the name is missing, too long or not printable: it goes into logs, and rights
    /// depend on it.
    pub fn name(&self) -> Option<String> {
        let (kind, name) = match self.first_alt_name() {
            Some((tag, name)) => {
                let name = std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|b| b.is_ascii_graphic()))?;
                match tag {
                    EMAIL => ("email:", name),
                    URI => ("uri:", name),
                    // With a colon it could look like a name of another kind.
                    _ => ("", Some(name).filter(|name| !name.contains(':'))?),
                }
            }
            None => ("cn:", self.common_name()?),
        };
        let is_plain = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_punctuation();
        let is_valid = !name.is_empty() && name.len() <= MAX_NAME_LEN && name.chars().all(is_plain);
        (is_valid && name.trim() == name).then(|| [kind, name].concat())
    }

    /// The times from and until which it is valid.
    pub fn validity(&self) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let mut times = Der(self.validity);
        Some((time(times.next()?)?, time(times.next()?)?))
    }

    fn first_alt_name(&self) -> Option<(u8, &'a [u8])> {
        let mut names = Der(self.alt_names?);
        std::iter::from_fn(|| names.next()).find(|(tag, _)| [EMAIL, DNS, URI].contains(tag))
    }

    /// The last common name, which is the most specific one.
    fn common_name(&self) -> Option<&'a str> {
        let mut sets = Der(self.subject);
        let mut found = None;
        while let Some(mut set) = sets.take(SET) {
            while let Some(mut pair) = set.take(SEQUENCE) {
                if pair.take(OBJECT_IDENTIFIER)?.0 == COMMON_NAME {
                    found = pair.next();
                }
            }
        }
        let (tag, name) = found?;
        let name = std::str::from_utf8(name).ok()?;
        match tag {
            UTF8_STRING => Some(name),
            PRINTABLE_STRING | IA5_STRING if name.is_ascii() => Some(name),
            _ => None,
        }
    }
}

/// The subject alternative names, or `Some(None)` if there are none. `None` if the extensions are malformed.
#[allow(clippy::option_option, reason = "malformed and absent are different cases")]
fn alt_names(mut parts: Der<'_>) -> Option<Option<&[u8]>> {
    // Unique identifiers may come before the extensions.
    let Some(extensions) = std::iter::from_fn(|| parts.next()).find(|(tag, _)| *tag == EXTENSIONS) else {
        return Some(None);
    };
    let mut extensions = Der(extensions.1).take(SEQUENCE)?;
    while let Some(mut extension) = extensions.take(SEQUENCE) {
        if extension.take(OBJECT_IDENTIFIER)?.0 == SUBJECT_ALT_NAME {
            // The flag `critical` may come between the two.
            let value = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == OCTET_STRING)?.1;
            return Some(Some(Der(value).take(SEQUENCE)?.0));
        }
    }
    Some(None)
}

/// `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` after.
fn time((tag, text): (u8, &[u8])) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |from: usize| text.get(from..from + 2)?.parse::<u8>().ok();
    let (year, at) = match tag {
        UTC_TIME => {
            let year = i32::from(number(0)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        GENERALIZED_TIME => (i32::from(number(0)?) * 100 + i32::from(number(2)?), 4),
        _ => return None,
    };
    let date = Date::from_calendar_date(year, Month::try_from(number(at)?).ok()?, number(at + 2)?).ok()?;
    let time = Time::from_hms(number(at + 4)?, number(at + 6)?, number(at + 8)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

/// The rest of a sequence of DER values.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next tag and value. `None` at the end, and for malformed DER.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Certificates in a TLS handshake need no more than two bytes of length.
            0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
            0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The content of the next value, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<Self> {
        let mut ahead = *self;
        let (found, value) = ahead.next()?;
        (found == tag).then(|| {
            *self = ahead;
            Self(value)
        })
    }

    fn skip(&mut self, tag: u8) {
        let _ = self.take(tag);
    }
}

#[cfg(test)]
#[path = "client_cert_tests.rs"]
mod tests;
