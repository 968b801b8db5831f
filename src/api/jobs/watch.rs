//! watch-jobs: the jobs as they are, then every change, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::audit::Account;
use crate::api::context::{AppState, RequestContext};
use crate::api::jobs::exits;
use crate::api::jobs::list::filter;
use crate::api::routes::access::{FOLLOW_JOBS, SEE_JOBS};
use crate::auth::{AccessRequest, Caller, Denied};
use crate::http::limits::concurrency::Permit;
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

/// Proxies and browsers give up on a connection after a minute or so without a byte.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Jobs sent at a time while the stream begins.
const PAGE: usize = 100;
/// In the place of the number of a change: whoever comes back with it has seen a part only, and starts over.
const PARTLY: u64 = 0;

pub(crate) async fn watch_jobs(call: &mut RequestContext) -> Result<Reply, Problem> {
    let filter = filter(call)?;
    call.shared.auth.authorize(&call.caller, &asked(filter.namespace.as_ref(), filter.job.as_ref())).await?;
    let shared = Arc::clone(&call.shared);
    let (usable, watch) = (shared.store().is_usable(), shared.api_server().checks.outcome(Check::Watch));
    if let (false, Outcome::Failed(why)) = (usable, watch) {
        let why = format!("jobs cannot be watched: {why}");
        return Err(Problem::unavailable("not_watching", why, Duration::from_mins(1)));
    }
    let start = match call.headers.get("last-event-id").filter(|id| !id.is_empty()).map(EventId::parse) {
        None => Start::Anew,
        Some(Some(id)) if id.instance_id == shared.store().instance_id => Start::After(id.change),
        Some(_) => Start::Over,
    };
    let permit = shared.calls.begin_stream()?;
    call.permit = None;
    let (sink, body) = ReplyBody::stream();
    let stream = Feed::new(shared, call.caller.clone(), filter, sink);
    tokio::spawn(feed(stream, start, permit, Box::new(call.account(call.route))));
    Ok(Reply::stream(body))
}

/// What a caller asks for who wants to see jobs and follow them.
fn asked<'a>(namespace: Option<&'a Namespace>, name: Option<&'a JobName>) -> [AccessRequest<'a>; 2] {
    [SEE_JOBS, FOLLOW_JOBS].map(|permission| AccessRequest { permission, namespace, name: name.map(JobName::as_str) })
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug)]
enum Start {
    Anew,
    /// The reader knows all up to this change.
    After(u64),
    /// What the reader knows is worth nothing any more.
    Over,
}

struct Feed {
    shared: Arc<AppState>,
    caller: Caller,
    filter: Filter,
    sink: Sink,
    draining: watch::Receiver<bool>,
    /// When something was sent last.
    sent: Instant,
}

/// Why a stream ends.
enum End {
    Gone,
    Draining,
    /// The caller may not see these jobs any more.
    Denied(Denied),
}

impl From<ClientDisconnected> for End {
    fn from(_: ClientDisconnected) -> Self {
        Self::Gone
    }
}

async fn feed(mut feed: Feed, start: Start, permit: Permit, account: Box<Account>) {
    let (shared, namespace, job) = (Arc::clone(&feed.shared), feed.filter.namespace.clone(), feed.filter.job.clone());
    let asked = asked(namespace.as_ref(), job.as_ref());
    let end = tokio::select! {
        end = feed.run(start) => end,
        denied = shared.auth.wait_until_revoked(&account.caller, &asked) => End::Denied(denied),
    };
    let last_words = match end {
        End::Gone => None,
        End::Draining => Some("the service is shutting down".to_owned()),
        // As any other refusal is told: without what an error says of the inside.
        End::Denied(denied) => {
            let problem = Problem::from(denied);
            shared.audit.record_outcome(&account.subject(), problem.status, &problem.reason);
            Some(problem.detail.into())
        }
    };
    if let Some(last_words) = last_words {
        let last = async {
            let sent = feed.sink.send(sse::comment(&last_words).into()).await;
            if sent.is_ok() {
                feed.sink.end().await;
            }
        };
        let _ = timeout(FINAL_WRITE_TIMEOUT, last).await;
    }
    drop(permit);
}

impl Feed {
    fn new(shared: Arc<AppState>, caller: Caller, filter: Filter, sink: Sink) -> Self {
        Self { draining: shared.draining.clone(), shared, caller, filter, sink, sent: Instant::now() }
    }

    async fn run(&mut self, start: Start) -> End {
        let (mut change_notifications, mut start) = (self.shared.store().change_notifications(), start);
        loop {
            let Err(end) = self.follow(start, &mut change_notifications).await else {
                start = Start::Over;
                continue;
            };
            return end;
        }
    }

    /// Sends what there is and then what changes, until the changes come faster than they are read, or the jobs cease
    /// to be known: then it has to start over.
    async fn follow(&mut self, start: Start, change_notifications: &mut watch::Receiver<()>) -> Result<(), End> {
        let cache = &Arc::clone(self.shared.store());
        while !cache.is_usable() {
            self.wait(change_notifications).await?;
        }
        let known = match start {
            Start::After(change) if cache.changes_since(change).is_some() => Some(change),
            // Boxed, as it is over soon, and the stream goes on for long.
            Start::Anew => Box::pin(self.snapshot(cache, false)).await?,
            Start::After(_) | Start::Over => Box::pin(self.snapshot(cache, true)).await?,
        };
        let Some(mut last) = known else { return Ok(()) };
        loop {
            change_notifications.mark_unchanged();
            let Some(changes) = cache.changes_since(last) else { return Ok(()) };
            let end = changes.last().map_or(last, |change| change.number);
            let (mut text, events) = (Vec::new(), self.shown(&changes).await);
            let mut events = events.into_iter().peekable();
            while let Some((kind, status)) = events.next() {
                // An event stands for all that happened to its job, also after changes that are told of behind it: who
                // comes back with an id from amid them knows some jobs as they are and some as they were.
                let known = if events.peek().is_none() { end } else { PARTLY };
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

    /// What these changes come to for this caller.
    async fn shown(&self, changes: &[Arc<Change>]) -> Vec<(ChangeKind, Arc<Status>)> {
        let seen = visible_changes(changes, &self.filter);
        let mut jobs: Vec<_> = seen.iter().map(|(_, change)| Arc::clone(&change.status)).collect();
        exits::hide(&self.shared, &self.caller, self.filter.namespace.as_ref(), &mut jobs).await;
        seen.into_iter().map(|(kind, _)| kind).zip(jobs).collect()
    }

    /// Sends all jobs as they are now. Returns the number of the last change that they include, or none if the jobs are
    /// not known.
    async fn snapshot(&mut self, cache: &JobStore, is_reset: bool) -> Result<Option<u64>, End> {
        let Some((mut jobs, change)) = cache.snapshot(&self.filter) else { return Ok(None) };
        exits::hide(&self.shared, &self.caller, self.filter.namespace.as_ref(), &mut jobs).await;
        let mut text = Vec::new();
        if is_reset {
            sse::event(&mut text, "reset", None, b"{}");
        }
        for page in jobs.chunks(PAGE) {
            for status in page {
                sse::event(&mut text, ChangeKind::Added.name(), Some(id(cache, PARTLY)), &status.json());
            }
            self.send(std::mem::take(&mut text).into()).await?;
        }
        sse::event(&mut text, "snapshot-end", Some(id(cache, change)), b"{}");
        self.send(text.into()).await?;
        Ok(Some(change))
    }

    /// Waits for something to happen, and keeps the connection alive meanwhile. What happens need not concern this
    /// reader, so it is no reason to be silent for longer.
    async fn wait(&mut self, change_notifications: &mut watch::Receiver<()>) -> Result<(), End> {
        loop {
            tokio::select! {
                changed = change_notifications.changed() => return changed.map_err(|_| End::Draining),
                _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
                () = self.sink.disconnected() => return Err(End::Gone),
                () = sleep_until(self.sent + HEARTBEAT) => {}
            }
            self.send(sse::comment("heartbeat").into()).await?;
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), End> {
        tokio::select! {
            sent = self.sink.send(text) => sent?,
            _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
        }
        self.sent = Instant::now();
        Ok(())
    }
}

fn id(cache: &JobStore, change: u64) -> EventId<'_> {
    EventId { instance_id: &cache.instance_id, change }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
