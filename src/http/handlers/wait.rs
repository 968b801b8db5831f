//! Looks at one job, in the cache or in the cluster, and waits for what a caller wants to see of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use tokio::time::{Instant as TokioInstant, sleep_until};

use super::Call;
use crate::http::error::Problem;
use crate::http::etag;
use crate::jobs::cache::Found;
use crate::jobs::status::Status;
use crate::kube::backoff::Backoff;
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

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal<'a> {
    Finished,
    /// Any status that this If-None-Match does not name.
    OtherThan(&'a HeaderValue),
}

impl Goal<'_> {
    fn is_reached(self, status: &Status) -> bool {
        match self {
            Self::Finished => status.state.is_final(),
            Self::OtherThan(known) => !etag::matches(known, status.version),
        }
    }
}

pub(super) fn in_cache(call: &Call, namespace: &Namespace, name: &JobName) -> Option<Seen> {
    match call.shared.cache.find(namespace, name, Instant::now()) {
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
pub(super) async fn look(call: &Call, namespace: &Namespace, name: &JobName) -> Result<Seen, Error> {
    match in_cache(call, namespace, name).filter(|_| !call.wants_no_cache()) {
        Some(seen) => Ok(seen),
        None => in_cluster(call, namespace, name).await,
    }
}

/// Looks until the goal is reached, the job is gone (then 404), or the time is up; then the job as it is.
pub(super) async fn until(
    call: &mut Call,
    namespace: &Namespace,
    name: &JobName,
    time: Duration,
    goal: Goal<'_>,
) -> Result<Seen, Problem> {
    let end = TokioInstant::now() + time;
    call.session.extend(time);
    // First this, then the look: nothing that happens in between is missed.
    let mut subscription = call.shared.cache.subscribe(namespace, name);
    let (mut caller, mut draining) = (call.caller.take(), call.shared.draining.clone());
    let mut poll = POLL;
    let mut seen = look(call, namespace, name).await?;
    if goal.is_reached(&seen.status) {
        return Ok(seen);
    }
    call.permit = Some(call.shared.calls.begin_wait()?);
    loop {
        let next_poll = match seen.origin {
            Origin::Cache { .. } => end,
            Origin::Cluster => end.min(TokioInstant::now() + poll.pause()),
        };
        let is_last = tokio::select! {
            () = subscription.changed() => false,
            () = sleep_until(next_poll) => next_poll == end,
            _ = draining.wait_for(|draining| *draining) => true,
            () = hung_up(caller.as_mut()) => true,
        };
        if is_last {
            return Ok(seen);
        }
        match look(call, namespace, name).await {
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
