//! Holds replies against the OpenAPI document: status, headers, content type and body of every reply that a test sees.
//! Stricter than the document is to callers, who have to expect fields that are added: here there is none that it does
//! not name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use eks_api::api::docs::openapi::DOCUMENT;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName};
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

/// By this name the document's own references lead into it.
const URI: &str = "urn:eks-api";

/// What belongs to the exchange rather than to the reply, and what pages of other origins are told.
const OF_THE_EXCHANGE: [&str; 11] = [
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "connection",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
    "vary",
];

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(DOCUMENT));

pub struct Contract {
    pub document: Value,
    registry: Registry<'static>,
    /// Made when first needed, as most tests need few.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// A reply as it came; of a stream there is no body to be held against anything.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    pub body: Option<&'a [u8]>,
}

/// Panics if the document does not describe this reply.
#[track_caller]
pub fn hold(seen: &Seen<'_>) {
    if let Err(fault) = CONTRACT.fault(seen) {
        panic!("{} {} is answered {}, and openapi.json: {fault}", seen.method, seen.target, seen.status);
    }
}

/// Panics if this event of watch-jobs is not what the document says.
#[track_caller]
pub fn hold_event(text: &str) {
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    let event: Value = fields.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let data: Value = event["data"].as_str().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
    let fits = |schema: &str, value: &Value| {
        let place = format!("/components/schemas/{schema}");
        CONTRACT.fits(&place, value).unwrap_or_else(|fault| panic!("{text}, and openapi.json: {fault}"));
    };
    fits("JobEvent", &event);
    let describes_no_job = ["snapshot-end", "reset"].contains(&event["event"].as_str().unwrap_or_default());
    fits(if describes_no_job { "ClusterOnly" } else { "JobStatus" }, &data);
}

pub fn contract() -> &'static Contract {
    &CONTRACT
}

impl Contract {
    fn new(document: &str) -> Self {
        let mut document: Value = serde_json::from_str(document).unwrap();
        close(&mut document["components"]["schemas"]);
        let registry = Registry::new().add(URI, document.clone()).unwrap().prepare().unwrap();
        Self { document, registry, validators: Mutex::default() }
    }

    /// Where the document does not describe this reply.
    pub fn fault(&self, seen: &Seen<'_>) -> Result<(), String> {
        let is_hypers = seen.headers.get("x-request-id").is_none() && seen.body.is_some_and(<[u8]>::is_empty);
        if is_hypers && [400, 414, 431].contains(&seen.status.as_u16()) {
            return Ok(()); // What is no HTTP never becomes a call.
        }
        let path = seen.target.split('?').next().unwrap_or_default();
        let place = match self.document["paths"].get(path) {
            None if seen.method == "OPTIONS" && path == "*" => return preflight(seen),
            // Not operations: the way to the page, and the files that the page is made of.
            None if path == "/" && seen.status == 302 => return Ok(()),
            None if path.starts_with("/docs/") && [200, 304, 406].contains(&seen.status.as_u16()) => return Ok(()),
            None => "/components/responses/SwitchedOff".to_owned(),
            Some(operations) => {
                let method = if seen.method == "HEAD" { "get" } else { &seen.method.to_ascii_lowercase() };
                match operations.get(method) {
                    None if seen.method == "OPTIONS" => return preflight(seen),
                    None => "/components/responses/MethodNotAllowed".to_owned(),
                    Some(_) => format!("/paths/{}/{method}/responses/{}", escaped(path), seen.status.as_u16()),
                }
            }
        };
        // A code that is not named may belong to a range that is.
        let range = || format!("{}XX", &place[..place.len() - 2]);
        let place =
            self.resolved(place.clone()).or_else(|| self.resolved(range())).ok_or("does not know this status")?;
        let response = self.at(&place);
        self.headers(&place, &response["headers"], seen.headers)?;
        self.body(&place, &response["content"], seen)
    }

    fn headers(&self, place: &str, known: &Value, headers: &HeaderMap) -> Result<(), String> {
        let none = serde_json::Map::new();
        let known = known.as_object().unwrap_or(&none);
        for name in headers.keys().map(HeaderName::as_str).filter(|name| !OF_THE_EXCHANGE.contains(name)) {
            if !known.keys().any(|header| header.eq_ignore_ascii_case(name)) {
                return Err(format!("does not know the header {name}"));
            }
        }
        for header in known.keys() {
            let at = self.resolved(format!("{place}/headers/{header}")).unwrap();
            match headers.get(header).map(|value| value.to_str().unwrap_or_default()) {
                None if self.at(&at)["required"] == true => return Err(format!("demands the header {header}")),
                None => {}
                Some(value) => {
                    let is_number = self.at(&at)["schema"]["type"] == "integer";
                    let value = if is_number { serde_json::from_str(value).unwrap_or_default() } else { json!(value) };
                    self.fits(&format!("{at}/schema"), &value).map_err(|fault| format!("{header}: {fault}"))?;
                }
            }
        }
        Ok(())
    }

    fn body(&self, place: &str, content: &Value, seen: &Seen<'_>) -> Result<(), String> {
        let label = seen.headers.get("content-type").map(|label| label.to_str().unwrap_or_default());
        let media = label.map(|label| label.split(';').next().unwrap_or_default());
        match (content.as_object(), media) {
            (None, None) if seen.body.is_none_or(<[u8]>::is_empty) => Ok(()),
            (None, _) => Err("knows no body here".to_owned()),
            (Some(known), Some(media)) if known.contains_key(media) => match seen.body {
                Some(body) if media.ends_with("json") && seen.method != "HEAD" => {
                    let body = serde_json::from_slice(body).map_err(|error| format!("{error}"))?;
                    self.fits(&format!("{place}/content/{}/schema", escaped(media)), &body)
                }
                _ => Ok(()),
            },
            (Some(known), media) => Err(format!("knows {:?} here, not {media:?}", known.keys().collect::<Vec<_>>())),
        }
    }

    /// Whether a value fits the schema that is at this place.
    pub fn fits(&self, place: &str, value: &Value) -> Result<(), String> {
        let validator = Arc::clone(self.validators.lock().unwrap().entry(place.to_owned()).or_insert_with(|| {
            let schema = json!({ "$ref": format!("{URI}#{}", place.replace('+', "%2B")) });
            Arc::new(jsonschema::options().with_registry(&self.registry).build(&schema).unwrap())
        }));
        let faults: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{error} at {:?}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// The place itself, or the one that it refers to.
    pub fn resolved(&self, place: String) -> Option<String> {
        let found = self.document.pointer(&place)?;
        match found["$ref"].as_str() {
            Some(reference) => self.resolved(reference.trim_start_matches('#').to_owned()),
            None => Some(place),
        }
    }

    pub fn at(&self, place: &str) -> &Value {
        self.document.pointer(place).unwrap_or_else(|| panic!("openapi.json has nothing at {place}"))
    }
}

/// As RFC 6901 has it.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// No object has fields that are not named.
fn close(schema: &mut Value) {
    if let Value::Object(members) = schema {
        let is_open = members.contains_key("properties") && !members.contains_key("additionalProperties");
        if is_open && members.get("type").is_some_and(|kind| kind == "object") {
            members.insert("unevaluatedProperties".to_owned(), false.into());
        }
        members.values_mut().for_each(close);
    }
}

/// What any path answers to OPTIONS: the document has no operations of that kind, as they concern browsers only.
fn preflight(seen: &Seen<'_>) -> Result<(), String> {
    let is_told = seen.status == 204 && seen.headers.contains_key("x-request-id");
    if is_told { Ok(()) } else { Err("OPTIONS is to be answered 204".to_owned()) }
}
