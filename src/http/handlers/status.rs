//! get-job-status: from the cache, from the cluster, or after a wait.

use hyper::StatusCode;
use hyper::header::{AGE, CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use serde::Serialize;

use super::Call;
use super::wait::{self, Goal, Origin, Seen};
use crate::http::error::Problem;
use crate::http::etag;
use crate::http::reply::Reply;
use crate::jobs::details::{self, Details};
use crate::jobs::status::Status;
use crate::kube::path::Path;
use crate::kube::types::Job;

pub(super) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

#[derive(Serialize)]
struct InDetail<'a> {
    #[serde(flatten)]
    status: &'a Status,
    #[serde(flatten)]
    details: Details,
}

/// The answer, if it can be given at once.
pub(super) fn from_cache(call: &mut Call) -> Result<Option<Reply>, Problem> {
    let has = |name| call.parameters.optional(name).is_some();
    if has("wait") || has("details") || call.wants_no_cache() {
        return Ok(None);
    }
    let (namespace, name) = call.one_job()?;
    match wait::in_cache(call, &namespace, &name) {
        Some(seen) => reply(call, &seen).map(Some),
        None => Ok(None),
    }
}

pub(super) async fn get_job_status(call: &mut Call) -> Result<Reply, Problem> {
    let ((namespace, name), with_details) = (call.one_job()?, call.parameters.flag("details")?);
    let seen = match call.parameters.wait()? {
        Some(time) => {
            let known = call.headers.get(IF_NONE_MATCH).cloned();
            let goal = known.as_ref().map_or(Goal::Finished, Goal::OtherThan);
            Some(wait::until(call, &namespace, &name, time, goal).await?)
        }
        None if with_details => None,
        None => Some(wait::look(call, &namespace, &name).await?),
    };
    if let Some(seen) = seen.filter(|_| !with_details) {
        return reply(call, &seen);
    }
    // Pods and events come from the cluster, and so does the selector that finds them.
    let job: Job = call.session.get(&Path::job(&namespace, &name)).await?;
    let details = details::of(&call.session, &namespace, &job).await?;
    let reply = Reply::json(StatusCode::OK, &InDetail { status: &Status::of(&job), details })?;
    Ok(reply.with(X_CACHE, Origin::Cluster.x_cache()))
}

/// The status with where it comes from; 304 if the caller has it already.
fn reply(call: &Call, seen: &Seen) -> Result<Reply, Problem> {
    let known = call.headers.get(IF_NONE_MATCH);
    let reply = if known.is_some_and(|known| etag::matches(known, seen.status.version)) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::json(StatusCode::OK, &*seen.status)?
    };
    let reply = reply
        .with(ETAG, etag::of(seen.status.version))
        .with(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(seen.origin.told_in(reply))
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
