//! What a whole reply of the API server says: the object that was asked for, or a refusal.

use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER, WARNING};
use serde::de::DeserializeOwned;

use super::error::{Error, Refusal};
use super::json;
use super::transport::RawReply;
use super::types::Status;

/// A reply that reports success.
#[derive(Debug)]
pub struct Reply<T> {
    pub object: T,
    pub warnings: Vec<String>,
}

pub fn understood<T: DeserializeOwned>(reply: &RawReply) -> Result<Reply<T>, Error> {
    if reply.status.is_success() {
        let object =
            json::read(&reply.body).map_err(|error| Error::BadReply(format!("not the expected object: {error}")))?;
        return Ok(Reply { object, warnings: warnings(&reply.headers) });
    }
    // A load balancer's error page is no Status: then the code alone has to tell.
    let status: Status = json::read(&reply.body).unwrap_or_default();
    let header = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let seconds = header.or_else(|| status.details.as_ref()?.retry_after_seconds);
    let retry_after = seconds.map(Duration::from_secs);
    Err(Error::Refused(Box::new(Refusal { code: reply.status.as_u16(), status, retry_after })))
}

/// The texts of `Warning: 299 - "..."` headers (RFC 9111, section 5.5, as Kubernetes uses them).
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
    texts.filter_map(|text| serde_json::from_str(text.get(text.find('"')?..=text.rfind('"')?)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn warnings_are_unquoted() {
        let mut headers = HeaderMap::new();
        headers.append(WARNING, HeaderValue::from_static(r#"299 - "unknown field \"spec.backofLimit\"""#));
        headers.append(WARNING, HeaderValue::from_static("nonsense"));
        headers.append(WARNING, HeaderValue::from_static(r#"299 - "second""#));
        assert_eq!(warnings(&headers), ["unknown field \"spec.backofLimit\"", "second"]);
    }
}
