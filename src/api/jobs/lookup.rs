//! Looks at one job, in the cache or in the cluster, and tells what is known of one that is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::routes::access::SEE_JOB;
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::http::response::reply::merged;
use crate::jobs::status::Status;
use crate::jobs::store::Found;
use crate::kube::error::Error;
use crate::kube::health::{Check, Outcome};
use crate::kube::names::{JobName, Namespace};
use crate::kube::refusal::Refusal;
use crate::kube::types::{Job, Status as KubeStatus};
use crate::kube::url::Path;

/// How long a plain read takes answers from the cache although the watch is down. It comes back within seconds as a rule,
/// and thousands who read should not fall upon an API server that is just starting again.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// What the cluster has to answer instead of the cache when that is old.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// One job: any that has the name, or the one with the uid.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobRef<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) name: &'a JobName,
    pub(super) uid: Option<&'a str>,
}

impl JobRef<'_> {
    pub(super) fn is(&self, uid: &str) -> bool {
        self.uid.is_none_or(|own| own == uid)
    }

    /// The 404 if another job has the name.
    pub(super) fn replaced(&self) -> Error {
        let message = format!("jobs.batch {:?} with this uid not found: another job has the name", self.name.as_str());
        let status = KubeStatus { message, reason: "NotFound".to_owned(), code: 404, ..KubeStatus::default() };
        Error::Refused(Box::new(Refusal::new(404, status, None)))
    }
}

/// A job's status, and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) status: Arc<Status>,
    pub(super) origin: Source,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// With an age, if the watch is down.
    Cache {
        age: Option<Duration>,
    },
    Cluster,
}

impl Source {
    pub(super) fn is_old(self) -> bool {
        matches!(self, Self::Cache { age: Some(age) } if age > MAX_STALENESS)
    }
}

pub(super) fn in_cache(call: &RequestContext, job: &JobRef<'_>, now: Instant) -> Option<Seen> {
    match call.shared.store().find(job.namespace, job.name, now) {
        Found::Hit { found, age } if job.is(&found.uid) => Some(Seen { status: found, origin: Source::Cache { age } }),
        _ => None,
    }
}

pub(super) async fn in_cluster(call: &RequestContext, job: &JobRef<'_>) -> Result<Seen, Error> {
    let found: Job = call.session.get(&Path::job(job.namespace, job.name)).await?;
    // Else a later answer from the cache could be older than this one.
    call.shared.store().insert_if_newer(&found);
    if !job.is(&found.metadata.uid) {
        return Err(job.replaced());
    }
    Ok(Seen { status: Arc::new(call.shared.store().status(&found)), origin: Source::Cluster })
}

/// The job as the caller wants it: from the cache if it is there, unless it asks for the cluster's own word.
///
/// If the cache has become old, the cluster is asked first: the watch may be down where plain reads are not. An answer
/// that is old is better than none, and than waiting for one.
pub(super) async fn look(call: &RequestContext, job: &JobRef<'_>, no_cache: bool) -> Result<Seen, Error> {
    let mut seen = look_up(call, job, no_cache).await?;
    exits::hide(&call.shared, &call.caller, Some(job.namespace), std::slice::from_mut(&mut seen.status)).await;
    Ok(seen)
}

async fn look_up(call: &RequestContext, job: &JobRef<'_>, no_cache: bool) -> Result<Seen, Error> {
    // Boxed, as all who wait have room for it, and few of them ever ask the cluster.
    let in_cluster = || Box::pin(in_cluster(call, job));
    match in_cache(call, job, Instant::now()).filter(|_| !no_cache) {
        Some(seen) if !seen.origin.is_old() => Ok(seen),
        Some(old) => {
            if matches!(call.shared.api_server().checks.outcome(Check::Kubernetes), Outcome::Failed(_)) {
                return Ok(old);
            }
            match timeout(REFRESH_TIMEOUT, in_cluster()).await {
                Ok(Ok(seen)) => Ok(seen),
                Ok(Err(error)) if error.is_not_found() || refuses_caller(call, &error) => Err(error),
                _ => Ok(old),
            }
        }
        None => in_cluster().await,
    }
}

/// Whether the cluster has just said that the caller, in whose own name it was asked, may not see this.
pub(super) fn refuses_caller(call: &RequestContext, error: &Error) -> bool {
    let is_refusal = matches!(error, Error::CallerUnauthorized) || error.refusal(403, "Forbidden").is_some();
    is_refusal && call.caller.bearer().is_some()
}

/// What a caller asks for who wants to see a job.
pub(super) fn asked<'a>(namespace: &'a Namespace, name: &'a JobName) -> AccessRequest<'a> {
    AccessRequest { permission: SEE_JOB, namespace: Some(namespace), name: Some(name.as_str()) }
}

/// The problem for a caller who may see the job. If the job is gone, it holds the last known status.
pub(super) fn problem(call: &RequestContext, job: &JobRef<'_>, error: Error) -> Problem {
    let last_known = if error.is_not_found() { last_known(call, job) } else { None };
    Problem { last_known: last_known.and_then(|status| gone(&status)), ..Problem::from(error) }
}

/// The status object of a job that is gone.
fn gone(status: &Status) -> Option<Box<RawValue>> {
    let object = merged(&status.json(), br#"{"gone":true}"#);
    RawValue::from_string(String::from_utf8(object).ok()?).ok()
}

fn last_known(call: &RequestContext, job: &JobRef<'_>) -> Option<Arc<Status>> {
    let mut status = call.shared.store().last_known(job.namespace, job.name, job.uid, Instant::now())?;
    exits::hide_if_unsure(&call.shared, &call.caller, job.namespace, &mut status);
    Some(status)
}

/// The last status of a job that ended and is gone.
pub(super) fn ended(call: &RequestContext, job: &JobRef<'_>) -> Option<Seen> {
    let status = last_known(call, job).filter(|last| last.state.is_final())?;
    Some(Seen { status, origin: Source::Cache { age: None } })
}

/// The job as the caller wants it, if it may see it.
pub(super) async fn seen(call: &RequestContext, job: &JobRef<'_>) -> Result<Seen, Problem> {
    let no_cache = call.wants_no_cache();
    if !no_cache {
        // Boxed, as it is large and seldom needed.
        Box::pin(call.shared.auth.authorize(&call.caller, &[asked(job.namespace, job.name)])).await?;
    }
    look(call, job, no_cache).await.map_err(|error| problem(call, job, error))
}
