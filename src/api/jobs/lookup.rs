//! Finds one job: in the store, or in the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::{AGE, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::job_ref::JobRef;
use crate::api::routes::access::SEE_JOB;
use crate::auth::AccessRequest;
#[cfg(feature = "history")]
use crate::history::query::{filter::RunFilter, job as history_of_job};
use crate::http::response::problem::Problem;
use crate::http::response::reply::merged;
use crate::jobs::status::Status;
use crate::jobs::store::Found;
use crate::kube::error::Error;
use crate::kube::health::{Check, Outcome};
use crate::kube::types::Job;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// How long reads use the store while the watch is down. It is seldom down for longer; until then thousands of reads
/// must not reach an API server that is restarting.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// How long a read of a stale job waits for the API server.
pub(in crate::api) const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a 404 waits for the history.
#[cfg(feature = "history")]
const HISTORY_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct FoundJob {
    pub(super) status: Arc<Status>,
    pub(super) source: Source,
}

/// A job that was read from the cluster. The outer error is that of a call that does not reach the cluster.
pub(super) type Read = Result<Result<FoundJob, Error>, Problem>;

#[derive(Clone, Copy, Debug)]
pub(in crate::api) enum Source {
    /// With an age while the watch is down.
    Store {
        age: Option<Duration>,
    },
    Cluster,
}

impl Source {
    pub(in crate::api) fn is_stale(self) -> bool {
        matches!(self, Self::Store { age: Some(age) } if age > MAX_STALENESS)
    }

    /// Returns whether the watch reports every change of what was found.
    pub(in crate::api) const fn is_watched(self) -> bool {
        matches!(self, Self::Store { age: None })
    }

    /// Sets `X-Cache` and, if the answer may be outdated, `Age`.
    pub(in crate::api) fn set_headers(self, headers: &mut HeaderMap) {
        let name = if matches!(self, Self::Store { .. }) { "hit" } else { "miss" };
        headers.insert(X_CACHE, HeaderValue::from_static(name));
        if let Self::Store { age: Some(age) } = self {
            headers.insert(AGE, age.as_secs().into());
        }
    }
}

/// Returns the permission to see a job.
pub(super) fn access_request(job: &JobRef) -> AccessRequest<'_> {
    AccessRequest { permission: SEE_JOB, namespace: Some(&job.namespace), name: Some(job.name.as_str()) }
}

/// Returns the job if the caller may see it: from the store unless the request says `no-cache`.
pub(super) async fn find(ctx: &mut RequestContext, job: &JobRef) -> Result<FoundJob, Problem> {
    // With no-cache the API server decides, as it is asked with the caller's own token.
    if !ctx.wants_no_cache() {
        ctx.authorize(&[access_request(job)]).await?;
    }
    fetch(ctx, job).await
}

/// Returns the job for a caller who may see it.
pub(super) async fn fetch(ctx: &mut RequestContext, job: &JobRef) -> Result<FoundJob, Problem> {
    let stored = if ctx.wants_no_cache() { None } else { from_store(ctx, job) };
    let mut found = match stored {
        Some(found) if !found.source.is_stale() => found,
        Some(stale) => refresh(ctx, job, stale).await?,
        // Boxed: all waiting calls have room for it, and few of them use it.
        None => {
            let read = Box::pin(read(ctx, job)).await;
            or_last_known(ctx, job, read).await?
        }
    };
    if found.status.is_batch_head() {
        return Err(job.is_a_batch(ctx.route));
    }
    exits::hide_in_answer(ctx, Some(&job.namespace), std::slice::from_mut(&mut found.status)).await?;
    Ok(found)
}

/// Returns an error before the change of a job that is the head of a batch. Reads a job that is not in memory.
/// `is_orphaning` is whether the change would leave members without a head: then the caller must be allowed to read it.
pub(super) async fn refuse_head(ctx: &mut RequestContext, job: &JobRef, is_orphaning: bool) -> Result<(), Problem> {
    let found = match from_store(ctx, job).filter(|found| !found.source.is_stale()) {
        Some(found) if found.status.is_batch_head() => {
            // Otherwise the answer shows the batch to a caller who may not see it.
            ctx.authorize(&[access_request(job)]).await?;
            found
        }
        Some(_) => return Ok(()),
        None => match Box::pin(read(ctx, job)).await?.map_err(Problem::from) {
            Ok(found) => found,
            // The change itself gets the answer of the API server.
            Err(problem) if problem.status == StatusCode::NOT_FOUND => return Ok(()),
            Err(problem) if problem.status == StatusCode::FORBIDDEN && !is_orphaning => return Ok(()),
            Err(problem) => return Err(problem),
        },
    };
    if found.status.is_batch_head() { Err(job.is_a_batch(ctx.route)) } else { Ok(()) }
}

pub(super) fn from_store(ctx: &RequestContext, job: &JobRef) -> Option<FoundJob> {
    match ctx.store().find(&job.namespace, &job.name, Instant::now()) {
        Found::Hit { found, age } if job.has_uid(&found.uid) => {
            Some(FoundJob { status: found, source: Source::Store { age } })
        }
        _ => None,
    }
}

/// Returns what was read. A 404 gets the last known status. Time limits for the cluster do not include this: the history
/// may be slow.
pub(super) async fn or_last_known(ctx: &RequestContext, job: &JobRef, read: Read) -> Result<FoundJob, Problem> {
    match read? {
        Ok(found) => Ok(found),
        Err(error) => Err(Box::pin(with_last_known(ctx, job, error)).await),
    }
}

/// Reads the job from the cluster.
pub(super) async fn read(ctx: &mut RequestContext, job: &JobRef) -> Read {
    let found: Job = match ctx.client()?.get(&job.path()).await {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    // Otherwise a later answer from the store could be older than this one.
    ctx.store().insert_if_newer(&found);
    if !job.has_uid(&found.metadata.uid) {
        return Ok(Err(job.replaced()));
    }
    Ok(Ok(FoundJob { status: Arc::new(ctx.store().status(&found)), source: Source::Cluster }))
}

/// Asks the API server, which may answer although the watch is down. If it does not, the stale job is the answer.
async fn refresh(ctx: &mut RequestContext, job: &JobRef, stale: FoundJob) -> Result<FoundJob, Problem> {
    ctx.enter()?;
    if matches!(ctx.cluster.api_server.checks.outcome(Check::Kubernetes), Outcome::Failed(_)) {
        return Ok(stale);
    }
    let Ok(read) = timeout(REFRESH_TIMEOUT, Box::pin(read(ctx, job))).await else { return Ok(stale) };
    match or_last_known(ctx, job, read).await {
        Err(problem) if problem.status != StatusCode::NOT_FOUND && !refuses_caller(ctx, &problem) => Ok(stale),
        answer => answer,
    }
}

/// Returns whether the API server refused the caller's own token.
pub(in crate::api) fn refuses_caller(ctx: &RequestContext, problem: &Problem) -> bool {
    let is_forbidden = problem.status == StatusCode::FORBIDDEN && problem.reason == "Forbidden";
    (is_forbidden || problem.status == StatusCode::UNAUTHORIZED) && ctx.caller().bearer().is_some()
}

/// Returns the problem for a caller who may see the job. A 404 has the last known status.
#[cfg_attr(not(feature = "history"), expect(clippy::unused_async, reason = "only the history is awaited"))]
pub(super) async fn with_last_known(ctx: &RequestContext, job: &JobRef, error: Error) -> Problem {
    if !error.is_not_found() {
        return error.into();
    }
    let known = last_known(ctx, job).and_then(|status| gone(&status));
    #[cfg(feature = "history")]
    let known = match known {
        Some(known) => Some(known),
        None => from_history(ctx, job).await,
    };
    let members = known.map(|known| Box::new(BTreeMap::from([("last_known".to_owned(), known)])));
    Problem { members, ..Problem::from(error) }
}

/// Returns the last status of a job that is gone from the history. An error or a slow answer counts as none.
#[cfg(feature = "history")]
async fn from_history(ctx: &RequestContext, job: &JobRef) -> Option<Box<RawValue>> {
    let history = ctx.state.history.as_ref()?;
    let filter = RunFilter {
        cluster: ctx.cluster.name().to_string(),
        namespace: Some(job.namespace.to_string()),
        job_name: Some(job.name.to_string()),
        uid: job.uid.clone(),
        ..RunFilter::default()
    };
    let with_exit = exits::is_known_to_see(ctx, &job.namespace);
    let read = move |connection: &_| history_of_job::last_known(connection, &filter, with_exit);
    history.read(HISTORY_TIMEOUT, read).await.ok().flatten()
}

/// Returns the status object of a job that is gone.
fn gone(status: &Status) -> Option<Box<RawValue>> {
    let object = merged(&status.json(), br#"{"gone":true}"#);
    RawValue::from_string(String::from_utf8(object).ok()?).ok()
}

fn last_known(ctx: &RequestContext, job: &JobRef) -> Option<Arc<Status>> {
    let mut status = ctx.store().last_known(&job.namespace, &job.name, job.uid.as_deref(), Instant::now())?;
    exits::hide_unless_known(ctx, &job.namespace, &mut status);
    Some(status)
}

/// Returns the last status of a job that ended and is gone.
pub(super) fn ended(ctx: &RequestContext, job: &JobRef) -> Option<FoundJob> {
    let status = last_known(ctx, job).filter(|last| last.state.is_final())?;
    Some(FoundJob { status, source: Source::Store { age: None } })
}
