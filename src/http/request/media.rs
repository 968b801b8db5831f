//! Media types: checks Content-Type, Content-Encoding, Accept and Accept-Encoding.

use hyper::StatusCode;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap};

use crate::http::response::problem::Problem;

/// The media type of a successful reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    /// Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
    EventStream,
    Text,
    /// Prometheus' text format.
    Metrics,
    Html,
    Script,
    Style,
    Icon,
    Svg,
}

impl Media {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::EventStream => "text/event-stream",
            Self::Text => "text/plain; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Icon => "image/png",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// 406 if Accept rules out the media type. The most specific range decides (RFC 9110, section 12.5.1).
pub fn accepts(media: Media, headers: &HeaderMap) -> Result<(), Problem> {
    let accepted = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or("*/*"));
    let ranges = accepted.flat_map(|line| line.split(',')).map(str::trim).filter(|range| !range.is_empty());
    // The highest rank decides. Of two ranges with the same rank, the one that accepts.
    let best = ranges.map(|range| match_range(media, range)).max();
    if best.is_none_or(|best| best.is_some_and(|(_, is_accepted)| is_accepted)) {
        return Ok(());
    }
    let essence = essence(media.name());
    let detail = format!("replies are {essence}: send Accept: {essence}, or no Accept header");
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", detail))
}

/// The rank of a range that matches the media type, and whether it accepts it. `None` if it does not match.
fn match_range(media: Media, range: &str) -> Option<(u8, bool)> {
    let (name, is_accepted) = (essence(range), !range.split(';').skip(1).any(is_none));
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    let kind = essence(media.name()).split('/').next().unwrap_or("");
    let is_kind = name.strip_suffix("/*").is_some_and(|wanted| wanted.eq_ignore_ascii_case(kind));
    // The range's parameters up to its weight. They narrow a refusal. They do not narrow an acceptance: clients send
    // parameters, such as a charset, that the reply need not have.
    let mut parameters = range.split(';').skip(1).map(str::trim).take_while(|part| !is_weight(part));
    let has = |part: &str| media.name().split(';').skip(1).any(|own| own.trim().eq_ignore_ascii_case(part));
    match () {
        () if is(essence(media.name())) && parameters.clone().next().is_none() => Some((3, is_accepted)),
        () if is(essence(media.name())) && parameters.all(has) => Some((4, is_accepted)),
        () if is(essence(media.name())) => is_accepted.then_some((3, true)),
        () if is_kind => Some((2, is_accepted)),
        () if name == "*/*" => Some((1, is_accepted)),
        // The type of errors. It accepts JSON unless another range refuses it.
        () if media == Media::Json && is("application/problem+json") => is_accepted.then_some((0, true)),
        () => None,
    }
}

/// The type and subtype, without parameters.
fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or("").trim()
}

fn is_weight(part: &str) -> bool {
    part.split_once('=').is_some_and(|(name, _)| name.eq_ignore_ascii_case("q"))
}

/// Whether this is a weight of zero, which means "not acceptable".
fn is_none(part: &str) -> bool {
    let part = part.trim();
    is_weight(part) && part.len() > 2 && part[2..].bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Whether Accept-Encoding accepts gzip (RFC 9110, section 12.5.3). Without the header every coding is accepted.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().map(|value| value.to_str().unwrap_or_default());
    let codings: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let accepts = |coding: &str| {
        codings.iter().find_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next().filter(|name| name.eq_ignore_ascii_case(coding)).map(|_| !parts.any(is_none))
        })
    };
    codings.is_empty() || accepts("gzip").or_else(|| accepts("x-gzip")).or_else(|| accepts("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_reply_is_sent_unless_accept_rules_it_out() {
        let ok = |media, accept| accepts(media, &headers(ACCEPT, accept)).is_ok();
        for good in ["*/*", "text/html, application/json;q=0.9", "application/*", "application/problem+json", ""] {
            assert!(ok(Media::Json, good), "{good}");
        }
        assert!(accepts(Media::Json, &HeaderMap::new()).is_ok());
        for bad in ["text/html", "application/xml", "application/json;q=0"] {
            assert_eq!(accepts(Media::Json, &headers(ACCEPT, bad)).unwrap_err().status, 406, "{bad}");
        }
        assert!(ok(Media::EventStream, "text/event-stream") && ok(Media::Text, "text/*"));
        // The header of Prometheus.
        let asks = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert!(ok(Media::Metrics, asks) && ok(Media::Metrics, "text/plain;version=0.0.4"));
        assert!(!ok(Media::EventStream, "application/json") && !ok(Media::Text, "text/event-stream"));
    }

    #[test]
    fn b17_the_most_specific_range_decides() {
        for (media, accept, is_accepted) in [
            (Media::Json, "application/json;q=0, */*", false),
            (Media::Json, "*/*, application/json;q=0", false),
            (Media::Json, "application/json; Q=0.000, application/*", false),
            (Media::Json, "application/*;q=0, */*", false),
            (Media::Json, "*/*;q=0, application/json", true),
            (Media::Json, "application/*;q=0, application/json;q=0.001", true),
            (Media::Json, "*/*;q=0.", false),
            (Media::Json, "text/html;q=0, */*;q=0.1", true),
            (Media::Json, "application/json;charset=utf-8", true),
            (Media::Json, "application/json;indent=4;q=0, */*", true),
            (Media::Json, "application/problem+json, application/json;q=0", false),
            (Media::Json, "application/problem+json;q=0, application/json", true),
            (Media::Metrics, "text/plain;version=0.0.4;q=0, text/plain", false),
            (Media::Metrics, "text/plain;version=0.0.4, text/plain;q=0", true),
            (Media::Metrics, "text/plain;version=1.0.0;q=0, text/plain", true),
            (Media::EventStream, "text/event-stream;q=0, text/*", false),
            (Media::Text, "text/*;q=0, */*", false),
        ] {
            assert_eq!(accepts(media, &headers(ACCEPT, accept)).is_ok(), is_accepted, "{media:?}: {accept}");
        }
        let lines = ["*/*", "application/json;q=0"].map(|line| (ACCEPT, HeaderValue::from_static(line)));
        assert!(accepts(Media::Json, &lines.into_iter().collect()).is_err(), "lines are one list");
    }

    #[test]
    fn gzip_is_sent_unless_accept_encoding_rules_it_out() {
        let accepts = |codings| accepts_gzip(&headers(ACCEPT_ENCODING, codings));
        for good in ["gzip", "gzip, deflate, br, zstd", "br;q=1, GZIP;q=0.5", "*", "identity, x-gzip", "*;q=0, gzip"] {
            assert!(accepts(good), "{good}");
        }
        assert!(accepts_gzip(&HeaderMap::new()));
        for bad in ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, *", "*;q=0"] {
            assert!(!accepts(bad), "{bad}");
        }
    }
}
