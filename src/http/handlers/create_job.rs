//! create-job.

use hyper::StatusCode;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Call;
use super::wait::{self, Goal};
use crate::http::body;
use crate::http::error::Problem;
use crate::http::parameters::wait_time;
use crate::http::reply::Reply;
use crate::jobs::spec::{self, Manifest, Wanted};
use crate::jobs::stamp::IdempotencyKey;
use crate::jobs::submit;
use crate::kube::types::Time;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateJob {
    job_manifest: Manifest,
    namespace: Option<String>,
    wait: Option<String>,
}

#[derive(Serialize)]
struct Created {
    job_name: String,
    namespace: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
    uid: String,
    warnings: Vec<String>,
    #[serde(flatten)]
    waited: Option<Waited>,
}

/// What a wait adds to the answer.
#[derive(Serialize)]
struct Waited {
    /// The status object, or null if the job was deleted meanwhile.
    job: Option<Box<RawValue>>,
}

pub(super) async fn create_job(call: &mut Call, body: Incoming) -> Result<Reply, Problem> {
    let key = idempotency_key(call)?;
    let CreateJob { job_manifest: manifest, namespace, wait } = body::json(&call.headers, body).await?;
    let wait = match (wait, call.parameters.wait()?) {
        (Some(_), Some(_)) => return Err(Problem::malformed("wait", "is given twice, in the query and in the body")),
        (Some(time), None) => Some(wait_time(&time)?),
        (None, time) => time,
    };
    let (request_id, now) = (call.request_id.as_str(), call.now);
    let prepared = spec::prepare(Wanted { manifest, namespace: namespace.as_deref(), key, request_id, now })?;
    let (namespace, name) = (prepared.namespace.clone(), prepared.name.clone());
    call.target.namespace = Some(namespace.clone());
    call.target.job = Some(name.clone());
    call.shared.policy.may_create_in(&namespace)?;
    let submitted = submit::submit(&call.session, &call.shared.policy, prepared).await?;
    call.shared.cache.enter(&submitted.job);
    let seen = match wait {
        Some(time) => Some(wait::until(call, &namespace, &name, time, Goal::Finished).await.ok()),
        None => None,
    };
    let status = if submitted.created { StatusCode::CREATED } else { StatusCode::OK };
    let metadata = submitted.job.metadata;
    let created = Created {
        job_name: metadata.name,
        namespace: metadata.namespace,
        creation_timestamp: metadata.creation_timestamp,
        status: "created",
        uid: metadata.uid,
        warnings: submitted.warnings,
        waited: seen
            .map(|seen| Waited { job: seen.and_then(|seen| serde_json::from_slice(&seen.status.to_json()).ok()) }),
    };
    Reply::json(status, &created)
}

fn idempotency_key(call: &Call) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = call.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| Problem::malformed("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
