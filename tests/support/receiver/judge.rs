//! The rules of Standard Webhooks for a message, and the id that a transition has.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::http::request::Parts;
use ring::{digest, hmac};
use serde_json::Value;

use crate::support::judge::hex;

/// The most seconds between the time of a message and ours.
const TOLERANCE: u64 = 300;

/// A message that keeps the rules.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    /// Of the attempt, in seconds since 1970.
    pub timestamp: u64,
    pub event_type: String,
    pub body: Value,
    /// In the order of the header, without the version.
    pub signatures: Vec<String>,
    pub arrived: SystemTime,
    signed: Vec<u8>,
}

impl Message {
    /// The signature that this secret makes of the message.
    pub fn signature(&self, secret: &str) -> String {
        signature(secret, &self.signed)
    }

    /// The object that the message is about.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }
}

fn signature(secret: &str, signed: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed))
}

/// The id of the message about a transition. The time is as the cluster writes it.
pub fn message_id(cluster: &str, uid: &str, event_type: &str, time: &str) -> String {
    let parts = [cluster, uid, event_type, time].join("\0");
    let hash = hex(digest::digest(&digest::SHA256, parts.as_bytes()).as_ref());
    format!("msg_{}", &hash[..32])
}

/// Reads a request. The error says which rule it breaks.
pub(super) fn message(path: &str, secrets: &[String], head: &Parts, body: &[u8]) -> Result<Message, String> {
    let header = |name: &str| {
        let mut values = head.headers.get_all(name).iter();
        let value = values.next().ok_or(format!("no {name}"))?;
        let value = value.to_str().map_err(|error| format!("{name}: {error}"))?.to_owned();
        if values.next().is_some() { Err(format!("{name} is there twice")) } else { Ok(value) }
    };
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    if head.method != "POST" || target != path {
        return Err(format!("{} {target}", head.method));
    }
    let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
    let content_type = header("content-type")?;
    if content_type != "application/json" {
        return Err(format!("content-type: {content_type}"));
    }
    if id.is_empty() || id.contains('.') {
        return Err(format!("webhook-id: {id}"));
    }
    let timestamp: u64 = time.parse().map_err(|error| format!("webhook-timestamp: {time}: {error}"))?;
    let arrived = SystemTime::now();
    let now = arrived.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    if now.abs_diff(timestamp) > TOLERANCE {
        return Err(format!("webhook-timestamp: {time}, and it is {now}"));
    }
    let signed = [format!("{id}.{time}.").as_bytes(), body].concat();
    let given = header("webhook-signature")?;
    let versions = given.split(' ').map(|one| one.strip_prefix("v1,").map(str::to_owned));
    let signatures = versions.collect::<Option<Vec<_>>>().ok_or(format!("webhook-signature: {given}"))?;
    if !secrets.iter().any(|secret| signatures.contains(&signature(secret, &signed))) {
        return Err(format!("{id}: no signature is right"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("{id}: {error}"))?;
    let names: Vec<&str> = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let event_type = body["type"].as_str().unwrap_or_default().to_owned();
    let has_texts = !event_type.is_empty() && body["timestamp"].is_string() && body["data"].is_object();
    if names.len() != 3 || !has_texts {
        return Err(format!("{id}: {body}"));
    }
    Ok(Message { id, timestamp, event_type, body, signatures, arrived, signed })
}
