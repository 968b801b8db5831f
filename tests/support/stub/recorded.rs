//! What the stub remembers of a request, and how tests find it again.

use std::collections::BTreeMap;

use hyper::Version;
use hyper::http::request::Parts;
use serde_json::Value;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// The names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// Null if there was no body, or none that is JSON.
    pub body: Value,
    /// The bearer token.
    pub token: Option<String>,
    pub http2: bool,
}

impl Recorded {
    pub(super) fn new(head: &Parts, body: &[u8]) -> Self {
        let mut headers = BTreeMap::new();
        for (name, value) in &head.headers {
            headers.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        let token = headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: query.into_owned().collect(),
            token: token.map(str::to_owned),
            headers,
            body: serde_json::from_slice(body).unwrap_or_default(),
            http2: head.version == Version::HTTP_2,
        }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there and means yes, as an API server reads it.
    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| !["false", "0"].contains(&value))
    }

    /// Whether it asks for a watch and not for a list.
    pub fn is_watch(&self) -> bool {
        self.flag("watch")
    }

    /// Whether it has this method (`*` is any) and a path with this prefix.
    pub fn matches(&self, method: &str, path_prefix: &str) -> bool {
        (method == "*" || self.method == method) && self.path.starts_with(path_prefix)
    }
}

pub(super) fn count(requests: &[Recorded], method: &str, path_prefix: &str) -> usize {
    requests.iter().filter(|request| request.matches(method, path_prefix)).count()
}
