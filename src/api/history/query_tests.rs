//! Tests of times, callers and tokens.

use super::*;

fn parameters(query: &str) -> Parameters {
    let uri = format!("/?{query}").parse().unwrap();
    Parameters::parse(&uri, &["since", "until", "caller"], |name| Problem::malformed(name, "is unknown")).unwrap()
}

/// 2026-11-30T00:00:00Z.
const NOW: i64 = 1_796_000_400_000;

fn since(text: &str) -> Option<i64> {
    times(&parameters(&format!("since={text}")), NOW).ok()?.since
}

#[test]
fn a_time_has_any_offset_or_is_an_age() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00%2B01:00", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.9999Z", 0),
        ("90s", NOW - 90_000),
        ("24h", NOW - 86_400_000),
        ("7d", NOW - 7 * 86_400_000),
        ("0s", NOW),
        ("999999999d", NOW - 999_999_999 * 86_400_000),
    ] {
        assert_eq!(since(text), Some(expected), "{text}");
    }
    for bad in ["", "7", "d", "-7d", "7w", "1.5h", "yesterday", "2026-01-20", "2026-01-20T10:30:00", "1799000000", "٣d"]
    {
        let problem = times(&parameters(&format!("until={bad}")), NOW).unwrap_err();
        assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (400, "until"), "{bad}");
    }
}

#[test]
fn a_whole_second_is_in_the_range_if_it_is_not_before_its_begin() {
    for (milliseconds, expected) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-1, 0), (-1000, -1), (-1001, -1)]
    {
        assert_eq!(seconds(milliseconds), expected, "{milliseconds}");
    }
}

#[test]
fn since_is_not_after_until() {
    let range = |query: &str| times(&parameters(query), NOW);
    assert!(range("since=7d&until=7d").is_ok() && range("since=7d&until=6d").is_ok() && range("until=6d").is_ok());
    let problem = range("since=6d&until=7d").unwrap_err();
    assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (400, "since"));
}

#[test]
fn a_caller_is_any_text_of_at_most_256_bytes() {
    let long = "a".repeat(256);
    for good in ["ci", "token%3Aab", "%22%3Cx%3E%00", &long] {
        assert!(caller(&parameters(&format!("caller={good}"))).unwrap().is_some(), "{good}");
    }
    assert_eq!(caller(&parameters("")).unwrap(), None);
    for bad in ["", &format!("{long}a")] {
        assert_eq!(caller(&parameters(&format!("caller={bad}"))).unwrap_err().status, 400, "{bad}");
    }
}

#[test]
fn a_token_returns_its_place_and_nothing_else_is_accepted() {
    for cursor in [Cursor { time: 1_769_000_000, id: 7 }, Cursor { time: -1, id: 0 }, Cursor { time: i64::MIN, id: 1 }]
    {
        let token = encode("lab-", "h", cursor);
        assert_eq!(decode("lab-", "h", &token), Some(cursor));
        assert_eq!([decode("eu-", "h", &token), decode("lab-", "a", &token)], [None; 2], "of another list");
    }
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(format!("lab-{text}"));
    let texts =
        ["", "h", "h/", "h/1", "h/1/", "h//1", "h/1/2/3", "h/a/1", "1/2", "h/99999999999999999999/1", "h/1/1.5"];
    for bad in texts.map(encoded).iter().map(String::as_str).chain(["garbage", "%%%", "", "\u{fffd}"]) {
        assert_eq!(decode("lab-", "h", bad), None, "{bad}");
    }
}
