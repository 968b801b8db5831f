//! watch-jobs: all jobs and then every change, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::list::filter::filter;
use crate::api::routes::access::{FOLLOW_JOBS, SEE_JOBS};
use crate::api::state::AppState;
use crate::audit::request_info::RequestInfo;
use crate::auth::{AccessRequest, Caller, Denied};
use crate::clusters::cluster::Cluster;
use crate::http::limits::cluster_limits::Permit;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::sse::{self, EventId};
use crate::http::response::stream_body::{ClientDisconnected, FINAL_WRITE_TIMEOUT, ReplyBody, Sink};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::JobStore;
use crate::jobs::store::change_log::{Change, ChangeKind, visible_changes};
use crate::kube::health::{Check, Outcome};
use crate::kube::names::{JobName, Namespace};

/// The pause after which a comment is sent. Proxies and browsers close a silent connection after about a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many jobs a page of the snapshot has.
const PAGE: usize = 100;
/// During a snapshot this many changes are kept for the reader. Beyond it the snapshot starts again.
const MAX_KEPT: usize = 50_000;
/// The change number of an event that a reader cannot resume from.
const PARTIAL: u64 = 0;

pub(crate) async fn watch_jobs(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let filter = filter(ctx)?;
    ctx.enter()?;
    ctx.authorize(&access_requests(filter.namespace.as_ref(), filter.job.as_ref())).await?;
    let cluster = Arc::clone(&ctx.cluster);
    let outcome = cluster.api_server.checks.outcome(Check::Watch);
    if let (false, Outcome::Failed(why)) = (cluster.store.is_usable(), outcome) {
        let is_known = ctx.state.auth.may_see_diagnostics(ctx.caller());
        let detail =
            if is_known { format!("jobs cannot be watched: {why}") } else { "jobs cannot be watched".to_owned() };
        return Err(Problem::unavailable("not_watching", detail, Duration::from_mins(1)).because(why));
    }
    let start = match ctx.headers.get("last-event-id").filter(|id| !id.is_empty()).map(EventId::parse) {
        None => Start::Snapshot,
        Some(Some(id)) if id.instance_id == cluster.store.instance_id => Start::After(id.change),
        Some(_) => Start::Reset,
    };
    ctx.acquire_stream_permit()?;
    let (sink, body) = ReplyBody::stream();
    let feed = Feed::new(Arc::clone(&ctx.state), cluster, ctx.caller().clone(), filter, sink);
    tokio::spawn(run(feed, start, ctx.take_permit(), Box::new(ctx.info.clone())));
    Ok(Reply::stream(body))
}

/// Returns the permissions to list jobs and to watch them.
fn access_requests<'a>(namespace: Option<&'a Namespace>, name: Option<&'a JobName>) -> [AccessRequest<'a>; 2] {
    [SEE_JOBS, FOLLOW_JOBS].map(|permission| AccessRequest { permission, namespace, name: name.map(JobName::as_str) })
}

/// The beginning of a stream.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// All jobs.
    Snapshot,
    /// The changes after this one.
    After(u64),
    /// The event `reset`, and then all jobs: what the reader has is outdated.
    Reset,
}

struct Feed {
    state: Arc<AppState>,
    cluster: Arc<Cluster>,
    caller: Caller,
    filter: Filter,
    sink: Sink,
    draining: watch::Receiver<bool>,
    last_sent: Instant,
}

/// Why a stream ends.
enum End {
    Disconnected,
    Draining,
    /// The caller lost its right to see these jobs.
    Denied(Denied),
}

impl From<ClientDisconnected> for End {
    fn from(_: ClientDisconnected) -> Self {
        Self::Disconnected
    }
}

async fn run(mut feed: Feed, start: Start, permit: Option<Permit>, info: Box<RequestInfo>) {
    let (state, cluster) = (Arc::clone(&feed.state), Arc::clone(&feed.cluster));
    let (namespace, job) = (feed.filter.namespace.clone(), feed.filter.job.clone());
    let access = access_requests(namespace.as_ref(), job.as_ref());
    let end = tokio::select! {
        end = feed.run(start) => end,
        denied = state.auth.wait_until_revoked(&cluster.api_server, &info.caller, &access) => End::Denied(denied),
    };
    let last_comment = match end {
        End::Disconnected => None,
        End::Draining if *state.draining.borrow() => Some("the service is shutting down".to_owned()),
        End::Draining => Some(state.cluster_left(&info).detail.into()),
        // The detail of the problem shows nothing of the inside.
        End::Denied(denied) => {
            let problem = Problem::from(denied);
            state.audit.record_outcome(&info, problem.status.as_u16(), &problem.reason);
            Some(problem.detail.into())
        }
    };
    if let Some(text) = last_comment {
        let last = async {
            let sent = feed.sink.send(sse::comment(&text).into()).await;
            if sent.is_ok() {
                feed.sink.end().await;
            }
        };
        let _ = timeout(FINAL_WRITE_TIMEOUT, last).await;
    }
    drop(permit);
}

impl Feed {
    fn new(state: Arc<AppState>, cluster: Arc<Cluster>, caller: Caller, filter: Filter, sink: Sink) -> Self {
        Self { draining: cluster.draining(), state, cluster, caller, filter, sink, last_sent: Instant::now() }
    }

    async fn run(&mut self, start: Start) -> End {
        let mut change_notifications = self.cluster.store.change_notifications();
        let mut start = start;
        loop {
            let Err(end) = self.follow(start, &mut change_notifications).await else {
                start = Start::Reset;
                continue;
            };
            return end;
        }
    }

    /// Sends the jobs and then their changes. Returns if the reader is too slow or the store was emptied: it then starts
    /// again.
    async fn follow(&mut self, start: Start, change_notifications: &mut watch::Receiver<()>) -> Result<(), End> {
        let cache = &Arc::clone(&self.cluster.store);
        while !cache.is_usable() {
            self.wait(change_notifications).await?;
        }
        let known = match start {
            Start::After(change) if cache.changes_since(change).is_some() => Some((change, Vec::new())),
            // Boxed: it is short, and the stream lasts long.
            Start::Snapshot => Box::pin(self.snapshot(cache, false)).await?,
            Start::After(_) | Start::Reset => Box::pin(self.snapshot(cache, true)).await?,
        };
        let Some((mut last, mut kept)) = known else { return Ok(()) };
        loop {
            change_notifications.mark_unchanged();
            let read = kept.last().map_or(last, |change: &Arc<Change>| change.number);
            let Some(later) = cache.changes_since(read) else { return Ok(()) };
            let changes = [std::mem::take(&mut kept), later].concat();
            let end = changes.last().map_or(last, |change| change.number);
            let (mut text, events) = (Vec::new(), self.visible(&changes).await);
            let mut events = events.into_iter().peekable();
            while let Some((kind, status)) = events.next() {
                // An event covers all changes of its job, also those after changes of jobs that follow here. So only the
                // last event of the batch has an id to resume from.
                let known = if events.peek().is_none() { end } else { PARTIAL };
                sse::event(&mut text, kind.name(), Some(id(cache, known)), &status.json());
            }
            last = end;
            if text.is_empty() {
                self.wait(change_notifications).await?;
            } else {
                self.send(text.into()).await?;
            }
        }
    }

    /// Returns what the caller sees of these changes.
    async fn visible(&self, changes: &[Arc<Change>]) -> Vec<(ChangeKind, Arc<Status>)> {
        let seen = visible_changes(changes, &self.filter);
        let mut jobs: Vec<_> = seen.iter().map(|(_, change)| Arc::clone(&change.status)).collect();
        exits::hide(&self.state, &self.cluster, &self.caller, self.filter.namespace.as_ref(), &mut jobs).await;
        seen.into_iter().map(|(kind, _)| kind).zip(jobs).collect()
    }

    /// Sends all jobs as they are now. Returns the number of the last change that they include, and the changes since
    /// then: a slow reader takes longer than the store keeps them. Returns None if the store cannot be used any more.
    async fn snapshot(&mut self, cache: &JobStore, is_reset: bool) -> Result<Option<(u64, Vec<Arc<Change>>)>, End> {
        let Some((jobs, change)) = cache.snapshot(&self.filter) else { return Ok(None) };
        let (mut text, mut kept, mut last) = (Vec::new(), Vec::new(), change);
        let data = serde_json::json!({ "cluster": **self.cluster.name() }).to_string();
        if is_reset {
            sse::event(&mut text, "reset", None, data.as_bytes());
        }
        for page in jobs.chunks(PAGE) {
            let mut page = page.to_vec();
            exits::hide(&self.state, &self.cluster, &self.caller, self.filter.namespace.as_ref(), &mut page).await;
            for status in page {
                sse::event(&mut text, ChangeKind::Added.name(), Some(id(cache, PARTIAL)), &status.json());
            }
            self.send(std::mem::take(&mut text).into()).await?;
            let Some(changes) = cache.changes_since(last).filter(|_| kept.len() < MAX_KEPT) else { return Ok(None) };
            last = changes.last().map_or(last, |change| change.number);
            kept.extend(changes);
        }
        sse::event(&mut text, "snapshot-end", Some(id(cache, change)), data.as_bytes());
        self.send(text.into()).await?;
        Ok(Some((change, kept)))
    }

    /// Waits for a change of any job. Sends heartbeats meanwhile.
    async fn wait(&mut self, change_notifications: &mut watch::Receiver<()>) -> Result<(), End> {
        loop {
            tokio::select! {
                changed = change_notifications.changed() => return changed.map_err(|_| End::Draining),
                _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
                () = self.sink.disconnected() => return Err(End::Disconnected),
                () = sleep_until(self.last_sent + HEARTBEAT) => {}
            }
            self.send(sse::comment("heartbeat").into()).await?;
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), End> {
        tokio::select! {
            sent = self.sink.send(text) => sent?,
            _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
        }
        self.last_sent = Instant::now();
        Ok(())
    }
}

fn id(cache: &JobStore, change: u64) -> EventId<'_> {
    EventId { instance_id: &cache.instance_id, change }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
