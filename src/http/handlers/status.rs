//! get-job-status: from the cache, from the cluster, or after a wait.

use hyper::StatusCode;
use hyper::header::{AGE, CACHE_CONTROL, ETAG, HeaderName, HeaderValue};

use super::wait::{self, Goal, Origin, Seen};
use super::{Call, Target};
use crate::http::error::Problem;
use crate::http::etag::{self, Known};
use crate::http::reply::Reply;
use crate::jobs::details;
use crate::jobs::status::Status;
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::Path;
use crate::kube::session::json;
use crate::kube::types::JobInFull;

pub(super) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The answer, if it can be given at once.
pub(super) fn from_cache(call: &mut Call) -> Result<Option<Reply>, Problem> {
    let has = |name| call.parameters.optional(name).is_some();
    if has("wait") || has("details") || call.wants_no_cache() {
        return Ok(None);
    }
    let (namespace, name) = (call.parameters.namespace()?, call.parameters.job_name()?);
    call.shared.policy.may_use(&namespace)?;
    let seen = wait::in_cache(call, &namespace, &name).filter(|seen| !seen.origin.is_old());
    let reply = seen.map(|seen| reply(Known::of(&call.headers).as_ref(), &seen));
    call.target = Target { namespace: Some(namespace), job: Some(name) };
    Ok(reply)
}

pub(super) async fn get_job_status(call: &mut Call) -> Result<Reply, Problem> {
    let ((namespace, name), with_details) = (call.one_job()?, call.parameters.flag("details")?);
    let known = Known::of(&call.headers);
    let seen = match call.parameters.wait()? {
        Some(time) => {
            let goal = known.as_ref().map_or(Goal::Finished, Goal::OtherThan);
            Some(wait::until(call, &namespace, &name, time, goal).await?)
        }
        None if with_details => None,
        None => Some(wait::look(call, &namespace, &name, call.wants_no_cache()).await?),
    };
    match seen {
        Some(seen) if !with_details => Ok(reply(known.as_ref(), &seen)),
        _ => in_detail(call, &namespace, &name).await,
    }
}

/// Pods and events come from the cluster, and so does the selector that finds them.
async fn in_detail(call: &Call, namespace: &Namespace, name: &JobName) -> Result<Reply, Problem> {
    let job: JobInFull = call.session.get(&Path::job(namespace, name)).await?;
    let details = details::of(&call.session, namespace, &job).await?;
    let job = job.into();
    // Else a later answer from the cache could be older than this one.
    call.shared.cache.enter(&job);
    // One object of the members of two.
    let (mut body, details) = (Status::of(&job).to_json(), json(&details)?);
    body.pop();
    body.push(b',');
    body.extend_from_slice(&details[1..]);
    Ok(Reply::encoded(StatusCode::OK, body).with(X_CACHE, Origin::Cluster.x_cache()))
}

/// The status with where it comes from; 304 if the caller has it already.
fn reply(known: Option<&Known>, seen: &Seen) -> Reply {
    let reply = if known.is_some_and(|known| known.has(seen.status.version)) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::encoded(StatusCode::OK, seen.status.to_json())
    };
    let reply = reply
        .with(ETAG, etag::of(seen.status.version))
        .with(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    seen.origin.told_in(reply)
}

impl Origin {
    fn x_cache(self) -> HeaderValue {
        HeaderValue::from_static(if matches!(self, Self::Cache { .. }) { "hit" } else { "miss" })
    }

    /// Says in the reply's header where it comes from and, if it may have changed since, how old it is.
    pub(super) fn told_in(self, reply: Reply) -> Reply {
        let reply = reply.with(X_CACHE, self.x_cache());
        match self {
            Self::Cache { age: Some(age) } => reply.with(AGE, age.as_secs().into()),
            _ => reply,
        }
    }
}
