//! Reads bodies in JSON or YAML within limits on size and time.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use crate::http::limits::body_budget::BodyBudget;
use crate::http::limits::bounds::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::http::limits::cluster_limits::ClusterLimits;
use crate::http::request::body_format::{self, BodyFormat};
use crate::http::request::body_stream::{RequestBody, Truncated};
use crate::http::response::problem::Problem;
use crate::util::{strict_json, yaml};

/// The members of a manifest. A YAML document with one of them is a manifest.
const MANIFEST: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// The permits for a body: its bytes in memory, and in processing.
#[derive(Debug)]
pub struct HeldBody {
    bytes: usize,
    _memory: Option<OwnedSemaphorePermit>,
    _processing: Option<OwnedSemaphorePermit>,
}

impl HeldBody {
    /// Exchanges the permits for one of the cluster. So a cluster that does not answer holds none of the others' bytes.
    /// `is_batch` is whether it is the body of create-batch.
    pub fn move_to(self, cluster: &ClusterLimits, is_batch: bool) -> Result<Self, Problem> {
        Ok(Self { bytes: self.bytes, _memory: None, _processing: cluster.hold_body(self.bytes, is_batch)? })
    }
}

/// Describes a body that holds a manifest, and may be YAML.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// A YAML document that is a manifest without this member is the value of the member.
    pub yaml_member: Option<&'static str>,
    /// The remedy for a manifest that is the whole body.
    pub advice: &'static str,
    /// The members of other calls, each with what to do instead.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

/// Returns the parsed body and the permits for it. With an envelope the body may be YAML.
pub async fn read<T: DeserializeOwned + Send + 'static>(
    headers: &HeaderMap,
    body: RequestBody,
    budget: &BodyBudget,
    envelope: Option<Envelope>,
) -> Result<(T, HeldBody), Problem> {
    let format = body_format::parse(headers, envelope.is_some())?;
    let late = || {
        let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    };
    let (mut bytes, mut memory) =
        tokio::time::timeout(BODY_TIMEOUT, whole(body, budget)).await.map_err(|_| late())??;
    if let (BodyFormat::Yaml, Some(envelope)) = (format, envelope) {
        // The tree of a YAML document takes up to a hundred times its text.
        if bytes.len() > MAX_BODY_BYTES {
            let problem = too_large(MAX_BODY_BYTES);
            return Err(Problem {
                detail: format!("{}, which is the limit for YAML; send JSON", problem.detail).into(),
                ..problem
            });
        }
        let (turn, length, max) = (budget.acquire_turn().await?, bytes.len(), budget.max_body);
        // The largest body takes a tenth of a second, which all other requests would wait. The turn ends with the task.
        bytes = off_thread(move || (enveloped(&bytes, max, envelope), turn).0).await??;
        if bytes.len() > length {
            // Given back first: two such bodies could wait for each other.
            drop(memory);
            memory = budget.acquire(bytes.len()).await?;
        }
    }
    let processing = budget.acquire_processing(bytes.len()).await?;
    let held = HeldBody { bytes: bytes.len(), _memory: memory, _processing: processing };
    if bytes.len() <= MAX_BODY_BYTES {
        return Ok((parse(&bytes, envelope)?, held));
    }
    // All other requests would wait for so large a body.
    Ok((off_thread(move || parse(&bytes, envelope)).await??, held))
}

/// Runs work that takes long, so that other requests go on. 500 if it panics.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(error.to_string()))
}

/// Returns the JSON of a YAML document. A manifest becomes the member of an object unless the document has that member.
fn enveloped(bytes: &[u8], max: usize, envelope: Envelope) -> Result<Vec<u8>, Problem> {
    let json = yaml::to_json(bytes, max).map_err(|error| Problem::malformed("body", &error.to_string()))?;
    let Some(member) = envelope.yaml_member else { return Ok(json.into()) };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap_or_default();
    let is_manifest = !members.contains_key(member) && MANIFEST.iter().any(|name| members.contains_key(*name));
    Ok(if is_manifest { format!("{{\"{member}\":{json}}}").into() } else { json.into() })
}

/// Parses the body. The error names the wrong field.
fn parse<T: DeserializeOwned>(bytes: &[u8], envelope: Option<Envelope>) -> Result<T, Problem> {
    let malformed =
        |path: &str, message: &str| Problem::malformed(if path.is_empty() { "body" } else { path }, message);
    let text = strict_json::text(bytes).map_err(|message| malformed("", &message))?;
    // serde would accept an array of the fields' values.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(malformed("", "must be a JSON object"));
    }
    strict_json::check(text).map_err(|fault| malformed(&fault.path, &fault.message))?;
    serde_json::from_str(text).map_err(|error| {
        let path = strict_json::path_of(text, &error);
        let elsewhere = envelope.and_then(|envelope| envelope.elsewhere.iter().find(|(member, _)| *member == path));
        match (envelope, elsewhere) {
            (Some(Envelope { advice, .. }), _) if is_manifest(text) => {
                malformed("", &format!("is a manifest: {advice}"))
            }
            (_, Some((_, instead))) => malformed(&path, &format!("is not taken by this call: {instead}")),
            _ => malformed(&path, &error.to_string()),
        }
    })
}

/// Whether an object has the members that every manifest has.
fn is_manifest(text: &str) -> bool {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    ["metadata", "spec"].iter().all(|name| members.contains_key(*name))
}

/// Copies the pieces of the body: each piece keeps the whole read buffer alive.
async fn whole(mut body: RequestBody, budget: &BodyBudget) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Problem> {
    // Checked before the body is read: a caller that awaits 100 Continue need not send it.
    let length = body.content_length().map_or(Some(budget.max_body), |length| usize::try_from(length).ok());
    let too_large = || too_large(budget.max_body);
    let length = length.filter(|length| *length <= budget.max_body).ok_or_else(too_large)?;
    let mut held = budget.acquire(length).await?;
    let mut bytes = Vec::with_capacity(length);
    while let Some(piece) = body.next().await.map_err(|_| truncated())? {
        if bytes.len() + piece.len() > budget.max_body {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    // Gives back the bytes that a body in chunks did not need.
    drop(held.as_mut().and_then(|held| held.split(length.saturating_sub(bytes.len()))));
    bytes.shrink_to_fit();
    Ok((bytes, held))
}

/// 400 if there is a body, for calls that take their parameters from the query alone.
pub async fn none(mut body: RequestBody) -> Result<(), Problem> {
    let is_empty = async {
        // A body in chunks can be empty.
        while let Some(piece) = body.next().await? {
            if !piece.is_empty() {
                return Ok(false);
            }
        }
        Ok::<_, Truncated>(true)
    };
    match tokio::time::timeout(BODY_TIMEOUT, is_empty).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Err(Truncated)) => Err(truncated()),
        _ => Err(Problem::malformed("body", "is not taken by this call: put the parameters in the query")),
    }
}

fn truncated() -> Problem {
    Problem::malformed("body", "ended early, or its HTTP framing is wrong")
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body is larger than {} MiB", max >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_an_error_of_the_service() {
        let problem = off_thread(|| assert_eq!(1, 2, "on purpose")).await.unwrap_err();
        assert_eq!((problem.status.as_u16(), &*problem.reason), (500, "InternalError"));
        assert_eq!(off_thread(|| 7).await.unwrap(), 7);
    }
}
