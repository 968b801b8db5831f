//! Deletes batches that have ended, `ttl_seconds_after_finished` after the end of their last member: [`follow`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};

use crate::jobs::batches::rounds::{Rounds, visit};
use crate::jobs::batches::state::End;
use crate::jobs::batches::status::{end, ended_at};
use crate::jobs::batches::{Batch, description};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::names::{BatchName, Namespace};
use crate::kube::types::DeletedJob;
use crate::kube::types::request::{DeleteOptions, Preconditions, Propagation};
use crate::kube::url::Path;
use crate::util::backoff::Backoff;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a 403. A person must grant the right to delete jobs.
const FORBIDDEN_PAUSE: Duration = Duration::from_mins(10);
/// The pauses after other failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));

/// How long the end of a batch that is due may stay unrecorded. It is longer than the pauses of the history. A history
/// that cannot be written keeps no batch for longer.
const MAX_UNRECORDED: Duration = Duration::from_mins(2);

/// A batch to delete.
#[derive(Debug)]
struct Expired {
    namespace: Namespace,
    name: BatchName,
    uid: String,
    end: Option<End>,
}

/// The batches that are due although their ends are not recorded, by the uid of the head, since when.
type Unrecorded = HashMap<String, Instant>;

/// Deletes every batch that the filter selects when it is due. Ends with the runtime. `may_grow` is the age up to which
/// a head may get members. A batch whose end must be recorded stays until then: the deletion would hide the end.
pub async fn follow(cluster: Arc<ApiServer>, store: Arc<JobStore>, filter: Filter, may_grow: Duration) {
    let (mut rounds, mut recorded) = (Rounds::new(&store), store.recorded_ends.subscribe());
    let mut unrecorded = Unrecorded::new();
    // The namespaces in which the service may not delete jobs, and when it tries again.
    let (mut forbidden, mut was_forbidden, mut backoff) = (HashMap::<String, Instant>::new(), false, BACKOFF);
    loop {
        let began = rounds.begin().await;
        forbidden.retain(|_, until| *until > began);
        recorded.mark_unchanged();
        let (expired, next) = look(&store, &filter, may_grow).await;
        let (expired, held) = recorded_ones(&store, expired, &mut unrecorded, began);
        let mut has_failed = false;
        for batch in &expired {
            if forbidden.contains_key(batch.namespace.as_str()) {
                continue;
            }
            let Err(error) = delete(&cluster, &store, batch).await else { continue };
            let (cluster, namespace) = (&*cluster.name, batch.namespace.as_str());
            if error.refusal(403, "Forbidden").is_none() {
                let (name, why) = (batch.name.as_str(), error.to_string());
                log::debug!(cluster, namespace, batch = name, error = why; "an expired batch could not be deleted");
                has_failed = true;
                // A refusal may concern this batch only.
                if matches!(error, Error::Refused(_)) {
                    continue;
                }
                break;
            }
            if !std::mem::replace(&mut was_forbidden, true) {
                log::warn!(
                    cluster, namespace, error = error.to_string();
                    "expired batches stay: grant delete on jobs, as eks-api-expire-batches of deploy/rbac.yaml does"
                );
            }
            forbidden.insert(namespace.to_owned(), Instant::now() + FORBIDDEN_PAUSE);
        }
        if has_failed {
            sleep(backoff.pause()).await;
            continue;
        }
        backoff = BACKOFF;
        let pauses = forbidden.values().map(|until| until.saturating_duration_since(Instant::now()));
        let next = next.into_iter().chain(held).chain(pauses).min();
        tokio::select! {
            () = rounds.wait(next) => {}
            _ = recorded.changed() => {}
        }
    }
}

/// Returns the batches that are due, and the time until the next one is.
async fn look(store: &JobStore, filter: &Filter, may_grow: Duration) -> (Vec<Expired>, Option<Duration>) {
    let (mut expired, mut next) = (Vec::new(), None::<Duration>);
    let has_ttl = |head: &Status| description(head).is_some_and(|known| known.ttl_seconds_after_finished.is_some());
    let look_at = |namespace: &Namespace, name: &BatchName, batch: &Batch| {
        let grows = store.submissions.may_grow_for(&batch.head, may_grow).is_some();
        let Some(due) = due(batch, may_grow, grows) else { return };
        let end = end(batch, grows);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match due.checked_sub(now).filter(|left| !left.is_zero()) {
            None => {
                let (namespace, name) = (namespace.clone(), name.clone());
                expired.push(Expired { namespace, name, uid: batch.head.uid.to_string(), end });
            }
            Some(left) => next = Some(next.map_or(left, |next| next.min(left))),
        }
    };
    visit(store, filter, has_ttl, look_at).await;
    (expired, next)
}

/// Returns the batches whose ends are recorded, or stay unrecorded for too long. Also returns when the next one does.
fn recorded_ones(
    store: &JobStore,
    mut expired: Vec<Expired>,
    unrecorded: &mut Unrecorded,
    now: Instant,
) -> (Vec<Expired>, Option<Duration>) {
    let recorded = store.recorded_ends.borrow();
    let Some(recorded) = &*recorded else { return (expired, None) };
    let (earlier, mut next) = (std::mem::take(unrecorded), None::<Duration>);
    expired.retain(|batch| {
        if batch.end.is_some_and(|end| recorded.get(&*batch.uid) == Some(&end)) {
            return true;
        }
        let since = earlier.get(&batch.uid).copied().unwrap_or(now);
        unrecorded.insert(batch.uid.clone(), since);
        let left = (since + MAX_UNRECORDED).saturating_duration_since(now);
        if !left.is_zero() {
            next = Some(next.map_or(left, |next| next.min(left)));
        }
        left.is_zero()
    });
    (expired, next)
}

/// Returns when to delete the batch, as the time since 1970. `None` if a change must come first. `grows` is whether missing
/// members may still be submitted.
fn due(batch: &Batch, may_grow: Duration, grows: bool) -> Option<Duration> {
    let ttl = batch.description()?.ttl_seconds_after_finished?;
    if batch.is_deleting() || batch.known().any(|member| member.ended_at.is_none()) {
        return None;
    }
    let time = |seconds: i64| Duration::from_secs(seconds.try_into().unwrap_or_default());
    let until = time(batch.head.created) + may_grow;
    let due = ended_at(batch).map_or(until, time) + Duration::from_secs(ttl.into());
    let is_complete = batch.members.iter().all(Option::is_some);
    Some(if grows && !is_complete { due.max(until) } else { due })
}

/// Deletes the head, and with it the members. A batch that is gone already counts as deleted.
async fn delete(cluster: &Arc<ApiServer>, store: &JobStore, batch: &Expired) -> Result<(), Error> {
    let Expired { namespace, name, uid, .. } = batch;
    let client = Client::new(Arc::clone(cluster), Instant::now() + TIMEOUT);
    let options = DeleteOptions {
        preconditions: Some(Preconditions { uid: uid.clone() }),
        ..DeleteOptions::new(Propagation::Foreground)
    };
    match client.delete(&Path::job(namespace, &name.head()), &options).await {
        Ok(DeletedJob::Ending(head)) => store.insert_if_newer(&head),
        Ok(DeletedJob::Gone(_)) => store.tombstone(namespace, &name.head(), uid),
        Err(error) if error.is_not_found() => {
            store.tombstone(namespace, &name.head(), uid);
            return Ok(());
        }
        // Another batch has the name. The watch will report it.
        Err(error) if error.refusal(409, "Conflict").is_some() => return Ok(()),
        Err(error) => return Err(error),
    }
    let (cluster, namespace, batch) = (&*cluster.name, namespace.as_str(), name.as_str());
    log::info!(cluster, namespace, batch; "batch deleted after its ttl_seconds_after_finished");
    Ok(())
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
