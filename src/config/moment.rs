//! Parses the times of queries: [`parse`]. A time is in milliseconds since 1970, rounded up.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::duration::{self, Upto};

pub fn now() -> i64 {
    milliseconds(OffsetDateTime::now_utc())
}

/// Parses an RFC 3339 time, or an age such as `7d`.
pub fn parse(text: &str, now: i64) -> Option<i64> {
    if let Some(age) = duration::parse(text, Upto::Days) {
        return Some(now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
    }
    rfc_3339(text).map(milliseconds)
}

/// Parses an RFC 3339 time. A plus that a query does not encode is a space here.
pub fn rfc_3339(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339).ok()
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    let rounded_up = -(-time.unix_timestamp_nanos()).div_euclid(1_000_000);
    i64::try_from(rounded_up).unwrap_or(i64::MAX)
}

/// Returns the time in seconds, rounded up. Runs are created at whole seconds.
pub const fn seconds(milliseconds: i64) -> i64 {
    -(-milliseconds).div_euclid(1000)
}
