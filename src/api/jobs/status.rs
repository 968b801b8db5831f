//! get-job-status: from the cache, from the cluster, or after a wait.

use hyper::StatusCode;
use hyper::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue};

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::lookup::{self, JobRef, Seen, Source};
use crate::api::jobs::wait::{self, WaitCondition};
use crate::http::request::etag::{self, IfNoneMatch};
use crate::http::response::problem::Problem;
use crate::http::response::reply::{Reply, merged};
use crate::http::response::stream_body::ReplyBody;
use crate::jobs::pods::details;
use crate::jobs::status::Status;
use crate::kube::client::json;
use crate::kube::types::JobInFull;
use crate::kube::url::Path;

pub(super) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

pub(crate) async fn get_job_status(call: &mut RequestContext) -> Result<Reply, Problem> {
    let ((namespace, name), with_details) = (call.one_job()?, call.parameters.flag("details")?);
    let (known, wait) = (IfNoneMatch::parse(&call.headers), call.parameters.wait()?);
    let uid = call.parameters.optional("uid").map(str::to_owned);
    let job = JobRef { namespace: &namespace, name: &name, uid: uid.as_deref() };
    if wait.is_none()
        && !with_details
        && !call.wants_no_cache()
        && let Some(seen) = in_memory(call, &job)?
    {
        return Ok(reply(known.as_ref(), &seen));
    }
    call.enter()?;
    let seen = match wait {
        Some(time) => {
            let goal = known.as_ref().map_or(WaitCondition::Finished, WaitCondition::OtherThan);
            Some(wait::until(call, &job, time, goal).await?)
        }
        None if with_details => None,
        None => Some(lookup::seen(call, &job).await?),
    };
    match seen {
        Some(seen) if !with_details => Ok(reply(known.as_ref(), &seen)),
        // Boxed, as all who wait would have room for it.
        seen => Box::pin(in_detail(call, &job, seen.as_ref())).await,
    }
}

/// The job as memory has it, if that is fresh and the caller is known to be allowed to see it.
fn in_memory(call: &RequestContext, job: &JobRef<'_>) -> Result<Option<Seen>, Problem> {
    let Some(verdict) = call.shared.auth.authorize_cached(&call.caller, &lookup::asked(job.namespace, job.name)) else {
        return Ok(None);
    };
    verdict?;
    let found = lookup::in_cache(call, job, call.started).filter(|seen| !seen.origin.is_old());
    Ok(found.and_then(|mut seen| {
        let status = std::slice::from_mut(&mut seen.status);
        exits::hide_at_once(&call.shared, &call.caller, Some(job.namespace), status).then_some(seen)
    }))
}

/// Pods and events come from the cluster, and so does the selector that finds them. A job that was waited for and is gone
/// has neither any more.
async fn in_detail(call: &RequestContext, job: &JobRef<'_>, waited: Option<&Seen>) -> Result<Reply, Problem> {
    let job = JobRef { uid: waited.map(|seen| &*seen.status.uid).or(job.uid), ..*job };
    let found: Result<JobInFull, _> = call.session.get(&Path::job(job.namespace, job.name)).await;
    let found = found.and_then(|found| if job.is(&found.metadata.uid) { Ok(found) } else { Err(job.replaced()) });
    let full = match (found, waited) {
        (Ok(full), _) => full,
        (Err(error), Some(ended)) if error.is_not_found() && ended.status.state.is_final() => {
            let body = merged(&ended.status.json(), br#"{"pods":[],"events":[]}"#);
            return Ok(Reply::encoded(StatusCode::OK, body).with(X_CACHE, ended.origin.x_cache()));
        }
        (Err(error), _) => return Err(lookup::problem(call, &job, error)),
    };
    let details = details::fetch(&call.session, job.namespace, &full).await?;
    let job = full.into();
    // Else a later answer from the cache could be older than this one.
    call.shared.store().insert_if_newer(&job);
    // The caller was let see the pods, and so may see the exit.
    let status = match &details.exit {
        Some(exit) => {
            call.shared.store().set_exit(&job, exit);
            Status::with_exit(&job, exit.clone())
        }
        None => call.shared.store().status(&job),
    };
    let body = merged(&status.json(), &json(&details)?);
    Ok(Reply::encoded(StatusCode::OK, body).with(X_CACHE, Source::Cluster.x_cache()))
}

/// The status with where it comes from; 304 if the caller has it already.
fn reply(known: Option<&IfNoneMatch>, seen: &Seen) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    seen.origin.tell(&mut headers);
    let tag = seen.status.tag();
    headers.insert(ETAG, etag::quote(&tag));
    if known.is_some_and(|known| known.has(&tag)) {
        return Reply { headers, ..Reply::empty(StatusCode::NOT_MODIFIED) };
    }
    Reply { status: StatusCode::OK, headers, body: ReplyBody::Whole(seen.status.json()) }
}

impl Source {
    fn x_cache(self) -> HeaderValue {
        HeaderValue::from_static(if matches!(self, Self::Cache { .. }) { "hit" } else { "miss" })
    }

    /// Says in the reply's header where it comes from and, if it may have changed since, how old it is.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(X_CACHE, self.x_cache());
        if let Self::Cache { age: Some(age) } = self {
            headers.insert(AGE, age.as_secs().into());
        }
    }
}
