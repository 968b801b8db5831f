//! [`BodyFormat`]: JSON or YAML, by Content-Type.

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use crate::http::response::problem::Problem;

/// The reason of a 415 for Content-Encoding.
pub const UNSUPPORTED_ENCODING: &str = "unsupported_content_encoding";

/// The names of YAML: that of RFC 9512, and those that were used before it.
const YAML: [&str; 4] = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

/// The format of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    Json,
    Yaml,
}

/// Returns the format by Content-Type. 415 unless it is JSON, or YAML where that is taken, in UTF-8 and not compressed.
/// The check of Content-Type also refuses HTML forms.
pub fn parse(headers: &HeaderMap, takes_yaml: bool) -> Result<BodyFormat, Problem> {
    let unsupported = |reason: &str, detail: &str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason, detail);
    let label = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut parts = label.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let format = if media_type.eq_ignore_ascii_case("application/json") {
        BodyFormat::Json
    } else if takes_yaml && YAML.iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
        BodyFormat::Yaml
    } else {
        let detail = if takes_yaml {
            "the body must be JSON or YAML: send it with the header Content-Type: application/json or application/yaml"
        } else {
            "the body must be JSON: send it with the header Content-Type: application/json"
        };
        return Err(unsupported("UnsupportedMediaType", detail));
    };
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    let is_utf8 = |name: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known));
    if !charset.is_none_or(|(_, name)| is_utf8(name.trim_matches('"'))) {
        return Err(unsupported("UnsupportedMediaType", "the body must be in UTF-8: send it in no other charset"));
    }
    let mut codings = headers.get_all(CONTENT_ENCODING).iter().flat_map(|line| line.as_bytes().split(|c| *c == b','));
    if codings.any(|coding| !matches!(coding.trim_ascii().to_ascii_lowercase().as_slice(), b"" | b"identity")) {
        let detail = "the body must not be compressed: send it without the header Content-Encoding";
        return Err(unsupported(UNSUPPORTED_ENCODING, detail));
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_json_is_accepted() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y; Charset=\"UTF-8\""] {
            assert!(parse(&headers(CONTENT_TYPE, good), false).is_ok(), "{good}");
        }
        let bad_charset = "application/json; charset=utf-16";
        for bad in ["application/x-www-form-urlencoded", "text/plain", "application/jsonp", "", bad_charset] {
            assert_eq!(parse(&headers(CONTENT_TYPE, bad), false).unwrap_err().status, 415, "{bad}");
        }
        assert!(parse(&HeaderMap::new(), false).is_err());
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let with = |codings: &[&'static str]| {
            let mut headers = headers(CONTENT_TYPE, "application/json");
            for coding in codings {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            parse(&headers, false).map_err(|problem| (problem.status.as_u16(), problem.reason))
        };
        for good in [&[][..], &["identity"], &["Identity", "identity, identity"], &[""]] {
            assert_eq!(with(good), Ok(BodyFormat::Json), "{good:?}");
        }
        for bad in
            [&["gzip"][..], &["x-gzip"], &["br"], &["identity, deflate"], &["identity", "zstd"], &["aws-chunked"]]
        {
            assert_eq!(with(bad), Err((415, UNSUPPORTED_ENCODING.to_owned())), "{bad:?}");
        }
    }

    #[test]
    fn yaml_is_accepted_where_it_is_taken() {
        for name in ["application/yaml", "application/x-yaml; charset=utf-8", "Text/YAML", "text/x-yaml"] {
            assert_eq!(parse(&headers(CONTENT_TYPE, name), true).unwrap(), BodyFormat::Yaml, "{name}");
            assert_eq!(parse(&headers(CONTENT_TYPE, name), false).unwrap_err().status, 415, "{name}");
        }
        assert_eq!(parse(&headers(CONTENT_TYPE, "application/json"), true).unwrap(), BodyFormat::Json);
        assert!(parse(&headers(CONTENT_TYPE, "text/plain"), true).unwrap_err().detail.contains("application/yaml"));
    }
}
