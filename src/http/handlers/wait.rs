//! Looks at one job, in the cache or in the cluster, and waits for what a caller wants to see of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use super::Call;
use crate::auth::Asked;
use crate::http::access::SEE_JOB;
use crate::http::error::Problem;
use crate::http::etag::Known;
use crate::jobs::cache::Found;
use crate::jobs::status::Status;
use crate::kube::backoff::Backoff;
use crate::kube::checks::{Check, Outcome};
use crate::kube::error::Error;
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::Path;
use crate::kube::types::Job;

/// How often the cluster is asked about a job that the watch does not tell of.
const POLL: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));

/// A job's status, and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) status: Arc<Status>,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// With an age, if the watch is down.
    Cache {
        age: Option<Duration>,
    },
    Cluster,
}

/// For how long answers from the cache are taken although the watch is down. It comes back within seconds as a rule, and
/// thousands who poll should not fall upon an API server that is just starting again.
const OLD: Duration = Duration::from_secs(30);

/// What the cluster has to answer instead of the cache when that is old.
const QUICKLY: Duration = Duration::from_secs(2);

impl Origin {
    pub(super) fn is_old(self) -> bool {
        matches!(self, Self::Cache { age: Some(age) } if age > OLD)
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal<'a> {
    Finished,
    /// Any version that the caller does not have.
    OtherThan(&'a Known),
}

impl Goal<'_> {
    fn is_reached(self, status: &Status) -> bool {
        match self {
            Self::Finished => status.state.is_final(),
            Self::OtherThan(known) => !known.has(&status.tag()),
        }
    }
}

pub(super) fn in_cache(call: &Call, namespace: &Namespace, name: &JobName, now: Instant) -> Option<Seen> {
    match call.shared.cache.find(namespace, name, now) {
        Found::Hit { found, age } => Some(Seen { status: found, origin: Origin::Cache { age } }),
        Found::Miss => None,
    }
}

pub(super) async fn in_cluster(call: &Call, namespace: &Namespace, name: &JobName) -> Result<Seen, Error> {
    let job: Job = call.session.get(&Path::job(namespace, name)).await?;
    // Else a later answer from the cache could be older than this one.
    call.shared.cache.enter(&job);
    Ok(Seen { status: Arc::new(Status::of(&job)), origin: Origin::Cluster })
}

/// The job as the caller wants it: from the cache if it is there, unless it asks for the cluster's own word.
///
/// If the cache has become old, the cluster is asked first: the watch may be down where plain reads are not. An answer
/// that is old is better than none, and than waiting for one.
pub(super) async fn look(call: &Call, namespace: &Namespace, name: &JobName, no_cache: bool) -> Result<Seen, Error> {
    // Boxed, as all who wait have room for it, and few of them ever ask the cluster.
    let in_cluster = || Box::pin(in_cluster(call, namespace, name));
    match in_cache(call, namespace, name, Instant::now()).filter(|_| !no_cache) {
        Some(seen) if !seen.origin.is_old() => Ok(seen),
        Some(old) => {
            if matches!(call.shared.cluster.checks.outcome(Check::Kubernetes), Outcome::Failed(_)) {
                return Ok(old);
            }
            match timeout(QUICKLY, in_cluster()).await {
                Ok(Ok(seen)) => Ok(seen),
                Ok(Err(error)) if error.is_not_found() || refuses_caller(call, &error) => Err(error),
                _ => Ok(old),
            }
        }
        None => in_cluster().await,
    }
}

/// Whether the cluster has just said that the caller, in whose own name it was asked, may not see this.
fn refuses_caller(call: &Call, error: &Error) -> bool {
    let is_refusal = matches!(error, Error::CallerUnauthorized) || error.refusal(403, "Forbidden").is_some();
    is_refusal && call.caller.bearer().is_some()
}

/// What a caller asks for who wants to see a job.
pub(super) fn asked<'a>(namespace: &'a Namespace, name: &'a JobName) -> Asked<'a> {
    Asked { permission: SEE_JOB, namespace: Some(namespace), name: Some(name.as_str()) }
}

/// The job as the caller wants it, if it may see it.
pub(super) async fn seen(call: &Call, namespace: &Namespace, name: &JobName) -> Result<Seen, Problem> {
    let no_cache = call.wants_no_cache();
    if !no_cache {
        // Boxed, as it is large and seldom needed.
        Box::pin(call.shared.auth.sees(&call.caller, &[asked(namespace, name)])).await?;
    }
    Ok(look(call, namespace, name, no_cache).await?)
}

/// Looks until the goal is reached, the job is gone (then 404), or the time is up; then the job as it is.
pub(super) async fn until(
    call: &mut Call,
    namespace: &Namespace,
    name: &JobName,
    time: Duration,
    goal: Goal<'_>,
) -> Result<Seen, Problem> {
    let asked = [asked(namespace, name)];
    Box::pin(call.shared.auth.sees(&call.caller, &asked)).await?;
    let end = TokioInstant::now() + time;
    call.session.extend(time);
    // First this, then the look: nothing that happens in between is missed.
    let mut subscription = call.shared.cache.subscribe(namespace, name);
    let (mut caller, mut draining) = (call.hung_up.take(), call.shared.draining.clone());
    let (no_cache, mut poll) = (call.wants_no_cache(), POLL);
    let mut seen = look(call, namespace, name, no_cache).await?;
    if goal.is_reached(&seen.status) {
        return Ok(seen);
    }
    call.permit = Some(call.shared.calls.begin_wait()?);
    call.turn = None;
    call.forget_request();
    let (shared, who) = (Arc::clone(&call.shared), call.caller.clone());
    let mut lost = pin!(shared.auth.lost(&who, &asked));
    loop {
        let next_poll = match seen.origin {
            Origin::Cache { age: None } => end,
            // Nobody tells of this job, or not any more.
            Origin::Cache { age: Some(_) } | Origin::Cluster => end.min(TokioInstant::now() + poll.pause()),
        };
        let is_last = tokio::select! {
            () = subscription.changed() => false,
            () = sleep_until(next_poll) => next_poll == end,
            _ = draining.wait_for(|draining| *draining) => true,
            () = hung_up(caller.as_mut()) => true,
            denied = lost.as_mut() => return Err(denied.into()),
        };
        if is_last {
            return Ok(seen);
        }
        match look(call, namespace, name, no_cache).await {
            Ok(now) => seen = now,
            Err(gone) if gone.is_not_found() => return Err(gone.into()),
            // It may get better before the time is up. Meanwhile the job is as it was, and is asked about again.
            Err(_) => seen.origin = Origin::Cluster,
        }
        if goal.is_reached(&seen.status) {
            return Ok(seen);
        }
    }
}

/// Returns when the caller of a change has hung up.
pub(super) async fn hung_up(caller: Option<&mut tokio::sync::oneshot::Receiver<std::convert::Infallible>>) {
    match caller {
        Some(caller) => drop(caller.await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
pub(super) mod tests;
