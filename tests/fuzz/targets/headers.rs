//! What a caller writes into headers, and times.

use eks_api::aws::http_date;
use eks_api::http::request::body_format::{self, BodyFormat};
use eks_api::http::request::etag::{self, IfNoneMatch};
use eks_api::http::request::media::{Media, accepts};
use eks_api::http::request::request_id::{HEADER, RequestId};
use eks_api::http::response::sse::EventId;
use eks_api::kube::types::Time;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};

use super::text;

/// The lines of the input as so many headers of one name.
fn headers(name: &HeaderName, data: &[u8]) -> HeaderMap {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    lines.map(|line| (name.clone(), line)).collect()
}

pub(super) fn accept(data: &[u8]) {
    for media in [Media::Json, Media::EventStream, Media::Text] {
        let mut headers = headers(&ACCEPT, data);
        if let Err(problem) = accepts(media, &headers) {
            assert_eq!(problem.status, 406);
            assert!(headers.contains_key(ACCEPT), "who asks for nothing is refused");
        }
        headers.append(ACCEPT, HeaderValue::from_static(media.name()));
        assert!(accepts(media, &headers).is_ok(), "{headers:?}");
    }
    let headers = headers(&CONTENT_TYPE, data);
    if let Ok(format) = body_format::parse(&headers, true) {
        let label = headers[CONTENT_TYPE].to_str().unwrap_or_default().to_ascii_lowercase();
        let is_json = label.split(';').next().unwrap_or_default().trim() == "application/json";
        assert_eq!(is_json, format == BodyFormat::Json);
    }
}

pub(super) fn if_none_match(data: &[u8]) {
    let headers = headers(&IF_NONE_MATCH, data);
    let Some(IfNoneMatch::These(tags)) = IfNoneMatch::parse(&headers) else { return };
    for tag in tags {
        let tag = etag::quote(&tag);
        let has = |line: &HeaderValue| line.as_bytes().windows(tag.len()).any(|part| part == tag.as_bytes());
        assert!(headers.get_all(IF_NONE_MATCH).iter().any(has), "{headers:?} does not hold {tag:?}");
    }
}

pub(super) fn last_event_id(data: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    let Some(id) = EventId::parse(&header) else { return };
    let written = HeaderValue::from_str(&format!("{}-{}", id.instance_id, id.change)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(EventId::parse(&written), Some(id));
}

pub(super) fn request_id(data: &[u8]) {
    let headers = headers(&HEADER, data);
    let id = RequestId::parse(&headers);
    let sane = |c: char| c.is_ascii_alphanumeric() || "-_.:/+=@".contains(c);
    assert!((1..=64).contains(&id.as_str().len()) && id.as_str().chars().all(sane), "{id}");
    assert_eq!(id.header().as_ref().map(HeaderValue::as_bytes), Some(id.as_str().as_bytes()));
    let given = headers.get(HEADER).and_then(|given| given.to_str().ok()).unwrap_or_default();
    if (1..=64).contains(&given.len()) && given.chars().all(sane) {
        assert_eq!(id.as_str(), given);
    }
}

pub(super) fn timestamp(data: &[u8]) {
    let text = text(data);
    let _ = http_date(text);
    let time = Time(text.to_owned());
    let shown = serde_json::to_value(&time).unwrap_or_else(|error| panic!("{error}"));
    let again = shown.as_str().map(|shown| Time(shown.to_owned()).parse());
    assert!(again.is_none_or(|again| again.is_some() && again == time.parse()), "{text:?} is shown as {shown}");
}
