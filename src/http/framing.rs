//! Checks the framing of a request beyond hyper's own checks.

use hyper::header::{HOST, TRANSFER_ENCODING};
use hyper::{Request, StatusCode, Version};

use crate::http::limits::bounds::MAX_HEADERS;
use crate::http::response::problem::Problem;

/// 431 for too many header lines. 400 for a transfer coding other than chunked: a proxy may see another length. 400 for a
/// missing or second Host (RFC 9112, section 3.2).
pub fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let headers = request.headers();
    if headers.len() > MAX_HEADERS {
        let detail = format!("the header has {} lines: send at most {MAX_HEADERS}", headers.len());
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large", detail));
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let is_chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !is_chunked || codings.next().is_some() {
            return Err(Problem::malformed("Transfer-Encoding", "must be chunked, and nothing else"));
        }
    }
    match headers.get_all(HOST).iter().count() {
        1 => Ok(()),
        0 if request.version() == Version::HTTP_10 => Ok(()),
        0 => Err(Problem::malformed("Host", "is missing: HTTP/1.1 requires it")),
        _ => Err(Problem::malformed("Host", "is given twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, lines: &[(&'static str, &'static str)]) -> u16 {
        let request = lines
            .iter()
            .fold(Request::builder().version(version), |request, (name, value)| request.header(*name, *value));
        check(&request.body(()).unwrap()).map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    #[test]
    fn c6_a_coding_is_chunked_or_refused() {
        for (codings, expected) in [
            (&[][..], 200),
            (&["chunked"], 200),
            (&["Chunked"], 200),
            (&["gzip, chunked"], 400),
            (&["chunked, chunked"], 400),
            (&["chunked", "chunked"], 400),
            (&["gzip", "chunked"], 400),
            (&["chunked;a=b"], 400),
            (&["chunked,"], 400),
            (&[""], 400),
            (&["identity"], 400),
        ] {
            let mut lines = vec![("host", "localhost")];
            lines.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            assert_eq!(status(Version::HTTP_11, &lines), expected, "{codings:?}");
        }
    }

    #[test]
    fn c6_a_request_has_one_host() {
        let hosts = [("host", "localhost"); 2];
        let statuses = |version| [0, 1, 2].map(|count| status(version, &hosts[..count]));
        assert_eq!(statuses(Version::HTTP_11), [400, 200, 400]);
        assert_eq!(statuses(Version::HTTP_10), [200, 200, 400]);
    }

    #[test]
    fn the_number_of_header_lines_is_bounded() {
        let lines = |count: usize| [&[("host", "localhost")][..], &vec![("x-line", "a"); count - 1]].concat();
        assert_eq!(status(Version::HTTP_11, &lines(MAX_HEADERS)), 200);
        assert_eq!(status(Version::HTTP_11, &lines(MAX_HEADERS + 1)), 431);
    }
}
