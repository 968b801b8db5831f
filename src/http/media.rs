//! Media types: what a body must be labelled as, and whether the caller can read what we send.

use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use super::error::Problem;

/// 415 unless the body is labelled JSON. Demanding the label also keeps a browser's plain form posts out.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let label = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = label.split(';').next().unwrap_or("").trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "the body must be JSON: send it with the header Content-Type: application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", detail))
}

/// 406 if Accept rules JSON out (RFC 9110, section 12.5.1; a weight of zero means "not acceptable").
pub fn accepts_json(headers: &HeaderMap) -> Result<(), Problem> {
    let ranges = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or("*/*"));
    let ranges: Vec<&str> = ranges.flat_map(|line| line.split(',')).map(str::trim).filter(|r| !r.is_empty()).collect();
    let matches = |range: &&str| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("").to_ascii_lowercase();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !refused
            && matches!(media_type.as_str(), "*/*" | "application/*" | "application/json" | "application/problem+json")
    };
    if ranges.is_empty() || ranges.iter().any(matches) {
        return Ok(());
    }
    let detail = "replies are application/json: send Accept: application/json, or no Accept header";
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", detail))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_json_is_taken() {
        for good in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(require_json(&headers(CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in ["application/x-www-form-urlencoded", "text/plain", "application/jsonp", ""] {
            assert_eq!(require_json(&headers(CONTENT_TYPE, bad)).unwrap_err().status, 415, "{bad}");
        }
        assert!(require_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn json_is_sent_to_whoever_does_not_rule_it_out() {
        for good in ["*/*", "text/html, application/json;q=0.9", "application/*", "application/problem+json", ""] {
            assert!(accepts_json(&headers(ACCEPT, good)).is_ok(), "{good}");
        }
        assert!(accepts_json(&HeaderMap::new()).is_ok());
        for bad in ["text/html", "application/xml", "application/json;q=0"] {
            assert_eq!(accepts_json(&headers(ACCEPT, bad)).unwrap_err().status, 406, "{bad}");
        }
    }
}
