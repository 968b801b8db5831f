//! Waits for what a caller wants to see of a job. A wait follows the job's uid: another job of the same name is not the
//! one.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::lookup::{JobRef, Seen, Source, asked, ended, in_cache, in_cluster, look, problem};
use crate::http::request::etag::IfNoneMatch;
use crate::http::response::problem::Problem;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::kube::error::Error;
use crate::util::backoff::Backoff;

/// How often the cluster is asked about a job that the watch does not tell of.
pub(super) const POLL: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
/// How long each of these questions may take.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitCondition<'a> {
    Finished,
    /// Any version that the caller does not have.
    OtherThan(&'a IfNoneMatch),
    /// Suspended or not, as the caller has asked for; or finished, as it then never will be.
    Suspended(bool),
    /// That the job is gone, which no status says.
    Gone,
}

impl WaitCondition<'_> {
    fn is_reached(self, status: &Status) -> bool {
        match self {
            Self::Finished => status.state.is_final(),
            Self::OtherThan(known) => !known.has(&status.tag()),
            Self::Suspended(wanted) => status.state.is_final() || (status.state == State::Suspended) == wanted,
            Self::Gone => false,
        }
    }
}

/// Looks until the goal is reached, the job is gone, or the time is up; then the job as it is. A job that ends during
/// the wait is seen to have ended, also if it is gone by then. Else a job that is gone is a 404.
pub(super) async fn until(
    call: &mut RequestContext,
    job: &JobRef<'_>,
    time: Duration,
    goal: WaitCondition<'_>,
) -> Result<Seen, Problem> {
    let asked = [asked(job.namespace, job.name)];
    Box::pin(call.shared.auth.authorize(&call.caller, &asked)).await?;
    let end = TokioInstant::now() + time;
    call.session.extend_deadline(time);
    // First this, then the look: nothing that happens in between is missed.
    let mut subscription = call.shared.store().subscribe(job.namespace, job.name);
    let (mut caller, mut draining) = (call.hung_up.take(), call.shared.draining.clone());
    let no_cache = call.wants_no_cache();
    let mut seen = look(call, job, no_cache).await.map_err(|error| problem(call, job, error))?;
    if goal.is_reached(&seen.status) {
        return Ok(seen);
    }
    call.permit = Some(call.shared.calls.begin_wait()?);
    call.session.release_permit();
    call.forget_request();
    let (shared, who) = (Arc::clone(&call.shared), call.caller.clone());
    let mut lost = pin!(shared.auth.wait_until_revoked(&who, &asked));
    let uid = seen.status.uid.clone();
    let job = &JobRef { uid: Some(&uid), ..*job };
    // The next question to the cluster, while the watch does not tell of the job; and when the job was as it was seen.
    let (mut poll, mut next_poll, mut as_of) = (POLL, None, as_of_now(seen.origin));
    loop {
        let is_told = is_told(&seen);
        if is_told {
            (poll, next_poll) = (POLL, None);
        } else if next_poll.is_none() {
            next_poll = Some(TokioInstant::now() + poll.pause());
        }
        let polled = tokio::select! {
            () = subscription.changed() => None,
            found = asked_at(next_poll, call, job, no_cache) => Some(found),
            () = sleep_until(end) => break,
            _ = draining.wait_for(|draining| *draining) => break,
            () = hung_up(caller.as_mut()) => break,
            denied = lost.as_mut() => return Err(denied.into()),
        };
        if polled.is_some() {
            next_poll = None;
        }
        let known = || in_cache(call, job, Instant::now()).filter(|_| !no_cache);
        let Some(found) = polled.or_else(|| known().map(Ok)) else {
            // It is gone, or no longer labelled as ours, or nothing is known any more.
            if let Some(ended) = ended(call, job).filter(|_| !seen.status.state.is_final()) {
                return Ok(ended);
            }
            if is_told && call.shared.store().is_usable() || no_cache {
                next_poll = Some(TokioInstant::now());
            }
            seen.origin = Source::Cluster;
            continue;
        };
        match found {
            Ok(mut found) => {
                let status = std::slice::from_mut(&mut found.status);
                exits::hide(&call.shared, &call.caller, Some(job.namespace), status).await;
                as_of = as_of_now(found.origin);
                seen = found;
            }
            Err(gone) if gone.is_not_found() => {
                let ended = ended(call, job).filter(|_| !seen.status.state.is_final());
                return ended.ok_or_else(|| problem(call, job, gone));
            }
            // It may get better before the time is up. Meanwhile the job is as it was.
            Err(_) => seen.origin = Source::Cache { age: Some(as_of.elapsed()) },
        }
        if goal.is_reached(&seen.status) {
            return Ok(seen);
        }
    }
    if let Source::Cache { age: Some(age) } = &mut seen.origin {
        *age = as_of.elapsed();
    }
    Ok(seen)
}

/// Whether the watch tells of the job.
const fn is_told(seen: &Seen) -> bool {
    matches!(seen.origin, Source::Cache { age: None })
}

/// When what is seen now was so.
fn as_of_now(origin: Source) -> Instant {
    let now = Instant::now();
    match origin {
        Source::Cache { age: Some(age) } => now.checked_sub(age).unwrap_or(now),
        _ => now,
    }
}

/// The job as it is at this time, from the cluster unless the watch tells of it again. Without a time it never returns.
async fn asked_at(
    time: Option<TokioInstant>,
    call: &RequestContext,
    job: &JobRef<'_>,
    no_cache: bool,
) -> Result<Seen, Error> {
    let Some(time) = time else { return std::future::pending().await };
    sleep_until(time).await;
    if let Some(known) = in_cache(call, job, Instant::now()).filter(|known| !no_cache && is_told(known)) {
        return Ok(known);
    }
    // Boxed, as all who wait have room for it, and few of them ever ask the cluster.
    timeout(POLL_TIMEOUT, Box::pin(in_cluster(call, job))).await.unwrap_or(Err(Error::Timeout))
}

/// Returns when the caller of a change has hung up.
pub(crate) async fn hung_up(caller: Option<&mut tokio::sync::oneshot::Receiver<std::convert::Infallible>>) {
    match caller {
        Some(caller) => drop(caller.await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
pub(in crate::api) mod tests;
